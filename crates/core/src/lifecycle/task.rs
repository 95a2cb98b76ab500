//! The lifecycle of a task.

use serde::{Deserialize, Serialize};

use super::{IllegalTransition, states};
use crate::entity::{ErrorClass, Lease, Task};
use crate::id::{Kind, PatchId};
use crate::tagged::tagged;
use crate::time::Timestamp;

states! {
    /// Where a task is.
    TaskState of Kind::Task, {
        /// Not looked at yet, or its dependencies were just done.
        Pending = "pending",
        /// A dependency is unfinished.
        Blocked = "blocked",
        /// Ready; waits for a worker and for room.
        Queued = "queued",
        /// Leased: an attempt is at work.
        Running = "running",
        /// The attempt ended well; its patch is on its way through the gate.
        Validating = "validating",
        /// Waits for its backoff to be over.
        Retrying = "retrying",
        /// Waits for a person.
        Waiting = "waiting",
        /// Its patch landed, or there was nothing to change.
        Completed = "completed",
        /// No attempt is left, or none would help. A person may requeue it.
        Failed = "failed",
        /// Ended by a person, or with its run.
        Canceled = "canceled",
        /// Never done: left out, or something it needs was missed.
        Skipped = "skipped",
    }
    finished { Completed, Failed, Canceled, Skipped } terminal { Completed, Canceled, Skipped }
}

/// Where a task goes when a try did not succeed: the guard chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum RetryOr {
    /// Attempts are left and another may help.
    Retrying {
        /// When its backoff is over.
        due: Timestamp,
    },
    /// None is left, or none would help.
    Failed,
}

/// Where a task goes when something it needs was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedTo {
    /// It is left out.
    Skipped,
    /// It fails too.
    Failed,
}

/// Where a decision or its absence sends a waiting task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecideTo {
    /// Another try.
    Queued,
    /// On through the gate.
    Validating,
    /// No more.
    Failed,
}

/// What can happen to a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum TaskEvent {
    /// It was made.
    Created {
        /// As it was made.
        task: Box<Task>,
    },
    /// It was made for a run that goes on from another, where it had been completed.
    Inherited {
        /// As it was made.
        task: Box<Task>,
    },
    /// Every dependency is done.
    Release,
    /// A dependency is unfinished.
    Hold {
        /// The plan ids of those it waits for.
        blocked_by: Vec<String>,
    },
    /// None is unfinished any more.
    Unblock,
    /// Tasks were added that must be done before. Moves no state.
    Need {
        /// Their plan ids.
        needs: Vec<String>,
    },
    /// A dependency was missed.
    DependencyFailed {
        /// What follows.
        to: MissedTo,
        /// Which one, and how it ended.
        reason: String,
    },
    /// An attempt begins.
    Lease {
        /// The right to work.
        lease: Lease,
    },
    /// The attempt ended well.
    ReportSuccess {
        /// Its patch; none where nothing changed.
        patch: Option<PatchId>,
    },
    /// The attempt ended badly.
    ReportFailure {
        /// What follows.
        then: RetryOr,
        /// What kind of failure.
        class: ErrorClass,
        /// In words.
        reason: String,
    },
    /// The attempt is past its deadline, or stalled.
    Overdue {
        /// What follows.
        then: RetryOr,
        /// In words.
        reason: String,
    },
    /// The attempt is stopped and does not count.
    Interrupt {
        /// Why.
        reason: String,
    },
    /// The lease expired, or the worker crashed.
    Lose {
        /// What follows.
        then: RetryOr,
        /// In words.
        reason: String,
    },
    /// A person has to answer something.
    Ask {
        /// What.
        question: String,
        /// Until when they have time.
        until: Timestamp,
    },
    /// A person answered.
    Decide {
        /// What follows.
        to: DecideTo,
        /// What they said.
        reason: String,
        /// What the next attempt is told on top.
        say: Option<String>,
    },
    /// Nobody answered in time.
    Expire {
        /// What follows.
        to: DecideTo,
        /// In words.
        reason: String,
    },
    /// Its patch landed, or there was nothing to change.
    Pass,
    /// Its patch was set aside, or none came.
    Refuse {
        /// What follows.
        then: RetryOr,
        /// What kind of refusal.
        class: ErrorClass,
        /// In words: the next attempt's feedback.
        reason: String,
    },
    /// The backoff is over.
    Due,
    /// A person grants one more attempt.
    Requeue {
        /// Why.
        reason: String,
        /// What the attempt is told on top.
        say: Option<String>,
    },
    /// It is to end.
    Cancel {
        /// Why.
        reason: String,
    },
    /// It is left out.
    Skip {
        /// Why.
        reason: String,
    },
}

tagged!(TaskEvent, "event");

impl TaskEvent {
    /// The name in the database and in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Created { .. } => "created",
            Self::Inherited { .. } => "inherited",
            Self::Release => "release",
            Self::Hold { .. } => "hold",
            Self::Unblock => "unblock",
            Self::Need { .. } => "need",
            Self::DependencyFailed { .. } => "dependency_failed",
            Self::Lease { .. } => "lease",
            Self::ReportSuccess { .. } => "report_success",
            Self::ReportFailure { .. } => "report_failure",
            Self::Overdue { .. } => "overdue",
            Self::Interrupt { .. } => "interrupt",
            Self::Lose { .. } => "lose",
            Self::Ask { .. } => "ask",
            Self::Decide { .. } => "decide",
            Self::Expire { .. } => "expire",
            Self::Pass => "pass",
            Self::Refuse { .. } => "refuse",
            Self::Due => "due",
            Self::Requeue { .. } => "requeue",
            Self::Cancel { .. } => "cancel",
            Self::Skip { .. } => "skip",
        }
    }

    /// Why, where the event says it.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::DependencyFailed { reason, .. }
            | Self::ReportFailure { reason, .. }
            | Self::Overdue { reason, .. }
            | Self::Interrupt { reason }
            | Self::Lose { reason, .. }
            | Self::Ask { question: reason, .. }
            | Self::Decide { reason, .. }
            | Self::Expire { reason, .. }
            | Self::Refuse { reason, .. }
            | Self::Requeue { reason, .. }
            | Self::Cancel { reason }
            | Self::Skip { reason } => Some(reason),
            _ => None,
        }
    }
}

impl From<RetryOr> for TaskState {
    fn from(then: RetryOr) -> Self {
        match then {
            RetryOr::Retrying { .. } => Self::Retrying,
            RetryOr::Failed => Self::Failed,
        }
    }
}

impl From<MissedTo> for TaskState {
    fn from(to: MissedTo) -> Self {
        match to {
            MissedTo::Skipped => Self::Skipped,
            MissedTo::Failed => Self::Failed,
        }
    }
}

impl From<DecideTo> for TaskState {
    fn from(to: DecideTo) -> Self {
        match to {
            DecideTo::Queued => Self::Queued,
            DecideTo::Validating => Self::Validating,
            DecideTo::Failed => Self::Failed,
        }
    }
}

impl TaskState {
    /// The table.
    ///
    /// # Errors
    /// The pair is not in it.
    pub fn next(state: Option<Self>, event: &TaskEvent) -> Result<Self, IllegalTransition> {
        use TaskEvent as E;
        Ok(match (state, event) {
            (None, E::Created { .. }) => Self::Pending,
            (None, E::Inherited { .. }) => Self::Completed,
            (Some(Self::Pending), E::Release) => Self::Queued,
            (Some(Self::Pending), E::Hold { .. }) => Self::Blocked,
            (Some(Self::Blocked), E::Unblock) => Self::Pending,
            (Some(waiting @ (Self::Pending | Self::Blocked)), E::Need { .. }) => waiting,
            (Some(Self::Pending | Self::Blocked), E::DependencyFailed { to, .. }) => (*to).into(),
            (Some(Self::Queued), E::Lease { .. }) => Self::Running,
            (Some(Self::Running), E::ReportSuccess { .. }) => Self::Validating,
            (Some(Self::Running), E::ReportFailure { then, .. }) => (*then).into(),
            (Some(Self::Running), E::Overdue { then, .. }) => (*then).into(),
            (Some(Self::Running), E::Interrupt { .. }) => Self::Queued,
            (Some(Self::Running), E::Lose { then, .. }) => (*then).into(),
            (Some(Self::Running | Self::Validating), E::Ask { .. }) => Self::Waiting,
            (Some(Self::Waiting), E::Decide { to, .. } | E::Expire { to, .. }) => (*to).into(),
            (Some(Self::Validating), E::Pass) => Self::Completed,
            (Some(Self::Validating), E::Refuse { then, .. }) => (*then).into(),
            (Some(Self::Retrying), E::Due) => Self::Queued,
            (Some(Self::Failed), E::Requeue { .. }) => Self::Queued,
            (Some(unfinished), E::Cancel { .. }) if !unfinished.is_finished() => Self::Canceled,
            (Some(Self::Pending | Self::Blocked | Self::Queued | Self::Retrying | Self::Waiting), E::Skip { .. }) => {
                Self::Skipped
            }
            _ => return Err(Self::illegal(state, event.name())),
        })
    }
}
