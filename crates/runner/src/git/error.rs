//! Everything that git work can fail with, under one roof for those who only pass it on.

use thiserror::Error;
use tollhouse_engine::patch::PatchProblem;

use super::{
    CheckoutProblem, DiffProblem, LandProblem, LedgerRepoProblem, ProjectProblem, SnapshotProblem, SyncProblem,
    WorkspaceProblem,
};
use crate::error::{RunnerError, Trouble};

/// Any failure of git work.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum GitError {
    /// The maintainer's repository.
    #[error(transparent)]
    Project(#[from] ProjectProblem),
    /// The ledger's repository.
    #[error(transparent)]
    LedgerRepo(#[from] LedgerRepoProblem),
    /// Writing files.
    #[error(transparent)]
    Checkout(#[from] CheckoutProblem),
    /// Reading files.
    #[error(transparent)]
    Snapshot(#[from] SnapshotProblem),
    /// A workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceProblem),
    /// The text of a patch.
    #[error(transparent)]
    Diff(#[from] DiffProblem),
    /// Landing.
    #[error(transparent)]
    Land(#[from] LandProblem),
    /// Taking over what landed.
    #[error(transparent)]
    Sync(#[from] SyncProblem),
    /// An object or a ref.
    #[error("git: {0}")]
    Git(#[from] git2::Error),
}

impl GitError {
    /// A patch of our own that cannot be read back.
    pub fn unreadable_diff(problems: &[PatchProblem]) -> Self {
        let first = problems.first().cloned();
        let unknown = || PatchProblem { line: 1, message: "there is no unified diff in this text".to_owned() };
        Self::Diff(DiffProblem::Unreadable(first.unwrap_or_else(unknown)))
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Project(problem)
            | Self::Land(LandProblem::Project(problem))
            | Self::Sync(SyncProblem::Project(problem)) => problem.code(),
            Self::LedgerRepo(_) => "ledger_repository",
            Self::Checkout(_) => "checkout",
            Self::Snapshot(_) => "snapshot",
            Self::Workspace(_) => "workspace",
            Self::Diff(_) => "diff",
            Self::Land(LandProblem::CheckedOut { .. }) => "checked_out",
            Self::Land(LandProblem::BranchName { .. }) => "branch_name",
            Self::Land(LandProblem::NotAhead { .. }) => "not_ahead",
            Self::Land(LandProblem::Busy { .. }) => "landing_busy",
            Self::Sync(SyncProblem::Detached { .. }) => "detached",
            Self::Sync(SyncProblem::Diverged { .. }) => "diverged",
            Self::Sync(SyncProblem::InTheWay { .. }) => "uncommitted_work",
            Self::Sync(SyncProblem::InProgress { .. }) => "merge_in_progress",
            Self::Sync(_) => "sync",
            Self::Land(LandProblem::Git(_)) | Self::Git(_) => "git",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Project(problem)
            | Self::Land(LandProblem::Project(problem))
            | Self::Sync(SyncProblem::Project(problem)) => problem.hint(),
            Self::Land(LandProblem::CheckedOut { worktrees, .. }) => {
                let worktree = worktrees.first()?.display();
                format!("check out another branch in {worktree}, or set `land_on` in tollhouse.toml to another branch")
            }
            Self::Land(LandProblem::Busy { path }) => format!("`fuser {}` shows which one; end it", path.display()),
            Self::Sync(SyncProblem::Detached { .. }) => "check out the branch that should come forward".to_owned(),
            Self::Sync(SyncProblem::Diverged { from, .. }) => format!("bring them together: git merge {from}"),
            Self::Sync(SyncProblem::InTheWay { .. }) => "commit or stash it, then sync again".to_owned(),
            Self::Sync(SyncProblem::InProgress { .. }) => "finish it, or give it up with --abort".to_owned(),
            Self::Sync(SyncProblem::NoGit(_)) => "install git, or put it on PATH".to_owned(),
            _ => return None,
        };
        Some(hint)
    }

    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Project(problem)
            | Self::Land(LandProblem::Project(problem))
            | Self::Sync(SyncProblem::Project(problem)) => match problem {
                ProjectProblem::NotARepository { .. }
                | ProjectProblem::NoBranch { .. }
                | ProjectProblem::NoCommit { .. } => Trouble::NotFound,
                ProjectProblem::Unreadable { .. } | ProjectProblem::Git(_) => Trouble::Machine,
                _ => Trouble::Refused,
            },
            Self::Land(LandProblem::CheckedOut { .. } | LandProblem::NotAhead { .. } | LandProblem::Busy { .. }) => {
                Trouble::Conflict
            }
            Self::Land(LandProblem::BranchName { .. }) => Trouble::Usage,
            Self::Sync(SyncProblem::NoGit(_) | SyncProblem::Git(_) | SyncProblem::Refused { .. }) => Trouble::Machine,
            Self::Sync(_) => Trouble::Conflict,
            _ => Trouble::Machine,
        }
    }
}

macro_rules! runner_error_from {
    ($($problem:ty),*) => {
        $(impl From<$problem> for RunnerError {
            fn from(problem: $problem) -> Self {
                Self::Git(problem.into())
            }
        })*
    };
}

runner_error_from!(
    ProjectProblem,
    LedgerRepoProblem,
    CheckoutProblem,
    SnapshotProblem,
    WorkspaceProblem,
    DiffProblem,
    LandProblem,
    SyncProblem,
    git2::Error
);
