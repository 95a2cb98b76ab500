//! Ledgers as large as one asks for: a real run, driven once and kept as a tape, is put into the store again and again with ids
//! of its own.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tollhouse::simulator::{Until, drive_smoothly};
use tollhouse::{
    Change, Commit, CommitError, Committed, Cursor, Event, Find, MemoryStore, Record, RecordId, Rewrite, RunId, Span,
    Store, StoreError, Tally, Timestamp,
};

/// How many runs are put into the store at the same time.
const WRITERS: u64 = 64;

/// A run is put to so many seconds after the one before it.
const BETWEEN_SECS: u64 = 600;

/// What a run commits, in order.
pub(crate) struct Tape {
    commits: Vec<Commit>,
    pub(crate) events: usize,
}

impl Tape {
    /// A run of so many tasks, each of which lands at its first try.
    pub(crate) fn of_a_run(tasks: usize) -> Self {
        let recorder = Recorder { inner: MemoryStore::new(), commits: Mutex::default() };
        drive_smoothly(&recorder, tasks, Until::Done, began(0));
        let commits = recorder.commits.into_inner().expect("nobody panicked");
        Self { events: commits.iter().map(|commit| commit.changes.len()).sum(), commits }
    }

    /// Puts the run into a store as often as it has numbers here, many at once.
    pub(crate) fn put(&self, store: &impl Store, numbers: Range<u64>) {
        let next = AtomicU64::new(numbers.start);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|n| numbers.contains(n))
                    {
                        for commit in &self.commits {
                            store.commit(&renamed(commit, number)).expect("the tape is sound");
                        }
                    }
                });
            }
        });
    }
}

/// When the run with this number began.
pub(crate) fn began(number: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).after(Span::from_secs(number * BETWEEN_SECS))
}

/// The ids of a commit moved by a number; what it relied on is not asked again.
fn renamed(commit: &Commit, number: u64) -> Commit {
    let mut commit = commit.clone();
    commit.id = format!("{}#{number}", commit.id);
    commit.relies_on.clear();
    commit.follows = None;
    for Change { record, event } in &mut commit.changes {
        *record = Record {
            id: moved(record.id, number),
            run: record.run.map(|run| moved_run(run, number)),
            parent: record.parent.map(|parent| moved(parent, number)),
            body: moved_text(&record.body, number),
            keys: record.keys.iter().map(|(name, value)| (name.clone(), moved_text(value, number))).collect(),
            ..record.clone()
        };
        event.body = moved_text(&event.body, number);
        event.reason = event.reason.as_deref().map(|reason| moved_text(reason, number));
    }
    commit
}

fn moved(id: RecordId, number: u64) -> RecordId {
    let random: u128 = id.random_part().bytes().fold(0, |random, byte| random * 37 + u128::from(byte));
    let at = id.made_at().after(Span::from_secs(number * BETWEEN_SECS));
    RecordId::from_parts(
        id.kind(),
        at,
        random ^ u128::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835),
    )
}

fn moved_run(id: RunId, number: u64) -> RunId {
    moved(id.into(), number).try_into().expect("it keeps its kind")
}

/// A text with every id in it moved.
fn moved_text(text: &str, number: u64) -> String {
    const ULID: usize = 26;
    let mut moved_text = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('_') {
        let start = rest[..at].rfind(|c: char| !c.is_ascii_lowercase()).map_or(0, |before| before + 1);
        let id = rest.get(start..at + 1 + ULID).and_then(|id| id.parse::<RecordId>().ok());
        if let Some(id) = id {
            moved_text.push_str(&rest[..start]);
            moved_text.push_str(&moved(id, number).to_string());
            rest = &rest[at + 1 + ULID..];
        } else {
            moved_text.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
        }
    }
    moved_text + rest
}

/// A store that keeps what was committed to it.
struct Recorder {
    inner: MemoryStore,
    commits: Mutex<Vec<Commit>>,
}

impl Store for Recorder {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let committed = self.inner.commit(commit)?;
        self.commits.lock().expect("nobody panicked").push(commit.clone());
        Ok(committed)
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        self.inner.get(ids)
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        self.inner.find(find)
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        self.inner.tally(find)
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        self.inner.events(cursor)
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.inner.wait_for(position, timeout)
    }

    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        self.inner.pulse(id, at)
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        self.inner.last_pulse(id)
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        self.inner.rewrite(rewrite)
    }
}
