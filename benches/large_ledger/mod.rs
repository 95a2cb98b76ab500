//! Ledgers as large as one asks for: a real run, driven once and kept as a tape, is put into the store again and again with ids
//! of its own.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tollhouse::entity::{Candidate, Effect, ExitStatus, Run, Work};
use tollhouse::lifecycle::{EffectState, RunState};
use tollhouse::simulator::{claimant, new_patch, process, spec, task};
use tollhouse::{
    Actor, At, AttemptFacts, Change, Command, Commit, CommitError, Committed, Cursor, Engine, Event, Find, GateFacts,
    MemoryStore, Outcome, Record, RecordId, RunId, Span, Store, StoreError, Timestamp, TreeFacts,
};

/// How many runs are put into the store at the same time.
const WRITERS: u64 = 64;

/// What a run commits, in order.
pub(crate) struct Tape {
    commits: Vec<Commit>,
    pub(crate) events: usize,
}

impl Tape {
    /// A run of so many tasks, each of which lands at its first try.
    pub(crate) fn of_a_run(tasks: usize) -> Self {
        Self::of(tasks, true)
    }

    /// A run of so many tasks of which none is begun.
    pub(crate) fn of_a_beginning(tasks: usize) -> Self {
        Self::of(tasks, false)
    }

    fn of(tasks: usize, driven: bool) -> Self {
        let recorder = Recorder { inner: MemoryStore::new(), commits: Mutex::default() };
        drive(&recorder, tasks, driven);
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
    let at = id.made_at().after(Span::from_secs(number * 600));
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
        match id {
            Some(id) => {
                moved_text.push_str(&rest[..start]);
                moved_text.push_str(&moved(id, number).to_string());
                rest = &rest[at + 1 + ULID..];
            }
            None => {
                moved_text.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
            }
        }
    }
    moved_text + rest
}

/// Drives a run to its end, in a world in which everything goes well.
fn drive(store: &Recorder, tasks: usize, to_its_end: bool) {
    let (mut now, mut seed) = (Timestamp::from_micros(1_700_000_000_000_000), 0);
    let run = RunId::from_parts(now, 1);
    let mut engine = Engine::open(store, run).expect("the store is empty");
    let mut say = |engine: &mut Engine<&Recorder>, command: &Command| {
        (now, seed) = (now.after(Span::from_millis(5)), seed + 1);
        engine.execute(command, &Actor::Worker("runner".into()), At { now, seed }).expect("nothing is refused");
        now
    };
    let names: Vec<String> = (0..tasks).map(|number| format!("task-{number:06}")).collect();
    let plan = Box::new(spec(names.iter().map(|name| task(name, &[])).collect(), 8));
    say(&mut engine, &Command::CreateRun { run, spec: plan, started_by: "ada".into(), legacy: None });
    say(&mut engine, &Command::Drive { run, process: process(1), seen: None });
    if !to_its_end {
        return;
    }
    let mut now = say(&mut engine, &Command::StartRun { run, base: "c0ffee".into() });
    while engine.view().get::<Run>(run).is_some_and(|run| run.state == RunState::Running) {
        let asked = |effect: &&Effect| effect.state == EffectState::Requested;
        let Some(effect) = engine.view().all::<Effect>().find(asked).cloned() else {
            now = say(&mut engine, &Command::Tick { run });
            continue;
        };
        let (id, until) = (effect.id, now.after(Span::from_secs(600)));
        say(&mut engine, &Command::Claim { effect: id, by: claimant(1), until });
        let outcome = outcome(&effect.work);
        let epoch = engine.view().get::<Effect>(id).map_or(0, |effect| effect.epoch);
        now = say(&mut engine, &Command::Report { effect: id, epoch, outcome: Box::new(outcome) });
    }
    say(&mut engine, &Command::StepDown { run, epoch: 1 });
}

fn outcome(work: &Work) -> Outcome {
    match work {
        Work::Spawn { attempt } => Outcome::Spawned(AttemptFacts {
            exit: Some(ExitStatus::Code(0)),
            change: Some(new_patch("src/lib.rs", &attempt.to_string(), "c0ffee")),
            ..AttemptFacts::default()
        }),
        Work::Apply { patch } => Outcome::Applied {
            candidate: Candidate { tree: format!("tree of {patch}"), parent: "c0ffee".into() },
            facts: TreeFacts::default(),
        },
        Work::Gate { .. } => Outcome::Gated(GateFacts { exit: Some(ExitStatus::Code(0)), ..GateFacts::default() }),
        Work::Land { patch } => Outcome::Landed { commit: format!("commit of {patch}") },
        Work::Kill { .. } => Outcome::Killed,
    }
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
}
