//! Work that no run made: a run of its own, with one patch and no tasks.

use tollhouse_core::RunId;
use tollhouse_core::entity::Patch;
use tollhouse_core::lifecycle::PatchEvent;
use tollhouse_core::spec::RunSpec;

use super::draft::Draft;
use super::{patch, run};
use crate::command::Submission;
use crate::refusal::Refusal;

/// Makes the run, begins it, and takes the patch in. Given again with the same ids and content, nothing changes.
pub(super) fn submit(
    draft: &mut Draft<'_>,
    id: RunId,
    (spec, started_by, base): (&RunSpec, &str, &str),
    submission: &Submission,
) -> Result<(), Refusal> {
    draft.rely_on::<Patch>(submission.id.into());
    if let Some(known) = draft.peek::<Patch>(submission.id) {
        let same = known.run == Some(id) && known.content == submission.change.content;
        return if same { Ok(()) } else { Err(Refusal::IdReused { id: submission.id.into() }) };
    }
    run::create(draft, id, spec, started_by, None)?;
    run::start(draft, id, base)?;
    let patch = Box::new(Patch {
        run: Some(id),
        author: submission.author.clone(),
        replaces: submission.replaces,
        ..patch::new(draft, submission.id, submission.title.clone(), &submission.change)
    });
    draft.emit::<Patch>(submission.id, &PatchEvent::Created { patch })
}
