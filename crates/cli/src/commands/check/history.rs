//! How long agents took before, as the ledger has it.

use std::collections::BTreeMap;

use tollhouse::analysis::History;
use tollhouse::entity::{Attempt, Entity, Run, Task};
use tollhouse::lifecycle::AttemptState;
use tollhouse::{Find, Kind, Order, Record, RecordId, RunId, Site, Store, ViewError};

use crate::error::CliError;

/// Older attempts say less, and reading them takes its time.
const ATTEMPTS_MAX: u32 = 1000;

/// What the newest attempts took that ended well; nothing where there is no ledger.
pub(super) fn read(site: &Site) -> Result<History, CliError> {
    site.read_ledger()?.map_or_else(|| Ok(History::default()), |store| beside(&store, None))
}

/// The same, of all runs but one.
pub(in crate::commands) fn beside(store: &impl Store, but: Option<RunId>) -> Result<History, CliError> {
    let mut history = History::default();
    let find = Find {
        kind: Some(Kind::Attempt),
        states: vec![AttemptState::Succeeded.as_str().to_owned()],
        order: Order::Newest,
        limit: Some(ATTEMPTS_MAX),
        ..Find::default()
    };
    let mut attempts: Vec<Attempt> = read_all(&store.find(&find)?)?;
    attempts.retain(|attempt| Some(attempt.run) != but);
    let ids = |of: fn(&Attempt) -> RecordId| -> Vec<RecordId> {
        let mut ids: Vec<RecordId> = attempts.iter().map(of).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let (tasks, runs) = (ids(|attempt| attempt.task.into()), ids(|attempt| attempt.run.into()));
    let tasks: Vec<Task> = read_all(&store.get(&tasks)?.into_iter().flatten().collect::<Vec<_>>())?;
    let runs: Vec<Run> = read_all(&store.get(&runs)?.into_iter().flatten().collect::<Vec<_>>())?;
    let tasks: BTreeMap<RecordId, String> = tasks.into_iter().map(|task| (task.id.into(), task.spec.name)).collect();
    let runs: BTreeMap<RecordId, String> = runs.into_iter().map(|run| (run.id.into(), run.spec.plan)).collect();
    for attempt in &attempts {
        let (plan, task) = (runs.get(&attempt.run.into()), tasks.get(&attempt.task.into()));
        if let (Some(plan), Some(task), Some(end)) = (plan, task, attempt.finished_at) {
            history.note(plan, task, &attempt.agent, end.since(attempt.started_at));
        }
    }
    Ok(history)
}

fn read_all<T: Entity>(records: &[Record]) -> Result<Vec<T>, CliError> {
    records.iter().map(|record| T::from_record(record).map_err(|error| ViewError::from(error).into())).collect()
}
