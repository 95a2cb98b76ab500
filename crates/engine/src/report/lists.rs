//! Rows of lists.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{GateRun, Patch, Run, RunOutcome, Task, Workstream};
use tollhouse_core::lifecycle::{GateRunState, PatchState, RunState, TaskState, WorkstreamState};
use tollhouse_core::{
    Actor, AttemptId, Event, GateRunId, Kind, PatchId, RecordId, RunId, Severity, Span, TaskId, Timestamp, WorkstreamId,
};

/// One run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunRow {
    /// Its id.
    pub id: RunId,
    /// The plan's name; `do` for a single task.
    pub plan: String,
    /// Where it is.
    pub state: RunState,
    /// How it went, once it succeeded.
    pub outcome: Option<RunOutcome>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// The branch that its changes land on.
    pub land_on: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl From<&Run> for RunRow {
    fn from(run: &Run) -> Self {
        Self {
            id: run.id,
            plan: run.spec.plan.clone(),
            state: run.state,
            outcome: run.outcome,
            reason: run.reason.clone(),
            land_on: run.spec.land_on.clone(),
            created_at: run.created_at,
            finished_at: run.finished_at,
        }
    }
}

/// One workstream in a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WorkstreamRow {
    /// Its id.
    pub id: WorkstreamId,
    /// Its id in the plan.
    pub name: String,
    /// Where it is.
    pub state: WorkstreamState,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
}

impl From<&Workstream> for WorkstreamRow {
    fn from(workstream: &Workstream) -> Self {
        let (name, reason) = (workstream.spec.name.clone(), workstream.reason.clone());
        Self { id: workstream.id, name, state: workstream.state, reason }
    }
}

/// One task in a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TaskRow {
    /// Its id.
    pub id: TaskId,
    /// Its id in the plan.
    pub name: String,
    /// The run that it belongs to.
    pub run: RunId,
    /// The agent that does it.
    pub agent: String,
    /// Where it is.
    pub state: TaskState,
    /// How many attempts count against its limit.
    pub attempts_used: u32,
    /// Its limit.
    pub attempts_limit: u32,
    /// The plan ids of the tasks it waits for.
    pub blocked_by: Vec<String>,
    /// Its newest attempt.
    pub attempt: Option<AttemptId>,
    /// Its newest patch.
    pub patch: Option<PatchId>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl From<&Task> for TaskRow {
    fn from(task: &Task) -> Self {
        Self {
            id: task.id,
            name: task.spec.name.clone(),
            run: task.run,
            agent: task.agent().to_owned(),
            state: task.state,
            attempts_used: task.attempts_used,
            attempts_limit: task.attempts_limit(),
            blocked_by: task.blocked_by.clone(),
            attempt: task.attempt,
            patch: task.patch,
            reason: task.reason.clone(),
            started_at: task.started_at,
            finished_at: task.finished_at,
        }
    }
}

/// One patch in a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PatchRow {
    /// Its id.
    pub id: PatchId,
    /// The first line of what lands.
    pub title: String,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// The task that it is for.
    pub task: Option<TaskId>,
    /// Where it is.
    pub state: PatchState,
    /// How many files it touches.
    pub files: u64,
    /// Lines added.
    pub lines_added: u64,
    /// Lines removed.
    pub lines_removed: u64,
    /// The commit that it landed as.
    pub commit: Option<String>,
    /// The rule, gate or limit that set it aside.
    pub refused_by: Option<String>,
    /// Why it is where it is.
    pub reason: Option<String>,
    /// The patch that it was handed in for, finished by hand.
    pub replaces: Option<PatchId>,
    /// When it came in.
    pub created_at: Timestamp,
}

impl From<&Patch> for PatchRow {
    fn from(patch: &Patch) -> Self {
        Self {
            id: patch.id,
            title: patch.title.clone(),
            run: patch.run,
            task: patch.task,
            state: patch.state,
            files: patch.description.files.len() as u64,
            lines_added: patch.description.lines_added(),
            lines_removed: patch.description.lines_removed(),
            commit: patch.commit.clone(),
            refused_by: patch.refused_by.clone(),
            reason: patch.reason.clone(),
            replaces: patch.replaces,
            created_at: patch.created_at,
        }
    }
}

/// One gate run in a list.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct GateRow {
    /// Its id.
    pub id: GateRunId,
    /// The gate's name.
    pub gate: String,
    /// The patch whose candidate it judges.
    pub patch: Option<PatchId>,
    /// The tree that it ran on.
    pub tree: String,
    /// Where it is.
    pub state: GateRunState,
    /// How long it ran, in seconds.
    pub took: Option<Span>,
    /// Why it did not pass.
    pub reason: Option<String>,
}

impl From<&GateRun> for GateRow {
    fn from(gate_run: &GateRun) -> Self {
        let took = gate_run.started_at.zip(gate_run.finished_at).map(|(start, end)| end.since(start));
        Self {
            id: gate_run.id,
            gate: gate_run.gate.name.clone(),
            patch: gate_run.patch,
            tree: gate_run.tree.clone(),
            state: gate_run.state,
            took,
            reason: gate_run.reason.clone(),
        }
    }
}

/// One event, as the log shows it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventRow {
    /// Where it stands in the ledger.
    pub position: u64,
    /// The chain that it belongs to: a run's id, or `project`.
    pub stream: String,
    /// Where it stands in its chain.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// What kind of thing it happened to.
    pub kind: Kind,
    /// What it happened to.
    pub record: RecordId,
    /// What happened.
    pub event: String,
    /// The state that it gave.
    pub state: String,
    /// The version that it gave.
    pub version: u64,
    /// How much it deserves a person's eye.
    pub severity: Severity,
    /// Who caused it.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// The W3C trace id that it belongs to.
    pub trace: Option<String>,
    /// The hash of the event before it in its chain.
    pub previous_hash: String,
    /// Its own hash.
    pub hash: String,
    /// All that it says.
    pub body: serde_json::Value,
}

impl From<&Event> for EventRow {
    fn from(event: &Event) -> Self {
        Self {
            position: event.position,
            stream: event.stream.to_string(),
            seq: event.seq,
            at: event.at,
            kind: event.record.kind(),
            record: event.record,
            event: event.event.name.clone(),
            state: event.state.clone(),
            version: event.version,
            severity: event.event.severity,
            actor: event.actor.clone(),
            reason: event.event.reason.clone(),
            trace: event.trace.clone(),
            previous_hash: event.previous_hash.clone(),
            hash: event.hash.clone(),
            body: serde_json::from_str(&event.event.body).unwrap_or(serde_json::Value::Null),
        }
    }
}
