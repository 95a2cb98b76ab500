//! The view of who gives work to shared workers: all of them, and every run that shares them.

use tollhouse_core::entity::{Entity, Run, Worker};
use tollhouse_core::lifecycle::{RunEvent, RunState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{Event, Kind, RecordId, RunId, Stream, Timestamp, limits};
use tollhouse_state::{Find, Store};

use crate::view::{Lifecycle, View, ViewError};

/// Reads every shared worker that is left or whose crash may still count, every unfinished run that shares workers, the runs of
/// what workers hold, and every circuit breaker.
pub(crate) fn load(store: &impl Store, newest_at: Timestamp) -> Result<View, ViewError> {
    let mut view = View::default();
    view.note_fleet();
    let mut runs: Vec<RunId> = Vec::new();
    for record in store.find(&Find { kind: Some(Kind::Worker), ..Find::default() })? {
        if record.run.is_some() {
            continue;
        }
        let worker = Worker::from_record(&record)?;
        let is_over = |at: Timestamp| newest_at.since(at) > limits::CRASHES_COUNT_FOR;
        if !worker.finished_at.is_some_and(is_over) {
            view.take(&record)?;
            runs.extend(worker.holds.map(|holding| holding.run));
        }
    }
    let states = unfinished::<RunState>();
    for record in store.find(&Find { kind: Some(Kind::Run), states, ..Find::default() })? {
        let run = Run::from_record(&record)?;
        runs.extend((run.spec.crew == Crew::Shared).then_some(run.id));
    }
    runs.sort_unstable();
    runs.dedup();
    for record in store.find(&Find { kind: Some(Kind::Breaker), ..Find::default() })? {
        view.take(&record)?;
    }
    for run in runs {
        for record in store.find(&Find { run: Some(run), ..Find::default() })? {
            view.take(&record)?;
        }
    }
    Ok(view)
}

fn unfinished<S: Lifecycle>() -> Vec<String> {
    S::EVERY.iter().filter(|state| !state.is_over()).map(|state| state.text().to_owned()).collect()
}

/// Whether an event belongs into the view: of a shared worker or a circuit breaker, of a run in it, or of one that is made now and shares workers.
pub(crate) fn takes_in(view: &View, event: &Event) -> bool {
    match event.stream {
        Stream::Project => match event.record.kind() {
            Kind::Worker => event.version == 1 || view.knows(event.record),
            Kind::Breaker => true,
            _ => false,
        },
        Stream::Run(run) => view.knows(run.into()) || is_made_to_share(event, run.into()),
    }
}

fn is_made_to_share(event: &Event, run: RecordId) -> bool {
    let made = (event.record == run && event.version == 1).then(|| serde_json::from_str(&event.event.body));
    matches!(made, Some(Ok(RunEvent::Created { run })) if run.spec.crew == Crew::Shared)
}
