//! Taking objects out of the ledger's own repository: those of work that was purged or is in an archive, as far as nothing else
//! there needs them.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use git2::{Error, ObjectType, Odb, Oid};

use super::ledger_repo::LedgerRepo;
use crate::failpoint::around;

/// What is to be taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unwanted {
    /// The names of pins, with all that only they keep.
    pub pins: Vec<String>,
    /// Objects that no pin names: texts of patches, trees of candidates, commits that landed.
    pub ids: Vec<Oid>,
}

impl LedgerRepo {
    /// Takes objects out, unless another pin keeps them, or somebody has written them again since a time; the answer is how many.
    /// What was taken out already is passed over, so that it may be cut off anywhere and done again.
    ///
    /// # Errors
    ///
    /// libgit2's, where what is pinned cannot be read or a pin not be removed.
    pub fn forget(&self, unwanted: &Unwanted, since: SystemTime) -> Result<u64, Error> {
        let is_unwanted: BTreeSet<&String> = unwanted.pins.iter().collect();
        let kept: Vec<Oid> = self
            .pinned_names()?
            .iter()
            .filter(|name| !is_unwanted.contains(name))
            .filter_map(|name| self.pinned(name))
            .collect();
        let needed: BTreeSet<Oid> = self.own_below(kept)?.into_iter().collect();
        let roots = unwanted.pins.iter().filter_map(|name| self.pinned(name)).chain(unwanted.ids.iter().copied());
        let mut count = 0;
        around("git.forget", || {
            // What leads to others goes after them, and pins at last: wherever this is cut off, the rest can still be found.
            for id in self.own_below(roots.collect())?.into_iter().filter(|id| !needed.contains(id)) {
                count +=
                    u64::from(remove(&self.loose(id), since).map_err(|error| Error::from_str(&error.to_string()))?);
            }
            unwanted.pins.iter().try_for_each(|name| self.unpin(name))
        })?;
        Ok(count)
    }

    /// Copies objects to another repository, with all that they lead to and that this one does not borrow, and pins them there as
    /// they are here.
    ///
    /// # Errors
    ///
    /// libgit2's, where an object cannot be read or written.
    pub fn copy_to(&self, other: &Self, which: &Unwanted) -> Result<(), Error> {
        around("git.copy", || self.copy_each(other, which))
    }

    fn copy_each(&self, other: &Self, which: &Unwanted) -> Result<(), Error> {
        let own = Odb::new()?;
        own.add_disk_alternate(&self.dir().join("objects").to_string_lossy())?;
        let target = other.odb()?;
        let pins: Vec<(&String, Oid)> = which.pins.iter().filter_map(|name| Some((name, self.pinned(name)?))).collect();
        let mut next: Vec<Oid> = pins.iter().map(|(_, id)| *id).chain(which.ids.iter().copied()).collect();
        let mut seen = BTreeSet::new();
        while let Some(id) = next.pop() {
            if own.exists(id) && seen.insert(id) {
                let object = own.read(id)?;
                target.write(object.kind(), object.data())?;
                next.extend(self.leads_to(id)?);
            }
        }
        pins.iter().try_for_each(|(name, id)| other.pin(name, *id))
    }

    /// The objects that lie in this repository, each in a file of its own, and are reached from these by others of that kind;
    /// each after all that it leads to. What the maintainer's repository lends leads only to what it lends.
    fn own_below(&self, roots: Vec<Oid>) -> Result<Vec<Oid>, Error> {
        let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
        let mut next: Vec<(Oid, bool)> = roots.into_iter().map(|id| (id, false)).collect();
        while let Some((id, is_done)) = next.pop() {
            if is_done {
                found.push(id);
            } else if self.loose(id).is_file() && seen.insert(id) {
                next.push((id, true));
                next.extend(self.leads_to(id)?.into_iter().map(|id| (id, false)));
            }
        }
        Ok(found)
    }

    fn leads_to(&self, id: Oid) -> Result<Vec<Oid>, Error> {
        let object = self.repo().find_object(id, None)?;
        Ok(match object.kind() {
            Some(ObjectType::Commit) => {
                let commit = object.peel_to_commit()?;
                std::iter::once(commit.tree_id()).chain(commit.parent_ids()).collect()
            }
            Some(ObjectType::Tree) => object.peel_to_tree()?.iter().map(|entry| entry.id()).collect(),
            _ => Vec::new(),
        })
    }

    /// The file of an object that is in one of its own.
    fn loose(&self, id: Oid) -> PathBuf {
        let id = id.to_string();
        self.dir().join("objects").join(&id[..2]).join(&id[2..])
    }
}

/// Removes a file that was not touched since; the answer is whether.
fn remove(path: &std::path::Path, since: SystemTime) -> io::Result<bool> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(false) } else { Err(error) };
    match path.symlink_metadata().and_then(|metadata| metadata.modified()) {
        Ok(changed) if changed < since => fs::remove_file(path).map(|()| true).or_else(gone),
        Ok(_) => Ok(false),
        Err(error) => gone(error),
    }
}
