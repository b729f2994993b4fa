//! The progress bar.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::session::ReplaySession;

/// A bar on the terminal; nothing with `--json` or where no terminal is.
pub struct Progress {
    bar: ProgressBar,
    by_bytes: bool,
}

impl Progress {
    /// A bar over the requests that were asked for, or over the bytes of the trace.
    pub fn new(quiet: bool, session: &ReplaySession) -> Progress {
        let by_bytes = session.plan.requests.is_none() && session.progress().is_some();
        let length = match by_bytes {
            true => session.progress().map(|(_, length)| length),
            false => session.plan.requests,
        };
        let bar = length.map_or_else(ProgressBar::no_length, ProgressBar::new);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = "{bar:30} {percent:>3} %  {msg}  {elapsed}";
        let template = if length.is_some() { template } else { "{spinner} {msg}  {elapsed}" };
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
        Progress { bar, by_bytes }
    }

    /// Shows how far it is.
    pub fn show(&mut self, session: &ReplaySession) {
        let tally = &session.tally;
        let at = if self.by_bytes { session.progress().map(|(read, _)| read) } else { Some(tally.requests) };
        self.bar.set_position(at.unwrap_or(0));
        let stale = tally.stale_reads + tally.stale_left;
        let (requests, ratio) = (tally.requests, tally.hit_ratio() * 100.0);
        self.bar.set_message(format!("{requests} requests, hit ratio {ratio:.1} %, {stale} stale"));
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
