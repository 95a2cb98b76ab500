//! Dependencies: what a task waits for, and what follows when that is done or missed.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Task, Workstream};
use tollhouse_core::lifecycle::{MissedTo, TaskEvent, TaskState};
use tollhouse_core::spec::OnDependencyFailure;
use tollhouse_core::{RecordId, RunId, TaskId};

use super::draft::Draft;
use super::workstream;
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;
use crate::view::{Needed, Standing};

/// Moves tasks whose dependencies moved.
pub(super) fn unblock(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let moves: Vec<(TaskId, TaskEvent)> = candidates(draft, run)
        .into_iter()
        .filter_map(|(id, needed)| {
            let task = draft.peek::<Task>(id)?;
            Some((task.id, event(draft, task, needed)?))
        })
        .collect();
    for (id, event) in &moves {
        draft.emit::<Task>(*id, event)?;
    }
    Ok(!moves.is_empty())
}

/// The tasks that wait for others and that something may have happened to, with how those stand that they need.
fn candidates(draft: &Draft<'_>, run: RunId) -> BTreeMap<RecordId, Needed> {
    let Some(known) = draft.view().schedule(run) else {
        return waiting(draft, run).map(|task| (task.id.into(), count(draft, task))).collect();
    };
    // What this decision did to tasks that others need.
    let mut shifts: BTreeMap<RecordId, Needed> = BTreeMap::new();
    for task in draft.over().all::<Task>().filter(|task| task.run == run) {
        let (was, is) = (draft.view().get::<Task>(task.id).map(Standing::of), Standing::of(task));
        if was != Some(is) {
            for dependent in known.that_need(&task.spec.name) {
                shifts.entry(dependent).or_default().shift(was, is);
            }
        }
    }
    for workstream in draft.over().all::<Workstream>().filter(|workstream| workstream.run == run) {
        let before = draft.view().get::<Workstream>(workstream.id).map(Standing::of_workstream);
        let is = Standing::of_workstream(workstream);
        if before != Some(is) {
            for held in known.streams().held_by(&workstream.spec.name) {
                shifts.entry(held).or_default().shift(before, is);
            }
        }
    }
    let touched = waiting(draft, run).map(|task| RecordId::from(task.id));
    let ids: BTreeSet<RecordId> = known.movable().chain(touched).chain(shifts.keys().copied()).collect();
    let needed = |id: RecordId| {
        let task = draft.peek::<Task>(id)?;
        // What this decision made it need nobody counted yet.
        let before = draft.view().get::<Task>(id).filter(|before| before.also_needs == task.also_needs);
        let Some(stood) = before.and_then(|_| known.needed(id)) else { return Some(count(draft, task)) };
        let shift = shifts.get(&id).copied().unwrap_or_default();
        Some(Needed { open: stood.open + shift.open, missed: stood.missed + shift.missed })
    };
    ids.into_iter().filter_map(|id| Some((id, needed(id)?))).collect()
}

/// The tasks that this decision touched and that wait for others.
fn waiting<'d>(draft: &'d Draft<'_>, run: RunId) -> impl Iterator<Item = &'d Task> {
    draft.over().in_states::<Task>(run, &[TaskState::Pending, TaskState::Blocked])
}

/// How those stand that a task needs, the workstreams that its own needs included, asked of each.
fn count(draft: &Draft<'_>, task: &Task) -> Needed {
    let mut needed = Needed::default();
    for need in needs(draft, task) {
        needed.shift(None, Standing::of(need));
    }
    for need in workstream::needed_for(draft, task) {
        needed.shift(None, Standing::of_workstream(need));
    }
    needed
}

/// The tasks that a task needs.
fn needs<'d>(draft: &'d Draft<'_>, task: &'d Task) -> impl Iterator<Item = &'d Task> {
    task.needs().filter_map(|name| draft.peek::<Task>(draft.named(task.run, name)?))
}

/// What a task's dependencies do to it, if anything.
fn event(draft: &Draft<'_>, task: &Task, needed: Needed) -> Option<TaskEvent> {
    if !matches!(task.state, TaskState::Pending | TaskState::Blocked) {
        return None;
    }
    if stops(Guard::MissedGivesUp, needed.missed > 0) {
        let missed = needs(draft, task).find(|need| need.is_missed())?;
        let to = match task.spec.on_dependency_failure {
            OnDependencyFailure::Skip => MissedTo::Skipped,
            OnDependencyFailure::Fail => MissedTo::Failed,
        };
        let reason = format!("it needs {}, which is {}", missed.spec.name, missed.state);
        return Some(TaskEvent::DependencyFailed { to, reason });
    }
    match (task.state, lets(Guard::QueuedNeedsDependenciesDone, needed.open == 0)) {
        (TaskState::Pending, true) => Some(TaskEvent::Release),
        (TaskState::Pending, false) => {
            let open = needs(draft, task).filter(|need| !need.is_done());
            let workstreams = workstream::needed_for(draft, task).filter(|need| !need.state.is_finished());
            let names = open.map(|need| need.spec.name.clone());
            let blocked_by = names.chain(workstreams.map(|need| format!("workstream {}", need.spec.name))).collect();
            Some(TaskEvent::Hold { blocked_by })
        }
        (_, true) => Some(TaskEvent::Unblock),
        (_, false) => None,
    }
}
