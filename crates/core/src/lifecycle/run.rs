//! The lifecycle of a run.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{Conductor, Run, RunOutcome};
use crate::id::{Kind, TaskId};
use crate::tagged::tagged;

states! {
    /// Where a run is.
    RunState of Kind::Run, {
        /// Made; nothing began. Left by `start` or `cancel`.
        Pending = "pending",
        /// Tasks are leased and patches land.
        Running = "running",
        /// Nothing new starts. Left by `resume`, `cancel` or `quarantine`.
        Paused = "paused",
        /// Every task is finished; the run's own gates decide.
        Verifying = "verifying",
        /// What is alive is being ended.
        Canceling = "canceling",
        /// Done; its outcome says whether something not critical was missed.
        Succeeded = "succeeded",
        /// Something critical was missed. May still be quarantined.
        Failed = "failed",
        /// Stopped for safety.
        Quarantined = "quarantined",
        /// Stopped by a person.
        Canceled = "canceled",
    }
    finished { Succeeded, Failed, Quarantined, Canceled } terminal { Succeeded, Quarantined, Canceled }
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum RunEvent {
    /// It was made.
    Created {
        /// As it was made.
        run: Box<Run>,
    },
    /// Its target exists and work begins.
    Start {
        /// The commit that it starts from.
        base: String,
    },
    /// The right to work on a task was granted; the run owns the set of what runs, so its version moves.
    Grant {
        /// The task.
        task: TaskId,
        /// The epoch that was granted: it only grows.
        epoch: u64,
    },
    /// A program begins to drive it. Moves no state.
    Drive {
        /// Which program.
        conductor: Conductor,
    },
    /// The program that drove it stops doing so. Moves no state.
    StepDown {
        /// Its epoch.
        epoch: u64,
    },
    /// Nothing new starts.
    Pause {
        /// Why.
        reason: String,
    },
    /// Work goes on.
    Resume {
        /// Why.
        reason: String,
    },
    /// It is to end.
    Cancel {
        /// Why.
        reason: String,
    },
    /// What was alive has ended.
    Drained,
    /// Every task is finished, and nothing critical was missed.
    TasksDone {
        /// The commit that its own gates judge; none where nothing ever landed and no branch was looked at.
        commit: Option<String>,
    },
    /// Its own gates passed.
    Accept {
        /// How it went.
        outcome: RunOutcome,
    },
    /// Its own gates did not pass.
    Reject {
        /// Why.
        reason: String,
    },
    /// Its own gates did not pass, and a workstream was made to mend it.
    Fix {
        /// Why.
        reason: String,
    },
    /// Something critical was missed, and it has wound down.
    Fail {
        /// Why.
        reason: String,
    },
    /// Stopped for safety.
    Quarantine {
        /// Why.
        reason: String,
    },
}

tagged!(RunEvent, "event");

impl RunEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Start { .. } => "start",
            Self::Grant { .. } => "grant",
            Self::Drive { .. } => "drive",
            Self::StepDown { .. } => "step_down",
            Self::Pause { .. } => "pause",
            Self::Resume { .. } => "resume",
            Self::Cancel { .. } => "cancel",
            Self::Drained => "drained",
            Self::TasksDone { .. } => "tasks_done",
            Self::Accept { .. } => "accept",
            Self::Reject { .. } => "reject",
            Self::Fix { .. } => "fix",
            Self::Fail { .. } => "fail",
            Self::Quarantine { .. } => "quarantine",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Pause { reason }
            | Self::Resume { reason }
            | Self::Cancel { reason }
            | Self::Reject { reason }
            | Self::Fix { reason }
            | Self::Fail { reason }
            | Self::Quarantine { reason } => Some(reason),
            _ => None,
        }
    }
}

impl RunState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &RunEvent) -> Result<Self, IllegalTransition> {
        use RunEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Pending,
            (Some(Self::Pending), E::Start { .. }) => Self::Running,
            (Some(Self::Pending), E::Cancel { .. }) => Self::Canceled,
            (Some(Self::Running), E::Grant { .. }) => Self::Running,
            // Whoever drives, the run is where it is: also a finished one, for what a person lets in again.
            (Some(state), E::Drive { .. } | E::StepDown { .. }) => state,
            (Some(Self::Running), E::Pause { .. }) => Self::Paused,
            (Some(Self::Paused), E::Resume { .. }) => Self::Running,
            (Some(Self::Running | Self::Paused | Self::Verifying), E::Cancel { .. }) => Self::Canceling,
            (Some(Self::Canceling), E::Drained) => Self::Canceled,
            (Some(Self::Running), E::TasksDone { .. }) => Self::Verifying,
            (Some(Self::Verifying), E::Accept { .. }) => Self::Succeeded,
            (Some(Self::Verifying), E::Reject { .. }) => Self::Failed,
            (Some(Self::Verifying), E::Fix { .. }) => Self::Running,
            (Some(Self::Running), E::Fail { .. }) => Self::Failed,
            (
                Some(Self::Running | Self::Paused | Self::Verifying | Self::Canceling | Self::Failed),
                E::Quarantine { .. },
            ) => Self::Quarantined,
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
