//! What a store remembers: records, the changes that move them, and the events that say why.
//!
//! A store knows nothing of what a body means. It sees ids, kinds, states, versions and declared keys.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::chain::{body_digest, record_digest};
use crate::id::{Kind, RecordId, RunId};
use crate::time::Timestamp;

/// How often a record has changed: 1 when it is made. 0 stands for "there is none".
pub type Version = u64;

/// The present state of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its id, which says its kind.
    pub id: RecordId,
    /// The run that it belongs to. A run belongs to itself.
    pub run: Option<RunId>,
    /// What it hangs on: a task for an attempt, a patch for a gate run.
    pub parent: Option<RecordId>,
    /// Its state, as its lifecycle spells it.
    pub state: String,
    /// How often it has changed.
    pub version: Version,
    /// What it can be found by, beside id, kind, run, parent and state.
    pub keys: BTreeMap<String, String>,
    /// All of it, as JSON.
    pub body: String,
}

impl Record {
    /// What it is.
    pub const fn kind(&self) -> Kind {
        self.id.kind()
    }

    /// The chain of events that its changes belong to.
    pub const fn stream(&self) -> Stream {
        match self.run {
            Some(run) => Stream::Run(run),
            None => Stream::Project,
        }
    }
}

/// A hash chain of events: one run, or the project for what has no run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// What belongs to no run.
    Project,
    /// One run.
    Run(RunId),
}

impl std::fmt::Display for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Project => f.write_str("project"),
            Self::Run(run) => run.fmt(f),
        }
    }
}

impl std::str::FromStr for Stream {
    type Err = crate::id::InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "project" { Ok(Self::Project) } else { text.parse().map(Self::Run) }
    }
}

/// How much an event deserves a person's eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As expected.
    Info,
    /// Something was refused, retried or overridden.
    Warning,
    /// Something ended badly.
    Error,
}

impl Severity {
    /// The name in the database and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// The severity with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Error].into_iter().find(|severity| severity.as_str() == name)
    }
}

/// What happened to a record: the part of an event that its maker knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The event's name, as its lifecycle spells it.
    pub name: String,
    /// How much it deserves a person's eye.
    pub severity: Severity,
    /// Why, in words.
    pub reason: Option<String>,
    /// All of it, as JSON.
    pub body: String,
}

/// A record after it changed, with the event that changed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record as it is now. Its version is one above what it was.
    pub record: Record,
    /// What happened.
    pub event: Happening,
}

/// Everything that becomes true at once, and everything that the decision behind it relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Names this commit, so that it is recognised when it comes again. Any text that is not used for another.
    pub id: String,
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// The W3C trace id (32 hexadecimal digits) that it belongs to.
    pub trace: Option<String>,
    /// The records that it rests on, changed here or not, with the version each had (0: there was none).
    pub relies_on: Vec<(RecordId, Version)>,
    /// The newest event of a stream that the decision saw (0: there was none). A decision that rests on the set of all
    /// that belongs to a run names it here: whatever happened in the stream since makes the commit stale.
    pub follows: Option<(Stream, u64)>,
    /// What changes, in order. One record may change more than once.
    pub changes: Vec<Change>,
}

/// The digests of contents that an event vouches for, as 64 hexadecimal digits each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digests {
    /// Of its body as it was written: [`body_digest`](crate::body_digest).
    pub body: String,
    /// Of the whole record after it: [`record_digest`](crate::record_digest).
    pub record: String,
}

impl Digests {
    /// The digests of a change.
    pub fn of(change: &Change) -> Self {
        Self { body: body_digest(&change.event.body), record: record_digest(&change.record) }
    }
}

/// An event as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Where it stands in the ledger: 1, 2, 3, … over all streams.
    pub position: u64,
    /// The chain that it belongs to.
    pub stream: Stream,
    /// Where it stands in its stream: 1, 2, 3, …
    pub seq: u64,
    /// What it happened to.
    pub record: RecordId,
    /// The version that it gave the record.
    pub version: Version,
    /// The state that it gave the record.
    pub state: String,
    /// What happened.
    pub event: Happening,
    /// Who caused it.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// The trace that it belongs to.
    pub trace: Option<String>,
    /// The commit that brought it.
    pub commit: String,
    /// What its hash covers instead of contents; absent in an event of a ledger of schema 1 or 2.
    pub digests: Option<Digests>,
    /// The hash of the event before it in its stream; 64 zeros for the first.
    pub previous_hash: String,
    /// Its own hash: 64 hexadecimal digits.
    pub hash: String,
}

impl Event {
    /// The event that a change of a commit brings. Its place (position, place in its stream, the hash before it) and its hash
    /// are the store's to give.
    pub fn of(commit: &Commit, change: &Change) -> Self {
        let Change { record, event } = change;
        Self {
            position: 0,
            stream: record.stream(),
            seq: 0,
            record: record.id,
            version: record.version,
            state: record.state.clone(),
            event: event.clone(),
            actor: commit.actor.clone(),
            at: commit.at,
            trace: commit.trace.clone(),
            commit: commit.id.clone(),
            digests: Some(Digests::of(change)),
            previous_hash: String::new(),
            hash: String::new(),
        }
    }
}
