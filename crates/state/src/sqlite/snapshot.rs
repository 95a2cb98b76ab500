//! The ledger as one commit left it, however long it is read and whatever is committed meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tollhouse_core::{Commit, Event, Record, RecordId, Timestamp};

use super::error::failed;
use super::read;
use crate::store::{CommitError, Committed, Cursor, Find, Rewrite, Store, StoreError, Tally};

/// A [`Store`] that shows one moment of a ledger, and takes nothing. While it lives, what is committed stays in the
/// write-ahead log: let it go.
#[derive(Debug)]
pub struct SqliteSnapshot {
    connection: Mutex<Connection>,
}

impl SqliteSnapshot {
    /// From a connection that only reads.
    pub(super) fn begin(connection: Connection) -> Result<Self, StoreError> {
        connection.execute_batch("BEGIN").map_err(|error| failed("read", &error))?;
        // Its moment is that of the first read.
        read::newest(&connection)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for SqliteSnapshot {
    fn commit(&self, _: &Commit) -> Result<Committed, CommitError> {
        Err(StoreError::Denied { op: "commit" }.into())
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        let connection = self.connection();
        ids.iter().map(|id| read::record(&connection, id)).collect()
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        read::find(&self.connection(), find)
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        read::tally(&self.connection(), find)
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        read::events(&self.connection(), cursor)
    }

    fn events_into(&self, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
        read::events_into(&self.connection(), cursor, page)
    }

    /// Answers at once: nothing more will come.
    fn wait_for(&self, _: u64, _: Duration) -> Result<u64, StoreError> {
        read::newest(&self.connection())
    }

    fn pulse(&self, _: &RecordId, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::Denied { op: "note a pulse" })
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        read::pulse(&self.connection(), id)
    }

    fn rewrite(&self, _: &Rewrite) -> Result<(), StoreError> {
        Err(StoreError::Denied { op: "rewrite" })
    }
}
