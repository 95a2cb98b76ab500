//! What is forgotten with a record: what hangs on it.

use tollhouse_core::entity::{Entity, Patch};
use tollhouse_core::{AttemptId, Kind, Record, RecordId, RunId};
use tollhouse_state::{Find, Store, StoreError};

use super::KINDS;

/// The records that are forgotten with this one, itself first: of a run all that belongs to it; of a task its attempts, patches
/// and their gate runs; of an attempt and a patch the same from there on. None where there is no such record.
///
/// # Errors
/// The store cannot be read.
pub fn reach<S: Store + ?Sized>(store: &S, id: RecordId) -> Result<Vec<Record>, StoreError> {
    if let Ok(run) = RunId::try_from(id) {
        return of_run(store, run);
    }
    let Some(record) = store.get(&[id])?.pop().flatten().filter(|record| KINDS.contains(&record.kind())) else {
        return Ok(Vec::new());
    };
    let mut found = vec![record];
    match AttemptId::try_from(id) {
        Ok(attempt) => {
            // A patch hangs on its task, and says which attempt made it.
            if let Some(task) = found[0].parent {
                let made = |record: &Record| Patch::from_record(record).is_ok_and(|one| one.attempt == Some(attempt));
                found.extend(under(store, task, Kind::Patch)?.into_iter().filter(made));
            }
        }
        Err(_) if id.kind() == Kind::Task => {
            for kind in [Kind::Attempt, Kind::Patch] {
                found.extend(under(store, id, kind)?);
            }
        }
        Err(_) => {}
    }
    let patches: Vec<RecordId> = found.iter().map(|record| record.id).filter(|id| id.kind() == Kind::Patch).collect();
    for patch in patches {
        found.extend(under(store, patch, Kind::GateRun)?);
    }
    Ok(found)
}

fn of_run<S: Store + ?Sized>(store: &S, run: RunId) -> Result<Vec<Record>, StoreError> {
    let mut found = Vec::new();
    for kind in KINDS {
        found.extend(store.find(&Find { kind: Some(kind), run: Some(run), ..Find::default() })?);
    }
    Ok(found)
}

fn under<S: Store + ?Sized>(store: &S, parent: RecordId, kind: Kind) -> Result<Vec<Record>, StoreError> {
    store.find(&Find { kind: Some(kind), parent: Some(parent), ..Find::default() })
}
