//! The lines of a Rust file that are code of its room: neither comments nor tests.

use std::path::Path;

/// The lines with their numbers, up to the tests.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = (1..).zip(text.lines()).take_while(|(_, line)| line.trim() != "#[cfg(test)]");
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a file holds tests only.
pub fn is_test(file: &Path) -> bool {
    let is_name = |name: &str| name == "tests" || name.ends_with("_tests");
    file.with_extension("").iter().filter_map(|part| part.to_str()).any(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_left_out() {
        let found: Vec<_> = lines("//! a\nb\n    // c\nd // e\n#[cfg(test)]\nmod tests {}").collect();
        assert_eq!(found, [(2, "b"), (4, "d // e")]);
    }

    #[test]
    fn files_of_tests_are_known_by_their_names() {
        for file in ["src/tests.rs", "src/a_tests.rs", "src/sqlite/tests/feed.rs", "tests/world/mod.rs"] {
            assert!(is_test(Path::new(file)), "{file}");
        }
        assert!(!is_test(Path::new("src/latest.rs")));
    }
}
