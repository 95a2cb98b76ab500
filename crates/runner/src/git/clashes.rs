//! Names that differ by case only: one file on macOS and Windows.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Error, Odb, Oid};
use tollhouse_core::RepoPath;

use super::checkout::join;
use super::tree::{Entries, Entry, read_entries};

/// The clashes in the second of two trees that are not in the first, for these paths and the folders on their way: what
/// came, and what it clashes with.
pub(super) fn case_clashes(
    odb: &Odb<'_>,
    [before, after]: [Oid; 2],
    paths: &[&RepoPath],
) -> Result<Vec<(RepoPath, RepoPath)>, Error> {
    let mut folders = Folders { odb, known: BTreeMap::new() };
    let mut clashes = BTreeSet::new();
    for path in paths {
        let (mut old, mut new) = (Some(before), after);
        let mut at = Vec::new();
        for part in path.parts() {
            let was = match old {
                Some(tree) => folders.read(tree)?.entries.get(part).copied(),
                None => None,
            };
            let folder = folders.read(new)?;
            if was.is_none() {
                let same = folder.folded.get(&fold(part)).into_iter().flatten().filter(|name| *name != part);
                clashes.extend(same.map(|name| (RepoPath::new(join(&at, part)), RepoPath::new(join(&at, name)))));
            }
            let is = folder.entries.get(part).copied();
            at = join(&at, part);
            old = was.filter(|entry: &Entry| entry.is_folder()).map(|entry| entry.id);
            match is.filter(|entry| entry.is_folder()) {
                Some(entry) => new = entry.id,
                None => break,
            }
        }
    }
    Ok(clashes.into_iter().collect())
}

struct Folder {
    entries: Entries,
    folded: BTreeMap<String, Vec<Vec<u8>>>,
}

struct Folders<'a> {
    odb: &'a Odb<'a>,
    known: BTreeMap<Oid, Folder>,
}

impl Folders<'_> {
    fn read(&mut self, tree: Oid) -> Result<&Folder, Error> {
        if !self.known.contains_key(&tree) {
            let entries = read_entries(self.odb, tree)?;
            let mut folded: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
            for name in entries.keys() {
                folded.entry(fold(name)).or_default().push(name.clone());
            }
            self.known.insert(tree, Folder { entries, folded });
        }
        Ok(&self.known[&tree])
    }
}

fn fold(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_lowercase()
}
