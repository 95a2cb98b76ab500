//! What follows when a person's own work landed in the place of a patch.

use tollhouse::entity::{Entity, Patch, Task};
use tollhouse::lifecycle::{PatchState, TaskState};
use tollhouse::{Command, Find, Kind, PatchId, PatchWish, Site, Store, TaskWish, View, ViewError};

use super::driving::KnownRun;
use crate::context::Context;
use crate::error::CliError;

/// Gives up the patch that another was made of: it is not to be applied any more. What landed stays landed, so that this
/// cannot be done is only said.
pub(super) fn supersede(old: PatchId, new: PatchId, site: &Site, context: &mut Context) {
    if let Err(error) = give_up(old, new, site) {
        context.printer.remark(&format!("{old} was not given up for it: {}", error.body.message));
    }
}

/// Gives up every patch that another landed in the place of, and whose program did not live to say so.
pub(super) fn settle(site: &Site, context: &mut Context) -> Result<(), CliError> {
    let store = site.open_ledger()?;
    let states = vec![PatchState::Committed.as_str().to_owned()];
    let key_prefix = Some(("replaces".to_owned(), String::new()));
    for record in store.find(&Find { kind: Some(Kind::Patch), states, key_prefix, ..Find::default() })? {
        let new = Patch::from_record(&record).map_err(ViewError::from)?;
        let Some(old) = new.replaces else { continue };
        let view = View::of(&store, &[old.into()])?;
        let open = |patch: &Patch| !patch.state.is_finished() || patch.state == PatchState::Quarantined;
        if view.get::<Patch>(old).is_some_and(open) {
            supersede(old, new.id, site, context);
        }
    }
    Ok(())
}

fn give_up(old: PatchId, new: PatchId, site: &Site) -> Result<(), CliError> {
    let store = site.open_ledger()?;
    let view = View::of(&store, &[old.into()])?;
    let Some(run) = view.get::<Patch>(old).and_then(|patch| patch.run) else { return Ok(()) };
    let view = View::load(&store, run)?;
    let Some(patch) = view.get::<Patch>(old) else { return Ok(()) };
    let reason = format!("superseded by {new}");
    let waiting = patch.task.and_then(|task| view.get::<Task>(task)).filter(|task| task.state == TaskState::Waiting);
    let command = match waiting {
        // What it was to do is done: nobody is to be paid for it again.
        Some(task) if task.patch == Some(old) => Command::OverrideTask { task: task.id, wish: TaskWish::Skip, reason },
        _ => Command::OverridePatch { patch: old, wish: PatchWish::Drop, reason },
    };
    match KnownRun::with(site.clone(), store, run)?.execute(&command) {
        // It landed, or was dropped before: nothing is left to be done.
        Err(error) if error.body.code == "not_in_table" => Ok(()),
        done => done,
    }
}
