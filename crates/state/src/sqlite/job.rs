//! What waits to be written: prepared by whoever brings it, so that the one who writes has little left to do.
//!
//! Nothing in here sees the ledger.

use std::collections::BTreeMap;

use tollhouse_core::{Change, Commit, Event, Record, RecordId, Stream, Timestamp, Version};

use super::codec::ulid_order;
use crate::check;
use crate::store::CommitError;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Job {
    Commit(PreparedCommit),
    /// Something was alive at a time.
    Pulse {
        record: RecordId,
        at: Timestamp,
    },
}

/// A commit that is well formed by itself.
#[derive(Debug)]
pub(super) struct PreparedCommit {
    pub id: String,
    pub follows: Option<(Stream, u64)>,
    pub relies_on: Vec<(RecordId, Version)>,
    /// One for each record, in the order of their first changes.
    pub rows: Vec<Row>,
    /// One for each change. Their places and hashes are yet to come.
    pub events: Vec<PreparedEvent>,
    pub actor: String,
}

/// A record as a commit leaves it, in the words of the table.
#[derive(Debug)]
pub(super) struct Row {
    pub record: RecordId,
    /// The version that the commit's first change of it moves on from.
    pub before: Version,
    pub id: String,
    pub run: Option<String>,
    pub parent: Option<String>,
    pub state: String,
    pub version: Version,
    pub keys: BTreeMap<String, String>,
    /// The same, as the table keeps them.
    pub keys_json: String,
    pub body: String,
    pub ulid_order: String,
    pub random: String,
}

/// An event without its place.
#[derive(Debug)]
pub(super) struct PreparedEvent {
    pub event: Event,
    pub stream: String,
    pub record: String,
}

impl PreparedCommit {
    /// Does all that needs no ledger.
    pub(super) fn new(commit: &Commit) -> Result<Self, CommitError> {
        check::shape(commit)?;
        let mut rows: Vec<Row> = Vec::with_capacity(commit.changes.len());
        let mut places: BTreeMap<RecordId, usize> = BTreeMap::new();
        for Change { record, .. } in &commit.changes {
            let place = *places.entry(record.id).or_insert_with(|| {
                rows.push(Row::new(record));
                rows.len() - 1
            });
            rows[place].set(record);
        }
        Ok(Self {
            id: commit.id.clone(),
            follows: commit.follows,
            relies_on: commit.relies_on.clone(),
            rows,
            events: commit.changes.iter().map(|change| PreparedEvent::new(commit, change)).collect(),
            actor: commit.actor.to_string(),
        })
    }
}

impl Row {
    fn new(record: &Record) -> Self {
        Self {
            record: record.id,
            before: record.version - 1,
            id: record.id.to_string(),
            run: record.run.map(|run| run.to_string()),
            parent: record.parent.map(|parent| parent.to_string()),
            state: String::new(),
            version: 0,
            keys: BTreeMap::new(),
            keys_json: String::new(),
            body: String::new(),
            ulid_order: ulid_order(&record.id),
            random: record.id.random_part(),
        }
    }

    /// Takes over what may change.
    fn set(&mut self, record: &Record) {
        self.state.clone_from(&record.state);
        self.version = record.version;
        self.keys.clone_from(&record.keys);
        self.keys_json = serde_json::to_string(&record.keys).expect("texts can be written as JSON");
        self.body.clone_from(&record.body);
    }
}

impl PreparedEvent {
    fn new(commit: &Commit, change: &Change) -> Self {
        let event = Event::of(commit, change);
        Self { stream: event.stream.to_string(), record: event.record.to_string(), event }
    }
}
