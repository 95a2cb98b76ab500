//! Taking objects out of the ledger's own repository: those of work that was purged or is in an archive, as far as nothing else
//! there needs them.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use git2::{Error, ObjectType, Oid};

use super::ledger_repo::{LedgerRepo, sync_dir};
use super::loose;
use crate::failpoint::around;

/// What is to be taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unwanted {
    /// The names of pins, with all that only they keep.
    pub pins: Vec<String>,
    /// Objects that no pin names: trees of candidates, commits that landed.
    pub ids: Vec<Oid>,
    /// The texts of patches.
    pub texts: Vec<Oid>,
}

impl LedgerRepo {
    /// Takes objects out, unless another pin keeps them, somebody else needs them, or has written them again since a time; the answer is how many.
    /// What was taken out already is passed over, so that it may be cut off anywhere and done again.
    ///
    /// # Errors
    ///
    /// libgit2's, where what is pinned cannot be read or a pin not be removed.
    pub fn forget(&self, unwanted: &Unwanted, needed: &[Oid], since: SystemTime) -> Result<u64, Error> {
        let is_unwanted: BTreeSet<&String> = unwanted.pins.iter().collect();
        let kept: Vec<Oid> = self
            .pinned_names()?
            .iter()
            .filter(|name| !is_unwanted.contains(name))
            .filter_map(|name| self.pinned(name))
            .chain(needed.iter().copied())
            .collect();
        let needed: BTreeSet<Oid> = self.own_below(kept)?.into_iter().collect();
        let others = unwanted.ids.iter().chain(&unwanted.texts).copied();
        let roots = unwanted.pins.iter().filter_map(|name| self.pinned(name)).chain(others);
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

    /// Copies objects to another repository of ours, with all that they lead to and that this one does not borrow, and pins them
    /// there as they are here. Texts of patches are copied wherever they lie: whoever lends one may stop.
    ///
    /// # Errors
    ///
    /// libgit2's, where an object cannot be read, and the system's, where one cannot be written.
    pub fn copy_to(&self, other: &Self, which: &Unwanted) -> Result<(), Error> {
        around("git.copy", || self.copy_each(other, which))
    }

    fn copy_each(&self, other: &Self, which: &Unwanted) -> Result<(), Error> {
        let failed = |error: io::Error| Error::from_str(&error.to_string());
        let pins: Vec<(&String, Oid)> = which.pins.iter().filter_map(|name| Some((name, self.pinned(name)?))).collect();
        for text in &which.texts {
            if let Ok(blob) = self.repo().find_blob(*text) {
                let packed = loose::blob(blob.content()).map_err(failed)?;
                put(&other.loose(*text), &mut packed.as_slice()).map_err(failed)?;
            }
        }
        let roots = pins.iter().map(|(_, id)| *id).chain(which.ids.iter().copied());
        for id in self.own_below(roots.collect())? {
            copy(&self.loose(id), &other.loose(id)).map_err(failed)?;
        }
        // Many in one file, where somebody had git put them together.
        let packs = fs::read_dir(self.dir().join("objects/pack")).into_iter().flatten().flatten();
        for path in packs.map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default();
            copy(&path, &other.dir().join("objects/pack").join(name)).map_err(failed)?;
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
        // A content leads nowhere, and may be large: only its beginning is read.
        Ok(match self.odb()?.read_header(id)? {
            (_, ObjectType::Commit) => {
                let commit = self.repo().find_commit(id)?;
                std::iter::once(commit.tree_id()).chain(commit.parent_ids()).collect()
            }
            (_, ObjectType::Tree) => self.repo().find_tree(id)?.iter().map(|entry| entry.id()).collect(),
            _ => Vec::new(),
        })
    }

    /// The file of an object that is in one of its own.
    fn loose(&self, id: Oid) -> PathBuf {
        self.dir().join(loose::place_of(&id.to_string()))
    }
}

/// Removes a file that was not touched since; the answer is whether.
fn remove(path: &Path, since: SystemTime) -> io::Result<bool> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(false) } else { Err(error) };
    match path.symlink_metadata().and_then(|metadata| metadata.modified()) {
        Ok(changed) if changed < since => fs::remove_file(path).map(|()| true).or_else(gone),
        Ok(_) => Ok(false),
        Err(error) => gone(error),
    }
}

/// Copies a file that may be large, as [`put`] writes one.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    put(to, &mut File::open(from)?)
}

/// Writes a file as a whole, durably, unless there is one.
fn put(path: &Path, content: &mut impl Read) -> io::Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    io::copy(content, &mut file)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_dir(folder)
}
