//! How long agents took before and what they cost, as the ledger has it.

use std::collections::BTreeMap;

use tollhouse::analysis::History;
use tollhouse::entity::{Attempt, CostEntry, Entity, Run, Task};
use tollhouse::lifecycle::AttemptState;
use tollhouse::{AttemptId, Find, Kind, Order, Record, RecordId, RunId, Site, Store, ViewError, known_cost};

use crate::error::CliError;

/// Older attempts say less, and reading them takes its time.
const ATTEMPTS_MAX: u32 = 1000;

/// An attempt has an entry or two; those of attempts that failed are among them.
const COST_ENTRIES_MAX: u32 = 4 * ATTEMPTS_MAX;

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
    let costs = costs(store)?;
    for attempt in &attempts {
        let (plan, task) = (runs.get(&attempt.run.into()), tasks.get(&attempt.task.into()));
        if let (Some(plan), Some(task), Some(end)) = (plan, task, attempt.finished_at) {
            history.note(plan, task, &attempt.agent, end.since(attempt.started_at));
            if let Some(cost) = costs.get(&attempt.id).and_then(|entries| known_cost(entries.iter())) {
                history.note_cost(plan, task, &attempt.agent, cost);
            }
        }
    }
    Ok(history)
}

/// The newest cost entries, by attempt.
fn costs(store: &impl Store) -> Result<BTreeMap<AttemptId, Vec<CostEntry>>, CliError> {
    let find =
        Find { kind: Some(Kind::CostEntry), order: Order::Newest, limit: Some(COST_ENTRIES_MAX), ..Find::default() };
    let mut costs: BTreeMap<AttemptId, Vec<CostEntry>> = BTreeMap::new();
    for entry in read_all::<CostEntry>(&store.find(&find)?)? {
        if let Some(attempt) = entry.attempt {
            costs.entry(attempt).or_default().push(entry);
        }
    }
    Ok(costs)
}

fn read_all<T: Entity>(records: &[Record]) -> Result<Vec<T>, CliError> {
    records.iter().map(|record| T::from_record(record).map_err(|error| ViewError::from(error).into())).collect()
}
