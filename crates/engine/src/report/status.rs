//! One run, at a glance.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{Attempt, Budget, Effect, GateRun, Patch, Run, Task, Workstream};
use tollhouse_core::lifecycle::{BudgetState, GateRunState, PatchState, RunState, TaskState};
use tollhouse_core::spec::OnExhausted;
use tollhouse_core::{RunId, Span, Timestamp};

use super::RunProgress;
use super::lists::{GateRow, PatchRow, RunRow, TaskRow, WorkstreamRow};
use crate::command::{Liveness, Seen};
use crate::decide::waits_for_word;
use crate::view::View;

/// How many of a run's tasks are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunCounts {
    /// All.
    pub tasks: u64,
    /// Done: their patches landed, or there was nothing to change.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Canceled.
    pub canceled: u64,
    /// Skipped.
    pub skipped: u64,
    /// At work, or on the way through the gate.
    pub active: u64,
    /// Not begun, or waiting for another try.
    pub waiting: u64,
    /// Attempts made.
    pub attempts: u64,
    /// Patches that landed.
    pub landed: u64,
    /// Patches that were set aside.
    pub quarantined: u64,
    /// Gate runs that gave an answer.
    pub gate_runs: u64,
}

/// One run, at a glance.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunStatus {
    /// The run.
    #[serde(flatten)]
    pub run: RunRow,
    /// The commit that it started from.
    pub base: Option<String>,
    /// The program that drives it; null where none does.
    pub driven_by: Option<String>,
    /// A command that lets it go on, where it does not by itself; null where nothing is to be done.
    pub next: Option<String>,
    /// How long it has been going, or went, in seconds.
    pub elapsed: Span,
    /// How many tasks are where.
    pub counts: RunCounts,
    /// Its workstreams, in the order of the plan; left out where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workstreams: Vec<WorkstreamRow>,
    /// Its tasks, in the order of the plan.
    pub tasks: Vec<TaskRow>,
    /// Its patches, in the order they came in.
    pub patches: Vec<PatchRow>,
    /// Its gate runs, in the order they were asked for.
    pub gate_runs: Vec<GateRow>,
    /// How far it is, and how long it may still take; left out where nobody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Box<RunProgress>>,
}

/// Whether something of a run that is over is on its way: a patch that was let in again, or an agent that is being ended.
fn has_open_work(view: &View, run: &Run) -> bool {
    let mut patches = view.all::<Patch>().filter(|patch| patch.run == Some(run.id));
    let mut effects = view.all::<Effect>().filter(|effect| effect.run == Some(run.id));
    patches.any(|patch| !patch.state.is_finished() && !waits_to_land(view, patch))
        || effects.any(|effect| !effect.state.is_finished())
}

/// Whether a patch is ready, and lands only once a person says so.
pub fn waits_to_land(view: &View, patch: &Patch) -> bool {
    let run = patch.run.and_then(|run| view.get::<Run>(run));
    let judged = || view.all::<GateRun>().filter(|one| one.patch == Some(patch.id)).all(|one| one.state.is_finished());
    run.is_some_and(|run| waits_for_word(patch, run.spec.land)) && judged()
}

impl RunStatus {
    /// The same, for who has seen that the program that drove the run is gone.
    #[must_use]
    pub fn abandoned(self, view: &View) -> Self {
        let run = view.get::<Run>(self.run.id).map(|run| Run { conductor: None, ..run.clone() });
        let next = run.and_then(|run| next_for_run(view, &run));
        Self { driven_by: None, next, ..self }
    }

    /// Whether the run should go on by itself, and no program drives it.
    pub const fn is_abandoned(&self) -> bool {
        let rests = self.run.state.is_finished() || matches!(self.run.state, RunState::Paused);
        !rests && self.driven_by.is_none()
    }
}

/// Whether it was seen that the program that drove a run is gone.
pub(super) fn is_gone(seen: Option<Seen>) -> bool {
    seen.is_some_and(|seen| seen.liveness == Liveness::Gone)
}

/// Whether a run that paused has no money to go on with.
fn is_spent(view: &View, run: &Run) -> bool {
    let states = [TaskState::Running, TaskState::Queued, TaskState::Retrying];
    let costs_money = view.in_states::<Task>(run.id, &states).next().is_some();
    let pauses = |budget: &Budget| budget.on_exhausted == OnExhausted::Pause && budget.state == BudgetState::Exhausted;
    costs_money && view.budget(run.id).is_some_and(pauses)
}

/// The command that lets a run go on; `None` where it goes on by itself, or is over.
pub(crate) fn next_for_run(view: &View, run: &Run) -> Option<String> {
    let id = run.id.random_part();
    let held = view.all::<Patch>().any(|patch| patch.run == Some(run.id) && waits_to_land(view, patch));
    match run.state {
        RunState::Paused if held => Some("toll land".to_owned()),
        RunState::Paused if is_spent(view, run) => Some(format!("toll resume {id} --budget USD --reason TEXT")),
        RunState::Paused => Some(format!("toll resume {id}")),
        RunState::Pending | RunState::Running | RunState::Verifying if run.conductor.is_none() => {
            Some(format!("toll resume {id}"))
        }
        RunState::Canceling if run.conductor.is_none() => Some(format!("toll cancel {id}")),
        // What a person let in again is on its way.
        state if state.is_finished() && run.conductor.is_none() && has_open_work(view, run) => {
            Some(format!("toll resume {id}"))
        }
        _ => None,
    }
}

/// What there is to say of a run at a time; `None` where the view does not hold it.
pub fn run_status(view: &View, id: RunId, now: Timestamp) -> Option<RunStatus> {
    let run = view.get::<Run>(id)?;
    let mut tasks: Vec<&Task> = view.all::<Task>().filter(|task| task.run == id).collect();
    tasks.sort_by_key(|task| task.place);
    let mut workstreams: Vec<&Workstream> = view.all::<Workstream>().filter(|one| one.run == id).collect();
    workstreams.sort_by_key(|workstream| workstream.place);
    let patches: Vec<&Patch> = view.all::<Patch>().filter(|patch| patch.run == Some(id)).collect();
    let gate_runs: Vec<&GateRun> = view.all::<GateRun>().filter(|gate_run| gate_run.run == Some(id)).collect();
    let count = |states: &[TaskState]| tasks.iter().filter(|task| states.contains(&task.state)).count() as u64;
    let landed = |state: PatchState| patches.iter().filter(|patch| patch.state == state).count() as u64;
    let counts = RunCounts {
        tasks: tasks.len() as u64,
        completed: count(&[TaskState::Completed]),
        failed: count(&[TaskState::Failed]),
        canceled: count(&[TaskState::Canceled]),
        skipped: count(&[TaskState::Skipped]),
        active: count(&[TaskState::Running, TaskState::Validating]),
        waiting: count(&[
            TaskState::Pending,
            TaskState::Blocked,
            TaskState::Queued,
            TaskState::Retrying,
            TaskState::Waiting,
        ]),
        attempts: view.all::<Attempt>().filter(|attempt| attempt.run == id).count() as u64,
        landed: landed(PatchState::Committed),
        quarantined: landed(PatchState::Quarantined),
        gate_runs: gate_runs
            .iter()
            .filter(|gate_run| gate_run.state.is_finished() && gate_run.state != GateRunState::Skipped)
            .count() as u64,
    };
    let from = run.started_at.unwrap_or(run.created_at);
    Some(RunStatus {
        run: run.into(),
        base: run.base.clone(),
        driven_by: run.conductor.as_ref().map(|conductor| conductor.process.to_string()),
        next: next_for_run(view, run),
        elapsed: run.finished_at.unwrap_or(now).since(from),
        counts,
        workstreams: workstreams.into_iter().map(WorkstreamRow::from).collect(),
        tasks: tasks.into_iter().map(TaskRow::from).collect(),
        patches: patches.into_iter().map(PatchRow::from).collect(),
        gate_runs: gate_runs.into_iter().map(GateRow::from).collect(),
        progress: None,
    })
}
