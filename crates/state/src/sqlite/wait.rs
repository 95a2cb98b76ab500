//! How a reader learns that the ledger grew: at once from commits on the same handle, and within milliseconds from those
//! of other handles and processes.
//!
//! It measures no time by a clock: a wait is made of slices, and a slice either ends with news or has lasted its length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::error::failed;
use super::read;
use crate::store::StoreError;

const SLICE_MIN: Duration = Duration::from_millis(1);
const SLICE_MAX: Duration = Duration::from_millis(50);

/// The newest position that this handle has heard of.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// So that of many who tell at once, one takes the lock.
    told: AtomicU64,
    newest: Mutex<u64>,
    grown: Condvar,
}

impl Signal {
    /// Tells all who wait on this handle.
    pub(super) fn tell(&self, position: u64) {
        if self.told.fetch_max(position, Ordering::AcqRel) >= position {
            return;
        }
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if position > *newest {
            *newest = position;
            self.grown.notify_all();
        }
    }

    /// Waits until `reader` shows an event after `position`, or the time is up. The answer is the newest position.
    pub(super) fn wait(&self, reader: &Connection, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        let mut known = data_version(reader)?;
        let mut newest = read::newest(reader)?;
        let mut slice = SLICE_MIN;
        let mut left = timeout;
        while newest <= position && !left.is_zero() {
            let length = slice.min(left);
            let heard = self.hear(position, length);
            if !heard {
                left -= length;
                slice = (slice * 2).min(SLICE_MAX);
            }
            // It moves when any other connection, of this process or another, has committed.
            let seen = data_version(reader)?;
            if heard || seen != known {
                known = seen;
                newest = read::newest(reader)?;
                slice = SLICE_MIN;
                self.tell(newest);
            }
        }
        Ok(newest)
    }

    /// Whether this handle heard of an event after `position`; otherwise the whole length has passed.
    fn hear(&self, position: u64, length: Duration) -> bool {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let (_newest, waited) = self
            .grown
            .wait_timeout_while(newest, length, |newest| *newest <= position)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

fn data_version(reader: &Connection) -> Result<i64, StoreError> {
    reader
        .prepare_cached("PRAGMA data_version")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|error| failed("wait", &error))
}
