//! A ledger with its archives, read as the one that it was.

use std::collections::BTreeMap;
use std::time::Duration;

use tollhouse_core::{Commit, Event, Record, RecordId, Timestamp};
use tollhouse_state::{
    CommitError, Committed, Cursor, Find, Order, Rewrite, SqliteSnapshot, SqliteStore, Store, StoreError, Tally,
};

/// A [`Store`] that shows a ledger as if the runs in its archives had never been taken out, and takes nothing. Where something is
/// in both, because it is just being taken out, it is shown as the ledger has it.
#[derive(Debug)]
pub struct Joined<'a> {
    ledger: &'a SqliteSnapshot,
    /// The newest first: a run that was copied, and went on before it was taken out, is in a later one as it became.
    archives: Vec<Part<'a>>,
}

#[derive(Debug)]
struct Part<'a> {
    store: &'a SqliteStore,
    first: u64,
    last: u64,
}

impl<'a> Joined<'a> {
    /// A ledger with these archives of it, in the order in which they were made.
    ///
    /// # Errors
    /// An archive cannot be read.
    pub fn of(
        ledger: &'a SqliteSnapshot,
        archives: impl IntoIterator<Item = &'a SqliteStore>,
    ) -> Result<Self, StoreError> {
        let end = |store: &SqliteStore, order| {
            let events = store.events(&Cursor { limit: Some(1), order, ..Cursor::default() })?;
            Ok::<_, StoreError>(events.last().map_or(0, |event| event.position))
        };
        let parts = archives
            .into_iter()
            .map(|store| Ok(Part { store, first: end(store, Order::Oldest)?, last: end(store, Order::Newest)? }));
        let mut archives = parts.collect::<Result<Vec<_>, StoreError>>()?;
        archives.reverse();
        Ok(Self { ledger, archives })
    }
}

impl Store for Joined<'_> {
    fn commit(&self, _: &Commit) -> Result<Committed, CommitError> {
        Err(StoreError::Denied { op: "commit" }.into())
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        let mut found = self.ledger.get(ids)?;
        for part in &self.archives {
            if found.iter().all(Option::is_some) {
                break;
            }
            for (place, other) in found.iter_mut().zip(part.store.get(ids)?) {
                if place.is_none() {
                    *place = other;
                }
            }
        }
        Ok(found)
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        let mut found = self.ledger.find(find)?;
        for part in &self.archives {
            found.extend(part.store.find(find)?);
        }
        // Of two that are the same, the first is the ledger's.
        found.sort_by_key(|record| (record.id.made_at(), record.id.random_part(), record.kind().as_str()));
        found.dedup_by_key(|record| record.id);
        if find.order == Order::Newest {
            found.reverse();
        }
        found.truncate(find.limit.map_or(usize::MAX, |limit| limit as usize));
        Ok(found)
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        let mut tallies = BTreeMap::new();
        for record in self.find(find)? {
            *tallies.entry((record.kind().as_str(), record.kind(), record.state)).or_insert(0) += 1;
        }
        Ok(tallies.into_iter().map(|((_, kind, state), records)| Tally { kind, state, records }).collect())
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        let mut found = self.ledger.events(cursor)?;
        let limit = cursor.limit.map_or(usize::MAX, |limit| limit as usize);
        // Of a full page of the ledger's own, nothing beyond its end is shown.
        let (first, last) = match (found.first(), found.last()) {
            (Some(first), Some(last)) if found.len() == limit => (first.position, last.position),
            _ => (0, u64::MAX),
        };
        for part in self.archives.iter().filter(|part| part.last > cursor.after) {
            let is_beyond = match cursor.order {
                Order::Oldest => part.first > last,
                Order::Newest => part.last < first,
            };
            if !is_beyond {
                found.extend(part.store.events(cursor)?);
            }
        }
        found.sort_by_key(|event| event.position);
        found.dedup_by_key(|event| event.position);
        match cursor.order {
            Order::Oldest => found.truncate(limit),
            Order::Newest => drop(found.drain(..found.len().saturating_sub(limit))),
        }
        Ok(found)
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.ledger.wait_for(position, timeout)
    }

    fn pulse(&self, _: &RecordId, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::Denied { op: "note a pulse" })
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        self.ledger.last_pulse(id)
    }

    fn rewrite(&self, _: &Rewrite) -> Result<(), StoreError> {
        Err(StoreError::Denied { op: "rewrite" })
    }
}
