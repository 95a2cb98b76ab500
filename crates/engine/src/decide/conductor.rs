//! Who drives a run: one program at a time, by a lease of its own.

use tollhouse_core::RunId;
use tollhouse_core::entity::{Conductor, Effect, Process, Run};
use tollhouse_core::lifecycle::{EffectEvent, EffectState, RunEvent};
use tollhouse_core::{EffectId, limits};

use super::draft::Draft;
use super::worker;
use crate::command::{Liveness, Seen};
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;

/// Gives a run to a program. What the one before it had begun and not ended has to be looked at in the world.
pub(super) fn drive(draft: &mut Draft<'_>, id: RunId, process: &Process, seen: Option<Seen>) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    if let Some(present) = &run.conductor
        && stops(Guard::LivingConductorStays, !is_gone(draft, present, seen))
    {
        return Err(Refusal::AlreadyDriven { id: id.into(), by: present.process.to_string() });
    }
    // Nobody who could say how it went is left, whether the last one died or gave the run back.
    let who = run.conductor.as_ref().map_or("its conductor".to_owned(), |present| present.process.to_string());
    lose_begun(draft, id, &format!("{who}, which did it, is gone"))?;
    worker::crash_own(draft, id, &format!("{who} is gone"))?;
    let conductor = Conductor { process: process.clone(), epoch: run.conductors + 1, since: draft.now };
    draft.emit::<Run>(id, &RunEvent::Drive { conductor })
}

/// A dead program on the same machine is replaced at once; one that cannot be seen, once it was silent for too long.
fn is_gone(draft: &Draft<'_>, present: &Conductor, seen: Option<Seen>) -> bool {
    let is_of_present = |seen: &Seen| lets(Guard::SeenIsOfThePresent, seen.epoch == present.epoch);
    match seen.filter(is_of_present).map(|seen| seen.liveness) {
        None | Some(Liveness::Alive) => false,
        Some(Liveness::Gone) => true,
        Some(Liveness::OutOfSight { last_seen }) => {
            let last = last_seen.unwrap_or(present.since).max(present.since);
            lets(Guard::SilenceIsLong, draft.now > last.after(limits::SILENT_MAX))
        }
    }
}

fn lose_begun(draft: &mut Draft<'_>, run: RunId, reason: &str) -> Result<(), Refusal> {
    // What a shared worker does goes on, whoever drives.
    let is_begun = |effect: &&Effect| {
        let by_conductor = effect.state == EffectState::Started && !worker::is_for_shared(draft, effect);
        stops(Guard::BegunIsLostWithConductor, by_conductor)
    };
    let begun: Vec<EffectId> = draft.unsettled(run).filter(is_begun).map(|effect| effect.id).collect();
    for effect in begun {
        draft.emit::<Effect>(effect, &EffectEvent::Lose { reason: reason.to_owned() })?;
    }
    Ok(())
}

/// Takes the run back from a program that stops driving it.
pub(super) fn step_down(draft: &mut Draft<'_>, id: RunId, epoch: u64) -> Result<(), Refusal> {
    must_drive(draft, id, epoch, Guard::DrivingNeedsTheEpoch)?;
    worker::dismiss(draft, id)?;
    draft.emit::<Run>(id, &RunEvent::StepDown { epoch })
}

/// Refuses who does not drive the run, or not any more.
pub(super) fn must_drive(draft: &mut Draft<'_>, id: RunId, epoch: u64, guard: Guard) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    if lets(guard, run.conductor.as_ref().is_some_and(|present| present.epoch == epoch)) {
        return Ok(());
    }
    Err(Refusal::StaleLease { id: id.into(), given: epoch, current: run.conductors })
}
