//! Taking over what landed into the maintainer's checkout: at their word only, and never over uncommitted work.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use git2::{Delta, Error, Oid, RepositoryState};
use thiserror::Error;
use tollhouse_core::RepoPath;

use crate::ailment::told;

use super::{Head, Project, ProjectProblem};

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synced {
    /// The branch that came forward: the one that is checked out.
    pub branch: String,
    /// Where it was.
    pub from: Oid,
    /// Where it is; the same where all that landed was there already.
    pub to: Oid,
    /// How many commits it took over.
    pub commits: u64,
    /// The files that differ.
    pub files: Vec<RepoPath>,
}

/// Why a sync was refused. Nothing was touched then.
#[derive(Debug, Error)]
pub enum SyncProblem {
    /// No branch is checked out that could come forward.
    #[error("no branch is checked out in {worktree}")]
    Detached {
        /// The checkout.
        worktree: PathBuf,
    },
    /// The branch has commits that the landing branch has not.
    #[error("{onto} and {from} have diverged")]
    Diverged {
        /// Where things landed.
        from: String,
        /// What should have come forward.
        onto: String,
    },
    /// Uncommitted changes, or untracked files, are where something would have to be written.
    #[error("uncommitted work in {worktree} is in the way: {}", list(files))]
    InTheWay {
        /// The checkout.
        worktree: PathBuf,
        /// All such files.
        files: Vec<RepoPath>,
    },
    /// A merge, rebase, bisection or the like is not finished.
    #[error("a merge, rebase or the like is not finished in {worktree}")]
    InProgress {
        /// The checkout.
        worktree: PathBuf,
    },
    /// The git program refused, and says why.
    #[error("git refused: {message}")]
    Refused {
        /// What it said.
        message: String,
    },
    /// The git program cannot be started.
    #[error("cannot run git: {0}")]
    NoGit(#[source] io::Error),
    /// The repository refuses.
    #[error(transparent)]
    Project(#[from] ProjectProblem),
    /// libgit2 refuses.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

fn list(files: &[RepoPath]) -> String {
    files.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Brings the branch that is checked out here, and with it the files, forward to what landed.
///
/// # Errors
///
/// [`SyncProblem`]; the checkout was not touched then.
pub fn sync(project: &Project, land_on: &str) -> Result<Synced, SyncProblem> {
    let worktree = project.root().to_owned();
    let to = project.require_branch(land_on)?;
    let (branch, from) = match project.head()? {
        Head::Branch { name, commit } => (name, commit),
        Head::Detached { .. } if project.repo().state() == RepositoryState::Clean => {
            return Err(SyncProblem::Detached { worktree });
        }
        Head::Detached { .. } => return Err(SyncProblem::InProgress { worktree }),
    };
    if project.is_ancestor(to, from)? {
        return Ok(Synced { branch, from, to: from, commits: 0, files: Vec::new() });
    }
    if !project.is_ancestor(from, to)? {
        return Err(SyncProblem::Diverged { from: land_on.to_owned(), onto: branch });
    }
    if project.repo().state() != RepositoryState::Clean {
        return Err(SyncProblem::InProgress { worktree });
    }
    let changed = changes(project, from, to)?;
    let files = in_the_way(&worktree, &changed)?;
    if !files.is_empty() {
        return Err(SyncProblem::InTheWay { worktree, files });
    }
    forward(project, &branch, to)?;
    let commits = project.repo().graph_ahead_behind(to, from)?.0 as u64;
    Ok(Synced { branch, from, to, commits, files: changed.into_iter().map(|(path, _)| path).collect() })
}

fn forward(project: &Project, branch: &str, to: Oid) -> Result<(), SyncProblem> {
    // Here the git program is right and libgit2 is not: these are the maintainer's files, so their filters, line ends and sparse
    // checkout apply, as in every checkout of theirs. Git checks all of the above again, under its own locks, and moves branch,
    // index and files or none. Hooks are left out: nobody committed or merged anything here.
    let id = to.to_string();
    let merge = ["merge", "--ff-only", "--no-overwrite-ignore", "--no-autostash", "--no-stat", "--quiet", id.as_str()];
    let output = git(project.root(), &merge)?;
    if output.status.success() && project.branch(branch)? == Some(to) {
        return Ok(());
    }
    Err(SyncProblem::Refused { message: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

/// The paths that differ between two commits, and whether they are new.
fn changes(project: &Project, old: Oid, new: Oid) -> Result<Vec<(RepoPath, Delta)>, Error> {
    let repo = project.repo();
    let tree = |commit: Oid| repo.find_commit(commit)?.tree();
    let diff = repo.diff_tree_to_tree(Some(&tree(old)?), Some(&tree(new)?), None)?;
    let path = |delta: git2::DiffDelta<'_>| {
        let bytes = delta.new_file().path_bytes().or(delta.old_file().path_bytes());
        (RepoPath::new(bytes.unwrap_or_default()), delta.status())
    };
    Ok(diff.deltas().map(path).collect())
}

/// The files to be changed that have uncommitted changes, and the untracked ones where something new is to be.
fn in_the_way(worktree: &Path, changed: &[(RepoPath, Delta)]) -> Result<Vec<RepoPath>, SyncProblem> {
    let output = git(worktree, &["status", "--porcelain=v1", "-z", "--untracked-files=no", "--no-renames"])?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(SyncProblem::Refused { message });
    }
    let dirty: BTreeSet<&[u8]> = output.stdout.split(|byte| *byte == 0).filter_map(|line| line.get(3..)).collect();
    let gone: BTreeSet<&RepoPath> =
        changed.iter().filter(|(_, delta)| *delta == Delta::Deleted).map(|(path, _)| path).collect();
    let mut files = BTreeSet::new();
    for (path, delta) in changed {
        if dirty.contains(path.as_bytes()) {
            files.insert(path.clone());
        } else if *delta == Delta::Added {
            files.extend(obstacle(worktree, path, &gone));
        }
    }
    Ok(files.into_iter().collect())
}

/// What is where a new file, or a folder on its way, is to be, and does not leave with the same change.
fn obstacle(worktree: &Path, path: &RepoPath, gone: &BTreeSet<&RepoPath>) -> Option<RepoPath> {
    let bytes = path.as_bytes();
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    for end in ends {
        let folder = RepoPath::new(&bytes[..end]);
        match worktree.join(OsStr::from_bytes(&bytes[..end])).symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) if gone.contains(&folder) => return None,
            Ok(_) => return Some(folder),
            Err(_) => return None,
        }
    }
    let inside = [bytes, b"/"].concat();
    let replaces_folder = gone.iter().any(|gone| gone.as_bytes().starts_with(&inside));
    let there = worktree.join(OsStr::from_bytes(bytes)).symlink_metadata().is_ok();
    (there && !gone.contains(path) && !replaces_folder).then(|| path.clone())
}

/// What the git program says of its version.
///
/// # Errors
/// It cannot be started, or says nothing.
pub fn git_version() -> Result<String, SyncProblem> {
    let output = git(Path::new("."), &["--version"])?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(SyncProblem::Refused { message: String::from_utf8_lossy(&output.stderr).trim().to_owned() })
}

fn git(worktree: &Path, args: &[&str]) -> Result<Output, SyncProblem> {
    let mut command = Command::new("git");
    command.arg("-C").arg(worktree).args(["-c", "core.hooksPath=/dev/null", "-c", "submodule.recurse=false"]);
    for (name, _) in std::env::vars_os() {
        // What an outer git set for its own call, such as GIT_DIR or GIT_INDEX_FILE, would lead elsewhere.
        let bytes = name.as_bytes();
        if bytes.starts_with(b"GIT_") && !bytes.starts_with(b"GIT_CONFIG") && !bytes.starts_with(b"GIT_TRACE") {
            command.env_remove(&name);
        }
    }
    // A look must not write: git would refresh the index otherwise.
    command.env("GIT_OPTIONAL_LOCKS", "0");
    command.env("LC_ALL", "C").env("GIT_TERMINAL_PROMPT", "0").args(args);
    command.output().map_err(SyncProblem::NoGit)
}
