//! The process that writes: a copy of this program that a test starts.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::process::Command;
use std::thread;

use fastrand::Rng;
use tollhouse_core::Timestamp;
use tollhouse_state::{CommitError, Committed, Novelty, SqliteStore, Store};

use super::draft::{self, Draft};
use super::word::Word;

/// Tells the copy of this program what to do, and on which ledger.
const JOB: &str = "TOLLHOUSE_TEST_WRITER";
const LEDGER: &str = "TOLLHOUSE_TEST_WRITER_LEDGER";
const AGAIN: &str = "TOLLHOUSE_TEST_WRITER_AGAIN";

/// How many threads write at once, on [`HANDLES`] handles.
const THREADS: u64 = 4;
const HANDLES: usize = 2;

/// Records below this number are moved again and again; those below the other one mostly once.
const BUSY_RECORDS: u64 = 40;
const RECORDS: u64 = 2000;

/// What a process is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Job {
    /// Starts the name of each of its commits. No two processes on one ledger have the same.
    pub(crate) name: String,
    pub(crate) seed: u64,
    /// How often it opens the ledger, writes and closes it.
    pub(crate) sessions: u64,
    /// How many steps each thread takes at most in a session; at least half as many, or one.
    pub(crate) steps_max: u64,
    /// Commits that it makes first: those of which nobody heard what became of them.
    pub(crate) again: Vec<String>,
}

/// The command that starts the process.
pub(crate) fn writer(job: &Job, ledger: &Path) -> Command {
    let Job { name, seed, sessions, steps_max, again } = job;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "writing::process::what_a_writing_process_does", "--nocapture", "--test-threads", "1"])
        .env(JOB, format!("{name} {seed} {sessions} {steps_max}"))
        .env(AGAIN, again.join("\n"))
        .env(LEDGER, ledger);
    command
}

/// Does something only where a test starts it by [`writer`].
#[test]
fn what_a_writing_process_does() {
    let (Ok(job), Some(ledger)) = (std::env::var(JOB), std::env::var_os(LEDGER)) else { return };
    let mut words = job.split(' ');
    let name = words.next().unwrap().to_owned();
    let mut number = || words.next().unwrap().parse().unwrap();
    let again = std::env::var(AGAIN).unwrap().lines().map(str::to_owned).collect();
    write(&Job { name, seed: number(), sessions: number(), steps_max: number(), again }, Path::new(&ledger));
}

fn write(job: &Job, ledger: &Path) {
    let mouth = Mouth(File::from(std::io::stdout().as_fd().try_clone_to_owned().unwrap()));
    let mut random = Rng::with_seed(job.seed);
    for session in 0..job.sessions {
        mouth.say(&Word::Opening);
        let handles: Vec<_> = (0..HANDLES).map(|_| SqliteStore::open_or_create(ledger).unwrap()).collect();
        mouth.say(&Word::Opened);
        if session == 0 {
            for id in &job.again {
                commit(&handles[0], &mouth, id);
            }
        }
        let steps = random.u64((job.steps_max / 2).max(1)..=job.steps_max);
        thread::scope(|scope| {
            for (thread, store) in (0..THREADS).zip(handles.iter().cycle()) {
                let name = format!("{}.{session}.{thread}", job.name);
                let mut hand = Hand { store, mouth: &mouth, name, random: random.fork(), made: Vec::new(), commits: 0 };
                scope.spawn(move || (0..steps).for_each(|_| hand.step()));
            }
        });
        mouth.say(&Word::Closing);
    }
    mouth.say(&Word::Done);
}

/// Where the process says what it does.
struct Mouth(File);

impl Mouth {
    /// One write of less than what a pipe takes at once, so that a word is there wholly or not at all. Nobody is left
    /// to hear it where this fails, and then it is time to end.
    fn say(&self, word: &Word) {
        // The first line break ends what the test harness may have begun.
        (&self.0).write_all(format!("\n{word}\n").as_bytes()).unwrap();
    }
}

/// A thread that writes.
struct Hand<'a> {
    store: &'a SqliteStore,
    mouth: &'a Mouth,
    name: String,
    random: Rng,
    made: Vec<(String, Committed)>,
    commits: u64,
}

impl Hand<'_> {
    fn step(&mut self) {
        match self.random.u8(0..12) {
            0 => self.pulse(),
            1 => self.come_again(),
            2 => self.fail(),
            _ => self.go_on(),
        }
    }

    fn pulse(&mut self) {
        let number = self.random.u64(0..BUSY_RECORDS);
        let at = Timestamp::from_micros(self.random.i64(0..1_000_000));
        self.store.pulse(&draft::record_id(number), at).unwrap();
    }

    /// Makes a commit that was made.
    fn come_again(&mut self) {
        let Some((id, committed)) = self.random.choice(&self.made).cloned() else { return };
        let expected = Committed { novelty: Novelty::Repeated, ..committed };
        assert_eq!(self.store.commit(&draft::commit(&id).unwrap()), Ok(expected), "{id}");
        self.mouth.say(&Word::Made(id, (committed.first, committed.last)));
    }

    /// Makes a commit that must be refused at its last change.
    fn fail(&mut self) {
        let mut draft = self.draft();
        let (number, version) = draft.moves.pop().unwrap();
        draft.moves.retain(|(other, _)| *other != number);
        draft.moves.push((number, version + 1000));
        assert!(!self.commit(&draft), "what relies on a version that is far away is refused");
    }

    /// Makes a commit that is refused only where another thread was faster.
    fn go_on(&mut self) {
        let draft = self.draft();
        self.commit(&draft);
    }

    fn draft(&mut self) -> Draft {
        let mut draft = Draft::default();
        let mut numbers: Vec<u64> = (0..self.random.u8(1..6)).map(|_| self.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        self.random.shuffle(&mut numbers);
        let ids: Vec<_> = numbers.iter().map(|number| draft::record_id(*number)).collect();
        let versions =
            self.store.get(&ids).unwrap().into_iter().map(|record| record.map_or(0, |record| record.version));
        for (number, version) in numbers.into_iter().zip(versions) {
            if draft.moves.is_empty() || self.random.u8(0..4) > 0 {
                // Sometimes it moves more than once.
                let times = if self.random.u8(0..6) == 0 { 3 } else { 1 };
                draft.moves.extend((1..=times).map(|time| (number, version + time)));
            } else {
                draft.relies_on.push((number, version));
            }
        }
        draft
    }

    fn number(&mut self) -> u64 {
        let below = if self.random.u8(0..6) > 0 { BUSY_RECORDS } else { RECORDS };
        self.random.u64(0..below)
    }

    /// Whether it was made.
    fn commit(&mut self, draft: &Draft) -> bool {
        self.commits += 1;
        let id = draft.id(&format!("{}.{}", self.name, self.commits));
        let Some(committed) = commit(self.store, self.mouth, &id) else { return false };
        assert_eq!(committed.novelty, Novelty::Fresh, "{id}");
        self.made.push((id, committed));
        true
    }
}

/// Makes a commit, unless it is refused, and says so.
fn commit(store: &SqliteStore, mouth: &Mouth, id: &str) -> Option<Committed> {
    let commit = draft::commit(id).expect("the id says what the commit holds");
    mouth.say(&Word::Trying(id.to_owned()));
    match store.commit(&commit) {
        Ok(committed) => {
            mouth.say(&Word::Made(id.to_owned(), (committed.first, committed.last)));
            Some(committed)
        }
        Err(CommitError::Stale { .. }) => {
            mouth.say(&Word::Refused(id.to_owned()));
            None
        }
        Err(error) => panic!("{id}: {error}"),
    }
}
