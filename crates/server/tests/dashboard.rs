//! The dashboard in a real Chromium: it shows the traffic that passes, without an error on its console.

mod support;

use support::{Kind, Server, node, output_of};

#[test]
fn the_page_follows_the_traffic() {
    let server = Server::start(Kind::Clearwell);
    let picture = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("dashboard.png");
    output_of(node("dashboard.cjs", &server).env("PICTURE", &picture).env("DATA", server.data()), &server);
    assert!(std::fs::metadata(&picture).is_ok_and(|file| file.len() > 0), "no picture of the page");
    server.assert_alive();
}
