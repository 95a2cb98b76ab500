//! What keeps a whole run from going on: then nothing in it moves, whatever else could be said.

use tollhouse_core::RunId;
use tollhouse_core::entity::Run;
use tollhouse_core::lifecycle::RunState;

use super::Scene;
use crate::command::Liveness;
use crate::report::status::next_for_run;

/// Why a run does not go on.
pub(super) struct HeldUp {
    /// Behind the name of the run, as in "it" or "its run".
    what: String,
    /// The command that lets it go on.
    pub(super) next: String,
}

impl HeldUp {
    /// In a sentence about the run itself.
    pub(super) fn of_it(&self) -> String {
        format!("it {}", self.what)
    }

    /// In a sentence about something in it.
    pub(super) fn of_its_run(&self) -> String {
        format!("its run {}", self.what)
    }
}

impl Scene<'_> {
    /// Why a run does not go on by itself; `None` where it does, and where it is over.
    pub(super) fn held_up(self, id: RunId) -> Option<HeldUp> {
        let run = self.view.get::<Run>(id)?;
        if run.state.is_finished() {
            return None;
        }
        if run.state == RunState::Paused {
            let what = format!("is paused: {}", super::headline(run.reason.as_deref()));
            return Some(HeldUp { what, next: next_for_run(self.view, run)? });
        }
        let what = match &run.conductor {
            None => "is driven by nothing".to_owned(),
            Some(present) if self.is_gone(present.epoch) => {
                format!("is driven by nothing: {}, which did it, is gone", present.process)
            }
            Some(_) => return None,
        };
        let verb = if run.state == RunState::Canceling { "cancel" } else { "resume" };
        Some(HeldUp { what, next: format!("toll {verb} {}", run.id.random_part()) })
    }

    fn is_gone(self, epoch: u64) -> bool {
        self.seen.is_some_and(|seen| seen.epoch == epoch && seen.liveness == Liveness::Gone)
    }
}
