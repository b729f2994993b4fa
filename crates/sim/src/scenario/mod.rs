//! Stories: small text files of what is done to a small cluster, what must come of it, and, recorded, what came of it.
//!
//! A file begins with what it shows, in a sentence or two, and an empty line. Then comes the script, a line each: first who is
//! there (`nodes 3`, `row post:1 = "old" on node 2`), then what happens (`at 2.0 client a reads post:1 on node 1`) and
//! what may come of it (`expect fresh "new" or refused`). Below a line of dashes stands what happened.

mod book;
mod expect;
mod parse;
mod play;
mod script;
mod stage;
mod tell;
mod told;
mod words;

pub use parse::Scenario;
pub use play::Played;

use clearwell_cluster::Planted;

impl Scenario {
    /// Plays it, with a bug when one is named (and compiled in).
    pub fn play(&self, planted: Option<Planted>) -> Played {
        play::play(self, planted)
    }

    /// The whole text as it should stand in its file.
    pub fn recorded_as(&self, played: &Played) -> String {
        format!("{}{}\n\n{}\n", self.script, parse::DASHES, played.lines.join("\n"))
    }
}
