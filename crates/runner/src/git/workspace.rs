//! Workspaces: clones of their own that borrow objects. What an agent does to one, to its config, hooks or refs, stays in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::{Config, Index, IndexEntry, IndexTime, Odb, Oid, Reference};
use thiserror::Error;
use tollhouse_core::RepoPath;

use crate::ailment::told;
use crate::failpoint::around;

use super::checkout::{create, join, write_tree};
use super::ledger_repo::alternates;
use super::remove::remove_all;
use super::stat_cache::{Stat, StatCache};
use super::tree::{Entry, read_entries};
use super::{CheckoutProblem, LedgerRepo, Look, Signature, Snapshot, SnapshotProblem, snapshot};

/// The configuration of a workspace. Nothing is collected: what it borrows is not its own to throw away.
const CONFIG: &str = "\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[gc]
\tauto = 0
[maintenance]
\tauto = false
";

/// Why a workspace cannot be made or removed.
#[derive(Debug, Error)]
pub enum WorkspaceProblem {
    /// Git allows no branch of this name.
    #[error("{name:?} is no name for a branch")]
    BranchName {
        /// The name.
        name: String,
    },
    /// Its files cannot be written.
    #[error(transparent)]
    Checkout(#[from] CheckoutProblem),
    /// The system refuses.
    #[error("cannot use {path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// libgit2 refuses.
    #[error("{}", told(.0))]
    Git(#[from] git2::Error),
}

/// A directory with a repository of its own, for one attempt or one gate run.
#[derive(Debug, Clone)]
pub struct Workspace {
    dir: PathBuf,
    base: Oid,
    cache: StatCache,
}

impl Workspace {
    /// Makes a workspace at a commit, in a folder that is not there yet, with HEAD on a branch such as `task/backoff`. Plain git
    /// works in it; it has no remote, no hooks, and objects of its own only for what is new. Pin the commit before: it is only borrowed.
    ///
    /// # Errors
    ///
    /// [`WorkspaceProblem`]; what was written until then stays for [`Workspace::remove`].
    pub fn create(repo: &LedgerRepo, commit: Oid, dir: &Path, branch: &str) -> Result<Self, WorkspaceProblem> {
        if !Reference::is_valid_name(&format!("refs/heads/{branch}")) {
            return Err(WorkspaceProblem::BranchName { name: branch.to_owned() });
        }
        let base = repo.tree_of(commit)?;
        around("git.workspace", || {
            let root = create(dir)?;
            let cache = write_tree(repo, base, &root)?;
            write_git_dir(repo, commit, branch, &dir.join(".git"))?;
            write_index(&repo.odb()?, base, &cache, &dir.join(".git/index"))?;
            Ok(Self { dir: dir.to_owned(), base, cache })
        })
    }

    /// A workspace that another process made at a commit. It was in an agent's hands: it is looked at, and never opened as a
    /// repository.
    ///
    /// # Errors
    ///
    /// libgit2's, where there is no such commit.
    pub fn reopen(repo: &LedgerRepo, commit: Oid, dir: &Path) -> Result<Self, WorkspaceProblem> {
        Ok(Self { dir: dir.to_owned(), base: repo.tree_of(commit)?, cache: StatCache::default() })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The tree that was checked out.
    pub fn base(&self) -> Oid {
        self.base
    }

    /// Says who commits in it; without, git's own configuration does.
    ///
    /// # Errors
    ///
    /// libgit2's, where its configuration cannot be written.
    pub fn set_author(&self, author: &Signature) -> Result<(), WorkspaceProblem> {
        let mut config = Config::open(&self.dir.join(".git/config"))?;
        config.set_str("user.name", &author.name)?;
        Ok(config.set_str("user.email", &author.email)?)
    }

    /// Writes further ignore rules, lines of a gitignore file, into its `info/exclude`, so that git there sees what [`Workspace::snapshot`] sees.
    ///
    /// # Errors
    ///
    /// [`WorkspaceProblem::Io`].
    pub fn set_excludes(&self, excludes: &[String]) -> Result<(), WorkspaceProblem> {
        let path = self.dir.join(".git/info/exclude");
        fs::write(&path, excludes.join("\n") + "\n").map_err(|source| WorkspaceProblem::Io { path, source })
    }

    /// What is in it now, but for what its ignore rules and the further ones leave out.
    ///
    /// # Errors
    ///
    /// [`SnapshotProblem`].
    pub fn snapshot(&self, repo: &LedgerRepo, excludes: &[String]) -> Result<Snapshot, SnapshotProblem> {
        let exclude = excludes.join("\n");
        let look = Look { base: self.base, cache: Some(&self.cache), exclude: exclude.as_bytes() };
        around("git.snapshot", || snapshot(repo, &self.dir, &look))
    }

    /// Removes a workspace, whatever was put there; no link is followed. One that is gone is removed.
    ///
    /// # Errors
    ///
    /// [`WorkspaceProblem::Io`].
    pub fn remove(dir: &Path) -> Result<(), WorkspaceProblem> {
        let removed = around("git.remove_workspace", || remove_all(dir));
        removed.map_err(|source| WorkspaceProblem::Io { path: dir.to_owned(), source })
    }
}

fn write_git_dir(repo: &LedgerRepo, commit: Oid, branch: &str, git_dir: &Path) -> Result<(), WorkspaceProblem> {
    let lenders = repo.objects_dirs();
    let head = format!("ref: refs/heads/{branch}\n");
    let branch = git_dir.join("refs/heads").join(branch);
    let shallow: Vec<u8> =
        lenders.iter().filter_map(|dir| fs::read(dir.parent()?.join("shallow")).ok()).flatten().collect();
    let folders = [git_dir.join("objects/pack"), git_dir.join("objects/info"), git_dir.join("info")];
    for path in folders.into_iter().chain(branch.parent().map(Path::to_owned)) {
        fs::create_dir_all(&path).map_err(|source| WorkspaceProblem::Io { path, source })?;
    }
    let mut files = vec![
        (git_dir.join("objects/info/alternates"), alternates(&lenders).map_err(CheckoutProblem::from)?),
        (git_dir.join("config"), CONFIG.as_bytes().to_vec()),
        (branch, format!("{commit}\n").into_bytes()),
        (git_dir.join("HEAD"), head.into_bytes()),
    ];
    if !shallow.is_empty() {
        files.push((git_dir.join("shallow"), shallow));
    }
    for (path, content) in files {
        fs::write(&path, content).map_err(|source| WorkspaceProblem::Io { path, source })?;
    }
    Ok(())
}

/// Writes an index that has the files as they were just written, so that git need not read them again.
pub(super) fn write_index(odb: &Odb<'_>, tree: Oid, cache: &StatCache, path: &Path) -> Result<(), WorkspaceProblem> {
    let mut entries = Vec::new();
    let mut next = vec![(Vec::new(), tree)];
    while let Some((folder, tree)) = next.pop() {
        for (name, entry) in read_entries(odb, tree)? {
            let path = join(&folder, &name);
            if entry.is_folder() { next.push((path, entry.id)) } else { entries.push((path, entry)) }
        }
    }
    entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let mut index = Index::open(path)?;
    for (path, entry) in entries {
        index.add(&index_entry(&RepoPath::new(path), entry, cache))?;
    }
    Ok(index.write()?)
}

fn index_entry(path: &RepoPath, entry: Entry, cache: &StatCache) -> IndexEntry {
    let stat = cache.stat(path.as_bytes());
    let field = |field: fn(&Stat) -> i64| stat.map_or(0, |stat| low_bits(field(stat)));
    let time = |field: fn(&Stat) -> (i64, i64)| {
        let (seconds, nanos) = stat.map_or((0, 0), field);
        IndexTime::new(i32::try_from(seconds).unwrap_or(0), low_bits(nanos))
    };
    let mode = match entry {
        entry if entry.is_link() || entry.is_submodule() => entry.mode.bits(),
        entry if entry.is_executable() => 0o100_755,
        _ => 0o100_644,
    };
    IndexEntry {
        ctime: time(|stat| stat.ctime),
        mtime: time(|stat| stat.mtime),
        dev: field(|stat| stat.dev),
        ino: field(|stat| stat.ino),
        mode,
        uid: field(|stat| stat.uid),
        gid: field(|stat| stat.gid),
        file_size: field(|stat| stat.size),
        id: entry.id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// The index has 32 bits for each number; git compares no more.
fn low_bits(number: i64) -> u32 {
    u32::try_from(number & 0xffff_ffff).expect("32 bits were left")
}
