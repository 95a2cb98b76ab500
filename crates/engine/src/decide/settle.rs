//! What follows: after a command, every rule that now applies is applied, until none does.

use tollhouse_core::RunId;
use tollhouse_core::entity::Run;
use tollhouse_core::lifecycle::RunState;

use super::draft::Draft;
use super::{gate, patch, run, task};
use crate::refusal::Refusal;

/// Applies every rule of a run until nothing follows any more.
///
/// Each rule moves something forward in its lifecycle, and lifecycles only go round through an effect or a timer, so
/// this ends.
pub(super) fn settle(draft: &mut Draft<'_>, id: RunId) -> Result<(), Refusal> {
    draft.run(id)?;
    loop {
        if draft.peek::<Run>(id).is_none_or(|run| run.state != RunState::Running) {
            return Ok(());
        }
        // Landing goes first: what follows from it opens the way for others. Leasing goes last: it takes what is free.
        let moved = patch::settle(draft, id)?
            | gate::settle(draft, id)?
            | run::wind_down(draft, id)?
            | task::unblock(draft, id)?
            | task::lease(draft, id)?
            | run::conclude(draft, id)?;
        if !moved {
            return Ok(());
        }
    }
}
