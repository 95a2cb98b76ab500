//! A person's word on a task or a patch: an ordinary event with a reason, never a way around the gate.

use tollhouse_core::entity::{ErrorClass, Patch, Run, Task, Workstream};
use tollhouse_core::lifecycle::{DecideTo, PatchEvent, PatchState, RunState, TaskEvent, TaskState, WorkstreamState};
use tollhouse_core::{PatchId, RecordId, RunId, TaskId};

use super::draft::Draft;
use super::{hold, patch, task, workstream};
use crate::command::{PatchWish, TaskWish};
use crate::forget::PURGED;
use crate::guard::{Guard, lets, stops};
use crate::policy::{RULES, Waiver, glob_problem};
use crate::refusal::Refusal;
use crate::view::{cause, cause_of_workstream};

/// Does what a person wants of a task; the answer is its run.
pub(super) fn task(draft: &mut Draft<'_>, id: TaskId, wish: &TaskWish, reason: &str) -> Result<RunId, Refusal> {
    let task = draft.get::<Task>(id)?;
    let run = draft.run(task.run)?;
    let is_over = run.state.is_finished() || matches!(run.state, RunState::Canceling | RunState::Verifying);
    if stops(Guard::WordNeedsLivingRun, is_over) {
        return Err(Refusal::RunOver { id: id.into(), state: run.state.as_str() });
    }
    if let Some(landing) =
        task.patch.filter(|landing| stops(Guard::LandingHoldsTask, patch::is_landing(draft, *landing)))
    {
        return Err(Refusal::Landing { id: landing.into() });
    }
    let reason = reason.to_owned();
    match wish {
        TaskWish::Retry { say } if task.state == TaskState::Waiting => {
            task::end(draft, id, &TaskEvent::Decide { to: DecideTo::Queued, reason, say: say.clone() })?;
        }
        TaskWish::Retry { say } => {
            nothing_ended_with(draft, &task)?;
            no_patch_in_the_way(draft, id.into(), id)?;
            draft.emit::<Task>(id, &TaskEvent::Requeue { reason, say: say.clone() })?;
        }
        TaskWish::Skip => task::end(draft, id, &TaskEvent::Skip { reason })?,
        TaskWish::Cancel => task::end(draft, id, &TaskEvent::Cancel { reason })?,
    }
    Ok(task.run)
}

/// Refuses to do again what a person let in again, and which is on its way to the branch or landed.
fn no_patch_in_the_way(draft: &Draft<'_>, id: RecordId, task: TaskId) -> Result<(), Refusal> {
    let Some(run) = draft.peek::<Task>(task).map(|task| task.run) else { return Ok(()) };
    let lives = |patch: &&Patch| patch.state == PatchState::Committed || !patch.state.is_finished();
    let mut others =
        draft.of_run::<Patch>(run).into_iter().filter(|patch| patch.task == Some(task) && id != patch.id.into());
    match others.find(lives).filter(|_| stops(Guard::NoPatchInTheWay, true)) {
        Some(patch) => Err(Refusal::PatchInTheWay { id, patch: patch.id.into(), state: patch.state.as_str() }),
        None => Ok(()),
    }
}

/// Refuses to take up again what others were given up for, or what was given up for another, and what would be given up at once
/// because its workstream or its run ends. In a paused run, others that failed may be taken up, too.
fn nothing_ended_with(draft: &Draft<'_>, task: &Task) -> Result<(), Refusal> {
    let own = task.spec.workstream.as_ref().and_then(|name| workstream::named(draft, task.run, name));
    let is_over = |own: &&Workstream| own.state.is_finished() || own.state == WorkstreamState::Validating;
    if let Some(own) = own.filter(is_over).filter(|_| stops(Guard::RetryNeedsOpenWorkstream, true)) {
        let (workstream, state) = (own.spec.name.clone(), own.state.as_str());
        return Err(Refusal::WorkstreamOver { id: task.id.into(), workstream, state });
    }
    let pauses = draft.peek::<Run>(task.run).is_some_and(|run| run.state == RunState::Paused);
    let ends_the_run = |other: &Task| cause(other).is_some() && !(pauses && other.state == TaskState::Failed);
    let tasks = draft
        .of_run::<Task>(task.run)
        .into_iter()
        .filter(|other| other.id != task.id && other.is_missed())
        .filter(|other| is_between(task, other) || ends_the_run(other))
        .map(|other| other.spec.name.clone());
    let workstreams = draft
        .of_run::<Workstream>(task.run)
        .into_iter()
        .filter(|other| cause_of_workstream(other).is_some())
        .map(|other| format!("workstream {}", other.spec.name));
    let dependents: Vec<String> = tasks.chain(workstreams).collect();
    if lets(Guard::RetryNeedsDependents, dependents.is_empty()) {
        return Ok(());
    }
    Err(Refusal::DependentsMissed { id: task.id.into(), dependents: dependents.join(", ") })
}

/// Whether one of two tasks needs the other: neither is taken up again without it.
fn is_between(one: &Task, other: &Task) -> bool {
    one.needs().any(|need| need == other.spec.name) || other.needs().any(|need| need == one.spec.name)
}

/// Does what a person wants of a patch; the answer is the run in which something may follow.
pub(super) fn patch(
    draft: &mut Draft<'_>,
    id: PatchId,
    wish: &PatchWish,
    reason: &str,
) -> Result<Option<RunId>, Refusal> {
    let patch = draft.get::<Patch>(id)?;
    if stops(Guard::LandingHoldsPatch, patch::is_landing(draft, id)) {
        return Err(Refusal::Landing { id: id.into() });
    }
    match wish {
        PatchWish::Land => land(draft, &patch, reason)?,
        PatchWish::Quarantine => set_aside(draft, &patch, reason)?,
        PatchWish::RollBack { commit } => {
            if patch.state != PatchState::RolledBack {
                let event = PatchEvent::RollBack { commit: commit.clone(), reason: reason.to_owned() };
                draft.emit::<Patch>(id, &event)?;
            }
        }
        PatchWish::Drop => drop_patch(draft, &patch, reason)?,
        PatchWish::Release { waive, allow } => release(draft, &patch, (waive, allow), reason)?,
    }
    Ok(patch.run)
}

fn land(draft: &mut Draft<'_>, patch: &Patch, reason: &str) -> Result<(), Refusal> {
    if stops(Guard::LandNeedsHeld, !hold::is_held(draft, patch.id)) {
        return Err(Refusal::NotHeld { id: patch.id.into(), state: patch.state.as_str() });
    }
    draft.emit::<Patch>(patch.id, &PatchEvent::Approve { reason: reason.to_owned() })?;
    let waiting = patch.task.and_then(|task| draft.peek::<Task>(task));
    match waiting.filter(|task| task.state == TaskState::Waiting).map(|task| task.id) {
        Some(task) => {
            let decide = TaskEvent::Decide { to: DecideTo::Validating, reason: reason.to_owned(), say: None };
            draft.emit::<Task>(task, &decide)
        }
        None => Ok(()),
    }
}

fn set_aside(draft: &mut Draft<'_>, patch: &Patch, reason: &str) -> Result<(), Refusal> {
    let reason = format!("a person set the change aside: {reason}");
    if let Some(run) = patch.run {
        draft.withdraw(run, patch.id.into(), &reason)?;
    }
    let event = PatchEvent::Quarantine { rule: "person".to_owned(), reason: reason.clone(), verdicts: Vec::new() };
    patch::set_aside(draft, patch.id, &event, ErrorClass::Policy)?;
    asks_no_more(draft, patch, reason).map(|_| ())
}

/// Where the task of a patch asked whether it lands, it does not any more: another try follows if one is left. The answer is
/// whether it did.
fn asks_no_more(draft: &mut Draft<'_>, patch: &Patch, reason: String) -> Result<bool, Refusal> {
    let waits = |task: &&Task| task.state == TaskState::Waiting && task.patch == Some(patch.id);
    let Some(task) = patch.task.and_then(|task| draft.peek::<Task>(task)).filter(waits).cloned() else {
        return Ok(false);
    };
    let left = task.attempts_used < task.attempts_limit();
    let to = if left { DecideTo::Queued } else { DecideTo::Failed };
    let say = left.then(|| reason.clone());
    draft.emit::<Task>(task.id, &TaskEvent::Decide { to, reason, say }).map(|()| true)
}

fn drop_patch(draft: &mut Draft<'_>, patch: &Patch, reason: &str) -> Result<(), Refusal> {
    let reason = format!("a person dropped the change: {reason}");
    if patch.state.is_finished() {
        // One that is set aside may be dropped; the table refuses all others.
        return draft.emit::<Patch>(patch.id, &PatchEvent::Drop { reason });
    }
    patch::drop_unfinished(draft, patch.id, &reason)?;
    let Some(task) = patch.task.filter(|task| draft.peek::<Task>(*task).is_some()) else { return Ok(()) };
    if asks_no_more(draft, patch, reason.clone())? {
        return Ok(());
    }
    task::refuse(draft, task, ErrorClass::Policy, reason)
}

fn release(
    draft: &mut Draft<'_>,
    patch: &Patch,
    (waive, allow): (&[String], &[String]),
    reason: &str,
) -> Result<(), Refusal> {
    for rule in waive {
        let may = RULES.iter().any(|known| known.name == rule && known.waiver == Waiver::ByPerson);
        if !may {
            return Err(Refusal::NotWaivable { rule: rule.clone() });
        }
    }
    for glob in allow {
        if let Some(what) = glob_problem(glob) {
            return Err(Refusal::BadGlob { glob: glob.clone(), what });
        }
    }
    if patch.state == PatchState::Quarantined
        && let Some(task) = patch.task.and_then(|task| draft.peek::<Task>(task))
        && stops(Guard::ReleaseNeedsTaskOver, !task.state.is_finished() || task.state == TaskState::Completed)
    {
        let (name, state) = (task.spec.name.clone(), task.state.as_str());
        return Err(Refusal::TaskInTheWay { id: patch.id.into(), task: name, state });
    }
    if patch.state == PatchState::Quarantined
        && let Some(task) = patch.task
    {
        no_patch_in_the_way(draft, patch.id.into(), task)?;
    }
    if let Some(run) = patch.run.and_then(|run| draft.peek::<Run>(run))
        && let ends =
            matches!(run.state, RunState::Canceling | RunState::Verifying | RunState::Pending | RunState::Quarantined)
        && stops(Guard::ReleaseNeedsRun, ends)
    {
        let (id, state) = (run.id.into(), run.state.as_str());
        let is_over = run.state == RunState::Quarantined;
        return Err(if is_over { Refusal::RunOver { id, state } } else { Refusal::NotOver { id, state } });
    }
    if patch.title == PURGED {
        return Err(Refusal::Purged { id: patch.id.into() });
    }
    let event = PatchEvent::Release { reason: reason.to_owned(), waive: waive.to_vec(), allow: allow.to_vec() };
    draft.emit::<Patch>(patch.id, &event)
}
