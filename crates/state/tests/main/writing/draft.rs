//! What a commit holds, as its id says.
//!
//! An id is a name of its own and what it moves and relies on: `r3.17 8@1 8@2 ~5@4` makes record 8 and moves it on to
//! version 2, if record 5 is at version 4. All else (kinds, runs, parents, keys, states, bodies) is drawn from the id.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use tollhouse_core::{Commit, Kind, Record, RecordId, RunId, Version};
use tollhouse_state::conformance::make;

/// So many of the first records are runs.
const RUNS: u64 = 3;

/// What the other records are.
const KINDS: [Kind; 5] = [Kind::Task, Kind::Attempt, Kind::Patch, Kind::GateRun, Kind::Effect];

/// What is to become a commit.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// The numbers of the records that are made or moved, and the version that each gets.
    pub(super) moves: Vec<(u64, Version)>,
    /// The numbers of records that must be at a version.
    pub(super) relies_on: Vec<(u64, Version)>,
}

impl Draft {
    /// The id of the commit.
    pub(super) fn id(&self, name: &str) -> String {
        let mut id = name.to_owned();
        for (number, version) in &self.moves {
            write!(id, " {number}@{version}").unwrap();
        }
        for (number, version) in &self.relies_on {
            write!(id, " ~{number}@{version}").unwrap();
        }
        id
    }
}

/// The id of the record with this number.
pub(super) fn record_id(number: u64) -> RecordId {
    make::id(kind(number), number)
}

/// The commit with this id.
pub(super) fn commit(id: &str) -> Option<Commit> {
    let mut draft = Draft::default();
    for word in id.split(' ').skip(1) {
        let (list, word) = match word.strip_prefix('~') {
            Some(word) => (&mut draft.relies_on, word),
            None => (&mut draft.moves, word),
        };
        let (number, version) = word.split_once('@')?;
        list.push((number.parse().ok()?, version.parse().ok()?));
    }
    let records = draft.moves.iter().map(|(number, version)| record(id, *number, *version));
    let mut commit = make::commit(id, records);
    for (change, (number, version)) in commit.changes.iter_mut().zip(&draft.moves) {
        change.event.body = body(id, drawn(&("event", id, number, version)));
    }
    commit.relies_on = draft.relies_on.iter().map(|(number, version)| (record_id(*number), *version)).collect();
    commit.trace = drawn(&id).is_multiple_of(2).then(|| format!("{:032x}", drawn(&("trace", id))));
    Some(commit)
}

fn kind(number: u64) -> Kind {
    if number < RUNS { Kind::Run } else { KINDS[usize::try_from(number % 5).unwrap()] }
}

/// What a commit makes of a record.
fn record(id: &str, number: u64, version: Version) -> Record {
    let mut record = make::new(kind(number), number);
    if number >= RUNS {
        record.run = (number % 4 < RUNS).then(|| RunId::try_from(record_id(number % 4)).unwrap());
        record.parent = number.is_multiple_of(3).then(|| record_id(number % RUNS));
    }
    let states = record.kind().states();
    states[usize::try_from(version).unwrap() % states.len()].clone_into(&mut record.state);
    record.version = version;
    if !version.is_multiple_of(5) {
        record.keys.insert("name".to_owned(), format!("n{number}"));
        record.keys.insert("turn".to_owned(), (version / 3).to_string());
    }
    record.body = body(id, drawn(&("record", id, number, version)));
    record
}

/// Most bodies are short, some fill a page, a few fill many.
fn body(id: &str, draw: u64) -> String {
    let words = match draw % 32 {
        0 => 500 + draw % 2000,
        1..4 => draw % 500,
        _ => draw % 10,
    };
    // No two sectors of it are alike, so that a torn one is seen.
    let fill = (1..=words).fold(String::new(), |mut fill, word| {
        write!(fill, "{:016x}", draw.wrapping_mul(2 * word + 1)).unwrap();
        fill
    });
    format!(r#"{{"of":{id:?},"fill":"{fill}"}}"#)
}

/// A number that follows from this; the same in every process of this program.
fn drawn(from: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    from.hash(&mut hasher);
    hasher.finish()
}
