//! Feeds that reach nothing, and keyspaces that no feed reaches: what can be seen of them without a database.

use clearwell_source::nearest;
use toml::Spanned;

use super::error::ConfigError;
use super::section::{File, Section};
use super::{KeyspaceConfig, Unfollowed};
use crate::syntax::meet::{Step, lower, meet};
use crate::syntax::{EventTemplate, Pattern, Template};

/// What can hardly be meant. A mistake where it cannot be meant at all: a feed that reaches nothing, with a name that nearly is
/// another one; and anything in a keyspace that says `unfollowed = "refuse"`.
pub fn check(top: &Section<'_>, keyspaces: &[KeyspaceConfig]) -> Result<Vec<ConfigError>, ConfigError> {
    let known = Known::of(keyspaces);
    let mut warnings = Vec::new();
    for ((table, span), keyspace) in top.tables("keyspace")?.into_iter().zip(keyspaces) {
        if keyspace.source.is_none() || keyspace.unfollowed == Unfollowed::Meant {
            continue;
        }
        let section = Section::new(top.file, "[[keyspace]]", table, span, &super::keyspace::KEYS)?;
        let mut found = Vec::new();
        for (table, span) in section.tables("feed")? {
            let feed = Section::new(top.file, "[[keyspace.feed]]", table, span, &super::keyspace::FEED)?;
            found.extend(known.lost(&feed)?);
        }
        if found.is_empty() && !is_reached(keyspace, keyspaces) {
            let message = format!(
                "nothing follows the keyspace {}: no [[keyspace.feed]] has a key, tag or event of it, so that changes by others are seen when its ttl ends; add one, or say unfollowed = \"ok\"",
                keyspace.pattern
            );
            found.push(section.error("source", message));
        }
        if keyspace.unfollowed == Unfollowed::Refuse && !found.is_empty() {
            return Err(found.remove(0));
        }
        warnings.append(&mut found);
    }
    Ok(warnings)
}

/// Whether a feed of the same source may reach entries of it.
fn is_reached(keyspace: &KeyspaceConfig, keyspaces: &[KeyspaceConfig]) -> bool {
    let own = Known::of(std::slice::from_ref(keyspace));
    let feeds =
        keyspaces.iter().filter(|other| other.source == keyspace.source).flat_map(|other| &other.feeds);
    feeds.into_iter().any(|feed| {
        feed.keys.iter().any(|key| own.has(TemplateKind::Key, key))
            || feed.tags.iter().any(|tag| own.has(TemplateKind::Tag, tag))
            || feed.events.iter().any(|event| own.has(TemplateKind::Event, event))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TemplateKind {
    Key,
    Tag,
    Event,
}

/// The names that entries of some keyspaces have or depend on, each with its text.
#[derive(Default)]
struct Known {
    keys: Vec<(String, Vec<Step>)>,
    tags: Vec<(String, Vec<Step>)>,
    events: Vec<String>,
}

impl Known {
    fn of(keyspaces: &[KeyspaceConfig]) -> Known {
        let mut known = Known::default();
        let template = |text: &String| Some((text.clone(), Template::parse(text).ok()?.steps()));
        for keyspace in keyspaces {
            let pattern = Pattern::parse(&keyspace.pattern).map(|pattern| pattern.steps());
            known.keys.extend(pattern.ok().map(|steps| (keyspace.pattern.clone(), steps)));
            known.keys.extend(keyspace.depends_on.iter().filter_map(template));
            known.tags.extend(keyspace.tags.iter().chain(&keyspace.depends_on).filter_map(template));
            known.events.extend(keyspace.events.iter().filter_map(|text| event(text)));
        }
        known
    }

    fn has(&self, kind: TemplateKind, text: &str) -> bool {
        let meets = |names: &[(String, Vec<Step>)]| {
            let steps = Template::parse(text).map(|template| template.steps()).unwrap_or_default();
            names.iter().any(|(_, known)| meet(&steps, known))
        };
        match kind {
            TemplateKind::Key => meets(&self.keys),
            TemplateKind::Tag => meets(&self.tags),
            TemplateKind::Event => event(text).is_some_and(|name| self.events.contains(&name)),
        }
    }

    /// The names of a feed that reach nothing.
    fn lost(&self, feed: &Section<'_>) -> Result<Vec<ConfigError>, ConfigError> {
        let (mut lost, mut reaches, mut nearly) = (Vec::new(), false, None);
        for (key, kind) in
            [("keys", TemplateKind::Key), ("tags", TemplateKind::Tag), ("events", TemplateKind::Event)]
        {
            for text in feed.texts(key)? {
                if self.has(kind, text.get_ref()) {
                    reaches = true;
                    continue;
                }
                let (is_near, error) = self.told(feed.file, kind, &text);
                if is_near && nearly.is_none() {
                    nearly = Some(error.clone());
                }
                lost.push(error);
            }
        }
        match nearly.filter(|_| !reaches) {
            Some(error) => Err(error),
            None => Ok(lost),
        }
    }

    /// What is wrong with a name that reaches nothing, and whether it nearly is another one.
    fn told(&self, file: File<'_>, kind: TemplateKind, text: &Spanned<&str>) -> (bool, ConfigError) {
        let given = *text.get_ref();
        let (what, names): (_, Vec<&str>) = match kind {
            TemplateKind::Key => {
                ("keys in [[keyspace.feed]]: no keyspace has such keys as", texts(&self.keys))
            }
            TemplateKind::Tag => {
                ("tags in [[keyspace.feed]]: no keyspace carries the tag", texts(&self.tags))
            }
            TemplateKind::Event => (
                "events in [[keyspace.feed]]: no keyspace depends on the event",
                self.events.iter().map(String::as_str).collect(),
            ),
        };
        let (is_near, hint) = near(kind, given, &names);
        let message =
            format!("{what} \"{given}\"{hint}; what is meant for others is quiet with unfollowed = \"ok\"");
        (is_near, file.error(text.span(), message))
    }
}

fn texts(names: &[(String, Vec<Step>)]) -> Vec<&str> {
    names.iter().map(|(text, _)| text.as_str()).collect()
}

/// An event's name.
fn event(text: &str) -> Option<String> {
    EventTemplate::parse(text).ok().map(|event| event.name().to_owned())
}

/// The hint with the nearest name, and whether that is so near that it must have been meant.
fn near(kind: TemplateKind, given: &str, names: &[&str]) -> (bool, String) {
    // What stands in the slots has names of its own in each.
    let bare = |text: &str| match kind {
        TemplateKind::Key | TemplateKind::Tag => {
            Template::parse(&untyped(text)).map_or(text.into(), |template| template.bare())
        }
        TemplateKind::Event => event(text).unwrap_or_else(|| text.into()),
    };
    let wanted = bare(given);
    let steps = |text: &str| Template::parse(&untyped(text)).map(|template| lower(&template.steps()));
    let by_case = names.iter().find(|name| {
        kind != TemplateKind::Event
            && steps(given).is_ok_and(|one| steps(name).is_ok_and(|other| meet(&one, &other)))
            && bare(name).eq_ignore_ascii_case(&wanted)
    });
    if let Some(name) = by_case {
        return (true, format!("; did you mean \"{name}\"? The type of its capture or its case differs"));
    }
    let bares: Vec<String> = names.iter().map(|name| bare(name)).collect();
    let distance = |text: &String| strsim::damerau_levenshtein(&wanted.to_lowercase(), &text.to_lowercase());
    match bares.iter().zip(names).min_by_key(|(bare, _)| distance(bare)) {
        None => (false, String::new()),
        Some((bare, name)) if nearest(&wanted, &[bare]).starts_with("; did you mean") => {
            (true, format!("; did you mean \"{name}\"?"))
        }
        Some((_, name)) => (false, format!("; the nearest is \"{name}\"")),
    }
}

/// A pattern's text without the types of its captures, as a template is written.
fn untyped(pattern: &str) -> String {
    [":int}", ":str}", ":uuid}"].iter().fold(pattern.to_owned(), |text, kind| text.replace(kind, "}"))
}
