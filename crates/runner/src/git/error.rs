//! Everything that git work can fail with, under one roof for those who only pass it on.

use thiserror::Error;
use tollhouse_engine::patch::PatchProblem;

use super::{
    CheckoutProblem, DiffProblem, LandProblem, LedgerRepoProblem, ProjectProblem, SnapshotProblem, SyncProblem,
    WorkspaceProblem,
};
use crate::ailment::{Ailment, told};
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
    #[error("{}", told(.0))]
    Git(#[from] git2::Error),
}

impl GitError {
    /// A patch of our own that cannot be read back.
    pub fn unreadable_diff(problems: &[PatchProblem]) -> Self {
        let first = problems.first().cloned();
        let unknown = || PatchProblem { line: 1, message: "there is no unified diff in this text".to_owned() };
        Self::Diff(DiffProblem::Unreadable(first.unwrap_or_else(unknown)))
    }

    /// The cause behind it, where that has a remedy of its own, whatever was being done.
    pub(crate) fn ailment(&self) -> Option<Ailment> {
        let of_repo = |problem: &LedgerRepoProblem| match problem {
            LedgerRepoProblem::Io { source, .. } => Ailment::of_io(source),
            LedgerRepoProblem::Git(error) => Ailment::of_git(error),
            LedgerRepoProblem::Foreign(_) | LedgerRepoProblem::LineEnd(_) => None,
        };
        let of_checkout = |problem: &CheckoutProblem| match problem {
            CheckoutProblem::Io { source, .. } => Ailment::of_io(source),
            CheckoutProblem::Git(error) => Ailment::of_git(error),
            CheckoutProblem::Repo(problem) => of_repo(problem),
            _ => None,
        };
        match self {
            Self::Project(problem)
            | Self::Land(LandProblem::Project(problem))
            | Self::Sync(SyncProblem::Project(problem)) => problem.ailment(),
            Self::LedgerRepo(problem) => of_repo(problem),
            Self::Checkout(problem) | Self::Workspace(WorkspaceProblem::Checkout(problem)) => of_checkout(problem),
            Self::Snapshot(SnapshotProblem::Unreadable { source, .. })
            | Self::Workspace(WorkspaceProblem::Io { source, .. }) => Ailment::of_io(source),
            Self::Snapshot(SnapshotProblem::Git(error))
            | Self::Workspace(WorkspaceProblem::Git(error))
            | Self::Diff(DiffProblem::Git(error))
            | Self::Land(LandProblem::Git(error))
            | Self::Sync(SyncProblem::Git(error))
            | Self::Git(error) => Ailment::of_git(error),
            _ => None,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        if let Some(ailment) = self.ailment() {
            return ailment.code();
        }
        match self {
            Self::Project(problem)
            | Self::Land(LandProblem::Project(problem))
            | Self::Sync(SyncProblem::Project(problem)) => problem.code(),
            Self::LedgerRepo(_) => "ledger_repository",
            Self::Checkout(_) => "checkout",
            Self::Snapshot(SnapshotProblem::TooLarge { .. } | SnapshotProblem::TooMuch { .. }) => "too_much",
            Self::Snapshot(_) => "snapshot",
            Self::Workspace(WorkspaceProblem::BranchName { .. }) | Self::Land(LandProblem::BranchName { .. }) => {
                "branch_name"
            }
            Self::Workspace(_) => "workspace",
            Self::Diff(_) => "diff",
            Self::Land(LandProblem::CheckedOut { .. }) => "checked_out",
            Self::Land(LandProblem::NotAhead { .. }) => "not_ahead",
            Self::Land(LandProblem::Busy { .. }) => "landing_busy",
            Self::Sync(SyncProblem::Detached { .. }) => "detached",
            Self::Sync(SyncProblem::Diverged { .. }) => "diverged",
            Self::Sync(SyncProblem::InTheWay { .. }) => "uncommitted_work",
            Self::Sync(SyncProblem::InProgress { .. }) => "merge_in_progress",
            Self::Sync(SyncProblem::NoGit(_)) => "no_git",
            Self::Sync(SyncProblem::Refused { .. }) => "sync",
            Self::Sync(SyncProblem::Git(_)) | Self::Land(LandProblem::Git(_)) | Self::Git(_) => "git",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> String {
        if let Some(ailment) = self.ailment() {
            return ailment.hint().to_owned();
        }
        let hint = match self {
            Self::Project(problem)
            | Self::Land(LandProblem::Project(problem))
            | Self::Sync(SyncProblem::Project(problem)) => return problem.hint(),
            Self::Land(LandProblem::CheckedOut { worktrees, .. }) => {
                let worktree =
                    worktrees.first().map_or_else(|| "that worktree".into(), |path| path.display().to_string());
                return format!(
                    "check out another branch in {worktree}, or set `land_on` in tollhouse.toml to a branch of its own"
                );
            }
            Self::Sync(SyncProblem::Diverged { from, onto }) => {
                return format!("bring them together: `git switch {onto} && git merge {from}`");
            }
            Self::LedgerRepo(LedgerRepoProblem::Foreign(_)) => {
                "move it away; `--ledger PATH` names a place where nothing else is"
            }
            Self::LedgerRepo(LedgerRepoProblem::LineEnd(_)) => "move the repository to a path without a line end",
            Self::Snapshot(problem) => of_snapshot(problem),
            Self::Checkout(problem) | Self::Workspace(WorkspaceProblem::Checkout(problem)) => of_checkout(problem),
            Self::Workspace(WorkspaceProblem::BranchName { .. }) | Self::Land(LandProblem::BranchName { .. }) => {
                "`git check-ref-format --branch NAME` says which names git takes; choose another one"
            }
            Self::Land(LandProblem::NotAhead { .. }) => {
                "the branch moved meanwhile: `git log` shows by whom; `toll resume` applies the change on it as it is now"
            }
            Self::Diff(_) => {
                "this is a mistake of ours, and nothing landed: report it, with what `toll patch show ID --diff` prints"
            }
            Self::Sync(SyncProblem::Detached { .. }) => "check out the branch that should come forward",
            Self::Sync(SyncProblem::InTheWay { .. }) => "commit or stash it, then `toll sync` again",
            Self::Sync(SyncProblem::InProgress { .. }) => {
                "`git status` says how to finish it or give it up; then `toll sync` again"
            }
            Self::Sync(SyncProblem::NoGit(_)) => "install git, or put it on PATH",
            Self::Sync(SyncProblem::Refused { .. }) => "mend what git names, then `toll sync` again",
            Self::LedgerRepo(LedgerRepoProblem::Io { .. }) | Self::Workspace(WorkspaceProblem::Io { .. }) => {
                "see what is there and whose it is; `toll doctor` looks at the folders that are used"
            }
            Self::LedgerRepo(LedgerRepoProblem::Git(_)) | Self::Workspace(WorkspaceProblem::Git(_)) => {
                "`toll doctor` looks at the ledger and its repository"
            }
            Self::Land(LandProblem::Git(_)) | Self::Sync(SyncProblem::Git(_)) | Self::Git(_) => {
                "`git fsck` checks the repository; `toll doctor` looks at the rest"
            }
            Self::Land(LandProblem::Busy { path }) => {
                return format!("`fuser {}` shows which program; end it, then `toll resume`", path.display());
            }
        };
        hint.to_owned()
    }

    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        if let Some(ailment) = self.ailment() {
            return ailment.trouble();
        }
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
            Self::Land(LandProblem::BranchName { .. }) | Self::Workspace(WorkspaceProblem::BranchName { .. }) => {
                Trouble::Usage
            }
            Self::Sync(SyncProblem::NoGit(_) | SyncProblem::Git(_) | SyncProblem::Refused { .. }) => Trouble::Machine,
            Self::Sync(_) => Trouble::Conflict,
            _ => Trouble::Machine,
        }
    }
}

fn of_snapshot(problem: &SnapshotProblem) -> &'static str {
    match problem {
        SnapshotProblem::NoFolder => "`toll task retry` has another attempt made in a new workspace",
        SnapshotProblem::Unreadable { .. } => "whoever runs `toll` must be able to read all that is in the workspace",
        SnapshotProblem::TooLarge { .. } | SnapshotProblem::TooMuch { .. } => {
            "name what tools write in .gitignore, so that it is no part of the change"
        }
        SnapshotProblem::Git(_) => "`toll doctor` looks at the ledger and its repository",
    }
}

fn of_checkout(problem: &CheckoutProblem) -> &'static str {
    match problem {
        CheckoutProblem::Exists { .. } => "`toll gc` removes workspaces that were left behind",
        CheckoutProblem::Reserved { .. } => "no checkout can hold this name: remove it from the branch",
        CheckoutProblem::TooDeep { .. } => "no file system holds this: remove the folder from the branch",
        CheckoutProblem::Io { .. } => "see what is there; `toll doctor` looks at the folders that are used",
        CheckoutProblem::Repo(_) | CheckoutProblem::Git(_) => "`toll doctor` looks at the ledger and its repository",
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
