//! `clearwell invalidate`: an operator's invalidation, over the wire.

use std::process::ExitCode;

use super::remote::{Remote, object, print, print_json};
use super::table::cell;
use crate::road::Mode;

/// Tells a node that what was read before now is old.
///
/// What is given together is one request.
#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("scope").required(true).multiple(true)
    .args(["key", "tag", "dependency", "pattern", "prefix", "event", "everything"]))]
pub struct InvalidateArgs {
    /// A key
    #[arg(long, value_name = "KEY")]
    pub key: Vec<String>,
    /// A tag, like author:1
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
    /// A name whose dependents are meant
    #[arg(long, value_name = "NAME")]
    pub dependency: Vec<String>,
    /// Keys that a glob matches
    #[arg(long, value_name = "GLOB")]
    pub pattern: Option<String>,
    /// Keys that begin so
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// What depends on an event of this name
    #[arg(long, value_name = "NAME")]
    pub event: Option<String>,
    /// An attribute of the event; its value may be a glob: user_id=1*
    #[arg(long, value_name = "NAME=VALUE", requires = "event", value_parser = attribute)]
    pub attribute: Vec<(String, String)>,
    /// Every key
    #[arg(long)]
    pub everything: bool,
    /// Whether what depends on it is meant too [default: as the node decides]
    #[arg(long, value_name = "yes|no", value_parser = ["yes", "no"])]
    pub cascade: Option<String>,
    /// When: immediate, lazy, delayed:2s or on-event:NAME
    #[arg(long, default_value = "immediate", value_parser = mode)]
    pub mode: String,
    /// Which time holds for a delayed one that is held already [default: as the node decides]
    #[arg(long, value_name = "restart|first", value_parser = ["restart", "first"])]
    pub coalesce: Option<String>,
    /// Only say how many entries would be reached
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub remote: Remote,
}

/// A mode as it is written.
fn mode(text: &str) -> Result<String, String> {
    Mode::parse(text.as_bytes()).map(|_| text.to_owned())
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let wrong = || "expected an attribute like user_id=123".to_owned();
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(wrong)
}

impl InvalidateArgs {
    /// The request, word by word.
    fn words(&self) -> Vec<String> {
        let mut words = vec!["CW.INVALIDATE".to_owned()];
        let mut say = |parts: &[&str]| words.extend(parts.iter().map(|&part| part.to_owned()));
        for (name, list) in [("KEYS", &self.key), ("TAGS", &self.tag), ("DEPENDENCIES", &self.dependency)] {
            if !list.is_empty() {
                say(&[name, &list.len().to_string()]);
                list.iter().for_each(|one| say(&[one]));
            }
        }
        for (name, one) in [("PATTERN", &self.pattern), ("PREFIX", &self.prefix), ("EVENT", &self.event)] {
            if let Some(one) = one {
                say(&[name, one]);
            }
        }
        if !self.attribute.is_empty() {
            say(&["ATTRIBUTES", &self.attribute.len().to_string()]);
            self.attribute.iter().for_each(|(name, value)| say(&[name, value]));
        }
        if self.everything {
            say(&["EVERYTHING"]);
        }
        if let Some(cascade) = &self.cascade {
            say(&["CASCADE", cascade]);
        }
        say(&["MODE", &self.mode]);
        if let Some(coalesce) = &self.coalesce {
            say(&["COALESCE", coalesce]);
        }
        if self.dry_run {
            say(&["DRYRUN"]);
        }
        words
    }
}

/// Runs `clearwell invalidate`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &InvalidateArgs) -> Result<ExitCode, String> {
    let words = args.words();
    let told = object(args.remote.ask(&words.iter().map(String::as_bytes).collect::<Vec<_>>())?);
    if args.remote.json {
        print_json(&told.into())?;
    } else {
        let said: Vec<_> = told.iter().map(|(name, value)| format!("{name} {}", cell(value))).collect();
        print(format!("{}\n", said.join(", ")).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: InvalidateArgs,
    }

    fn said(words: &[&str]) -> Result<String, clap::Error> {
        let line = Line::try_parse_from(["invalidate"].iter().chain(words))?;
        Ok(line.args.words().join(" "))
    }

    #[test]
    fn a_command_line_becomes_one_request() {
        assert_eq!(
            said(&["--tag", "author:1", "--tag", "b", "--cascade", "yes", "--mode", "lazy"]).expect("right"),
            "CW.INVALIDATE TAGS 2 author:1 b CASCADE yes MODE lazy"
        );
        assert_eq!(
            said(&["--event", "moved", "--attribute", "id=1=2", "--mode", "delayed:2s", "--dry-run"])
                .expect("right"),
            "CW.INVALIDATE EVENT moved ATTRIBUTES 1 id 1=2 MODE delayed:2s DRYRUN"
        );
    }

    #[test]
    fn a_request_without_a_scope_or_with_a_wrong_mode_is_refused() {
        for wrong in
            [&[][..], &["--mode", "lazy"], &["--key", "a", "--mode", "delayed"], &["--attribute", "a=b"]]
        {
            assert!(said(wrong).is_err(), "{wrong:?}");
        }
    }
}
