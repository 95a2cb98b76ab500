//! The unit of work.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, ErrorClass, label_keys};
use crate::id::{AttemptId, Kind, PatchId, RecordId, RunId, TaskId};
use crate::lifecycle::TaskState;
use crate::spec::TaskSpec;
use crate::time::Timestamp;

/// The right to work on a task until a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lease {
    /// The attempt that it was given to.
    pub attempt: AttemptId,
    /// What executes it.
    pub worker: String,
    /// The agent that works; absent where an older version wrote it: the task's own.
    #[serde(default)]
    pub agent: Option<String>,
    /// Only grows: whoever comes with an older one is too late.
    pub epoch: u64,
    /// When the attempt is overdue.
    pub deadline: Timestamp,
}

/// The unit of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The run that it belongs to.
    pub run: RunId,
    /// Its place in the plan: 0, 1, 2, …
    pub place: u32,
    /// The task of another run that it was completed as.
    #[serde(default)]
    pub source: Option<TaskId>,
    /// Who added it while its run went on; absent: it was made with its run.
    #[serde(default)]
    pub added_by: Option<String>,
    /// What is to be done, as it was asked for.
    pub spec: TaskSpec,
    /// Tasks that must be done before on top of those of `spec`: they were added while its run went on.
    #[serde(default)]
    pub also_needs: Vec<String>,
    /// Where it is.
    pub state: TaskState,
    /// The plan ids of the tasks it waits for, and `workstream NAME` for each workstream that its own waits for.
    pub blocked_by: Vec<String>,
    /// The right to work on it: there exactly while it is running.
    pub lease: Option<Lease>,
    /// How many attempts count against its limit.
    pub attempts_used: u32,
    /// How many attempts were lost with their workers; counted apart.
    pub attempts_lost: u32,
    /// How many attempts a person granted on top.
    pub attempts_granted: u32,
    /// The newest attempt.
    pub attempt: Option<AttemptId>,
    /// The agent that the newest attempt went to.
    #[serde(default)]
    pub asked: Option<String>,
    /// The newest attempt's patch.
    pub patch: Option<PatchId>,
    /// What the next attempt is told: why the last one was refused.
    pub feedback: Option<String>,
    /// When its backoff is over, or a question's time.
    pub due_at: Option<Timestamp>,
    /// Since when it waits for a worker: there exactly while it is queued.
    #[serde(default)]
    pub queued_at: Option<Timestamp>,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// What kind of failure the last one was.
    pub error_class: Option<ErrorClass>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Task {
    /// How many attempts it may use.
    pub const fn attempts_limit(&self) -> u32 {
        self.spec.attempts.saturating_add(self.attempts_granted)
    }

    /// The plan ids of all tasks that must be done before.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        self.spec.needs.iter().chain(&self.also_needs).map(String::as_str)
    }

    /// The agent that is at it, or that its next attempt goes to: its own, until so many attempts were used that another takes over.
    /// Of a routed task that waits, the first of those that it may go to; else the one that was asked last.
    pub fn agent(&self) -> &str {
        match &self.asked {
            Some(asked) if self.is_under_way() || self.spec.route.is_some() && self.state.is_finished() => asked,
            _ => self.candidates().next().unwrap_or(&self.spec.agent),
        }
    }

    /// The agents that its next attempt may go to, in order of preference: those of its route, else its own, until so many attempts
    /// were used that another takes over.
    pub fn candidates(&self) -> impl Iterator<Item = &str> + Clone {
        let used = self.attempts_used.saturating_sub(u32::from(self.is_under_way()));
        let due = self.spec.escalate.iter().filter(|step| step.after <= used).max_by_key(|step| step.after);
        let route = self.spec.route.as_ref().filter(|_| due.is_none());
        let one = due.map_or(self.spec.agent.as_str(), |step| &step.agent);
        let routed = route.into_iter().flat_map(|route| &route.agents).map(String::as_str);
        routed.chain(std::iter::once(one).filter(move |_| route.is_none()))
    }

    /// Whether its newest attempt is not judged yet.
    const fn is_under_way(&self) -> bool {
        matches!(self.state, TaskState::Running | TaskState::Validating)
    }

    /// Every agent that it may go to.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        let routed = self.spec.route.iter().flat_map(|route| &route.agents);
        let later = self.spec.escalate.iter().map(|step| &step.agent);
        std::iter::once(&self.spec.agent).chain(routed).chain(later).map(String::as_str)
    }

    /// Whether it is missed: failed, canceled, or skipped because something it needs was missed.
    pub fn is_missed(&self) -> bool {
        match self.state {
            TaskState::Failed | TaskState::Canceled => true,
            TaskState::Skipped => self.error_class == Some(ErrorClass::DependencyMissed),
            _ => false,
        }
    }

    /// Whether what needs it may begin: completed, or left out by a person or by configuration.
    pub fn is_done(&self) -> bool {
        self.state.is_finished() && !self.is_missed()
    }
}

impl Entity for Task {
    const KIND: Kind = Kind::Task;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn parent_id(&self) -> Option<RecordId> {
        Some(self.run.into())
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        std::iter::once(("name".to_owned(), self.spec.name.clone())).chain(label_keys(&self.spec.labels)).collect()
    }
}
