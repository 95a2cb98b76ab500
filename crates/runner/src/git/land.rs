//! Landing: one commit, made in the ledger's repository, and one branch that moves by compare-and-swap.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use git2::{Error, ErrorCode, Oid, Reference};
use thiserror::Error;
use tollhouse_core::Timestamp;

use crate::ailment::{is_locked, told};
use crate::failpoint::around;

use super::message::{PATCH_TRAILER, trailer};
use super::turn::Turn;
use super::{LedgerRepo, Project, ProjectProblem, Signature};

/// How far back a landing looks for itself.
const COMMITS_MAX: usize = 1000;

/// What is to land, and where.
#[derive(Debug, Clone)]
pub struct Landing {
    /// The branch, as in `toll/main`.
    pub branch: String,
    /// The commit that the branch must be at; `None`: there must be no such branch.
    pub expected: Option<Oid>,
    /// The tree that the gates saw.
    pub tree: Oid,
    /// The parent of the new commit: where the branch is, or where it has to be brought first.
    pub parent: Oid,
    /// The message with its trailers, as [`with_trailers`](super::with_trailers) makes it. By its `Tollhouse-Patch` a landing is found again.
    pub message: String,
    /// Who wrote the change.
    pub author: Signature,
    /// Who lands it.
    pub committer: Signature,
    /// When, for both.
    pub time: Timestamp,
}

/// How a landing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandOutcome {
    /// The patch is on the branch, as this commit: now, or already before.
    Landed {
        /// The commit.
        commit: Oid,
    },
    /// The branch was elsewhere; nothing was moved.
    Lost {
        /// Where it was.
        found: Option<Oid>,
    },
}

/// Why nothing could land.
#[derive(Debug, Error)]
pub enum LandProblem {
    /// The next commit in that worktree would undo what landed.
    #[error("the branch {branch} is checked out in {}", worktrees[0].display())]
    CheckedOut {
        /// The branch.
        branch: String,
        /// Where; there is at least one.
        worktrees: Vec<PathBuf>,
    },
    /// The parent does not have the branch in its history, so landing would take commits off it.
    #[error("{parent} is not ahead of {expected}, where the branch is")]
    NotAhead {
        /// The parent of what should land.
        parent: Oid,
        /// Where the branch is.
        expected: Oid,
    },
    /// Another program holds the turn to land, and does not give it back.
    #[error("another program of ours is landing, and does not come to an end; it holds {path}")]
    Busy {
        /// The file that it has locked.
        path: PathBuf,
    },
    /// Git allows no branch of this name.
    #[error("{name:?} is no name for a branch")]
    BranchName {
        /// The name.
        name: String,
    },
    /// The maintainer's repository refuses.
    #[error(transparent)]
    Project(#[from] ProjectProblem),
    /// libgit2 refuses: a branch `a` beside `a/b`, a lock that somebody holds, a missing object.
    #[error("{}", told(.0))]
    Git(#[from] Error),
}

/// Lands a tree. Looks first whether the patch has landed already, so that a landing whose end nobody saw may be asked for
/// again. Durable when it returns.
///
/// # Errors
///
/// [`LandProblem`]; the branch was not moved then.
pub fn land(project: &Project, ledger: &LedgerRepo, landing: &Landing) -> Result<LandOutcome, LandProblem> {
    let name = format!("refs/heads/{}", landing.branch);
    if !Reference::is_valid_name(&name) {
        return Err(LandProblem::BranchName { name: landing.branch.clone() });
    }
    let turn = Turn::take(project)?;
    turn.clear_lock(&landing.branch)?;
    let patch = trailer(&landing.message, PATCH_TRAILER).unwrap_or_default();
    if !patch.is_empty()
        && let Some(commit) = project.find_landed(&landing.branch, patch)?
    {
        // It may have been the sync that the crash came before.
        project.sync_ref(&name)?;
        return Ok(LandOutcome::Landed { commit });
    }
    let worktrees = project.worktrees_with_branch_checked_out(&landing.branch);
    if !worktrees.is_empty() {
        return Err(LandProblem::CheckedOut { branch: landing.branch.clone(), worktrees });
    }
    let found = project.branch(&landing.branch)?;
    if found != landing.expected {
        return Ok(LandOutcome::Lost { found });
    }
    if let Some(expected) = landing.expected
        && expected != landing.parent
        && !ledger.repo().graph_descendant_of(landing.parent, expected)?
    {
        return Err(LandProblem::NotAhead { parent: landing.parent, expected });
    }
    let commit = around("git.commit", || make_commit(ledger, landing))?;
    around("git.import", || project.import(ledger, commit))?;
    // No branch is what the id of zeros means.
    let expected = landing.expected.unwrap_or(Oid::ZERO_SHA1);
    let log = format!("tollhouse: land {}", patch.replace(char::is_control, " "));
    let move_branch = || project.repo().reference_matching(&name, commit, true, expected, &log).map(|_| ());
    match around("git.swap", || swap(move_branch)) {
        Ok(()) => {
            project.sync_ref(&name)?;
            Ok(LandOutcome::Landed { commit })
        }
        Err(error) if matches!(error.code(), ErrorCode::Modified | ErrorCode::NotFound | ErrorCode::Exists) => {
            Ok(LandOutcome::Lost { found: project.branch(&landing.branch)? })
        }
        Err(error) => Err(error.into()),
    }
}

/// How often, and after how long, a ref that another program holds locked is tried again: a lock lives for milliseconds,
/// and one that lives for longer was left behind.
const LOCKED_TRIES: u32 = 60;
const LOCKED_WAIT: Duration = Duration::from_millis(50);

/// A compare-and-swap that waits while another program holds the ref's lock.
fn swap(mut once: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
    for _ in 1..LOCKED_TRIES {
        match once() {
            Err(error) if is_locked(&error) => thread::sleep(LOCKED_WAIT),
            done => return done,
        }
    }
    once()
}

/// The commit that a patch landed as, if it did; what a killed landing left behind is cleared away. Durable when it returns.
///
/// # Errors
///
/// [`LandProblem`].
pub fn look_for_landed(project: &Project, branch: &str, patch: &str) -> Result<Option<Oid>, LandProblem> {
    let turn = Turn::take(project)?;
    turn.clear_lock(branch)?;
    let found = project.find_landed(branch, patch)?;
    if found.is_some() {
        // It may have been the sync that the death came before.
        project.sync_ref(&format!("refs/heads/{branch}"))?;
    }
    Ok(found)
}

fn make_commit(ledger: &LedgerRepo, landing: &Landing) -> Result<Oid, Error> {
    let repo = ledger.repo();
    let (author, committer) = (landing.author.at(landing.time)?, landing.committer.at(landing.time)?);
    let parent = repo.find_commit(landing.parent)?;
    let tree = repo.find_tree(landing.tree)?;
    let commit = repo.commit(None, &author, &committer, &landing.message, &tree, &[&parent])?;
    ledger.put_on_disk()?;
    Ok(commit)
}

impl Project {
    /// The commit of a landed patch, among the last thousand commits of a branch along first parents.
    ///
    /// # Errors
    ///
    /// Where an object is missing or damaged.
    pub fn find_landed(&self, branch: &str, patch: &str) -> Result<Option<Oid>, ProjectProblem> {
        let Some(tip) = self.branch(branch)? else { return Ok(None) };
        let mut commit = self.repo().find_commit(tip)?;
        for _ in 0..COMMITS_MAX {
            if trailer(&String::from_utf8_lossy(commit.message_bytes()), PATCH_TRAILER) == Some(patch) {
                return Ok(Some(commit.id()));
            }
            match commit.parent(0) {
                Ok(parent) => commit = parent,
                // The root, or where a shallow clone ends.
                Err(_) => break,
            }
        }
        Ok(None)
    }
}
