//! Links of the documents to files of the repository: each must lead somewhere.

use std::path::{Component, Path, PathBuf};

/// Adds the links in a Markdown `text` whose target `exists` denies. Addresses on the web are not looked at.
pub fn check(file: &Path, text: &str, exists: impl Fn(&Path) -> bool, wrong: &mut Vec<String>) {
    if file.extension().is_none_or(|extension| extension != "md") {
        return;
    }
    for (number, line) in text.lines().enumerate() {
        for target in targets(line) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !resolved(file, path).is_some_and(|path| exists(&path)) {
                wrong.push(format!("{}:{}: the link to {target} leads nowhere", file.display(), number + 1));
            }
        }
    }
}

/// What stands behind `](` up to the closing parenthesis.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, mark)| {
        let rest = line.get(at + mark.len()..)?;
        rest.get(..rest.find(')')?)
    })
}

/// The path from the top of the repository; `None` when it leaves it.
fn resolved(file: &Path, target: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in file.parent()?.join(target).components() {
        match part {
            Component::ParentDir if !path.pop() => return None,
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        check(Path::new("docs/a.md"), text, |path| path == Path::new("docs/b.md"), &mut wrong);
        wrong
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(
            wrong("[b](b.md), [b](../docs/b.md#part), [web](https://example.org/c.md), [here](#part)"),
            [""; 0]
        );
        assert_eq!(
            wrong("fine\n[c](c.md) and [out](../../b.md)"),
            [
                "docs/a.md:2: the link to c.md leads nowhere",
                "docs/a.md:2: the link to ../../b.md leads nowhere",
            ]
        );
    }
}
