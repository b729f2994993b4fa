//! `clearwell writeback`: what the sources do not have yet, and what they refused, over the wire.

use std::process::ExitCode;

use clearwell_protocol::Value;

use super::wire::{Wire, pairs};

/// Tells and decides about write-back writes that the sources do not have yet.
#[derive(Debug, Clone, clap::Args)]
pub struct WritebackArgs {
    #[command(subcommand)]
    what: What,
    /// The node's RESP address
    #[arg(long, global = true, value_name = "HOST:PORT", default_value = "127.0.0.1:7379")]
    addr: String,
    /// The password of that node
    #[arg(long, global = true, env = "CLEARWELL_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Print JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum What {
    /// Show how much is unflushed, and how that goes
    Status,
    /// List the writes that a source refused
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 100)]
        count: u32,
    },
    /// Write refused writes again
    Retry(Which),
    /// Give refused writes up
    Drop(Which),
    /// Wait until the sources have what was acknowledged; exits with 1 when they refused some of it
    Flush,
}

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The keys
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// All of them
    #[arg(long)]
    all: bool,
}

impl What {
    /// The request, word by word.
    fn words(&self) -> Vec<String> {
        let which = |word: &str, which: &Which| {
            let mut words = vec![word.to_owned()];
            if which.all {
                words.push("ALL".to_owned());
            } else {
                words.extend(["KEYS".to_owned(), which.keys.len().to_string()]);
                words.extend(which.keys.iter().cloned());
            }
            words
        };
        let words = match self {
            What::Status => vec!["STATUS".to_owned()],
            What::List { count } => vec!["LIST".to_owned(), count.to_string()],
            What::Retry(keys) => which("RETRY", keys),
            What::Drop(keys) => which("DROP", keys),
            What::Flush => vec!["FLUSH".to_owned()],
        };
        std::iter::once("CW.WRITEBACK".to_owned()).chain(words).collect()
    }

    /// What the node's answer is called; nothing for those that are maps.
    fn said(&self) -> &'static str {
        match self {
            What::Status | What::List { .. } | What::Flush => "",
            What::Retry(_) => "retried",
            What::Drop(_) => "dropped",
        }
    }
}

/// Runs `clearwell writeback`.
///
/// # Errors
/// In words: the node cannot be reached, or refuses.
pub fn run(args: &WritebackArgs) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let words = args.what.words();
    let answer = runtime.block_on(async {
        let mut wire = Wire::open(&args.addr, args.password.as_deref()).await?;
        wire.call(&words.iter().map(String::as_bytes).collect::<Vec<_>>()).await
    });
    let answer = answer.map_err(|error| error.to_string())?;
    let lines = match (&args.what, answer) {
        (What::List { .. }, Value::Array(rows)) => rows.into_iter().map(told).collect(),
        (What::Status | What::Flush, figures) => vec![told(figures)],
        (what, answer) => vec![[(what.said().to_owned(), json(&answer))].into_iter().collect()],
    };
    let parked = lines.first().and_then(|line| line.get("parked")?.as_u64()).unwrap_or(0);
    for line in lines {
        if args.json {
            println!("{}", serde_json::Value::Object(line));
        } else {
            let said: Vec<_> = line.iter().map(|(name, value)| format!("{name} {value}")).collect();
            println!("{}", said.join(", "));
        }
    }
    if matches!(args.what, What::Flush) && parked > 0 {
        let (writes, are) = if parked == 1 { ("write", "is") } else { ("writes", "are") };
        return Err(format!(
            "{parked} {writes} {are} parked: the source refused them; see `clearwell writeback list`, then retry or drop"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

type Told = serde_json::Map<String, serde_json::Value>;

fn told(answer: Value) -> Told {
    pairs(answer).iter().map(|(name, value)| (text(name), json(value))).collect()
}

fn text(value: &Value) -> String {
    String::from_utf8_lossy(value.as_bytes().unwrap_or_default()).into_owned()
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Integer(number) => serde_json::Value::from(*number),
        Value::Null => serde_json::Value::Null,
        other => serde_json::Value::from(text(other)),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: WritebackArgs,
    }

    #[test]
    fn a_command_line_becomes_one_request() {
        let said = |words: &[&str]| {
            let line = Line::try_parse_from(["writeback"].iter().chain(words));
            line.map(|line| line.args.what.words().join(" ")).map_err(|error| error.exit_code())
        };
        assert_eq!(said(&["list"]).as_deref(), Ok("CW.WRITEBACK LIST 100"));
        assert_eq!(said(&["retry", "a", "b"]).as_deref(), Ok("CW.WRITEBACK RETRY KEYS 2 a b"));
        assert_eq!(said(&["drop", "--all", "--json"]).as_deref(), Ok("CW.WRITEBACK DROP ALL"));
        assert_eq!(said(&["drop"]), Err(2), "all of them only when it is said");
        assert_eq!(said(&["retry", "--all", "a"]), Err(2));
    }
}
