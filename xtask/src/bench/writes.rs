//! Write latency of each strategy beside writing to PostgreSQL directly: the bench `writes` of the server, and its report.

use super::figures::{Summary, summarize};
use super::report;
use crate::{cargo, step};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What was measured, with how many writers.
type Case = (String, String);

/// Operations per second, and the 50th and 99th percentile in microseconds, of each round.
#[derive(Default)]
struct RoundFigures {
    order: Vec<Case>,
    rounds: BTreeMap<Case, Vec<[f64; 3]>>,
}

impl RoundFigures {
    fn parse(said: &str) -> RoundFigures {
        let mut figures = RoundFigures::default();
        for line in said.lines() {
            let [what, writers, figure @ ..] = &line.split('\t').collect::<Vec<_>>()[..] else { continue };
            let figure: Result<Vec<f64>, _> = figure.iter().map(|number| number.parse()).collect();
            let Ok(Ok(figure)) = figure.map(<[f64; 3]>::try_from) else { continue };
            let case = ((*what).to_owned(), (*writers).to_owned());
            if !figures.order.contains(&case) {
                figures.order.push(case.clone());
            }
            figures.rounds.entry(case).or_default().push(figure);
        }
        figures
    }

    fn summary(&self, what: &str, writers: &str, at: usize) -> Summary {
        let rounds = self.rounds.get(&(what.to_owned(), writers.to_owned()));
        summarize(rounds.into_iter().flatten().map(|figure| figure[at]).collect())
    }
}

/// Measures `rounds` times in turn and writes the medians.
pub fn run(rounds: usize) -> Result<(), String> {
    let command = format!("bench --package clearwell --locked --bench writes -- --rounds {rounds}");
    let said = step::output(&mut cargo::cargo(&command))?;
    print!("{said}");
    let text = text(&RoundFigures::parse(&said), rounds)?;
    println!("\n{text}");
    report::write(&text, "writes")
}

fn text(figures: &RoundFigures, rounds: usize) -> Result<String, String> {
    let mut text = report::head("write latency", "writes", rounds)?;
    text.push_str(
        "- PostgreSQL is private, with wal_level logical; the node follows it. Load, node and database share the machine\n\
         - `SET` over RESP, one connection a writer, 10,000 keys by chance, 70-byte values; directly: the same upsert, prepared, by tokio-postgres\n\n\
         Median of the rounds (least .. most).\n\n\
         | what | writers | writes/s | p50 ms | p99 ms | beside direct, as many writers | beside direct, one writer |\n| --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for (what, writers) in figures.order.iter().filter(|(what, _)| what != "drain") {
        let [rate, p50, p99] = [0, 1, 2].map(|at| figures.summary(what, writers, at));
        let direct = |writers| figures.summary("direct", writers, 0).median;
        let (p50, p99) = (scaled(p50), scaled(p99));
        let cells = [
            what.clone(),
            writers.clone(),
            report::spread(rate, 0),
            report::spread(p50, 2),
            report::spread(p99, 2),
        ];
        let (beside_all, beside_one) = (rate.median / direct(writers), rate.median / direct("1"));
        writeln!(text, "| {} | {beside_all:.2} | {beside_one:.2} |", cells.join(" | "))
            .expect("a String takes any text");
    }
    let drain = figures.summary("drain", "1", 0);
    let beside = |writers| drain.median / figures.summary("direct", writers, 0).median;
    writeln!(
        text,
        "\nWrite-back drains {} rows/s from its journal to PostgreSQL: {:.1} times the single-row commits of one writer, {:.1} times \
         those of 64 at once.",
        report::spread(drain, 0),
        beside("1"),
        beside("64")
    )
    .expect("a String takes any text");
    Ok(text)
}

fn scaled(us: Summary) -> Summary {
    Summary { median: us.median / 1000.0, least: us.least / 1000.0, most: us.most / 1000.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_in_their_order() {
        let said = "noise\nwrite-back\t64\t100\t5\t7\ndirect\t1\t10\t1\t2\nwrite-back\t64\t300\t5\t9\n";
        let figures = RoundFigures::parse(said);
        assert_eq!(figures.order, [("write-back".into(), "64".into()), ("direct".into(), "1".into())]);
        assert_eq!(
            figures.summary("write-back", "64", 0),
            Summary { median: 200.0, least: 100.0, most: 300.0 }
        );
        assert_eq!(figures.summary("direct", "1", 2).median, 2.0);
    }
}
