//! What became of effects whose runner is gone: said by who looked at the world, never guessed.

use tollhouse_core::entity::{Attempt, Effect, Patch, Work};
use tollhouse_core::lifecycle::{EffectEvent, EffectState, PatchState};
use tollhouse_core::{EffectId, RunId};

use super::draft::Draft;
use super::{conductor, effect, worker};
use crate::command::{Liveness, Witness};
use crate::guard::{Guard, lets, stops};
use crate::outcome::{Found, Outcome};
use crate::refusal::Refusal;

/// Takes in what was seen of an effect that is unknown; the answer is the run in which something may follow.
pub(super) fn settle(
    draft: &mut Draft<'_>,
    id: EffectId,
    by: Witness,
    found: &Found,
) -> Result<Option<RunId>, Refusal> {
    let effect = draft.get::<Effect>(id)?;
    if effect.state.is_finished() {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: effect.state.as_str() });
    }
    match (effect.run, by) {
        (Some(run), Witness::Conductor(epoch)) => {
            conductor::must_drive(draft, run, epoch, Guard::DrivingNeedsTheEpoch)?;
        }
        (Some(run), Witness::Anybody(_)) => conductor::must_drive(draft, run, 0, Guard::DrivingNeedsTheEpoch)?,
        (None, by) => lose_what_is_over(draft, &effect, by)?,
    }
    if stops(Guard::LookNeedsUnknown, draft.get::<Effect>(id)?.state != EffectState::Unknown) {
        // Nobody lost it, so whoever claimed it is at it.
        return Err(Refusal::StaleLease { id: id.into(), given: 0, current: effect.epoch });
    }
    match found {
        Found::Outcome(outcome) => effect::take_in(draft, &effect, outcome)?,
        // A gate that began has no way back to its beginning: another run of it follows.
        Found::NotDone { reason } if matches!(effect.work, Work::Gate { .. }) => {
            effect::take_in(draft, &effect, &Outcome::Stopped { reason: reason.clone() })?;
        }
        Found::NotDone { reason } => {
            let event = not_done(draft, &effect, reason);
            draft.emit::<Effect>(id, &event)?;
            if let (Work::Spawn { attempt }, EffectEvent::Fail { .. }) = (&effect.work, &event) {
                worker::let_go(draft, *attempt)?;
            }
        }
    }
    Ok(effect.run)
}

/// What belongs to no run has no conductor: it is lost once its program is gone. Where that cannot be seen, its time decides.
fn lose_what_is_over(draft: &mut Draft<'_>, effect: &Effect, by: Witness) -> Result<(), Refusal> {
    let is_seen_alive = effect.process.is_some() && by == Witness::Anybody(Liveness::Alive);
    let over = effect.until.is_some_and(|until| until < draft.now) && !is_seen_alive;
    let gone = effect.process.is_some() && by == Witness::Anybody(Liveness::Gone);
    if effect.state == EffectState::Started && (over || gone) {
        let reason = "its program is gone, or its time was over".to_owned();
        draft.emit::<Effect>(effect.id, &EffectEvent::Lose { reason })?;
    }
    Ok(())
}

/// It is asked for again, unless nobody wants it any more.
fn not_done(draft: &Draft<'_>, effect: &Effect, reason: &str) -> EffectEvent {
    let running = |id| draft.peek::<Attempt>(id).is_some_and(|attempt: &Attempt| !attempt.state.is_finished());
    let state = |id| draft.peek::<Patch>(id).map(|patch: &Patch| patch.state);
    let wanted = match effect.work {
        Work::Purge { .. } | Work::Archive { .. } => true,
        Work::Apply { patch } => state(patch) == Some(PatchState::Queued),
        Work::Land { patch } => state(patch) == Some(PatchState::Verified),
        Work::Spawn { attempt } => running(attempt),
        Work::Kill { .. } | Work::Gate { .. } => false,
    };
    let reason = reason.to_owned();
    if lets(Guard::AskedAgainIsWanted, wanted) { EffectEvent::Retry { reason } } else { EffectEvent::Fail { reason } }
}
