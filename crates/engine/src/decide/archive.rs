//! Taking runs out of the ledger once they are in an archive: asked for on the ledger before anything goes.

use tollhouse_core::entity::{Archive, Effect, Run, Work};

use super::draft::Draft;
use crate::refusal::Refusal;
use crate::view::Lifecycle;

/// Asks for runs to be taken out. Only those that are over can be: nothing happens in them any more.
pub(super) fn ask(draft: &mut Draft<'_>, archive: &Archive) -> Result<(), Refusal> {
    for archived in archive.runs() {
        let run = draft.get::<Run>(archived.run)?;
        if !run.state.is_over() {
            return Err(Refusal::NotOver { id: run.id.into(), state: run.state.text() });
        }
    }
    let is_it = |effect: &Effect| matches!(&effect.work, Work::Archive { archive: other } if other == archive);
    if draft.view().all::<Effect>().any(is_it) {
        return Ok(());
    }
    draft.request(None, Work::Archive { archive: archive.clone() })
}
