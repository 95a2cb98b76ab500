//! Ending a run before its end, by a person or for safety: what is alive is stopped, and nothing overtakes a landing.

use tollhouse_core::entity::{Patch, Run, Task};
use tollhouse_core::lifecycle::{PatchEvent, RunEvent, RunState, TaskEvent};
use tollhouse_core::{PatchId, RunId, TaskId};

use super::draft::Draft;
use super::{acceptance, gate, patch, run, task};
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;

/// Begins to end a run. Said again, nothing changes.
pub(super) fn cancel(draft: &mut Draft<'_>, id: RunId, reason: &str) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    match run.state {
        RunState::Canceling => return Ok(()),
        state if state.is_finished() => return Err(Refusal::RunOver { id: id.into(), state: state.as_str() }),
        _ => {}
    }
    draft.emit::<Run>(id, &RunEvent::Cancel { reason: reason.to_owned() })?;
    // One that never began has nothing alive: it is over at once, its tasks with it.
    end_tasks(draft, id, &because(draft, id)).map(|_| ())
}

/// Stops a run for safety: it is over at once, and what lands right now is the last. Said again, nothing changes.
pub(super) fn quarantine(draft: &mut Draft<'_>, id: RunId, reason: &str) -> Result<(), Refusal> {
    if draft.run(id)?.state == RunState::Quarantined {
        return Ok(());
    }
    draft.emit::<Run>(id, &RunEvent::Quarantine { reason: reason.to_owned() })?;
    set_aside_rest(draft, id).map(|_| ())
}

/// Sets aside what is left of a run that was stopped for safety.
pub(super) fn set_aside_rest(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    if !stops(Guard::QuarantineEndsAll, true) {
        return Ok(false);
    }
    let reason = draft.peek::<Run>(id).and_then(|run| run.reason.clone()).unwrap_or_default();
    let reason = format!("the run is quarantined: {reason}");
    let open: Vec<PatchId> = draft
        .unfinished::<Patch>(id)
        .into_iter()
        .filter(|patch| !patch::is_landing(draft, patch.id))
        .map(|patch| patch.id)
        .collect();
    for patch in &open {
        draft.withdraw(id, (*patch).into(), &reason)?;
        let event = PatchEvent::Quarantine { rule: "run".to_owned(), reason: reason.clone(), verdicts: Vec::new() };
        draft.emit::<Patch>(*patch, &event)?;
        gate::skip_rest(draft, (*patch).into(), &reason)?;
    }
    Ok(!open.is_empty() | end_tasks(draft, id, &reason)? | acceptance::skip_all(draft, id, &reason)?)
}

/// Ends what may be ended by now; once nothing is left, the run is over.
pub(super) fn wind_down(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    let moved = end_tasks(draft, id, &because(draft, id))?
        | drop_patches(draft, id)?
        | acceptance::skip_all(draft, id, "the run is canceled")?;
    if !moved && lets(Guard::CanceledNeedsDrained, run::is_drained(draft, id)) {
        draft.emit::<Run>(id, &RunEvent::Drained)?;
        return Ok(true);
    }
    Ok(moved)
}

fn because(draft: &Draft<'_>, id: RunId) -> String {
    let reason = draft.peek::<Run>(id).and_then(|run| run.reason.as_deref()).unwrap_or_default();
    format!("the run is canceled: {reason}")
}

fn end_tasks(draft: &mut Draft<'_>, id: RunId, reason: &str) -> Result<bool, Refusal> {
    let open: Vec<TaskId> = draft
        .unfinished::<Task>(id)
        .into_iter()
        .filter(|task| task.patch.is_none_or(|patch| !lands(draft, patch, Guard::LandingOutlastsTaskCancel)))
        .map(|task| task.id)
        .collect();
    for task in &open {
        task::end(draft, *task, &TaskEvent::Cancel { reason: reason.to_owned() })?;
    }
    Ok(!open.is_empty())
}

fn lands(draft: &Draft<'_>, patch: PatchId, guard: Guard) -> bool {
    stops(guard, patch::is_landing(draft, patch))
}

fn drop_patches(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    let open: Vec<PatchId> = draft
        .unfinished::<Patch>(id)
        .into_iter()
        .filter(|patch| !lands(draft, patch.id, Guard::LandingOutlastsPatchCancel))
        .map(|patch| patch.id)
        .collect();
    for patch in &open {
        patch::drop_unfinished(draft, *patch, "the run is canceled")?;
    }
    Ok(!open.is_empty())
}
