//! A store that is sound but for one thing: around the one in memory, with some of its calls replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollhouse_core::{Commit, Event, Record, RecordId, Timestamp};
use tollhouse_state::conformance::Fixture;
use tollhouse_state::{CommitError, Committed, Cursor, Find, MemoryStore, Novelty, Rewrite, Store, StoreError, Tally};

/// What is broken: the calls that do something else than the store below, and the checks that must notice.
#[derive(Clone, Copy)]
pub(crate) struct Flaw {
    pub(crate) name: &'static str,
    /// As `group::check`.
    pub(crate) caught_by: &'static [&'static str],
    pub(crate) commit: fn(&Broken, &Commit) -> Result<Committed, CommitError>,
    pub(crate) get: fn(&Broken, &[RecordId]) -> Vec<Option<Record>>,
    pub(crate) find: fn(&Broken, &Find) -> Vec<Record>,
    pub(crate) tally: fn(&Broken, &Find) -> Vec<Tally>,
    pub(crate) events: fn(&Broken, &Cursor) -> Vec<Event>,
    pub(crate) events_into: fn(&Broken, &Cursor, &mut Vec<Event>),
    pub(crate) wait_for: fn(&Broken, u64, Duration) -> u64,
    pub(crate) pulse: fn(&Broken, &RecordId, Timestamp),
    pub(crate) last_pulse: fn(&Broken, &RecordId) -> Option<Timestamp>,
    pub(crate) rewrite: fn(&Broken, &Rewrite) -> Result<(), StoreError>,
    pub(crate) reopen: fn(Broken) -> Broken,
}

/// The flaw that is none.
pub(crate) const SOUND: Flaw = Flaw {
    name: "sound",
    caught_by: &[],
    commit: |store, commit| store.below.commit(commit),
    get: |store, ids| store.below.get(ids).unwrap(),
    find: |store, find| store.below.find(find).unwrap(),
    tally: |store, find| store.below.tally(find).unwrap(),
    events: |store, cursor| store.below.events(cursor).unwrap(),
    events_into: |store, cursor, page| *page = (store.flaw.events)(store, cursor),
    wait_for: |store, position, timeout| store.below.wait_for(position, timeout).unwrap(),
    pulse: |store, id, at| store.below.pulse(id, at).unwrap(),
    last_pulse: |store, id| store.below.last_pulse(id).unwrap(),
    rewrite: |store, rewrite| store.below.rewrite(rewrite),
    reopen: |store| store,
};

pub(crate) struct Broken {
    pub(crate) flaw: Flaw,
    pub(crate) below: MemoryStore,
    notes: Mutex<Notes>,
    noted: Condvar,
}

/// What a flaw remembers. Each of them uses what it needs.
#[derive(Default)]
pub(crate) struct Notes {
    /// All commits that were made, as they came in.
    pub(crate) made: Vec<(Commit, Committed)>,
    pub(crate) refused: Vec<Commit>,
    pub(crate) pulses: BTreeMap<RecordId, Timestamp>,
    pub(crate) counts: BTreeMap<RecordId, usize>,
    pub(crate) records: Vec<Record>,
    pub(crate) positions: BTreeSet<u64>,
    pub(crate) position: u64,
    pub(crate) number: u64,
    /// How often anything was read.
    reads: u64,
    /// Whether a reader was waited for in vain.
    waited_long: bool,
}

/// How long somebody is waited for who comes at once, if they come.
const SHORT: Duration = Duration::from_millis(5);

/// How long a thread that was begun may wait for its turn.
const LONG: Duration = Duration::from_secs(2);

impl Broken {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, below: MemoryStore::new(), notes: Mutex::default(), noted: Condvar::new() }
    }

    pub(crate) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Comes to a place where races are lost: goes on when another one is there too, or none has come for a while.
    pub(crate) fn meet(&self) {
        let mut notes = self.notes();
        if notes.number == 1 {
            notes.number = 0;
            self.noted.notify_all();
            return;
        }
        notes.number = 1;
        let met = self.noted.wait_timeout_while(notes, SHORT, |notes| notes.number == 1);
        let (mut notes, waited) = met.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            notes.number = 0;
        }
    }

    /// Lets a reader that reads again and again come by a few times; none may come.
    ///
    /// One that was begun and had no turn yet is waited for, once: on a busy machine that takes far longer than all of the check.
    pub(crate) fn let_others_read(&self) {
        let mut notes = self.notes();
        let enough = notes.reads + 8;
        // The first commit is made before there is any reader.
        let patience = if self.newest() <= 2 || notes.waited_long { SHORT } else { LONG };
        let is_waiting = |notes: &mut Notes| notes.reads < enough;
        let read = self.noted.wait_timeout_while(notes, patience, is_waiting);
        let (read, timeout) = read.unwrap_or_else(PoisonError::into_inner);
        notes = read;
        notes.waited_long |= patience == LONG && timeout.timed_out();
    }

    fn read(&self) {
        self.notes().reads += 1;
        self.noted.notify_all();
    }

    /// The version of a record.
    pub(crate) fn version(&self, id: &RecordId) -> u64 {
        self.below.get(&[*id]).unwrap()[0].as_ref().map_or(0, |record| record.version)
    }

    /// The newest position.
    pub(crate) fn newest(&self) -> u64 {
        self.below.wait_for(0, Duration::ZERO).unwrap()
    }

    /// Makes a commit whatever it relies on: the versions are those that follow what is stored.
    pub(crate) fn force(&self, commit: &Commit) -> Result<Committed, CommitError> {
        loop {
            let mut forced = commit.clone();
            forced.relies_on.clear();
            forced.follows = None;
            let mut versions: BTreeMap<RecordId, u64> = BTreeMap::new();
            for change in &mut forced.changes {
                let id = change.record.id;
                let version = versions.entry(id).or_insert_with(|| self.version(&id));
                *version += 1;
                change.record.version = *version;
            }
            match self.below.commit(&forced) {
                Err(CommitError::Stale { .. }) => {}
                outcome => return outcome,
            }
        }
    }

    /// How a commit with this id was answered.
    pub(crate) fn known(&self, id: &str) -> Option<(Commit, Committed)> {
        self.notes().made.iter().find(|(commit, _)| commit.id == id).cloned()
    }

    /// A store in which these commits were made, and these pulses noted.
    pub(crate) fn with(flaw: Flaw, commits: &[(Commit, Committed)], pulses: BTreeMap<RecordId, Timestamp>) -> Self {
        let store = Self::new(flaw);
        for (commit, _) in commits {
            store.commit(commit).unwrap();
        }
        for (id, at) in pulses {
            store.pulse(&id, at).unwrap();
        }
        store
    }
}

impl Store for Broken {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let outcome = (self.flaw.commit)(self, commit);
        match outcome {
            Ok(committed) if committed.novelty == Novelty::Fresh => self.notes().made.push((commit.clone(), committed)),
            Err(_) => self.notes().refused.push(commit.clone()),
            Ok(_) => {}
        }
        outcome
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        self.read();
        Ok((self.flaw.get)(self, ids))
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        self.read();
        Ok((self.flaw.find)(self, find))
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        self.read();
        Ok((self.flaw.tally)(self, find))
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        self.read();
        Ok((self.flaw.events)(self, cursor))
    }

    fn events_into(&self, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
        self.read();
        (self.flaw.events_into)(self, cursor, page);
        Ok(())
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.read();
        Ok((self.flaw.wait_for)(self, position, timeout))
    }

    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        (self.flaw.pulse)(self, id, at);
        self.notes().pulses.insert(*id, at);
        Ok(())
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        Ok((self.flaw.last_pulse)(self, id))
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        (self.flaw.rewrite)(self, rewrite)
    }
}

/// Makes stores that are broken in this way.
pub(crate) struct Breaking(pub(crate) Flaw);

impl Fixture for Breaking {
    type Store = Broken;

    fn store(&self) -> Broken {
        Broken::new(self.0)
    }

    fn reopen(&self, store: Broken) -> Broken {
        (self.0.reopen)(store)
    }
}
