//! Processes that are killed while they write, and what the next one finds.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tempfile::TempDir;
use tollhouse_state::SqliteStore;
use tollhouse_state::conformance::rounds;

use crate::draws::seeds;
use crate::told::figure;
use crate::writing::{Account, Job, Word, differs, writer};

/// So many processes in a row write to one ledger.
const GENERATIONS: u64 = 6;

#[test]
fn what_was_acknowledged_is_there_after_a_kill_and_nothing_is_half_written() {
    let mut told = Tally::default();
    for (seed, rounds) in seeds().into_iter().zip([rounds().div_ceil(2), rounds() / 2]) {
        let mut random = Rng::with_seed(seed);
        let mut round = 0;
        while round < rounds {
            let generations = GENERATIONS.min(rounds - round);
            told.add(&one_ledger(seed, &mut random, round..round + generations));
            round += generations;
        }
    }
    let Tally { kills, opening, made, unheard } = told;
    figure(
        "killed while writing",
        &format!(
            "{kills} kills, {opening} of them while a ledger was opened; {made} commits acknowledged, {unheard} unheard"
        ),
    );
}

/// What the kills met.
#[derive(Default)]
struct Tally {
    kills: u64,
    /// Kills between the opening and the opened ledger.
    opening: u64,
    /// Commits that were acknowledged.
    made: usize,
    /// Commits of which nobody heard what became of them.
    unheard: usize,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.opening += other.opening;
        self.made += other.made;
        self.unheard += other.unheard;
    }
}

/// Has one process after the other killed on one ledger.
fn one_ledger(seed: u64, random: &mut Rng, rounds: std::ops::Range<u64>) -> Tally {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let mut account = Account::default();
    let mut tally = Tally::default();
    for round in rounds.clone() {
        let moment = Moment::drawn(random);
        let job = Job {
            name: format!("r{round}"),
            seed: random.u64(..),
            sessions: u64::MAX,
            steps_max: *random.choice(&[2, 10, 100]).unwrap(),
            // Now and then, as whoever does not hear an answer asks again.
            again: if random.bool() { account.unheard().cloned().collect() } else { Vec::new() },
        };
        let words = killed(&job, &path, &moment);
        tally.opening += u64::from(words.last() == Some(&Word::Opening));
        for word in words {
            account.hear(word);
        }
        // The next process meets what this one left, and only the last is followed by one that tidies up.
        let (_copy, looked_at) = if round + 1 < rounds.end {
            let copy = copied(folder.path());
            let path = copy.path().join("ledger.db");
            (Some(copy), path)
        } else {
            (None, path.clone())
        };
        if let Err(complaint) = looks(&looked_at, &account) {
            let kept = folder.keep();
            panic!("seed {seed}, round {round}, {job:?}, {moment:?}, kept in {}: {complaint}", kept.display());
        }
        tally.kills += 1;
    }
    tally.made = account.made.len();
    tally.unheard = account.unheard().count();
    tally
}

/// Opens a ledger as the next process would, and compares it.
fn looks(path: &Path, account: &Account) -> Result<(), String> {
    let opened = if account.opened { SqliteStore::open(path) } else { SqliteStore::open_or_create(path) };
    differs(&opened.map_err(|error| error.to_string())?, account)
}

/// When a process is killed: so long after it first said this.
#[derive(Debug)]
struct Moment {
    after: Word,
    by: Duration,
}

impl Moment {
    /// Now and then at once; while the ledger is made or opened, while it is written, or while it is closed.
    fn drawn(random: &mut Rng) -> Self {
        let (after, micros) = match random.u8(0..8) {
            0 | 1 => (Word::Opening, 15_000),
            2 | 3 => (Word::Closing, 5_000),
            _ => (Word::Opened, 150_000),
        };
        // Short times as likely as long ones.
        let below = random.u64(1..=micros);
        Self { after, by: Duration::from_micros(random.u64(0..below)) }
    }
}

/// Starts a process, kills it at a moment, and gives what it said.
fn killed(job: &Job, ledger: &Path, moment: &Moment) -> Vec<Word> {
    let mut command = writer(job, ledger);
    let mut child = command.env("HOME", ledger.parent().unwrap()).stdout(Stdio::piped()).spawn().unwrap();
    let said = BufReader::new(child.stdout.take().unwrap());
    let (come, comes) = channel();
    thread::scope(|scope| {
        let ear = scope.spawn(move || {
            let mut words: Vec<Word> = Vec::new();
            for line in said.lines() {
                let Ok(word) = line.unwrap().parse() else { continue };
                if word == moment.after && !words.contains(&word) {
                    come.send(()).unwrap();
                }
                words.push(word);
            }
            words
        });
        // It ends by itself only where it goes wrong; what it says then is on our standard error.
        let goes_on = comes.recv().is_ok() && comes.recv_timeout(moment.by) == Err(RecvTimeoutError::Timeout);
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(goes_on && status.signal() == Some(9), "{job:?} ended by itself: {status}");
        ear.join().unwrap()
    })
}

/// A copy of the files of a ledger that nobody has open.
fn copied(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder).unwrap() {
        let file: PathBuf = file.unwrap().path();
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    copy
}
