//! Writing a tree's files: byte for byte, without filters, into a folder that was not there before.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use git2::{Error, Odb, Oid};
use rustix::fs::{AtFlags, Mode as Permissions, OFlags};
use thiserror::Error;
use tollhouse_core::RepoPath;

use crate::ailment::told;

use super::stat_cache::StatCache;
use super::tree::{DEPTH_MAX, Entry, is_reserved, read_entries};
use super::{LedgerRepo, LedgerRepoProblem, ledger_repo};

/// Why a tree cannot be written to a folder.
#[derive(Debug, Error)]
pub enum CheckoutProblem {
    /// The folder is there already.
    #[error("{path} is there already")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The tree has a name that no checkout may have, such as `.git`.
    #[error("the tree holds {path}, which may not be checked out")]
    Reserved {
        /// The entry.
        path: RepoPath,
    },
    /// Folders within folders without end.
    #[error("the tree has more than {DEPTH_MAX} folders within each other at {path}")]
    TooDeep {
        /// The folder.
        path: RepoPath,
    },
    /// The system refuses; also where two names are one on this file system.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file, or its path in the tree.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The repository that it borrows from cannot be named.
    #[error(transparent)]
    Repo(#[from] LedgerRepoProblem),
    /// An object is missing or damaged.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

/// Writes the files of a tree into a new folder: executable bits and symbolic links too, submodules as empty folders.
/// Gives what [`snapshot`](super::snapshot) needs to be fast.
///
/// # Errors
///
/// [`CheckoutProblem`]; what was written until then stays for the caller to remove.
pub fn checkout(repo: &LedgerRepo, tree: Oid, dir: &Path) -> Result<StatCache, CheckoutProblem> {
    let root = create(dir)?;
    write_tree(repo, tree, &root)
}

/// Makes a folder that was not there, for nobody else to read.
pub(super) fn create(dir: &Path) -> Result<OwnedFd, CheckoutProblem> {
    let problem = |error: rustix::io::Errno| match error {
        rustix::io::Errno::EXIST => CheckoutProblem::Exists { path: dir.to_owned() },
        error => CheckoutProblem::Io { path: dir.to_owned(), source: error.into() },
    };
    rustix::fs::mkdir(dir, Permissions::RWXU).map_err(problem)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
    rustix::fs::open(dir, flags, Permissions::empty()).map_err(problem)
}

/// One folder to fill: its path, and its files.
struct Folder {
    path: Vec<u8>,
    files: Vec<(Vec<u8>, Entry)>,
}

pub(super) fn write_tree(repo: &LedgerRepo, tree: Oid, root: &OwnedFd) -> Result<StatCache, CheckoutProblem> {
    const FILES_PER_WORKER: usize = 500;
    let mut folders = Vec::new();
    make_folders(&repo.odb()?, tree, root, &mut folders)?;
    let files: usize = folders.iter().map(|folder| folder.files.len()).sum();
    let workers = thread::available_parallelism().map_or(1, usize::from).min(8).min(files / FILES_PER_WORKER + 1);
    let next = AtomicUsize::new(0);
    let results = thread::scope(|scope| {
        // A handle of libgit2 is for one thread.
        let dir = repo.dir();
        let work = || fill_some(dir, root, &folders, &next);
        let handles: Vec<_> = (1..workers).map(|_| scope.spawn(work)).collect();
        let own = work();
        let others = handles.into_iter().map(|handle| handle.join().expect("a worker does not panic"));
        std::iter::once(own).chain(others).collect::<Vec<_>>()
    });
    let mut cache = StatCache::default();
    for result in results {
        cache.extend(result?);
    }
    Ok(cache)
}

/// Makes all folders of a tree, and lists their files.
fn make_folders(odb: &Odb<'_>, tree: Oid, root: &OwnedFd, folders: &mut Vec<Folder>) -> Result<(), CheckoutProblem> {
    let mut next = vec![(Vec::new(), tree, 0)];
    while let Some((path, tree, depth)) = next.pop() {
        if depth > DEPTH_MAX {
            return Err(CheckoutProblem::TooDeep { path: RepoPath::new(path) });
        }
        let mut files = Vec::new();
        for (name, entry) in read_entries(odb, tree)? {
            let full = join(&path, &name);
            if is_reserved(&name) {
                return Err(CheckoutProblem::Reserved { path: RepoPath::new(full) });
            }
            if entry.is_folder() || entry.is_submodule() {
                let made = rustix::fs::mkdirat(root, full.as_slice(), Permissions::from_raw_mode(0o777));
                made.map_err(|error| io_problem(&full, error))?;
                if entry.is_folder() {
                    next.push((full, entry.id, depth + 1));
                }
            } else {
                files.push((name, entry));
            }
        }
        folders.push(Folder { path, files });
    }
    Ok(())
}

/// Fills folders until none is left.
fn fill_some(
    repo: &Path,
    root: &OwnedFd,
    folders: &[Folder],
    next: &AtomicUsize,
) -> Result<StatCache, CheckoutProblem> {
    let repo = ledger_repo::open(repo)?;
    let odb = repo.odb()?;
    let mut cache = StatCache::default();
    while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
        if folder.files.is_empty() {
            continue;
        }
        let path = if folder.path.is_empty() { b"." } else { folder.path.as_slice() };
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let dir = rustix::fs::openat(root, path, flags, Permissions::empty());
        let dir = dir.map_err(|error| io_problem(&folder.path, error))?;
        for (name, entry) in &folder.files {
            let content = odb.read(entry.id)?;
            let full = join(&folder.path, name);
            let stat = write_file(&dir, name, *entry, content.data()).map_err(|error| io_problem(&full, error))?;
            cache.insert(full, stat.into(), entry.id);
        }
    }
    Ok(cache)
}

/// Writes one file or link that must not be there.
fn write_file(dir: &OwnedFd, name: &[u8], entry: Entry, content: &[u8]) -> Result<rustix::fs::Stat, io::Error> {
    if entry.is_link() {
        rustix::fs::symlinkat(content, dir.as_fd(), name)?;
        return Ok(rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)?);
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Permissions::from_raw_mode(if entry.is_executable() { 0o777 } else { 0o666 });
    let mut file = File::from(rustix::fs::openat(dir, name, flags, mode)?);
    file.write_all(content)?;
    Ok(rustix::fs::fstat(&file)?)
}

pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

fn io_problem(path: &[u8], error: impl Into<io::Error>) -> CheckoutProblem {
    CheckoutProblem::Io { path: PathBuf::from(OsStr::from_bytes(path)), source: error.into() }
}
