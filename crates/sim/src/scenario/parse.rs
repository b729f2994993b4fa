//! From a file's text to a scenario. What is wrong is said with its line.

use clearwell_engine::EventPattern;

use super::book::{Book, Key, Tag};
use super::expect::Answer;
use super::script::{Action, action};
use super::stage::check_places;
use super::words::{LineWords, Wrong};
use crate::names::Class;
use crate::queue::Micros;

/// What stands between the script and what was recorded.
pub const DASHES: &str = "----";

/// A line of the script.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its number in the file.
    pub number: usize,
    /// When.
    pub at: Micros,
    /// What.
    pub action: Action,
    /// As it was written, without the time.
    pub text: String,
}

/// A scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// All that stands above the dashes.
    pub script: String,
    /// What was recorded.
    pub recorded: Option<String>,
    pub(super) book: Book,
    pub(super) lines: Vec<Line>,
    pub(super) source_lines: Vec<String>,
    pub(super) feed_us: Micros,
}

impl Scenario {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Scenario, String> {
        let dashes = text.lines().position(|line| line == DASHES);
        let above = dashes.unwrap_or(usize::MAX);
        let script: String = text.lines().take(above).map(|line| format!("{line}\n")).collect();
        let recorded: Option<String> =
            dashes.map(|_| text.lines().skip(above + 2).collect::<Vec<_>>().join("\n"));
        let mut reader = Reader::default();
        let about = script.lines().take_while(|line| !line.trim().is_empty()).count();
        if about == 0 || about == script.lines().count() {
            return Err(
                "line 1: a scenario begins with what it shows, in a sentence, and an empty line".into()
            );
        }
        for (line, number) in script.lines().zip(1..).skip(about) {
            let line = line.split('#').next().unwrap_or("").trim();
            if !line.is_empty() {
                reader.line(line, number).map_err(|wrong| format!("line {number}: {wrong}\n    {line}"))?;
            }
        }
        if reader.lines.is_empty() {
            return Err(
                "nothing happens: a line like `at 2.0 client a reads post:1 on node 1` is missing".into()
            );
        }
        check_places(&reader.book)?;
        let source_lines = script.lines().map(|line| line.trim().into()).collect();
        let Reader { book, lines, feed_us } = reader;
        Ok(Scenario { script, recorded, book, lines, source_lines, feed_us })
    }
}

struct Reader {
    book: Book,
    lines: Vec<Line>,
    feed_us: Micros,
}

impl Default for Reader {
    fn default() -> Reader {
        const FEED_US: Micros = 10_000;
        Reader { book: Book::default(), lines: Vec::new(), feed_us: FEED_US }
    }
}

impl Reader {
    fn line(&mut self, line: &str, number: usize) -> Result<(), Wrong> {
        let mut words = LineWords::of(line)?;
        if words.takes("at") {
            return self.timed(words, line, number);
        }
        if !self.lines.is_empty() {
            words
                .needs("expect")
                .map_err(|_| "a line begins with `at 2.0`, or is the `expect` of the one above")?;
            let answer = Answer::read(&mut words)?;
            return match self.lines.last_mut().map(|line| &mut line.action) {
                Some(Action::Ask { expect: expect @ None, .. }) => {
                    *expect = Some((number, answer));
                    Ok(())
                }
                _ => {
                    Err("this `expect` belongs to the line above, which must be a client's and have no other"
                        .into())
                }
            };
        }
        self.setting(&mut words, number)?;
        words.ends()
    }

    fn timed(&mut self, mut words: LineWords<'_>, line: &str, number: usize) -> Result<(), Wrong> {
        if self.book.nodes == 0 {
            return Err("first the cluster: `nodes 3`".into());
        }
        let at = words.time()?;
        if let Some(before) = self.lines.last().filter(|before| before.at > at) {
            return Err(format!("lines stand in the order of their times; line {} is later", before.number));
        }
        let action = action(&mut self.book, &mut words)?;
        let text = line.splitn(3, char::is_whitespace).nth(2).unwrap_or("").trim().to_string();
        self.lines.push(Line { number, at, action, text });
        Ok(())
    }

    fn setting(&mut self, words: &mut LineWords<'_>, line: usize) -> Result<(), Wrong> {
        const NODES_MOST: u32 = 30;
        match words.next() {
            "nodes" => {
                self.book.nodes = words.number("how many nodes")?;
                match self.book.nodes {
                    1..=NODES_MOST => Ok(()),
                    other => Err(format!("a story has 1 to {NODES_MOST} nodes, not {other}")),
                }
            }
            "near" => {
                words.needs("caches")?;
                self.book.near = words.number("how many near caches")?;
                Ok(())
            }
            "replicas" => {
                self.book.replicas = words.number("how many replicas")? as u8;
                Ok(())
            }
            "tag" => {
                let name = words.next().to_string();
                let owner = self.owner(words)?;
                self.book.tags.push(Tag { name, owner });
                Ok(())
            }
            "feed" => {
                words.needs("tells after")?;
                self.feed_us = words.duration()?;
                Ok(())
            }
            "row" => self.key(words, line, Class::Source),
            "written" => {
                words.needs("back")?;
                self.key(words, line, Class::Back)
            }
            "value" => self.key(words, line, Class::Cache),
            other => Err(format!(
                "`{other}` says nothing of who is there; these do: nodes, near caches, replicas, tag, row, written back, \
                 value, feed tells after"
            )),
        }
    }

    fn owner(&self, words: &mut LineWords<'_>) -> Result<Option<u32>, Wrong> {
        match words.takes("on node") {
            true => self.book.node(words).map(Some),
            false => Ok(None),
        }
    }

    /// `row page:1 = "text" on node 1, replica node 2, tag t, made from post:1`.
    fn key(&mut self, words: &mut LineWords<'_>, line: usize, class: Class) -> Result<(), Wrong> {
        let name = words.next().to_string();
        if name.is_empty() || self.book.keys.iter().any(|key| key.name == name) {
            return Err(format!("here comes the name of a new key, not `{name}`"));
        }
        let value = match class {
            Class::Cache => String::new(),
            _ => words.needs("=").and_then(|()| words.value())?,
        };
        let owner = self.owner(words)?;
        let mut key =
            Key { line, name, class, value, owner, replica: None, tag: None, depends: None, events: 0 };
        while words.takes(",") {
            match words.next() {
                "replica" => {
                    words.needs("node")?;
                    key.replica = Some(self.book.node(words)?);
                }
                "tag" => key.tag = Some(self.book.tag(words)?),
                "event" => {
                    let pattern = EventPattern::parse(&words.value()?)?;
                    key.events = self.book.events.depend([pattern].into());
                }
                "made" => {
                    words.needs("from")?;
                    key.depends = Some(self.book.key(words)?);
                }
                other => {
                    return Err(format!(
                        "here comes `replica node 2`, `tag t`, `made from k` or `event \"e{{a=1}}\"`, not `{other}`"
                    ));
                }
            }
        }
        if key.replica.is_some() && key.replica == key.owner {
            return Err("the owner and the replica are two nodes".into());
        }
        self.book.keys.push(key);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(script: &str) -> String {
        Scenario::parse(&format!("What it shows.\n\n{script}")).expect_err("the script is wrong")
    }

    #[test]
    fn a_wrong_line_is_named_with_what_would_be_right() {
        let begin = "nodes 3\nrow post:1 = \"old\" on node 2\nat 1.0 client a reads post:1 on node 1\n";
        for (line, part) in [
            ("at 2.0 client a reeds post:1 on node 1", "line 6: a client `reads`, `writes`"),
            ("at 2.0 client a reads post:2 on node 1", "no key is called `post:2`; there is post:1"),
            ("at 2.0 client a reads post:1 on node 4", "there is no node 4; nodes are 1 to 3"),
            ("at 0.5 client a reads post:1 on node 1", "line 5 is later"),
            ("at 2.0 client a reads post:1 causal on node 1", "levels are strong, session"),
            (
                "at 2.0 client a writes post:1 = \"x\" write-back on node 1",
                "write-through or write-invalidate",
            ),
            ("at 2.0 cut node 1 from node 2 for ever", "like `5s` or `200ms`, not `ever`"),
            ("at 2.0 cut node 1 from node 1 for 1s", "node 1 is on both sides"),
            ("expect frech \"old\"", "after `expect` comes a value in quotes"),
            ("nodes 4", "a line begins with `at 2.0`"),
            ("at 2.0 node 5 joins", "the next node that joins is node 4"),
            ("at 2.0 expect node 1 likes post:1", "here comes `holds`, not `likes`"),
        ] {
            let wrong = wrong(&format!("{begin}{line}\n"));
            assert!(wrong.contains(part) && wrong.contains("line 6"), "{line}: {wrong}");
        }
    }

    #[test]
    fn so_is_a_wrong_setting() {
        assert!(wrong("nodes 0\n").contains("1 to 30 nodes"));
        assert!(wrong("at 1.0 pause node 1 for 1s\n").contains("first the cluster"));
        assert!(wrong("nodes 3\nrow post:1 \"old\"\n").contains("line 4: here comes `=`"));
        assert!(wrong("nodes 3\nrow a = \"x\", tag t\n").contains("a line `tag t on node 1` makes one"));
        assert!(wrong("nodes 3\n").contains("nothing happens"));
        assert!(Scenario::parse("nodes 3").expect_err("no sentence").contains("line 1"));
    }
}
