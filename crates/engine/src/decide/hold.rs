//! What waits for a person before it lands.

use tollhouse_core::entity::{Effect, GateRun, Patch, Run, Task};
use tollhouse_core::lifecycle::{PatchState, RunEvent, TaskEvent, TaskState};
use tollhouse_core::spec::LandMode;
use tollhouse_core::{PatchId, RunId, limits};

use super::draft::Draft;
use super::gate;
use crate::guard::{Guard, stops};
use crate::refusal::Refusal;
use crate::schedule::{MAY_BE_UNDER_WAY, Obstacle, is_under_way, obstacle};

/// Whether a patch is ready to land, and a person has to say so.
pub(super) fn is_held(draft: &Draft<'_>, id: PatchId) -> bool {
    let Some(patch) = draft.peek::<Patch>(id) else { return false };
    if patch.state == PatchState::Applied && !gate::have_passed(draft, id) {
        return false;
    }
    let mode = patch.run.and_then(|run| draft.peek::<Run>(run)).map(|run| run.spec.land);
    stops(Guard::HeldWaits, mode.is_some_and(|mode| waits_for_word(patch, mode)))
}

/// Whether a patch of a run that lands like this is ready, or its gates contradict themselves, and a person has to say so.
pub(crate) fn waits_for_word(patch: &Patch, mode: LandMode) -> bool {
    let why = match patch.state {
        PatchState::Applied => patch.doubt.is_some(),
        PatchState::Verified => mode == LandMode::Hold,
        _ => false,
    };
    why && !patch.approved
}

/// Has the task of a held patch wait for a person; the answer is whether that is new.
pub(super) fn ask(draft: &mut Draft<'_>, id: PatchId) -> Result<bool, Refusal> {
    let patch = draft.get::<Patch>(id)?;
    let task = patch.task.and_then(|task| draft.peek::<Task>(task));
    let Some(task) = task.filter(|task| task.state == TaskState::Validating && task.patch == Some(id)) else {
        return Ok(false);
    };
    let task = task.id;
    let land = format!("`toll land {}` lands it", id.random_part());
    let question = match &patch.doubt {
        Some(doubt) if patch.state == PatchState::Applied => {
            let name = &draft.get::<Task>(task)?.spec.name;
            format!("{doubt}: {land}, `toll task retry {name}` has another made")
        }
        _ => format!("its change is ready and held: {land}"),
    };
    let until = draft.now.after(limits::QUESTION_WAITS);
    draft.emit::<Task>(task, &TaskEvent::Ask { question, until })?;
    Ok(true)
}

/// Pauses a run in which nothing can happen before a person has spoken: what waits for one holds no process and no lock.
pub(super) fn rest(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    let is_in = |states: &[TaskState]| draft.any_order::<Task>(id, states).next().is_some();
    let held = draft
        .any_order::<Patch>(id, &[PatchState::Applied, PatchState::Verified])
        .filter(|patch| is_held(draft, patch.id))
        .count();
    let waits = held > 0 || is_in(&[TaskState::Waiting]);
    let busy = [TaskState::Pending, TaskState::Running, TaskState::Validating, TaskState::Retrying];
    let quiet = !is_in(&busy)
        && draft.any_unfinished::<Patch>(id).all(|patch| is_held(draft, patch.id))
        && draft.any_unfinished::<GateRun>(id).next().is_none()
        && draft.any_unfinished::<Effect>(id).next().is_none()
        && all_queued_wait_for_held(draft, id);
    if !waits || stops(Guard::RestNeedsQuiet, !quiet) {
        return Ok(false);
    }
    // Said of the moment: the reason stays when a person has sent a change back.
    let reason = if held == 1 {
        "1 change was ready and held".to_owned()
    } else {
        format!("{held} changes were ready and held")
    };
    draft.emit::<Run>(id, &RunEvent::Pause { reason })?;
    Ok(true)
}

/// Whether nothing that is queued may begin before a person has spoken of what it clashes with.
fn all_queued_wait_for_held(draft: &Draft<'_>, id: RunId) -> bool {
    let Some(run) = draft.peek::<Run>(id) else { return true };
    let patch_of = |task: &Task| task.patch.and_then(|patch| draft.peek::<Patch>(patch));
    let mut held = draft.in_states::<Task>(id, MAY_BE_UNDER_WAY);
    held.retain(|task| is_under_way(task, patch_of(task)));
    let mut queued = draft.any_order::<Task>(id, &[TaskState::Queued]);
    queued.all(|task| matches!(obstacle(run, task, &held, 0), Some(Obstacle::Clash { .. })))
}
