//! Workstreams: made with their run, derived again whenever something that they follow from changed, and what their end means
//! for their tasks.

use std::collections::BTreeSet;

use tollhouse_core::entity::{ErrorClass, GateRun, Run, Task, Workstream};
use tollhouse_core::lifecycle::{MissedTo, RunState, TaskEvent, TaskState, WorkstreamEvent, WorkstreamState};
use tollhouse_core::spec::WorkstreamSpec;
use tollhouse_core::{RecordId, RunId, TaskId, WorkstreamId};

use super::draft::Draft;
use super::{acceptance, hold, run, task};
use crate::command::WorkstreamWish;
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;
use crate::view::{Streams, Tasks, cause_in_workstream};
use crate::workstream::{Inputs, Say, Tally, derive};

/// Makes a workstream of a run.
pub(super) fn create(draft: &mut Draft<'_>, (run, place): (RunId, u32), spec: &WorkstreamSpec) -> Result<(), Refusal> {
    let id = WorkstreamId::from_parts(draft.now, draft.random_id_bits());
    let workstream = Box::new(Workstream {
        id,
        run,
        place,
        spec: spec.clone(),
        state: WorkstreamState::Planned,
        ended: None,
        reason: None,
        error_class: None,
        created_at: draft.now,
        started_at: None,
        finished_at: None,
    });
    draft.emit::<Workstream>(id, &WorkstreamEvent::Created { workstream })
}

/// Derives again every workstream that something happened to, and ends the tasks of those that are over.
pub(super) fn settle(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    if streams(draft, run).into_iter().flatten().all(Streams::is_empty) {
        return Ok(false);
    }
    let mut moved = false;
    let mut open = affected(draft, run);
    while let Some(name) = open.pop_first() {
        if derive_again(draft, run, &name)? {
            moved = true;
            open.extend(that_need(draft, run, &name));
        }
    }
    Ok(moved | close(draft, run)?)
}

/// The workstream of a run with this name in the plan.
pub(super) fn named<'d>(draft: &'d Draft<'_>, run: RunId, name: &str) -> Option<&'d Workstream> {
    let id = streams(draft, run).into_iter().flatten().find_map(|streams| streams.named(name))?;
    draft.peek::<Workstream>(id)
}

/// The workstreams that must be done before a task may begin: those that its own needs.
pub(super) fn needed_for<'d>(draft: &'d Draft<'_>, task: &Task) -> impl Iterator<Item = &'d Workstream> {
    let own = task.spec.workstream.as_ref().and_then(|name| named(draft, task.run, name));
    let needs = own.into_iter().flat_map(|own| &own.spec.needs);
    needs.filter_map(move |need| own.and_then(|own| named(draft, own.run, need)))
}

/// Whether the workstream of a task is over, so that nothing in it is tried again.
pub(super) fn is_over(draft: &Draft<'_>, task: &Task) -> bool {
    let own = task.spec.workstream.as_ref().and_then(|name| named(draft, task.run, name));
    own.is_some_and(|own| own.state.is_finished())
}

/// What is known of a run's workstreams: by this decision, and before it.
fn streams<'d>(draft: &'d Draft<'_>, run: RunId) -> [Option<&'d Streams>; 2] {
    [draft.over().schedule(run), draft.view().schedule(run)].map(|tasks| tasks.map(Tasks::streams))
}

fn that_need(draft: &Draft<'_>, run: RunId, name: &str) -> BTreeSet<String> {
    let both = streams(draft, run).into_iter().flatten();
    both.flat_map(|streams| streams.that_need(name)).map(str::to_owned).collect()
}

/// The workstreams that follow from something that this decision changed.
fn affected(draft: &Draft<'_>, run: RunId) -> BTreeSet<String> {
    let over = draft.over();
    let state_before = draft.view().get::<Run>(run).map(|run| run.state);
    if draft.peek::<Run>(run).map(|run| run.state) != state_before {
        return draft.unfinished::<Workstream>(run).into_iter().map(|one| one.spec.name.clone()).collect();
    }
    let own = over.all::<Task>().filter(|task| task.run == run).filter_map(|task| task.spec.workstream.clone());
    let mut affected: BTreeSet<String> = own.collect();
    for workstream in over.all::<Workstream>().filter(|workstream| workstream.run == run) {
        affected.insert(workstream.spec.name.clone());
        affected.extend(that_need(draft, run, &workstream.spec.name));
    }
    let judged = over.all::<GateRun>().filter_map(|gate_run| draft.peek::<Workstream>(gate_run.workstream?));
    affected.extend(judged.map(|workstream| workstream.spec.name.clone()));
    affected
}

/// Derives one workstream; the answer is whether it moved.
fn derive_again(draft: &mut Draft<'_>, run: RunId, name: &str) -> Result<bool, Refusal> {
    let Some(workstream) = named(draft, run, name).filter(|one| !one.state.is_finished()) else { return Ok(false) };
    let Some(state) = draft.peek::<Run>(run).map(|run| run.state) else { return Ok(false) };
    let needs: Vec<&Workstream> = workstream.spec.needs.iter().filter_map(|need| named(draft, run, need)).collect();
    let tally = tally(draft, run, name);
    let cause = (tally.critical_missed > 0).then(|| cause(draft, run, name));
    let gates = acceptance::say_of(draft, workstream);
    let gates = if lets(Guard::WorkstreamNeedsItsGates, gates == Say::Passed) { Say::Passed } else { gates };
    let inputs = Inputs { run: state, tally, cause, needs: &needs, gates };
    let derived = derive(workstream, &inputs);
    if derived.state == workstream.state {
        return Ok(false);
    }
    let (id, to) = (workstream.id, derived.state);
    let event = WorkstreamEvent::Derive { to, reason: derived.reason, class: derived.class };
    draft.emit::<Workstream>(id, &event)?;
    if to == WorkstreamState::Validating {
        acceptance::create_for_workstream(draft, run, id)?;
    }
    Ok(true)
}

/// How many tasks of a workstream are what, as this decision sees them.
fn tally(draft: &Draft<'_>, run: RunId, name: &str) -> Tally {
    let [over, view] = streams(draft, run);
    let mut tally = view.map(|streams| streams.tally(name)).unwrap_or_default();
    for task in over.into_iter().flat_map(|streams| streams.members(name)) {
        if let Some(now) = draft.over().get::<Task>(task) {
            tally.shift(draft.view().get::<Task>(task), now);
        }
    }
    tally
}

/// The critical task of a workstream that was missed first, in words.
fn cause(draft: &Draft<'_>, run: RunId, name: &str) -> String {
    let [over, view] = streams(draft, run);
    let known = view.into_iter().flat_map(|streams| streams.causes(name)).find(|id| !draft.over().knows(*id));
    let new = over.and_then(|streams| streams.causes(name).next());
    let first = known.into_iter().chain(new).filter_map(|id| draft.peek::<Task>(id));
    match first.min_by_key(|task| cause_in_workstream(task)) {
        Some(task) => format!("{} is critical and {}", task.spec.name, task.state),
        None => "a critical task was missed".to_owned(),
    }
}

/// Ends the tasks of workstreams that are over.
fn close(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let goes_on = |run: &Run| matches!(run.state, RunState::Pending | RunState::Running | RunState::Paused);
    if !draft.peek::<Run>(run).is_some_and(goes_on) || lets(Guard::EndedWorkstreamEndsTasks, false) {
        // One that ends takes its tasks with it by itself.
        return Ok(false);
    }
    let mut ends: Vec<(TaskId, TaskEvent)> = Vec::new();
    for id in tasks_to_look_at(draft, run) {
        let Some(task) = draft.peek::<Task>(id).filter(|task| !task.state.is_finished()) else { continue };
        let own = task.spec.workstream.as_ref().and_then(|name| named(draft, run, name));
        if let Some(own) = own.filter(|own| own.state.is_finished())
            && let Some(event) = ending(draft, own, task)
        {
            ends.push((task.id, event));
        }
    }
    for (id, event) in &ends {
        task::end(draft, *id, event)?;
    }
    Ok(!ends.is_empty())
}

/// The tasks that this decision touched, and all those of workstreams that it ended.
fn tasks_to_look_at(draft: &Draft<'_>, run: RunId) -> BTreeSet<RecordId> {
    let touched = draft.over().all::<Task>().filter(|task| task.run == run && task.spec.workstream.is_some());
    let mut found: BTreeSet<RecordId> = touched.map(|task| task.id.into()).collect();
    let was_over = |id: WorkstreamId| draft.view().get::<Workstream>(id).is_some_and(|one| one.state.is_finished());
    let ended = draft.over().all::<Workstream>().filter(|one| one.run == run && one.state.is_finished());
    for workstream in ended.filter(|one| !was_over(one.id)) {
        let both = streams(draft, run).into_iter().flatten();
        found.extend(both.flat_map(|streams| streams.members(&workstream.spec.name)));
    }
    found
}

/// What the end of its workstream does to a task that is unfinished, if anything.
fn ending(draft: &Draft<'_>, own: &Workstream, task: &Task) -> Option<TaskEvent> {
    let reason = match &own.reason {
        Some(why) => format!("workstream {} is {}: {why}", own.spec.name, own.state),
        None => format!("workstream {} is {}", own.spec.name, own.state),
    };
    let waits = matches!(task.state, TaskState::Pending | TaskState::Blocked);
    if own.error_class == Some(ErrorClass::DependencyMissed) && waits {
        let to = if own.state == WorkstreamState::Failed { MissedTo::Failed } else { MissedTo::Skipped };
        return Some(TaskEvent::DependencyFailed { to, reason });
    }
    // What ends by itself does; what is ready and held was paid for and passed.
    let held = task.patch.is_some_and(|patch| hold::is_held(draft, patch));
    match own.state {
        WorkstreamState::Canceled => Some(TaskEvent::Cancel { reason }),
        _ if run::ends_by_itself(task.state) => None,
        WorkstreamState::Skipped => Some(TaskEvent::Skip { reason }),
        _ if stops(Guard::WindingDownKeepsHeld, held) => None,
        _ => Some(TaskEvent::Cancel { reason }),
    }
}

/// Does what a person wants of a workstream; the answer is its run.
pub(super) fn person(
    draft: &mut Draft<'_>,
    id: WorkstreamId,
    wish: WorkstreamWish,
    reason: &str,
) -> Result<RunId, Refusal> {
    let workstream = draft.get::<Workstream>(id)?;
    let run = draft.run(workstream.run)?;
    if workstream.state.is_finished() {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: workstream.state.as_str() });
    }
    let may = matches!(run.state, RunState::Pending | RunState::Running | RunState::Paused);
    if stops(Guard::WordNeedsLivingRun, !may) {
        return Err(Refusal::RunOver { id: id.into(), state: run.state.as_str() });
    }
    let landing = |task: &&Task| task.patch.is_some_and(|patch| super::patch::is_landing(draft, patch));
    let open = members(draft, &workstream);
    if let Some(patch) = open.iter().copied().find(landing).and_then(|task| task.patch)
        && stops(Guard::LandingHoldsWorkstream, true)
    {
        return Err(Refusal::Landing { id: patch.into() });
    }
    let reason = reason.to_owned();
    let event = match wish {
        WorkstreamWish::Cancel => WorkstreamEvent::Cancel { reason },
        WorkstreamWish::Skip => {
            let at_work = open.iter().find(|task| run::ends_by_itself(task.state));
            if let Some(task) = at_work.filter(|_| stops(Guard::SkipNeedsNobodyAtWork, true)) {
                let (task, state) = (task.spec.name.clone(), task.state.as_str());
                return Err(Refusal::TaskAtWork { id: id.into(), task, state });
            }
            WorkstreamEvent::Skip { reason }
        }
    };
    draft.emit::<Workstream>(id, &event)?;
    acceptance::skip_for_workstream(draft, id, "its workstream is over")?;
    Ok(run.id)
}

/// The unfinished tasks of a workstream.
fn members<'d>(draft: &'d Draft<'_>, workstream: &Workstream) -> Vec<&'d Task> {
    let both = streams(draft, workstream.run).into_iter().flatten();
    let ids: BTreeSet<RecordId> = both.flat_map(|streams| streams.members(&workstream.spec.name)).collect();
    ids.into_iter().filter_map(|id| draft.peek::<Task>(id)).filter(|task| !task.state.is_finished()).collect()
}
