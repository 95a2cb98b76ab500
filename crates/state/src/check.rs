//! What is wrong with a commit by itself, whatever a ledger holds. All backends use it, so that they refuse the same.
//!
//! It must never look at what is stored.

use std::collections::BTreeMap;

use serde_json::Value;
use tollhouse_core::{Commit, Kind, Record, RecordId, RunId, Version};

use crate::store::CommitError;

/// How many bytes the body of a record or an event may have: more is content, and belongs in git or in a file.
pub const BODY_BYTES_MAX: usize = 16 << 20;

/// Whether the lifecycle of this kind has a state with this name.
pub(crate) fn known_state(kind: Kind, state: &str) -> bool {
    kind.states().contains(&state)
}

/// Refuses a commit that contradicts itself or core's words.
pub(crate) fn shape(commit: &Commit) -> Result<(), CommitError> {
    if commit.changes.is_empty() {
        return Err(malformed("it changes nothing"));
    }
    if commit.actor.to_string().parse() != Ok(commit.actor.clone()) {
        return Err(malformed(format!("its actor {:?} would not be read again", commit.actor.to_string())));
    }
    let mut relied_on = BTreeMap::new();
    for (id, version) in &commit.relies_on {
        if *relied_on.entry(*id).or_insert(*version) != *version {
            return Err(malformed(format!("it relies on two versions of {id}")));
        }
    }
    let mut changed: BTreeMap<RecordId, &Record> = BTreeMap::new();
    for change in &commit.changes {
        let record = &change.record;
        words(record, &change.event.body)?;
        match changed.insert(record.id, record) {
            Some(before) => {
                follows(before.version, record)?;
                stays(before.run, before.parent, record)?;
            }
            None => {
                if let Some(version) = relied_on.get(&record.id) {
                    follows(*version, record)?;
                }
            }
        }
    }
    Ok(())
}

/// Refuses a record that moves to another run or parent.
pub(crate) fn stays(run: Option<RunId>, parent: Option<RecordId>, record: &Record) -> Result<(), CommitError> {
    if record.run != run {
        return Err(malformed(format!("{} leaves its run", record.id)));
    }
    if record.parent != parent {
        return Err(malformed(format!("{} leaves its parent", record.id)));
    }
    Ok(())
}

fn words(record: &Record, event_body: &str) -> Result<(), CommitError> {
    let Record { id, state, version, body, .. } = record;
    if *version == 0 {
        return Err(malformed(format!("{id} would get version 0")));
    }
    if !known_state(id.kind(), state) {
        return Err(malformed(format!("{state:?} is no state of a {}", id.kind())));
    }
    for (what, text) in [("body", body.as_str()), ("event", event_body)] {
        if text.len() > BODY_BYTES_MAX {
            return Err(malformed(format!("the {what} of {id} has {} bytes, more than {BODY_BYTES_MAX}", text.len())));
        }
        if let Err(error) = serde_json::from_str::<Value>(text) {
            return Err(malformed(format!("the {what} of {id} is not JSON: {error}")));
        }
    }
    Ok(())
}

fn follows(before: Version, record: &Record) -> Result<(), CommitError> {
    if before.checked_add(1) == Some(record.version) {
        return Ok(());
    }
    Err(malformed(format!("{} goes from version {before} to {}", record.id, record.version)))
}

fn malformed(what: impl Into<String>) -> CommitError {
    CommitError::Malformed { what: what.into() }
}
