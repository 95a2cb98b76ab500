//! Forgetting contents: asked for by a person, on the ledger before anything goes.

use tollhouse_core::entity::{Attempt, Effect, GateRun, Patch, Run, Task, Work};
use tollhouse_core::{Kind, RecordId, RunId};

use super::draft::Draft;
use crate::refusal::Refusal;
use crate::view::{Lifecycle, Viewed};

/// Asks for what a record and all that hangs on it say to be forgotten. Only what is over can be: nobody needs it any more.
pub(super) fn ask(draft: &mut Draft<'_>, record: RecordId, reason: &str) -> Result<(), Refusal> {
    let run = match record.kind() {
        Kind::Run => RunId::try_from(record).ok(),
        Kind::Task => over::<Task>(draft, record, |task| task.state)?,
        Kind::Attempt => over::<Attempt>(draft, record, |attempt| attempt.state)?,
        Kind::Patch => over::<Patch>(draft, record, |patch| patch.state)?,
        Kind::GateRun => over::<GateRun>(draft, record, |gate_run| gate_run.state)?,
        _ => return Err(Refusal::NothingToPurge { id: record }),
    };
    if let Some(run) = run {
        over::<Run>(draft, run.into(), |run| run.state)?;
    }
    let is_asked_for = |effect: &Effect| !effect.state.is_finished() && effect.work.subject() == record;
    if draft.view().all::<Effect>().any(|effect| matches!(effect.work, Work::Purge { .. }) && is_asked_for(effect)) {
        return Ok(());
    }
    draft.request(None, Work::Purge { record, reason: reason.to_owned() })
}

/// Refuses what is not over; the answer is its run.
fn over<T: Viewed>(
    draft: &mut Draft<'_>,
    id: RecordId,
    state: impl Fn(&T) -> T::State,
) -> Result<Option<RunId>, Refusal> {
    let record = draft.get::<T>(id)?;
    if !state(&record).is_over() {
        return Err(Refusal::NotOver { id, state: record.state_name() });
    }
    Ok(record.run_id())
}
