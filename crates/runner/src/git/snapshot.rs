//! Reading what an agent left in a folder, without opening any repository there: nothing that it planted can run.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{Error, ObjectType, Odb, Oid};
use rustix::fs::{AtFlags, Dir, FileType, Mode as Permissions, OFlags};
use rustix::io::Errno;
use thiserror::Error;
use tollhouse_core::RepoPath;
use tollhouse_engine::patch::Mode;

use crate::ailment::told;

use super::LedgerRepo;
use super::checkout::join;
use super::ignores::{Ignores, Shape};
use super::stat_cache::{Stat, StatCache};
use super::tree::{DEPTH_MAX, Entries, Entry, is_reserved, read_entries, write_entries};

/// A file that is larger stops the snapshot. Git could hold it, but nobody would want to land it.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// So much may be new in a folder, all files together: it comes into the ledger's repository before anybody judges it.
const BYTES_MAX: u64 = 1 << 30;

/// A larger file of ignore rules is not read.
const RULES_BYTES_MAX: u64 = 1 << 20;

/// Why a folder could not be read. Nothing is guessed: a file that cannot be read is not a file that is gone.
#[derive(Debug, Error)]
pub enum SnapshotProblem {
    /// The folder to be read was removed, or something else is in its place.
    #[error("the workspace is gone, or something else is in its place")]
    NoFolder,
    /// The system does not let us read it.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// Which file or folder, relative to the one that was read.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is too large to be a source.
    #[error("{path} has {bytes} bytes, more than {FILE_BYTES_MAX}")]
    TooLarge {
        /// Which file.
        path: RepoPath,
        /// Its size.
        bytes: u64,
    },
    /// The files that are new or changed are too large together.
    #[error("what is new in the workspace has more than {bytes_max} bytes")]
    TooMuch {
        /// How many there may be.
        bytes_max: u64,
    },
    /// An object is missing, or the disk refuses a new one.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

/// How to look at a folder.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The tree that was checked out there. Its files always count, also where they are ignored.
    pub base: Oid,
    /// What the checkout gave, to be fast; the answer is the same without.
    pub cache: Option<&'a StatCache>,
    /// Ignore rules beside those in the folder: the text of the project's `info/exclude`.
    pub exclude: &'a [u8],
}

/// What was in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its tree, kept in the ledger's repository.
    pub tree: Oid,
    /// The files that the base does not have, in the order of the paths within each folder.
    pub added: Vec<RepoPath>,
    /// What a tree cannot hold, and why; in the order of the paths within each folder.
    pub unrepresentable: Vec<(RepoPath, String)>,
}

/// Reads the files of a folder into a tree: those of the base, and all others that are not ignored. Symbolic links are kept
/// and never followed. The `.git` at the top is no file of the project; a repository further down is no part of it, and
/// told so.
///
/// # Errors
///
/// [`SnapshotProblem`], with the path.
pub fn snapshot(repo: &LedgerRepo, dir: &Path, look: &Look<'_>) -> Result<Snapshot, SnapshotProblem> {
    snapshot_into(&repo.odb()?, dir, look)
}

pub(super) fn snapshot_into(odb: &Odb<'_>, dir: &Path, look: &Look<'_>) -> Result<Snapshot, SnapshotProblem> {
    snapshot_within(odb, dir, look, BYTES_MAX)
}

fn snapshot_within(odb: &Odb<'_>, dir: &Path, look: &Look<'_>, bytes_max: u64) -> Result<Snapshot, SnapshotProblem> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    let root = rustix::fs::open(dir, flags, Permissions::empty());
    let root = root.map_err(|error| match error {
        // A link in its place, too: on some systems it is a loop, on others no folder.
        Errno::NOENT | Errno::NOTDIR | Errno::LOOP => SnapshotProblem::NoFolder,
        error => SnapshotProblem::Unreadable { path: dir.to_owned(), source: error.into() },
    })?;
    let mut ignores = Ignores::default();
    ignores.push(b"", look.exclude);
    let mut walk = Walk {
        odb,
        cache: look.cache,
        ignores,
        room: Room { left: bytes_max, bytes_max },
        added: Vec::new(),
        unrepresentable: Vec::new(),
    };
    let top = Place { path: b"", depth: 0, untracked: Untracked::Count };
    let tree = match walk.folder(&root, &top, Some(look.base))? {
        Some(tree) => tree,
        None => walk.odb.write(ObjectType::Tree, b"")?,
    };
    Ok(Snapshot { tree, added: walk.added, unrepresentable: walk.unrepresentable })
}

/// Whether files that the base does not have count in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Untracked {
    Count,
    /// The folder is ignored, and with it all that is new in it.
    Ignored,
}

struct Place<'a> {
    path: &'a [u8],
    depth: usize,
    untracked: Untracked,
}

/// A file or a link that counts.
#[derive(Clone, Copy)]
struct Found<'a> {
    dir: &'a OwnedFd,
    name: &'a [u8],
    path: &'a [u8],
    stat: Stat,
    /// What the base has there, if that is a file or a link, too.
    base: Option<Entry>,
}

/// How much new content there may still be.
#[derive(Clone, Copy)]
struct Room {
    left: u64,
    bytes_max: u64,
}

struct Walk<'a> {
    odb: &'a Odb<'a>,
    cache: Option<&'a StatCache>,
    ignores: Ignores,
    room: Room,
    added: Vec<RepoPath>,
    unrepresentable: Vec<(RepoPath, String)>,
}

impl Walk<'_> {
    /// The tree of a folder; `None` where it has nothing that counts.
    fn folder(&mut self, dir: &OwnedFd, place: &Place<'_>, base: Option<Oid>) -> Result<Option<Oid>, SnapshotProblem> {
        let before = base.map_or(Ok(Entries::new()), |base| read_entries(self.odb, base))?;
        let names = list(dir).map_err(|error| unreadable(place.path, error))?;
        let rules = names.binary_search_by(|name| name.as_slice().cmp(b".gitignore")).is_ok();
        let text = if rules { read_rules(dir).map_err(|error| unreadable(place.path, error))? } else { Vec::new() };
        self.ignores.push(place.path, &text);
        let mut after = Entries::new();
        for name in names {
            if place.path.is_empty() && name == b".git" {
                continue;
            }
            if let Some(entry) = self.entry(dir, place, &name, before.get(&name).copied())? {
                after.insert(name, entry);
            }
        }
        self.ignores.pop();
        match base {
            Some(base) if after == before => Ok(Some(base)),
            _ if after.is_empty() => Ok(None),
            _ => Ok(Some(write_entries(self.odb, &after)?)),
        }
    }

    /// What one name becomes.
    fn entry(
        &mut self,
        dir: &OwnedFd,
        place: &Place<'_>,
        name: &[u8],
        base: Option<Entry>,
    ) -> Result<Option<Entry>, SnapshotProblem> {
        let path = join(place.path, name);
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::Directory {
            return self.subfolder(dir, place, &path, base);
        }
        let tracked = base.filter(|entry| !entry.is_folder() && !entry.is_submodule());
        let ignored = || place.untracked == Untracked::Ignored || self.ignores.matches(&path, Shape::Other);
        if tracked.is_none() && ignored() {
            return Ok(None);
        }
        if tracked.is_none() && is_reserved(name) {
            return Ok(self.cannot(path, "a name that git keeps for itself"));
        }
        if tracked.is_none() && matches!(kind, FileType::Symlink | FileType::RegularFile) {
            self.added.push(RepoPath::new(path.as_slice()));
        }
        let found = Found { dir, name, path: &path, stat: stat.into(), base: tracked };
        match kind {
            FileType::Symlink => self.link(&found).map(Some),
            FileType::RegularFile => self.file(&found).map(Some),
            FileType::Fifo => Ok(self.cannot(path, "a named pipe")),
            FileType::Socket => Ok(self.cannot(path, "a socket")),
            _ => Ok(self.cannot(path, "a device")),
        }
    }

    fn subfolder(
        &mut self,
        dir: &OwnedFd,
        place: &Place<'_>,
        path: &[u8],
        base: Option<Entry>,
    ) -> Result<Option<Entry>, SnapshotProblem> {
        let tracked = base.filter(|entry| entry.is_folder());
        let submodule = base.filter(|entry| entry.is_submodule());
        let ignored = place.untracked == Untracked::Ignored || self.ignores.matches(path, Shape::Folder);
        if ignored && tracked.is_none() && submodule.is_none() {
            return Ok(None);
        }
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        if base.is_none() && is_reserved(name) {
            return Ok(self.cannot(path.to_vec(), "a name that git keeps for itself"));
        }
        if place.depth >= DEPTH_MAX {
            self.cannot(path.to_vec(), "too many folders within each other");
            return Ok(tracked);
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder = rustix::fs::openat(dir, name, flags, Permissions::empty());
        let folder = folder.map_err(|error| unreadable(path, error))?;
        let repository = rustix::fs::statat(&folder, ".git", AtFlags::SYMLINK_NOFOLLOW).is_ok();
        if let Some(submodule) = submodule {
            if !repository && !list(&folder).map_err(|error| unreadable(path, error))?.is_empty() {
                self.cannot(path.to_vec(), "files in the folder of a submodule");
            }
            return Ok(Some(submodule));
        }
        if repository {
            self.cannot(path.to_vec(), "a repository of its own");
            return Ok(tracked);
        }
        let untracked = if ignored { Untracked::Ignored } else { Untracked::Count };
        let below = Place { path, depth: place.depth + 1, untracked };
        let tree = self.folder(&folder, &below, tracked.map(|entry| entry.id))?;
        Ok(tree.map(Entry::folder))
    }

    fn link(&mut self, found: &Found<'_>) -> Result<Entry, SnapshotProblem> {
        let Found { dir, name, path, stat, base } = *found;
        if let Some(id) = self.cache.and_then(|cache| cache.unchanged(path, &stat)) {
            return Ok(Entry { mode: Mode::LINK, id });
        }
        let target = rustix::fs::readlinkat(dir, name, Vec::new()).map_err(|error| unreadable(path, error))?;
        Ok(Entry { mode: Mode::LINK, id: self.keep(target.as_bytes(), base)? })
    }

    fn file(&mut self, found: &Found<'_>) -> Result<Entry, SnapshotProblem> {
        let Found { dir, name, path, stat, base } = *found;
        let mode = if stat.mode & 0o100 == 0 { Mode::FILE } else { Mode::EXECUTABLE };
        // A mode that git no longer makes stays, as long as it says the same.
        let same = |entry: &Entry| !entry.is_link() && (entry.mode.bits() & 0o100 != 0) == (mode == Mode::EXECUTABLE);
        let mode = base.filter(same).map_or(mode, |entry| entry.mode);
        if let Some(id) = self.cache.and_then(|cache| cache.unchanged(path, &stat)) {
            return Ok(Entry { mode, id });
        }
        let content = read_file(dir.as_fd(), name, FILE_BYTES_MAX).map_err(|error| unreadable(path, error))?;
        match content {
            Ok(content) => Ok(Entry { mode, id: self.keep(&content, base)? }),
            Err(bytes) => Err(SnapshotProblem::TooLarge { path: RepoPath::new(path), bytes }),
        }
    }

    /// The id of a content, which is written unless the base has it.
    fn keep(&mut self, content: &[u8], base: Option<Entry>) -> Result<Oid, SnapshotProblem> {
        let id = Oid::hash_object(ObjectType::Blob, content)?;
        if base.is_some_and(|base| base.id == id) {
            return Ok(id);
        }
        let Room { left, bytes_max } = self.room;
        self.room.left = left.checked_sub(content.len() as u64).ok_or(SnapshotProblem::TooMuch { bytes_max })?;
        Ok(self.odb.write(ObjectType::Blob, content)?)
    }

    fn cannot(&mut self, path: Vec<u8>, why: &str) -> Option<Entry> {
        self.unrepresentable.push((RepoPath::new(path), why.to_owned()));
        None
    }
}

/// The names in a folder, sorted.
fn list(dir: &OwnedFd) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(name.to_vec());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The rules of a folder. As in git, a link is no file of rules, and a huge one is none either.
fn read_rules(dir: &OwnedFd) -> Result<Vec<u8>, io::Error> {
    let stat = rustix::fs::statat(dir, ".gitignore", AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(Vec::new());
    }
    Ok(read_file(dir.as_fd(), b".gitignore", RULES_BYTES_MAX)?.unwrap_or_default())
}

/// The content of a regular file, or its size where that is over the limit. Never waits, never follows a link.
fn read_file(dir: BorrowedFd<'_>, name: &[u8], bytes_max: u64) -> Result<Result<Vec<u8>, u64>, io::Error> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(dir, name, flags, Permissions::empty())?);
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file any more"));
    }
    if metadata.len() > bytes_max {
        return Ok(Err(metadata.len()));
    }
    let mut content = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    let read = file.take(bytes_max + 1).read_to_end(&mut content)? as u64;
    Ok(if read > bytes_max { Err(read) } else { Ok(content) })
}

fn unreadable(path: &[u8], error: impl Into<io::Error>) -> SnapshotProblem {
    let path = if path.is_empty() { b"." } else { path };
    SnapshotProblem::Unreadable { path: PathBuf::from(OsStr::from_bytes(path)), source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use git2::Repository;

    use super::*;

    /// What is read of two new files of ten bytes each, where there is room for so many bytes.
    fn with_room(bytes_max: u64) -> Result<Snapshot, SnapshotProblem> {
        let around = tempfile::tempdir().unwrap();
        let repo = Repository::init_bare(around.path().join("repo")).unwrap();
        let odb = repo.odb().unwrap();
        let base = odb.write(ObjectType::Tree, b"").unwrap();
        let dir = around.path().join("dir");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("a"), "aaaaaaaaaa").unwrap();
        fs::write(dir.join("b"), "bbbbbbbbbb").unwrap();
        snapshot_within(&odb, &dir, &Look { base, cache: None, exclude: b"" }, bytes_max)
    }

    #[test]
    fn new_files_that_fit_together_are_read() {
        assert_eq!(with_room(20).unwrap().added.len(), 2);
    }

    #[test]
    fn new_files_that_are_too_large_together_are_not() {
        let problem = with_room(19).unwrap_err();
        assert_eq!(problem.to_string(), "what is new in the workspace has more than 19 bytes");
    }
}
