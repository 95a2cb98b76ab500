//! One example of each error, for the list of all messages.

use tollhouse_core::{Kind, RecordId, Stream, Timestamp, examples};

use crate::store::{CommitError, StoreError};

/// One example of each error of a backend.
pub fn store_errors() -> Vec<StoreError> {
    type E = StoreError;
    let text = |text: &str| text.to_owned();
    examples!(E {
        E::Damaged { .. } => [E::Damaged { place: text("event 7"), what: text("its hash is another one") }],
        E::NotOpenable { .. } => [E::NotOpenable { path: text("/repo/.git/tollhouse/ledger.db"), what: text("it is not a database") }],
        E::DiskFull { .. } => [E::DiskFull { op: "commit" }],
        E::Denied { .. } => [E::Denied { op: "open" }],
        E::Busy { .. } => [E::Busy { op: "commit" }],
        E::Failed { .. } => [E::Failed { op: "read", what: text("disk I/O error") }],
    })
}

/// One example of each error of a commit; those of its backend are [`store_errors`].
pub fn commit_errors() -> Vec<CommitError> {
    type E = CommitError;
    let id = RecordId::from_parts(Kind::Task, Timestamp::from_micros(0), 0);
    examples!(E {
        E::Stale { .. } => [E::Stale { id, expected: 3, actual: 4 }],
        E::Overtaken { .. } => [E::Overtaken { stream: Stream::Project, expected: 12, actual: 13 }],
        E::IdReused { .. } => [E::IdReused { id: "1700000000000000-0000000000000001".to_owned() }],
        E::Malformed { .. } => [E::Malformed { what: "it changes nothing".to_owned() }],
        E::Backend(_) => [E::Backend(StoreError::Busy { op: "commit" })],
    })
}
