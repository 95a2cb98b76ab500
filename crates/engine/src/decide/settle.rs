//! What follows: after a command, every rule that now applies is applied, until none does.

use tollhouse_core::RunId;
use tollhouse_core::entity::Run;
use tollhouse_core::lifecycle::RunState;

use super::draft::Draft;
use super::{acceptance, budget, cancel, gate, hold, lease, needs, patch, run, worker, workstream};
use crate::refusal::Refusal;

/// Applies every rule of a run until nothing follows any more.
///
/// Each rule moves something forward in its lifecycle, and lifecycles only go round through an effect or a timer, so
/// this ends.
pub(super) fn settle(draft: &mut Draft<'_>, id: RunId) -> Result<(), Refusal> {
    draft.run(id)?;
    loop {
        let Some(state) = draft.peek::<Run>(id).map(|run| run.state) else { return Ok(()) };
        let moved = match state {
            RunState::Running => run_goes_on(draft, id)?,
            RunState::Canceling => workstream::settle(draft, id)? || cancel::wind_down(draft, id)?,
            RunState::Verifying => gate::settle(draft, id)? || acceptance::verify(draft, id)?,
            RunState::Quarantined => {
                worker::dismiss(draft, id)?;
                cancel::set_aside_rest(draft, id)? || workstream::settle(draft, id)?
            }
            // What a person let in again after the end of its run lands for itself.
            finished if finished.is_finished() => {
                worker::dismiss(draft, id)?;
                patch::settle(draft, id)? | gate::settle(draft, id)? | workstream::settle(draft, id)?
            }
            _ => workstream::settle(draft, id)?,
        };
        if !moved {
            return Ok(());
        }
    }
}

fn run_goes_on(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    if budget::watch(draft, id)? {
        return Ok(true);
    }
    // Landing goes first: what follows from it opens the way for others. Leasing goes last: it takes what is free, once it is
    // clear what is over.
    let moved = patch::settle(draft, id)?
        | gate::settle(draft, id)?
        | workstream::settle(draft, id)?
        | run::wind_down(draft, id)?
        | needs::unblock(draft, id)?;
    if moved {
        return Ok(true);
    }
    let moved = lease::lease(draft, id)? | run::conclude(draft, id)?;
    Ok(moved || hold::rest(draft, id)?)
}
