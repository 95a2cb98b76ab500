//! Runs: made, begun, wound down, ended.

use tollhouse_core::entity::{Effect, GateRun, Patch, Run, RunOutcome, Task, Workstream};
use tollhouse_core::lifecycle::{PatchState, RunEvent, RunState, TaskEvent, TaskState};
use tollhouse_core::spec::{RunSpec, TaskSpec};
use tollhouse_core::{RunId, TaskId};

use super::draft::Draft;
use super::{acceptance, budget, winding, workstream};
use crate::command::Legacy;
use crate::guard::{Guard, lets, stops};
use crate::plan::spec_problems;
use crate::refusal::Refusal;

/// Makes a run, its workstreams and its tasks.
pub(super) fn create(
    draft: &mut Draft<'_>,
    id: RunId,
    spec: &RunSpec,
    started_by: &str,
    legacy: Option<&Legacy>,
) -> Result<(), Refusal> {
    draft.rely_on::<Run>(id.into());
    // The run changes with every lease, so what is large and never changes is not in it.
    let without_tasks = RunSpec { tasks: Vec::new(), ..spec.clone() };
    if let Some(known) = draft.peek::<Run>(id) {
        let mut tasks = draft.of_run::<Task>(id);
        tasks.retain(|task| task.added_by.is_none());
        tasks.sort_by_key(|task| task.place);
        let same = known.spec == without_tasks
            && known.started_by == started_by
            && tasks.iter().map(|task| &task.spec).eq(&spec.tasks);
        return if same { Ok(()) } else { Err(Refusal::IdReused { id: id.into() }) };
    }
    let problems = spec_problems(spec);
    if !problems.is_empty() {
        return Err(Refusal::BadSpec { problems });
    }
    let run = Box::new(Run {
        id,
        state: RunState::Pending,
        spec: without_tasks,
        started_by: started_by.to_owned(),
        reason: None,
        outcome: None,
        base: None,
        verified_commit: None,
        fixes: 0,
        epoch: 0,
        conductor: None,
        conductors: 0,
        fork: legacy.map(|legacy| legacy.fork.clone()),
        created_at: draft.now,
        started_at: None,
        resumed_at: None,
        finished_at: None,
    });
    draft.emit::<Run>(id, &RunEvent::Created { run })?;
    budget::create(draft, id, spec)?;
    for (place, workstream) in (0..).zip(&spec.workstreams) {
        workstream::create(draft, (id, place), workstream)?;
    }
    for (place, task) in (0..).zip(&spec.tasks) {
        let source = legacy.and_then(|legacy| legacy.done.get(&task.name).copied());
        create_task(draft, (id, place), task, Origin { source, added_by: None })?;
    }
    workstream::settle(draft, id).map(|_| ())
}

/// Where a task comes from that is not of the plan alone.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin {
    /// The task of another run that it was completed as.
    pub(super) source: Option<TaskId>,
    /// Who added it to a run that went on.
    pub(super) added_by: Option<String>,
}

pub(super) fn create_task(
    draft: &mut Draft<'_>,
    (run, place): (RunId, u32),
    spec: &TaskSpec,
    Origin { source, added_by }: Origin,
) -> Result<(), Refusal> {
    let id = TaskId::from_parts(draft.now, draft.random_id_bits());
    let task = Box::new(Task {
        id,
        run,
        place,
        source,
        added_by,
        spec: spec.clone(),
        also_needs: Vec::new(),
        state: TaskState::Pending,
        blocked_by: Vec::new(),
        lease: None,
        attempts_used: 0,
        attempts_lost: 0,
        attempts_granted: 0,
        attempt: None,
        asked: None,
        patch: None,
        feedback: None,
        due_at: None,
        queued_at: None,
        reason: None,
        error_class: None,
        created_at: draft.now,
        started_at: None,
        finished_at: None,
    });
    let event = if source.is_some() { TaskEvent::Inherited { task } } else { TaskEvent::Created { task } };
    draft.emit::<Task>(id, &event)
}

/// Begins a run. Said again with the same base, it is the same answer.
pub(super) fn start(draft: &mut Draft<'_>, id: RunId, base: &str) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    if run.state == RunState::Running && run.base.as_deref() == Some(base) {
        return Ok(());
    }
    budget::lets_begin(draft, id)?;
    draft.emit::<Run>(id, &RunEvent::Start { base: base.to_owned() })
}

/// Pauses a run: what is alive in it ends.
pub(super) fn pause(draft: &mut Draft<'_>, id: RunId, reason: &str) -> Result<(), Refusal> {
    match draft.run(id)?.state {
        RunState::Paused => return Ok(()),
        state if stops(Guard::PauseNeedsLivingRun, state.is_finished()) => {
            return Err(Refusal::RunOver { id: id.into(), state: state.as_str() });
        }
        _ => {}
    }
    if stops(Guard::PauseStopsAttempts, true) {
        super::task::interrupt_all(draft, id, reason)?;
    }
    draft.emit::<Run>(id, &RunEvent::Pause { reason: reason.to_owned() })
}

/// Lets a paused run go on.
pub(super) fn resume(draft: &mut Draft<'_>, id: RunId, reason: &str) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    match run.state {
        RunState::Running => Ok(()),
        state if state.is_finished() => Err(Refusal::RunOver { id: id.into(), state: state.as_str() }),
        _ => {
            budget::lets_go_on(draft, id)?;
            draft.emit::<Run>(id, &RunEvent::Resume { reason: reason.to_owned() })
        }
    }
}

/// Cancels what a run that winds down will not do any more.
pub(super) fn wind_down(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let Some(reason) = winding::winding_down(draft, run) else { return Ok(false) };
    let reason = format!("the run ends: {reason}");
    let idle: Vec<TaskId> = draft
        .unfinished::<Task>(run)
        .into_iter()
        .filter(|task| !ends_by_itself(task.state))
        // What is ready and held was paid for and passed: whether it lands, a person says.
        .filter(|task| {
            task.patch.is_none_or(|patch| lets(Guard::WindingDownKeepsHeld, !super::hold::is_held(draft, patch)))
        })
        .map(|task| task.id)
        .collect();
    for task in &idle {
        super::task::end(draft, *task, &TaskEvent::Cancel { reason: reason.clone() })?;
    }
    Ok(!idle.is_empty())
}

pub(super) fn ends_by_itself(state: TaskState) -> bool {
    stops(Guard::WindingDownLetsEnd, matches!(state, TaskState::Running | TaskState::Validating))
}

/// Ends a run whose work is over.
pub(super) fn conclude(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    if stops(Guard::EndNeedsDrained, !is_drained(draft, id)) {
        return Ok(false);
    }
    if let Some(reason) = winding::failure(draft, id).filter(|_| stops(Guard::CriticalMissFails, true)) {
        draft.emit::<Run>(id, &RunEvent::Fail { reason })?;
        return Ok(true);
    }
    // A run of a patch that was handed in is what became of that patch.
    let refused = draft
        .in_states::<Patch>(id, &[PatchState::Quarantined, PatchState::Dropped])
        .into_iter()
        .find(|patch| patch.task.is_none());
    if let Some(patch) = refused {
        let why = patch.reason.as_deref().unwrap_or("no reason was given");
        let reason = format!("the patch was {}: {}", patch.state, why.lines().next().unwrap_or(why));
        draft.emit::<Run>(id, &RunEvent::Fail { reason })?;
        return Ok(true);
    }
    let commit = acceptance::newest_landed(draft, id).map(|landed| landed.parent);
    draft.emit::<Run>(id, &RunEvent::TasksDone { commit })?;
    acceptance::create_for_run(draft, id)?;
    // Where it has no gates of its own, nothing is left to judge.
    acceptance::verify(draft, id).map(|_| true)
}

pub(super) fn outcome(draft: &Draft<'_>, id: RunId) -> RunOutcome {
    let is_missed = draft.of_run::<Task>(id).into_iter().any(Task::is_missed)
        || draft.of_run::<Workstream>(id).into_iter().any(Workstream::is_missed);
    if stops(Guard::MissesAreTold, is_missed) { RunOutcome::WithFailures } else { RunOutcome::Clean }
}

/// Whether nothing of a run is on its way any more.
pub(super) fn is_drained(draft: &Draft<'_>, run: RunId) -> bool {
    draft.any_unfinished::<Task>(run).next().is_none()
        && draft.any_unfinished::<Workstream>(run).next().is_none()
        && draft.any_unfinished::<Patch>(run).next().is_none()
        && draft.any_unfinished::<GateRun>(run).next().is_none()
        && draft.any_unfinished::<Effect>(run).next().is_none()
}
