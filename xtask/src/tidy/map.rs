//! The map of the code (`ARCHITECTURE.md`): every path on it exists, and every room of the code is on it.

use std::path::{Path, PathBuf};

/// Where the map's paths begin, as it says itself.
const HOME: &str = "crates/server/src";

/// Adds the paths in backticks that `exists` denies, and those of `files` that the map neither names nor covers by a folder.
/// A path may begin at the top, in `crates`, in the server's sources, or in a folder that stands before it in its line.
pub fn check(map: &str, files: &[PathBuf], exists: impl Fn(&Path) -> bool, wrong: &mut Vec<String>) {
    let mut known: Vec<PathBuf> = Vec::new();
    for (number, line) in map.lines().enumerate() {
        let mut folders: Vec<PathBuf> = Vec::new();
        for named in paths(line) {
            let homes = ["", "crates", HOME].map(PathBuf::from);
            let places = homes.iter().chain(folders.iter().rev()).map(|home| home.join(named));
            let Some(path) = places.into_iter().find(|path| exists(path)) else {
                wrong.push(format!("ARCHITECTURE.md:{}: there is no {named}", number + 1));
                continue;
            };
            if path.extension().is_none() {
                folders.push(path.clone());
                folders.push(path.join("src"));
            }
            // The server is too large to be covered by its own name.
            if !Path::new(HOME).starts_with(&path) {
                known.push(path);
            }
        }
    }
    for file in files.iter().filter(|file| is_room(file)) {
        if !known.iter().any(|path| file.starts_with(path) || file.with_extension("").starts_with(path)) {
            wrong.push(format!("ARCHITECTURE.md: it does not name {} or a folder of it", file.display()));
        }
    }
}

/// What stands in backticks and looks like a path.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let quoted = line.split('`').skip(1).step_by(2);
    quoted.filter(|text| {
        let is_path = text.ends_with(".rs") || text.ends_with('/') || text.contains('/');
        let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        is_path && is_plain && !text.starts_with('/')
    })
}

/// Whether a file is one of the first two levels of a crate's sources.
fn is_room(file: &Path) -> bool {
    let parts: Vec<_> = file.iter().filter_map(|part| part.to_str()).collect();
    match parts[..] {
        ["crates", _, "src", file] => !matches!(file, "lib.rs" | "main.rs") && is_module(file),
        ["crates", _, "src", _, file] => is_module(file),
        _ => false,
    }
}

fn is_module(file: &str) -> bool {
    file.ends_with(".rs") && !file.ends_with("tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(map: &str, files: &[&str]) -> Vec<String> {
        let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        let exists = |path: &Path| files.iter().any(|file| file.starts_with(path));
        let mut wrong = Vec::new();
        check(map, &files, exists, &mut wrong);
        wrong
    }

    #[test]
    fn a_path_that_is_not_there_is_found() {
        let files = ["crates/server/src/node/read.rs", "crates/engine/src/graph.rs"];
        let fine = "`node/` (`read.rs`), `engine/src/graph.rs`, `GET /api/cache`, `Node::get`, `crates/engine` (`graph.rs`)";
        assert_eq!(wrong(fine, &files), [""; 0]);
        assert_eq!(
            wrong("\n`node/` (`red.rs`), `crates/engine`", &files),
            ["ARCHITECTURE.md:2: there is no red.rs"]
        );
    }

    #[test]
    fn a_room_that_is_not_on_the_map_is_found() {
        let files =
            ["crates/server/src/node/read.rs", "crates/server/src/road.rs", "crates/server/src/lib.rs"];
        assert_eq!(
            wrong("`crates/server`, `node/`", &files),
            ["ARCHITECTURE.md: it does not name crates/server/src/road.rs or a folder of it"]
        );
        assert_eq!(wrong("`node/`, `road.rs`", &files), [""; 0]);
    }
}
