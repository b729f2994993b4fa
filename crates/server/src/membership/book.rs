//! Where the other nodes were when they were heard of last: for a cluster that is started again as a whole, whose nodes have nobody else to ask.
//!
//! It is a hint: whoever is reached proves who it is. So it need not last beyond a crash, and what cannot be read of it is left out.

use std::path::{Path, PathBuf};

use clearwell_words::NodeId;

/// The file.
#[derive(Debug)]
pub struct AddressBook(PathBuf);

impl AddressBook {
    /// That of a data folder.
    pub fn of(data: &Path) -> AddressBook {
        AddressBook(data.join("cluster").join("peers"))
    }

    /// Nodes, each with the address of its links.
    pub fn read(&self) -> Vec<(NodeId, String)> {
        let text = std::fs::read_to_string(&self.0).unwrap_or_default();
        let line = |line: &str| {
            let (node, address) = line.split_once(' ')?;
            Some((NodeId(node.parse().ok()?), address.trim().to_owned()))
        };
        text.lines().filter_map(line).collect()
    }

    /// Writes them down, in the place of all that were.
    pub fn write<'a>(&self, nodes: impl Iterator<Item = (NodeId, &'a str)>) -> std::io::Result<()> {
        let text: String = nodes.map(|(node, address)| format!("{} {address}\n", node.0)).collect();
        let new = self.0.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::rename(new, &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_what_is_damaged_is_left_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let book = AddressBook::of(folder.path());
        assert!(book.read().is_empty());
        std::fs::create_dir_all(folder.path().join("cluster")).expect("a folder");
        book.write([(NodeId(7), "a:1"), (NodeId(9), "[::1]:2")].into_iter()).expect("it can be written");
        assert_eq!(book.read(), [(NodeId(7), "a:1".to_owned()), (NodeId(9), "[::1]:2".to_owned())]);
        std::fs::write(&book.0, "7 a:1\nx\n9").expect("it can be written");
        assert_eq!(book.read(), [(NodeId(7), "a:1".to_owned())]);
    }
}
