//! What can stop a run from outside its rules.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tollhouse_core::GateRunId;
use tollhouse_engine::{EngineError, Refusal, ViewError};
use tollhouse_state::{CommitError, StoreError};

use crate::ailment::Ailment;
use crate::backup::BackupProblem;
use crate::blobs::BlobProblem;
use crate::git::GitError;

/// What kind of trouble an error is: the doors turn it into an exit status or an exception class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// What was asked for makes no sense.
    Usage,
    /// It was refused before anything began.
    Refused,
    /// Something that was named is not there.
    NotFound,
    /// Somebody else is in the way.
    Conflict,
    /// The ledger.
    Ledger,
    /// The machine: disk, permissions, programs.
    Machine,
    /// Somebody stopped it.
    Interrupted,
    /// A mistake of ours.
    Bug,
}

/// What can stop a run from outside its rules.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The engine refused, or its store failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The repository.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A backup.
    #[error(transparent)]
    Backup(#[from] BackupProblem),
    /// A content beside the ledger.
    #[error(transparent)]
    Blob(#[from] BlobProblem),
    /// Neither `XDG_STATE_HOME` nor `HOME` says where workspaces may be made.
    #[error("neither XDG_STATE_HOME nor HOME says where workspaces may be made")]
    NoStateHome,
    /// The branch to start from is not there.
    #[error("branch {branch} is not there")]
    NoTarget {
        /// Its name.
        branch: String,
    },
    /// The branch to land on is checked out.
    #[error("{branch} is checked out in {worktree}: moving it would make the next commit there undo what landed")]
    CheckedOut {
        /// Its name.
        branch: String,
        /// Where.
        worktree: PathBuf,
    },
    /// Git cannot have both branches.
    #[error("{branch} cannot be made beside the branch {other}")]
    BranchInTheWay {
        /// The branch to land on.
        branch: String,
        /// The one that is there.
        other: String,
    },
    /// What landed in this run is not on the branch any more.
    #[error("{branch} was moved by somebody: {commit}, which landed in this run, is not on it any more")]
    LandingRewritten {
        /// Where changes land.
        branch: String,
        /// What is missing.
        commit: String,
    },
    /// Both branches have commits that the other lacks.
    #[error("{land_on} and {target} have both moved on")]
    Diverged {
        /// Where changes land.
        land_on: String,
        /// Where work starts from.
        target: String,
    },
    /// A gate that a change must pass does not pass where work starts from: no change could.
    #[error(transparent)]
    TargetRed(Box<RedTarget>),
    /// What a patch did is not kept any more.
    #[error("what {patch} changes is not kept any more")]
    NotKept {
        /// Which patch.
        patch: tollhouse_core::PatchId,
    },
    /// There is a branch of this name already.
    #[error("there is a branch {branch} already")]
    BranchExists {
        /// Its name.
        branch: String,
    },
    /// A branch shares no commit with what it should land on.
    #[error("{branch} has no history in common with where it would land")]
    Unrelated {
        /// As it was named.
        branch: String,
    },
    /// There is nothing to land.
    #[error("{branch} changes nothing against {base}")]
    NothingToSubmit {
        /// As it was named.
        branch: String,
        /// What it was compared with.
        base: String,
    },
    /// A file or folder.
    #[error("cannot {what} {path}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// What the machine says.
        source: io::Error,
    },
    /// More than a person would ever look at.
    #[error("{found} {what} are changed, and {most} are the most")]
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How much was found.
        found: usize,
        /// How much there may be.
        most: usize,
    },
    /// Somebody stopped it.
    #[error("interrupted; what landed stays landed")]
    Interrupted,
    /// Somebody stopped it while there was no run that could go on.
    #[error("interrupted; no run was begun")]
    InterruptedBefore,
}

impl RunnerError {
    /// The cause behind it, where that has a remedy of its own, whatever was being done.
    pub(crate) fn ailment(&self) -> Option<Ailment> {
        match self {
            Self::Io { source, .. } => Ailment::of_io(source),
            Self::Git(error) => error.ailment(),
            Self::Store(error) => of_store(error),
            Self::Engine(error) => error.store().and_then(of_store),
            _ => None,
        }
    }

    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        if let Some(ailment) = self.ailment() {
            return ailment.trouble();
        }
        match self {
            Self::Engine(EngineError::Refused(
                Refusal::NotWaivable { .. }
                | Refusal::BadGlob { .. }
                | Refusal::BadSpec { .. }
                | Refusal::BadTasks { .. },
            )) => Trouble::Usage,
            Self::Engine(EngineError::Refused(Refusal::BudgetSpent { .. })) => Trouble::Refused,
            Self::Engine(EngineError::Refused(Refusal::NotFound { .. } | Refusal::NoSuchTask { .. }))
            | Self::NoTarget { .. }
            | Self::NotKept { .. } => Trouble::NotFound,
            Self::Store(StoreError::Busy { .. })
            | Self::Engine(
                EngineError::Refused(_)
                | EngineError::Commit(CommitError::Backend(StoreError::Busy { .. }))
                | EngineError::View(ViewError::Store(StoreError::Busy { .. })),
            )
            | Self::CheckedOut { .. }
            | Self::BranchInTheWay { .. }
            | Self::LandingRewritten { .. }
            | Self::BranchExists { .. }
            | Self::Diverged { .. } => Trouble::Conflict,
            Self::Store(_) | Self::Engine(EngineError::View(_) | EngineError::Commit(CommitError::Backend(_))) => {
                Trouble::Ledger
            }
            Self::Engine(EngineError::Commit(CommitError::Stale { .. } | CommitError::Overtaken { .. })) => {
                Trouble::Conflict
            }
            Self::Engine(_) => Trouble::Bug,
            Self::Unrelated { .. } | Self::NothingToSubmit { .. } => Trouble::Usage,
            Self::TargetRed(_) => Trouble::Refused,
            Self::Git(error) => error.trouble(),
            Self::Backup(problem) => problem.trouble(),
            Self::Blob(_) => Trouble::Ledger,
            Self::NoStateHome | Self::Io { .. } | Self::TooMuch { .. } => Trouble::Machine,
            Self::Interrupted | Self::InterruptedBefore => Trouble::Interrupted,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Git(error) => error.code(),
            Self::Backup(problem) => problem.code(),
            Self::Blob(problem) => problem.code(),
            Self::NoStateHome => "no_state_home",
            Self::NoTarget { .. } => "no_target",
            Self::CheckedOut { .. } => "checked_out",
            Self::BranchInTheWay { .. } => "branch_in_the_way",
            Self::LandingRewritten { .. } => "landing_rewritten",
            Self::Diverged { .. } => "diverged",
            Self::TargetRed(_) => "target_red",
            Self::NotKept { .. } => "not_kept",
            Self::BranchExists { .. } => "branch_exists",
            Self::Unrelated { .. } => "unrelated",
            Self::NothingToSubmit { .. } => "nothing_to_submit",
            Self::Io { source, .. } => Ailment::of_io(source).map_or("io", Ailment::code),
            Self::TooMuch { .. } => "too_much",
            Self::Interrupted | Self::InterruptedBefore => "interrupted",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Engine(error) => error.hint().to_owned(),
            Self::Store(error) => error.hint().to_owned(),
            Self::InterruptedBefore => "nothing was begun; say it again".to_owned(),
            Self::Git(error) => error.hint(),
            Self::Backup(problem) => problem.hint().to_owned(),
            Self::Blob(problem) => problem.hint().to_owned(),
            Self::Io { source, .. } => Ailment::of_io(source)
                .map_or("see what is there; `toll doctor` looks at the folders that are used", Ailment::hint)
                .to_owned(),
            Self::TooMuch { .. } => {
                "name what tools write in .gitignore, so that it is no part of the change; else make it in parts"
                    .to_owned()
            }
            Self::NoStateHome => {
                "set HOME to your home folder, or XDG_STATE_HOME to a folder for workspaces".to_owned()
            }
            Self::NoTarget { branch } => format!(
                "`git branch --list` shows what there is; `target` in tollhouse.toml names another than {branch}"
            ),
            Self::CheckedOut { .. } => {
                "check out another branch there, or set `land_on` in tollhouse.toml to a branch of its own".to_owned()
            }
            Self::BranchInTheWay { other, .. } => {
                format!("rename {other}, or set `land_on` in tollhouse.toml to another name")
            }
            Self::LandingRewritten { branch, commit } => {
                format!(
                    "`git log {branch}` shows what is on it now; `git branch -f {branch} {commit}` puts it back to what landed"
                )
            }
            Self::Diverged { land_on, target } => {
                format!("bring them together: `git switch {target} && git merge {land_on}`")
            }
            Self::TargetRed(red) => format!(
                "nothing was started; mend it on {branch}: `toll gate run {gate} --tree {branch}` shows it again",
                branch = red.branch,
                gate = red.gate,
            ),
            Self::NotKept { .. } => "`toll patch show ID` says what it was".to_owned(),
            Self::BranchExists { branch } => {
                format!("`git switch {branch}` goes on with it; `git branch -D {branch}` removes it")
            }
            Self::Unrelated { .. } => "`--base REV` names the commit that it was made on".to_owned(),
            Self::NothingToSubmit { .. } => "commit your work to it first".to_owned(),
            Self::Interrupted => "`toll resume` goes on; `toll status` shows what was done".to_owned(),
        }
    }

    /// What was found, by name: for programs, and for those who want to see more than the message.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let Self::TargetRed(red) = self else { return Vec::new() };
        let mut facts = vec![
            ("branch", red.branch.clone()),
            ("commit", red.commit.clone()),
            ("gate", red.gate.clone()),
            ("gate_run", red.gate_run.to_string()),
        ];
        facts.extend((!red.output.is_empty()).then(|| ("output", red.output.clone())));
        facts
    }
}

/// The cause behind an error of the ledger's store.
fn of_store(error: &StoreError) -> Option<Ailment> {
    match error {
        StoreError::DiskFull { .. } => Some(Ailment::DiskFull),
        StoreError::Denied { .. } => Some(Ailment::Denied),
        _ => None,
    }
}

/// A gate that does not pass where work starts from.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("gate {gate} does not pass on {branch} ({}): it {ended}", brief(commit))]
pub struct RedTarget {
    /// The branch that work starts from.
    pub branch: String,
    /// Its commit.
    pub commit: String,
    /// The gate.
    pub gate: String,
    /// What it saw.
    pub gate_run: GateRunId,
    /// How it ended.
    pub ended: String,
    /// The end of what it printed.
    pub output: String,
}

/// So much of a commit's id as people read.
fn brief(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}
