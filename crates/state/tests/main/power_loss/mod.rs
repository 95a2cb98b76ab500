//! Power that is lost while a process writes, and what is in the ledger afterwards.
//!
//! A process that writes is watched by strace ([`trace`]), which gives every write and every sync of it in order
//! ([`record`]), its words among them. A disk that may lose whatever was not synced ([`disk`]) takes these up to a moment;
//! what it may hold then is opened as a ledger, and must hold every commit that was acknowledged before, whole. What may be
//! lost, and who says so, stands in [`disk`].
//!
//! A process may also be killed first, at any step of it: then another one finds what it left, in the system's memory as
//! well as on the disk, and is watched in turn.

mod disk;
mod record;
mod trace;

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use tollhouse_state::SqliteStore;
use tollhouse_state::conformance::rounds;

use self::disk::{Disk, Image, Syncs};
use self::record::{Record, Step};
use crate::draws::seeds;
use crate::told::{figure, skipped};
use crate::writing::{Account, Job, differs};

/// So many images are taken of one record at most.
const IMAGES_OF_A_RECORD: u64 = 256;

/// So many are taken of what is done after one kill, and so many kills are made of one record.
const IMAGES_OF_A_KILL: u64 = 16;
const KILLS_OF_A_RECORD: usize = 4;

/// So often a recorded process opens the ledger, writes and closes it; and so many steps each of its threads takes meanwhile.
const SESSIONS: u64 = 3;
const STEPS_MAX: u64 = 30;

#[test]
fn what_was_acknowledged_survives_a_loss_of_power() {
    if let Err(why) = trace::possible() {
        return skipped("a loss of power", &why);
    }
    let mut draws = seeds().map(|seed| (seed, Rng::with_seed(seed)));
    let (mut records, mut images, mut commits, mut steps) = (0, 0, 0, 0);
    while images < rounds() {
        let random = &mut draws[(records + 1) % 2].1;
        let mut longer = [1, 2, 4, 8].into_iter().map(|times| recorded(random, SESSIONS, times * STEPS_MAX));
        let record = longer.find(Record::is_worth_it).expect("who writes long enough makes checkpoints");
        let count = IMAGES_OF_A_RECORD.min(rounds() - images);
        for ((seed, random), count) in draws.iter_mut().zip([count / 2, count.div_ceil(2)]) {
            let losses = losses(&record, 0, random, count);
            if let Some((loss, image, complaint)) = complaints(&record, &losses, Syncs::Heeded).next() {
                panic!("seed {seed}, {loss:?}, kept in {}: {complaint}", image.kept().display());
            }
        }
        (records, images) = (records + 1, images + count);
        (commits, steps) = (commits + record.account().made.len(), steps + record.steps.len());
    }
    let of = format!("{images} images of {records} records ({commits} commits acknowledged, {steps} steps)");
    figure("a loss of power", &format!("{of}: nothing lost"));
}

#[test]
fn what_was_acknowledged_after_a_kill_survives_a_loss_of_power() {
    survive_after_kills("a loss of power after a kill", Unheard::LeftAlone);
}

#[test]
fn what_was_acknowledged_to_who_asks_again_after_a_kill_survives_a_loss_of_power() {
    survive_after_kills("a loss of power after a kill and a question", Unheard::AskedFor);
}

fn survive_after_kills(what: &str, unheard: Unheard) {
    if let Err(why) = trace::possible() {
        return skipped(what, &why);
    }
    let mut draws = seeds().map(|seed| (seed, Rng::with_seed(seed)));
    let (mut kills, mut images) = (0, 0);
    let mut first = recorded(&mut draws[1].1, 1, STEPS_MAX);
    while images < rounds() {
        let (seed, random) = &mut draws[(kills + 1) % 2];
        if kills > 0 && kills % KILLS_OF_A_RECORD == 0 {
            first = recorded(random, 1, STEPS_MAX);
        }
        let (record, begin) = killed_and_continued(first.clone(), random, unheard);
        let losses = losses(&record, begin, random, IMAGES_OF_A_KILL);
        if let Some((loss, image, complaint)) = complaints(&record, &losses, Syncs::Heeded).next() {
            panic!("seed {seed}, {loss:?} (killed at {begin}), kept in {}: {complaint}", image.kept().display());
        }
        (kills, images) = (kills + 1, images + IMAGES_OF_A_KILL);
    }
    figure(what, &format!("{images} images after {kills} kills: nothing lost"));
}

#[test]
fn on_a_disk_that_does_not_heed_syncs_what_was_acknowledged_is_lost() {
    if let Err(why) = trace::possible() {
        return skipped("a disk that does not heed syncs", &why);
    }
    let [_, seed] = seeds();
    let mut random = Rng::with_seed(seed);
    let record = recorded(&mut random, 1, STEPS_MAX);
    for (syncs, expected) in [
        (Syncs::Ignored, "there is no such file"),
        (Syncs::IgnoredOfTheFolder, "there is no such file"),
        (Syncs::IgnoredOf("-wal"), "lost: commit"),
        // The whole ledger or only some of it, as it happens.
        (Syncs::IgnoredOf(".db"), ""),
    ] {
        let losses = losses(&record, 0, &mut random, rounds());
        let lost = complaints(&record, &losses, syncs).find(|(_, _, complaint)| complaint.contains(expected));
        assert!(lost.is_some(), "seed {seed}, {syncs:?}");
    }
}

/// What a process does that opens a new ledger so many times, writes, and closes it.
fn recorded(random: &mut Rng, sessions: u64, steps_max: u64) -> Record {
    let folder = tempfile::tempdir().unwrap();
    let job = Job { name: "p".to_owned(), seed: random.u64(..), sessions, steps_max, again: Vec::new() };
    trace::of(0, &job, folder.path())
}

/// What becomes of the commits of which a killed process told nothing.
#[derive(Debug, Clone, Copy)]
enum Unheard {
    LeftAlone,
    /// The next process makes them again, which answers whether they are there.
    AskedFor,
}

/// What is done by a process that is killed, and by one that goes on where it left off; and where the second begins.
fn killed_and_continued(first: Record, random: &mut Rng, unheard: Unheard) -> (Record, usize) {
    // Where a commit is on its way to the disk, or anywhere.
    let syncs: Vec<usize> = (0..first.steps.len()).filter(|at| matches!(first.steps[*at], Step::Sync { .. })).collect();
    let near = random.choice(&syncs).unwrap() + 1;
    let mut record = first.killed(if random.u8(0..4) > 0 { near } else { random.usize(0..=near) });
    let folder = tempfile::tempdir().unwrap();
    let mut disk = Disk::new(Syncs::Heeded);
    for step in &record.steps {
        disk.take(step);
    }
    disk.seen().write_to(folder.path());
    let again = match unheard {
        Unheard::LeftAlone => Vec::new(),
        Unheard::AskedFor => record.account().unheard().cloned().collect(),
    };
    let job = Job { name: "q".to_owned(), seed: random.u64(..), sessions: 1, steps_max: 4, again };
    let begin = record.steps.len();
    record.steps.extend(trace::of(1, &job, folder.path()).steps);
    (record, begin)
}

/// A moment at which power is lost, and what the disk makes of it.
#[derive(Debug)]
struct Loss {
    /// After so many steps of a record.
    after: usize,
    seed: u64,
}

/// Half of them anywhere from a step on, half of them next to a step on which much depends; earliest first.
fn losses(record: &Record, from: usize, random: &mut Rng, count: u64) -> Vec<Loss> {
    let turns: Vec<usize> = (from..record.steps.len()).filter(|at| record.steps[*at].is_a_turn()).collect();
    let mut losses: Vec<Loss> = (0..count)
        .map(|_| {
            let after = if random.bool() {
                random.usize(from..=record.steps.len())
            } else {
                let near = random.choice(&turns).unwrap() + random.usize(0..6);
                near.saturating_sub(2).min(record.steps.len())
            };
            Loss { after, seed: random.u64(..) }
        })
        .collect();
    losses.sort_by_key(|loss| loss.after);
    losses
}

/// The losses that a ledger does not survive, what is left after them, and what is wrong with it.
fn complaints<'a>(
    record: &'a Record,
    losses: &'a [Loss],
    syncs: Syncs,
) -> impl Iterator<Item = (&'a Loss, Image, String)> {
    let mut disk = Disk::new(syncs);
    let mut account = Account::default();
    let mut taken = 0;
    losses.iter().filter_map(move |loss| {
        for step in &record.steps[taken..loss.after] {
            if let Step::Said(word) = step {
                account.hear(word.clone());
            }
            disk.take(step);
        }
        taken = loss.after;
        let image = disk.image(&mut Rng::with_seed(loss.seed));
        let complaint = survives(&image, &account).err()?;
        Some((loss, image, complaint))
    })
}

fn survives(image: &Image, account: &Account) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    image.write_to(folder.path());
    let path = folder.path().join(trace::LEDGER);
    // Only a commit is promised to last, not a ledger with nothing in it.
    let opened = if account.made.is_empty() { SqliteStore::open_or_create(&path) } else { SqliteStore::open(&path) };
    differs(&opened.map_err(|error| error.to_string())?, account)
}

impl Image {
    /// A folder with it that is not removed.
    fn kept(&self) -> PathBuf {
        let folder = tempfile::tempdir().unwrap().keep();
        self.write_to(&folder);
        folder
    }

    fn write_to(&self, folder: &Path) {
        for (name, content) in &self.files {
            fs::write(folder.join(name), content).unwrap();
        }
    }
}
