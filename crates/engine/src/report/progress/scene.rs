//! What a picture of a run is made from.

use tollhouse_core::entity::{Attempt, CostEntry, Entity, Patch, Run, Task};
use tollhouse_core::spec::Crew;
use tollhouse_core::{RunId, Timestamp};

use crate::command::{Liveness, Seen};
use crate::view::{Lifecycle, View, Viewed};

/// The records of a run at one moment.
pub(super) struct Scene<'v> {
    pub(super) view: &'v View,
    pub(super) run: &'v Run,
    /// Now, or the run's end where that was before.
    pub(super) at: Timestamp,
    /// In the order of the plan.
    pub(super) tasks: Vec<&'v Task>,
    /// In the order in which they began.
    pub(super) attempts: Vec<&'v Attempt>,
    pub(super) patches: Vec<&'v Patch>,
    pub(super) costs: Vec<&'v CostEntry>,
    /// Whether a program drives the run, as far as anybody saw.
    pub(super) is_driven: bool,
}

impl<'v> Scene<'v> {
    pub(super) fn new(view: &'v View, id: RunId, now: Timestamp, seen: Option<Seen>) -> Option<Self> {
        let run = view.get::<Run>(id)?;
        let mut tasks = of_run::<Task>(view, id);
        tasks.sort_by_key(|task| task.place);
        let mut attempts = of_run::<Attempt>(view, id);
        attempts.sort_by_key(|attempt| (attempt.started_at, attempt.id));
        let is_gone = |epoch| seen.is_some_and(|seen| seen.epoch == epoch && seen.liveness == Liveness::Gone);
        let newest = run.started_at.unwrap_or(run.created_at);
        Some(Self {
            view,
            run,
            // A clock that was set back is no reason for times that come before others.
            at: run.finished_at.unwrap_or(now.max(newest)),
            tasks,
            attempts,
            patches: of_run(view, id),
            costs: of_run(view, id),
            is_driven: run.conductor.as_ref().is_some_and(|conductor| !is_gone(conductor.epoch)),
        })
    }

    /// When it began, or was made.
    pub(super) fn from(&self) -> Timestamp {
        self.run.started_at.unwrap_or(self.run.created_at)
    }

    /// Whether the view can say which workers there are.
    pub(super) fn knows_workers(&self) -> bool {
        self.run.spec.crew == Crew::Own || self.view.is_fleet()
    }

    pub(super) fn all<T: Viewed + Entity>(&self) -> Vec<&'v T> {
        of_run(self.view, self.run.id)
    }
}

fn of_run<T: Viewed>(view: &View, run: RunId) -> Vec<&T> {
    let ids = T::State::EVERY.iter().flat_map(|state| view.ids_in_state::<T>(run, *state));
    ids.filter_map(|id| view.get::<T>(id)).collect()
}
