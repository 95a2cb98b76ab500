//! A tree with changes on top that are not written yet.

use std::collections::{BTreeMap, BTreeSet};

use git2::{Error, Odb, Oid};
use tollhouse_core::RepoPath;
use tollhouse_engine::patch::Mode;

use super::tree::{Edits, Entry, entry_at};

pub(super) struct Overlay {
    tree: Oid,
    written: BTreeMap<RepoPath, Entry>,
    removed: BTreeSet<RepoPath>,
}

impl Overlay {
    pub(super) fn new(tree: Oid) -> Self {
        Self { tree, written: BTreeMap::new(), removed: BTreeSet::new() }
    }

    /// The file that was there before any change. A folder is no file.
    pub(super) fn original(&self, odb: &Odb<'_>, path: &RepoPath) -> Result<Option<Entry>, Error> {
        Ok(entry_at(odb, self.tree, path)?.filter(|entry| !entry.is_folder()))
    }

    /// The file that is there now.
    pub(super) fn current(&self, odb: &Odb<'_>, path: &RepoPath) -> Result<Option<Entry>, Error> {
        match self.written.get(path) {
            Some(entry) => Ok(Some(*entry)),
            None if self.removed.contains(path) => Ok(None),
            None => self.original(odb, path),
        }
    }

    pub(super) fn write(&mut self, path: &RepoPath, entry: Entry) {
        self.written.insert(path.clone(), entry);
    }

    /// Removes the file that is there now.
    pub(super) fn delete(&mut self, path: &RepoPath) {
        self.written.remove(path);
        self.removed.insert(path.clone());
    }

    /// Removes the file that was there before; what was written there since stays. Two files may swap their names.
    pub(super) fn move_away(&mut self, path: &RepoPath) {
        self.removed.insert(path.clone());
    }

    pub(super) fn edits(&self) -> Edits {
        let removed = self.removed.iter().map(|path| (path.clone(), None));
        removed.chain(self.written.iter().map(|(path, entry)| (path.clone(), Some(*entry)))).collect()
    }
}

/// The bytes that a patch sees; of a submodule, the line that git shows for it.
pub(super) fn content(odb: &Odb<'_>, entry: Entry) -> Result<Vec<u8>, Error> {
    if entry.is_submodule() {
        return Ok(format!("Subproject commit {}\n", entry.id).into_bytes());
    }
    Ok(odb.read(entry.id)?.data().to_vec())
}

/// The entry for a content; `None` where it says no commit for a submodule.
pub(super) fn store(odb: &Odb<'_>, mode: Mode, content: &[u8]) -> Result<Option<Entry>, Error> {
    if mode != Mode::SUBMODULE {
        return Ok(Some(Entry { mode, id: odb.write(git2::ObjectType::Blob, content)? }));
    }
    let hex = content.strip_prefix(b"Subproject commit ").map(<[u8]>::trim_ascii_end).filter(|hex| hex.len() == 40);
    let id = hex.and_then(|hex| Oid::from_str(std::str::from_utf8(hex).ok()?).ok());
    Ok(id.map(|id| Entry { mode, id }))
}
