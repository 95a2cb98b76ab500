//! A ledger in memory: the model that the real ones are compared with.
//!
//! It must stay plain enough to be seen to be right, and it checks itself after every commit: a store that would go wrong
//! panics here. It must never be taken for a ledger that survives its process.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollhouse_core::{
    Change, Commit, Event, GENESIS, Record, RecordId, Stream, Timestamp, Version, event_hash, record_digest,
};

use crate::check;
use crate::store::{CommitError, Committed, Cursor, Find, Novelty, Order, Rewrite, Store, StoreError, Tally};

/// A [`Store`] that forgets everything when it is dropped.
///
/// ```
/// use tollhouse_state::{Cursor, MemoryStore, Store};
/// assert_eq!(MemoryStore::new().events(&Cursor::default())?, []);
/// # Ok::<(), tollhouse_state::StoreError>(())
/// ```
#[derive(Debug, Default)]
pub struct MemoryStore {
    ledger: Mutex<Ledger>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct Ledger {
    records: BTreeMap<RecordId, Record>,
    events: Vec<Event>,
    commits: BTreeMap<String, Committed>,
    pulses: BTreeMap<RecordId, Timestamp>,
    /// The records whose contents were rewritten, with the version that they were in.
    rewritten: BTreeMap<RecordId, Version>,
}

impl MemoryStore {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the whole ledger against itself.
    ///
    /// # Panics
    /// Where an event does not follow the one before it in the ledger, in its stream or of its record, or where the
    /// records are not what the events made them.
    pub fn check(&self) {
        self.ledger().check_since(0);
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let mut ledger = self.ledger();
        let committed = ledger.commit(commit)?;
        self.grown.notify_all();
        Ok(committed)
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        let ledger = self.ledger();
        Ok(ids.iter().map(|id| ledger.records.get(id).cloned()).collect())
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        let mut found: Vec<Record> = self.ledger().records.values().filter(|r| matches(find, r)).cloned().collect();
        found.sort_by_key(|record| place(&record.id));
        if find.order == Order::Newest {
            found.reverse();
        }
        if let Some(after) = &find.after {
            found.retain(|record| match find.order {
                Order::Oldest => place(&record.id) > place(after),
                Order::Newest => place(&record.id) < place(after),
            });
        }
        found.truncate(size(find.limit));
        Ok(found)
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        let mut tallies: BTreeMap<(&'static str, String), Tally> = BTreeMap::new();
        for Record { id, state, .. } in self.find(find)? {
            let kind = id.kind();
            let tally = tallies.entry((kind.as_str(), state.clone())).or_insert(Tally { kind, state, records: 0 });
            tally.records += 1;
        }
        Ok(tallies.into_values().collect())
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        let ledger = self.ledger();
        let mut found: Vec<Event> = ledger
            .events
            .iter()
            .filter(|event| event.position > cursor.after)
            .filter(|event| cursor.stream.is_none_or(|stream| stream == event.stream))
            .filter(|event| cursor.record.is_none_or(|record| record == event.record))
            .filter(|event| cursor.kind.is_none_or(|kind| kind == event.record.kind()))
            .cloned()
            .collect();
        match cursor.order {
            Order::Oldest => found.truncate(size(cursor.limit)),
            Order::Newest => drop(found.drain(..found.len().saturating_sub(size(cursor.limit)))),
        }
        Ok(found)
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        let (ledger, _) = self
            .grown
            .wait_timeout_while(self.ledger(), timeout, |ledger| ledger.newest() <= position)
            .unwrap_or_else(PoisonError::into_inner);
        Ok(ledger.newest())
    }

    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        self.ledger().pulses.insert(*id, at);
        Ok(())
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.ledger().pulses.get(id).copied())
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        self.ledger().rewrite(rewrite)
    }
}

impl Ledger {
    fn newest(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }

    fn version(&self, id: &RecordId) -> Version {
        self.records.get(id).map_or(0, |record| record.version)
    }

    /// Everything that can fail comes before the first write.
    fn commit(&mut self, commit: &Commit) -> Result<Committed, CommitError> {
        check::shape(commit)?;
        if let Some(committed) = self.commits.get(&commit.id) {
            let events: Vec<Event> = commit.changes.iter().map(|change| self.event(commit, change)).collect();
            check::same(&commit.id, &events, self.events.iter().filter(|event| event.commit == commit.id))?;
            return Ok(Committed { novelty: Novelty::Repeated, ..*committed });
        }
        self.compare(commit)?;
        let before = self.events.len();
        for change in &commit.changes {
            let event = self.event(commit, change);
            self.events.push(event);
            self.records.insert(change.record.id, change.record.clone());
        }
        self.check_since(before);
        let committed = Committed { first: self.events[before].position, last: self.newest(), novelty: Novelty::Fresh };
        self.commits.insert(commit.id.clone(), committed);
        Ok(committed)
    }

    /// Everything that can fail comes before the first write.
    fn rewrite(&mut self, rewrite: &Rewrite) -> Result<(), StoreError> {
        check::rewrite(rewrite)?;
        for content in &rewrite.records {
            if self.version(&content.id) != content.version || content.version == 0 {
                return Err(check::not_rewritten(format!("{} is not in version {}", content.id, content.version)));
            }
        }
        let mut places = Vec::with_capacity(rewrite.events.len());
        for content in &rewrite.events {
            let place = self.events.iter().position(|event| event.position == content.position);
            let place = place.filter(|place| self.events[*place].record == content.record);
            let missing = || check::not_rewritten(format!("event {} is none of {}", content.position, content.record));
            places.push(place.ok_or_else(missing)?);
        }
        for content in &rewrite.records {
            let record = self.records.get_mut(&content.id).expect("its version was just read");
            record.keys.clone_from(&content.keys);
            record.body.clone_from(&content.body);
            self.rewritten.insert(content.id, content.version);
        }
        for (place, content) in places.into_iter().zip(&rewrite.events) {
            self.events[place].event.body.clone_from(&content.body);
        }
        Ok(())
    }

    fn compare(&self, commit: &Commit) -> Result<(), CommitError> {
        if let Some((stream, expected)) = commit.follows {
            let actual = self.head(stream).map_or(0, |head| head.seq);
            if actual != expected {
                return Err(CommitError::Overtaken { stream, expected, actual });
            }
        }
        let mut moved: BTreeMap<RecordId, Version> = BTreeMap::new();
        let relied_on = commit.relies_on.iter().map(|(id, version)| (*id, *version));
        let first_changes = commit.changes.iter().filter_map(|Change { record, .. }| {
            let first = moved.insert(record.id, record.version).is_none();
            first.then(|| (record.id, record.version - 1))
        });
        for (id, expected) in relied_on.chain(first_changes) {
            let actual = self.version(&id);
            if actual != expected {
                return Err(CommitError::Stale { id, expected, actual });
            }
        }
        for Change { record, .. } in &commit.changes {
            if let Some(stored) = self.records.get(&record.id) {
                check::stays(&record.id, (&stored.run, &record.run), (&stored.parent, &record.parent))?;
            }
        }
        Ok(())
    }

    /// The newest event of a stream.
    fn head(&self, stream: Stream) -> Option<&Event> {
        self.events.iter().rev().find(|event| event.stream == stream)
    }

    fn event(&self, commit: &Commit, change: &Change) -> Event {
        let head = self.head(change.record.stream());
        let mut event = Event {
            position: self.newest() + 1,
            seq: head.map_or(1, |head| head.seq + 1),
            previous_hash: head.map_or(GENESIS.to_owned(), |head| head.hash.clone()),
            ..Event::of(commit, change)
        };
        event.hash = event_hash(&event);
        event
    }

    /// Compares the events from this index on with those before them, and with the records that they made.
    fn check_since(&self, start: usize) {
        let mut last: BTreeMap<RecordId, &Event> = BTreeMap::new();
        for (index, event) in self.events.iter().enumerate().skip(start) {
            let before = &self.events[..index];
            let position = before.last().map_or(1, |last| last.position + 1);
            assert_eq!(event.position, position, "positions have no gaps");

            let head = before.iter().rev().find(|other| other.stream == event.stream);
            assert_eq!(event.seq, head.map_or(1, |head| head.seq + 1), "a stream has no gaps: {event:?}");
            assert_eq!(event.previous_hash, head.map_or(GENESIS, |head| &head.hash), "hashes link: {event:?}");
            assert_eq!(event.hash, event_hash(event), "a hash covers its event: {event:?}");

            let earlier = before.iter().rev().find(|other| other.record == event.record);
            assert_eq!(event.version, earlier.map_or(1, |e| e.version + 1), "versions have no gaps: {event:?}");
            assert!(earlier.is_none_or(|e| e.stream == event.stream), "a record stays in its stream: {event:?}");
            last.insert(event.record, event);
        }
        for (id, event) in last {
            let record = &self.records[&id];
            let said = (event.version, event.stream, event.state.as_str());
            assert_eq!(said, (record.version, record.stream(), record.state.as_str()), "{id} is as its events say");
            if self.rewritten.get(&id) != Some(&record.version) {
                let digest = event.digests.as_ref().map(|digests| digests.record.as_str());
                assert_eq!(digest, Some(record_digest(record).as_str()), "{id} is as its last event left it");
            }
            assert_eq!(record.id, id, "a record is kept under its own id");
        }
    }
}

fn matches(find: &Find, record: &Record) -> bool {
    let Find { kind, run, parent, states, key, key_prefix, random_prefix, order: _, after: _, limit: _ } = find;
    kind.is_none_or(|kind| record.kind() == kind)
        && run.is_none_or(|run| record.run == Some(run))
        && parent.is_none_or(|parent| record.parent == Some(parent))
        && (states.is_empty() || states.contains(&record.state))
        && key.as_ref().is_none_or(|(name, value)| record.keys.get(name) == Some(value))
        && key_prefix
            .as_ref()
            .is_none_or(|(name, prefix)| record.keys.get(name).is_some_and(|value| value.starts_with(prefix)))
        && random_prefix.as_ref().is_none_or(|prefix| record.id.random_part().starts_with(prefix))
}

/// What records are ordered by: the text of the ULID, then the name of the kind.
fn place(id: &RecordId) -> (String, &'static str) {
    let text = id.to_string();
    let (_, ulid) = text.split_once('_').expect("an id has a prefix and an underscore");
    (ulid.to_owned(), id.kind().as_str())
}

fn size(limit: Option<u32>) -> usize {
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}
