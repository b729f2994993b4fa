//! What `docs/wire.md` says of kinds and tags is what the code says.

use std::path::PathBuf;

use crate::persist::PersistKind;
use crate::tags::ByteTag;
use crate::{Kind, tags};

fn page() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/wire.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The cells of the table whose head begins so, a row each.
fn table(page: &str, head: &str) -> Vec<Vec<String>> {
    let lines = page.lines().skip_while(|line| !line.starts_with(head)).skip(2);
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    lines.take_while(|line| line.starts_with('|')).map(cells).collect()
}

#[test]
fn the_page_has_every_kind_with_its_byte() {
    let said: Vec<(String, String)> =
        table(&page(), "| byte | kind |").into_iter().map(|row| (row[0].clone(), row[1].clone())).collect();
    let are: Vec<(String, String)> =
        Kind::all().map(|kind| (kind.byte().to_string(), kind.name().to_owned())).collect();
    assert_eq!(said, are);
}

#[test]
fn the_page_has_everything_that_is_kept_with_its_byte() {
    let row = |row: Vec<String>| (row[0].clone(), row[1].clone());
    let said: Vec<(String, String)> = table(&page(), "| byte | kept |").into_iter().map(row).collect();
    let are: Vec<(String, String)> =
        PersistKind::ALL.iter().map(|(byte, name)| (byte.to_string(), (*name).to_owned())).collect();
    assert_eq!(said, are);
}

#[test]
fn the_page_has_every_choice_with_its_tags() {
    let said = table(&page(), "| choice |");
    let are: Vec<Vec<String>> = tags::tables()
        .into_iter()
        .map(|(what, tags)| {
            let mut row = vec![what.to_owned()];
            row.extend(tags.iter().map(|(_, name)| (*name).to_owned()));
            row.resize(said[0].len(), String::new());
            row
        })
        .collect();
    assert_eq!(said, are);
}
