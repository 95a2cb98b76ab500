//! Random commits, good and bad, on the model and on SQLite: equal answers, equal contents.

use proptest::prelude::*;
use tollhouse_core::{Commit, Kind, Record, Timestamp, Version};
use tollhouse_state::conformance::{dump, make, rounds};
use tollhouse_state::{CommitError, Committed, MemoryStore, SqliteStore, Store};

/// How one record of a commit is meant, relative to what is stored.
#[derive(Debug, Clone)]
struct Step {
    record: u64,
    /// Added to the version that follows; mostly 0.
    jump: i8,
    state: usize,
    key: Option<u8>,
    flaw: Flaw,
}

#[derive(Debug, Clone, Copy)]
enum Flaw {
    None,
    State,
    Body,
    Run,
}

#[derive(Debug, Clone)]
enum Op {
    Commit {
        steps: Vec<Step>,
        /// Which records it relies on, and how far off that is.
        relies_on: Vec<(u64, i8)>,
        /// The number of an earlier commit, whose id it takes.
        reused: Option<usize>,
    },
    /// The commit with this number again.
    Repeat(usize),
    Pulse(u64, i64),
    Reopen,
}

fn record_number() -> impl Strategy<Value = u64> {
    0..8_u64
}

fn mostly_zero() -> impl Strategy<Value = i8> {
    prop_oneof![12 => Just(0), 1 => -2..=2_i8]
}

fn step() -> impl Strategy<Value = Step> {
    let flaw = prop_oneof![30 => Just(Flaw::None), 1 => Just(Flaw::State), 1 => Just(Flaw::Body), 1 => Just(Flaw::Run)];
    (record_number(), mostly_zero(), 0..3_usize, proptest::option::of(0..3_u8), flaw)
        .prop_map(|(record, jump, state, key, flaw)| Step { record, jump, state, key, flaw })
}

fn op() -> impl Strategy<Value = Op> {
    let commit = (
        proptest::collection::vec(step(), 0..5),
        proptest::collection::vec((record_number(), mostly_zero()), 0..3),
        proptest::option::weighted(0.05, 0..20_usize),
    )
        .prop_map(|(steps, relies_on, reused)| Op::Commit { steps, relies_on, reused });
    prop_oneof![
        20 => commit,
        2 => (0..20_usize).prop_map(Op::Repeat),
        2 => (record_number(), any::<i64>()).prop_map(|(record, at)| Op::Pulse(record, at)),
        1 => Just(Op::Reopen),
    ]
}

fn original(number: u64) -> Record {
    let run = make::new(Kind::Run, 1000);
    let kind = Kind::ALL[usize::try_from(number).unwrap() % Kind::ALL.len()];
    let record = make::new(kind, number);
    match number {
        0 | 6 | 7 => record,
        _ => Record { run: run.run, parent: (number > 3).then(|| make::id(Kind::Task, 1)), ..record },
    }
}

fn off(version: Version, by: i8) -> Version {
    version.saturating_add_signed(by.into())
}

fn commit(store: &impl Store, id: String, steps: &[Step], relies_on: &[(u64, i8)]) -> Commit {
    let stored = |number: u64| store.get(&[original(number).id]).unwrap().remove(0);
    let mut within: Vec<Record> = Vec::new();
    for Step { record, jump, state, key, flaw } in steps {
        let original = original(*record);
        let before = within.iter().rfind(|earlier| earlier.id == original.id).cloned().or_else(|| stored(*record));
        let version = before.as_ref().map_or(0, |before| before.version);
        let mut next = Record { version: off(version + 1, *jump), ..before.unwrap_or(original) };
        next.state = next.kind().states()[*state].into();
        next.body = format!("[{version}, {state}]");
        if let Some(key) = key {
            next.keys.insert(format!("key {}", key % 2), format!("value {key}"));
        } else {
            next.keys.pop_first();
        }
        match flaw {
            Flaw::None => {}
            Flaw::State => next.state.push('?'),
            Flaw::Body => next.body.push(']'),
            Flaw::Run => next.run = make::new(Kind::Run, 2000).run,
        }
        within.push(next);
    }
    let mut commit = make::commit(id, within);
    commit.relies_on = relies_on
        .iter()
        .map(|(number, by)| {
            let version = stored(*number).map_or(0, |record| record.version);
            (original(*number).id, off(version, *by))
        })
        .collect();
    commit
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: u32::try_from(rounds()).unwrap(),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn sqlite_answers_as_the_model_does(ops in proptest::collection::vec(op(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        let model = MemoryStore::new();
        let mut sqlite = SqliteStore::open_or_create(&path).unwrap();
        let mut tried: Vec<Commit> = Vec::new();
        for (number, op) in ops.iter().enumerate() {
            let next = match op {
                Op::Commit { steps, relies_on, reused } => {
                    let earlier = reused.and_then(|reused| tried.get(reused)).map(|earlier| earlier.id.clone());
                    let id = earlier.unwrap_or_else(|| format!("commit {number}"));
                    commit(&model, id, steps, relies_on)
                }
                Op::Repeat(earlier) => match tried.get(*earlier) {
                    Some(earlier) => earlier.clone(),
                    None => continue,
                },
                Op::Pulse(record, at) => {
                    let (id, at) = (original(*record).id, Timestamp::from_micros(*at));
                    model.pulse(&id, at).unwrap();
                    sqlite.pulse(&id, at).unwrap();
                    continue;
                }
                Op::Reopen => {
                    drop(sqlite);
                    sqlite = SqliteStore::open(&path).unwrap();
                    continue;
                }
            };
            let expected: Result<Committed, CommitError> = model.commit(&next);
            prop_assert_eq!(sqlite.commit(&next), expected, "{:?}", next);
            tried.push(next);
        }
        prop_assert_eq!(dump(&sqlite), dump(&model));
        model.check();
    }
}
