//! The words of one line.

use crate::options::SECOND;
use crate::queue::Micros;

/// What is wrong with a line, for people.
pub type Wrong = String;

/// The words of a line that are not read yet. A value in quotes is one word; a comma is one too.
#[derive(Debug)]
pub struct LineWords<'a> {
    left: Vec<&'a str>,
}

impl<'a> LineWords<'a> {
    /// The words of a line.
    pub fn of(line: &'a str) -> Result<LineWords<'a>, Wrong> {
        let mut left = Vec::new();
        let mut rest = line.trim_start();
        while !rest.is_empty() {
            let length = match rest.as_bytes()[0] {
                b',' => 1,
                b'"' => {
                    let end = rest[1..].find('"');
                    end.ok_or_else(|| format!("a value in quotes ends with a quote: {rest}"))? + 2
                }
                _ => rest.find([' ', ',', '\t']).unwrap_or(rest.len()),
            };
            left.push(&rest[..length]);
            rest = rest[length..].trim_start();
        }
        left.reverse();
        Ok(LineWords { left })
    }

    /// The next word, which stays.
    pub fn peek(&self) -> &'a str {
        self.left.last().copied().unwrap_or("")
    }

    /// The next word.
    pub fn next(&mut self) -> &'a str {
        self.left.pop().unwrap_or("")
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Takes these words when they come next.
    pub fn takes(&mut self, phrase: &str) -> bool {
        let words: Vec<&str> = phrase.split(' ').collect();
        let comes = self.left.len() >= words.len()
            && self.left.iter().rev().zip(&words).all(|(one, other)| one == other);
        if comes {
            self.left.truncate(self.left.len() - words.len());
        }
        comes
    }

    /// Takes these words, which have to come now.
    pub fn needs(&mut self, phrase: &str) -> Result<(), Wrong> {
        match self.takes(phrase) {
            true => Ok(()),
            false => Err(format!("here comes `{phrase}`, not {}", self.found())),
        }
    }

    /// What comes next, for a complaint.
    pub fn found(&self) -> String {
        if self.is_empty() { "the end of the line".into() } else { format!("`{}`", self.peek()) }
    }

    /// Nothing may follow.
    pub fn ends(&self) -> Result<(), Wrong> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(format!("the line should end before {}", self.found())),
        }
    }

    /// A whole number.
    pub fn number(&mut self, what: &str) -> Result<u32, Wrong> {
        let word = self.next();
        word.parse().map_err(|_| format!("here comes {what}, a whole number, not `{word}`"))
    }

    /// A time in seconds since the world began, like `2.5`.
    pub fn time(&mut self) -> Result<Micros, Wrong> {
        let word = self.next();
        seconds(word).ok_or_else(|| format!("here comes a time in seconds, like `2.5`, not `{word}`"))
    }

    /// A duration, like `5s` or `200ms`.
    pub fn duration(&mut self) -> Result<Micros, Wrong> {
        let word = self.next();
        let us = match word.strip_suffix("ms") {
            Some(ms) => seconds(ms).map(|us| us / 1000),
            None => word.strip_suffix('s').and_then(seconds),
        };
        us.ok_or_else(|| format!("here comes a duration, like `5s` or `200ms`, not `{word}`"))
    }

    /// A value in quotes.
    pub fn value(&mut self) -> Result<String, Wrong> {
        let word = self.next();
        let inside = word.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        inside.map(Into::into).ok_or_else(|| format!("here comes a value in quotes, not `{word}`"))
    }
}

fn seconds(text: &str) -> Option<Micros> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 6 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let micros: Micros = format!("{part:0<6}").parse().ok()?;
    whole.parse::<Micros>().ok()?.checked_mul(SECOND)?.checked_add(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_quotes_is_one_word_and_a_comma_too() {
        let mut words = LineWords::of("row a:1 = \"two words\", tag t").expect("it is well formed");
        assert!(words.takes("row") && !words.takes("= a:1") && words.takes("a:1 ="));
        assert_eq!(words.value(), Ok("two words".into()));
        assert!(words.takes(", tag t") && words.is_empty());
        assert!(LineWords::of("row a:1 = \"two").is_err());
    }

    #[test]
    fn times_and_durations() {
        let word = |text: &'static str| LineWords::of(text).expect("it is one word");
        assert_eq!(word("2.5").time(), Ok(2_500_000));
        assert_eq!(word("0.000001").time(), Ok(1));
        assert_eq!((word("5s").duration(), word("20ms").duration()), (Ok(5_000_000), Ok(20_000)));
        for wrong in ["x", "", "-1", "1.0000001", "1.-5"] {
            assert!(word(wrong).time().is_err() && word(wrong).duration().is_err(), "{wrong}");
        }
    }
}
