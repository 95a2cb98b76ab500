//! What Tollhouse remembers: the [`Store`] trait, its backends, and the suite that every backend must pass.
//!
//! A store keeps records (the present state of one thing each) and the events that made them. It sees ids, kinds, states,
//! versions and declared keys. It must never know a rule or what a body means, and it never reads the wall clock.
//!
//! A [`Commit`](tollhouse_core::Commit) is all that becomes true at once, with all that the decision behind it relied on:
//!
//! ```
//! # #[cfg(feature = "sqlite")] {
//! use std::collections::BTreeMap;
//!
//! use tollhouse_core::{Actor, Change, Commit, Happening, Kind, Record, RecordId, Severity, Timestamp};
//! use tollhouse_state::{CommitError, Cursor, SqliteStore, Store};
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("ledger.db");
//! let store = SqliteStore::open_or_create(&path)?;
//!
//! let at = Timestamp::from_micros(1_700_000_000_000_000);
//! let id = RecordId::from_parts(Kind::Task, at, 7);
//! let task = Record {
//!     id,
//!     run: None,
//!     parent: None,
//!     state: Kind::Task.states()[0].to_owned(),
//!     version: 1,
//!     keys: BTreeMap::from([("name".to_owned(), "fix-parser".to_owned())]),
//!     body: r#"{"prompt": "make the parser accept tabs"}"#.to_owned(),
//! };
//! let event = Happening { name: "created".into(), severity: Severity::Info, reason: None, body: "{}".into() };
//! let mut commit = Commit {
//!     id: "first".into(),
//!     at,
//!     actor: Actor::Engine,
//!     trace: None,
//!     relies_on: vec![],
//!     follows: None,
//!     changes: vec![Change { record: task.clone(), event }],
//! };
//! let committed = store.commit(&commit)?;
//!
//! assert_eq!(store.get(&[id])?, [Some(task)]);
//! let events = store.events(&Cursor::default())?;
//! assert_eq!((events[0].position, events[0].record), (committed.first, id));
//!
//! // Who decides on what is no longer true is told so, and nothing changes.
//! commit.id = "second".into();
//! assert!(matches!(store.commit(&commit), Err(CommitError::Stale { actual: 1, expected: 0, .. })));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg_attr(not(any(feature = "sqlite", feature = "testing")), expect(dead_code, reason = "for backends only"))]
mod check;
#[cfg(feature = "testing")]
pub mod conformance;
#[cfg(feature = "testing")]
pub mod examples;
#[cfg(feature = "testing")]
mod fault;
#[cfg(feature = "testing")]
mod memory;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use check::BODY_BYTES_MAX;
#[cfg(feature = "testing")]
pub use fault::{Call, Fault, FaultStore, Mishap, Moment, Told};
#[cfg(feature = "testing")]
pub use memory::MemoryStore;
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteSnapshot, SqliteStore};
pub use store::{
    CommitError, Committed, Cursor, Durability, EventContent, Find, Novelty, Order, RecordContent, Rewrite, Store,
    StoreError, Tally,
};
