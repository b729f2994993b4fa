//! Keys of a cluster that another node serves.

use axum::http::{StatusCode, Uri, header};

use super::Site;
use super::problem::{Problem, Reply};
use crate::node::Place;

impl Site {
    /// Sends whoever asks for a key that another node serves to that node, with the same request.
    pub fn serves(&self, key: &[u8], uri: &Uri) -> Reply<()> {
        match self.node.place_of(key) {
            Place::Here => Ok(()),
            Place::At(_, addresses) => {
                let target = uri.path_and_query().map_or(uri.path(), |target| target.as_str());
                let there = format!("http://{}{target}", addresses.http);
                let detail = format!("another node of the cluster serves this key: {there}");
                Err(Problem::new(StatusCode::TEMPORARY_REDIRECT, "elsewhere", detail)
                    .with(header::LOCATION, there))
            }
            Place::Nobody => Err(Problem::later(
                "no-owner",
                "no node of the cluster that can be reached serves this key now",
            )),
        }
    }
}
