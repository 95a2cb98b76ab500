//! One try at a task.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, ExitStatus, Output, RoutingDecision};
use crate::id::{AttemptId, Kind, PatchId, RecordId, RunId, TaskId, WorkerId};
use crate::lifecycle::AttemptState;
use crate::time::Timestamp;

/// What kind of failure something was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The agent, or something it uses, did not do its work.
    ToolFailure,
    /// Past its deadline.
    Timeout,
    /// The agent's provider asks to slow down.
    RateLimited,
    /// The patch does not fit what landed meanwhile.
    Conflict,
    /// A gate said no.
    GateFailure,
    /// A rule said no.
    Policy,
    /// The money is gone.
    Budget,
    /// The worker is gone.
    WorkerLost,
    /// The machine lacks something: disk, memory, processes.
    ResourceLimit,
    /// The plan contradicts itself.
    PlanInconsistent,
    /// Something it needs was missed.
    DependencyMissed,
    /// None of these.
    Unknown,
}

impl ErrorClass {
    /// Whether another try may help. `Policy` does only where there is a refused patch to learn from.
    pub const fn is_retryable(self) -> bool {
        !matches!(self, Self::Budget | Self::PlanInconsistent | Self::DependencyMissed)
    }
}

/// One try at a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// Its id.
    pub id: AttemptId,
    /// The run that it belongs to.
    pub run: RunId,
    /// The task that it is a try at.
    pub task: TaskId,
    /// The how-manieth try it is: 1, 2, 3, …
    pub number: u32,
    /// The agent that works.
    pub agent: String,
    /// How it came to that agent; absent where its task has only the one.
    #[serde(default)]
    pub routing: Option<RoutingDecision>,
    /// The name of what executes it.
    pub worker: String,
    /// What executes it.
    #[serde(default)]
    pub by: Option<WorkerId>,
    /// The epoch of its lease.
    pub epoch: u64,
    /// Where it is.
    pub state: AttemptState,
    /// What the agent is told.
    pub prompt: String,
    /// Why the last attempt was refused.
    pub feedback: Option<String>,
    /// When it is overdue.
    pub deadline: Timestamp,
    /// How it ended, once it has.
    pub end: Option<AttemptEnd>,
    /// When it was leased.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttemptEnd {
    /// The commit that it started from.
    pub base: Option<String>,
    /// Where it worked.
    pub workspace: Option<String>,
    /// How its program ended.
    pub exit: Option<ExitStatus>,
    /// What its program printed.
    pub output: Option<Output>,
    /// What it changed.
    pub patch: Option<PatchId>,
    /// What kind of failure it was.
    pub error_class: Option<ErrorClass>,
    /// In words.
    pub reason: Option<String>,
}

impl Entity for Attempt {
    const KIND: Kind = Kind::Attempt;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn parent_id(&self) -> Option<RecordId> {
        Some(self.task.into())
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("agent".to_owned(), self.agent.clone())])
    }
}
