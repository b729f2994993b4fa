//! Figures over the Redis protocol: `CW.STATS` and the lines of `INFO`.

use std::fmt::{self, Write as _};

use clearwell_protocol::Encoder;

use super::{FIGURES, FigureReader, Label, Snapshot, Value};

/// CW.STATS: a map of all figures; those of a label are maps within.
pub fn cw_stats(snapshot: &Snapshot, reply: &mut Encoder<'_>) {
    let labels = labels();
    let single = FIGURES.iter().filter(|figure| figure.label().is_none()).count();
    reply.map(single.saturating_add(labels.len()));
    for figure in FIGURES {
        if let FigureReader::One(read) = figure.read {
            reply.bulk(figure.name);
            encode(reply, &read(snapshot));
        }
    }
    for label in labels {
        reply.bulk(label.plural);
        let all = by_value(label, snapshot, |figure| figure.name.to_owned());
        reply.map(all.len());
        for (which, figures) in all {
            reply.bulk(which);
            reply.map(figures.len());
            for (name, value) in figures {
                reply.bulk(name);
                encode(reply, &value);
            }
        }
    }
}

fn encode(reply: &mut Encoder<'_>, value: &Value) {
    let integer = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    match value {
        Value::Whole(number) => reply.integer(integer(*number)),
        Value::Real(number) => reply.double(*number),
        Value::Text(text) => reply.bulk(text),
        Value::Names(names) => reply.integer(integer(names.len() as u64)),
    }
}

/// The lines of a section of INFO that figures give.
pub fn info(snapshot: &Snapshot, section: &str, out: &mut String) {
    // Writing to a string cannot fail.
    for figure in FIGURES {
        let (wanted, name) = figure.info_name();
        if let FigureReader::One(read) = figure.read
            && wanted == section
        {
            let _ = write!(out, "{name}:{}\r\n", InfoValue(&read(snapshot)));
        }
    }
    for label in labels() {
        let is_here =
            |figure: &&super::Figure| figure.label() == Some(label) && figure.info_name().0 == section;
        if !FIGURES.iter().any(|figure| is_here(&figure)) {
            continue;
        }
        for (which, figures) in by_value(label, snapshot, |figure| figure.info_name().1.into_owned()) {
            let fields: Vec<_> =
                figures.iter().map(|(name, value)| format!("{name}={}", InfoValue(value))).collect();
            let _ = write!(out, "{}_{which}:{}\r\n", label.name, fields.join(","));
        }
    }
}

/// A value in a line of INFO.
struct InfoValue<'a>(&'a Value);

impl fmt::Display for InfoValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Whole(number) => write!(f, "{number}"),
            Value::Real(number) => write!(f, "{number:.4}"),
            Value::Text(text) => f.write_str(text),
            Value::Names(names) => write!(f, "{}", names.len()),
        }
    }
}

fn labels() -> Vec<&'static Label> {
    let mut labels: Vec<&'static Label> = Vec::new();
    for label in FIGURES.iter().filter_map(|figure| figure.label()) {
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

type Named = Vec<(String, Value)>;

/// A label's figures, by its values.
fn by_value(label: &Label, snapshot: &Snapshot, name: fn(&super::Figure) -> String) -> Vec<(String, Named)> {
    let mut all: Vec<(String, Named)> = Vec::new();
    for figure in FIGURES {
        let FigureReader::Each(own, read) = figure.read else { continue };
        if own != label {
            continue;
        }
        for (which, value) in read(snapshot) {
            let named = (name(figure), value);
            match all.iter_mut().find(|(known, _)| *known == which) {
                Some((_, figures)) => figures.push(named),
                None => all.push((which, vec![named])),
            }
        }
    }
    all
}
