//! What can stop a run from outside its rules.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tollhouse_core::GateRunId;
use tollhouse_engine::{EngineError, Refusal};
use tollhouse_state::StoreError;

use crate::backup::BackupProblem;
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
    #[error("{found} {what}, and {most} are the most")]
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
    /// What kind of trouble it is.
    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Engine(EngineError::Refused(Refusal::NotFound { .. })) | Self::NoTarget { .. } => Trouble::NotFound,
            Self::Engine(_)
            | Self::CheckedOut { .. }
            | Self::BranchInTheWay { .. }
            | Self::LandingRewritten { .. }
            | Self::BranchExists { .. }
            | Self::Diverged { .. } => Trouble::Conflict,
            Self::Unrelated { .. } | Self::NothingToSubmit { .. } => Trouble::Usage,
            Self::NotKept { .. } => Trouble::NotFound,
            Self::TargetRed(_) => Trouble::Refused,
            Self::Store(_) => Trouble::Ledger,
            Self::Git(error) => error.trouble(),
            Self::Backup(problem) => problem.trouble(),
            Self::NoStateHome | Self::Io { .. } | Self::TooMuch { .. } => Trouble::Machine,
            Self::Interrupted | Self::InterruptedBefore => Trouble::Interrupted,
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(EngineError::Refused(refusal)) => refusal.code(),
            Self::Engine(_) => "engine",
            Self::Store(_) => "store",
            Self::Git(error) => error.code(),
            Self::Backup(problem) => problem.code(),
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
            Self::Io { .. } => "io",
            Self::TooMuch { .. } => "too_much",
            Self::Interrupted | Self::InterruptedBefore => "interrupted",
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(_) | Self::Store(_) | Self::Io { .. } | Self::TooMuch { .. } | Self::InterruptedBefore => None,
            Self::Git(error) => error.hint(),
            Self::Backup(problem) => Some(problem.hint().to_owned()),
            Self::NoStateHome => Some("set HOME".to_owned()),
            Self::NoTarget { branch } => Some(format!(
                "`git branch --list` shows what there is; `target` in tollhouse.toml names another than {branch}"
            )),
            Self::CheckedOut { .. } => Some(
                "check out another branch there, or set `land_on` in tollhouse.toml to a branch of its own".to_owned(),
            ),
            Self::BranchInTheWay { other, .. } => {
                Some(format!("rename {other}, or set `land_on` in tollhouse.toml to another name"))
            }
            Self::LandingRewritten { branch, commit } => {
                Some(format!("`git log {commit}` shows what landed; `git branch -f {branch} {commit}` puts it back"))
            }
            Self::Diverged { land_on, target } => {
                Some(format!("bring them together: `git switch {target} && git merge {land_on}`"))
            }
            Self::TargetRed(red) => Some(format!(
                "nothing was started; mend it on {branch}: `toll gate run {gate} --tree {branch}` shows it again",
                branch = red.branch,
                gate = red.gate,
            )),
            Self::NotKept { .. } => Some("`toll patch show ID` says what it was".to_owned()),
            Self::BranchExists { branch } => {
                Some(format!("`git switch {branch}` goes on with it; `git branch -D {branch}` removes it"))
            }
            Self::Unrelated { .. } => Some("`--base REV` names the commit that it was made on".to_owned()),
            Self::NothingToSubmit { .. } => Some("commit your work to it first".to_owned()),
            Self::Interrupted => Some("`toll resume` goes on; `toll status` shows what was done".to_owned()),
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
