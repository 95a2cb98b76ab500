//! A ledger and its archives, joined, are what the ledger was before anything was taken out.

use proptest::prelude::*;
use tollhouse::archive::Joined;
use tollhouse::conformance::make;
use tollhouse::entity::ArchivedRun;
use tollhouse::{Cursor, Find, Kind, Order, Record, RunId, SqliteStore, Store, Stream};

/// The runs of a ledger.
const RUNS: usize = 5;

fn ended(store: &SqliteStore, run: RunId) -> ArchivedRun {
    let stream = Some(Stream::Run(run));
    let newest = Cursor { stream, limit: Some(1), order: Order::Newest, ..Cursor::default() };
    let last = store.events(&newest).unwrap().remove(0);
    ArchivedRun { run, events: last.seq, last: last.position, head: last.hash }
}

fn orders() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Oldest), Just(Order::Newest)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn joined_they_are_what_there_was(
        turns in proptest::collection::vec(0..=RUNS, 1..50),
        archives in proptest::collection::vec(0..RUNS, 0..RUNS),
        reads in proptest::collection::vec((0_u64..70, proptest::option::of(1_u32..12), orders(), 0_usize..8), 40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).unwrap();
        let mut runs: Vec<Record> = (0..RUNS as u64).map(|number| make::new(Kind::Run, number)).collect();
        make::put(&store, "runs", runs.clone());
        for (number, turn) in turns.iter().enumerate() {
            let record = match runs.get_mut(*turn) {
                Some(run) => {
                    *run = make::moved(run);
                    let task = make::new_in(run, Kind::Task, 100 + number as u64);
                    make::put(&store, format!("task {number}"), [task]);
                    run.clone()
                }
                None => make::new(Kind::Worker, 100 + number as u64),
            };
            make::put(&store, format!("turn {number}"), [record]);
        }
        make::put(&store, "last", [make::new(Kind::Worker, 1000)]);
        let whole = folder.path().join("whole.db");
        store.copy_to(&whole).unwrap();
        let whole = SqliteStore::open(&whole).unwrap();

        let mut parts = Vec::new();
        for number in archives {
            let run = RunId::try_from(runs[number].id).unwrap();
            if store.get(&[run.into()]).unwrap()[0].is_some() {
                let path = folder.path().join(format!("{number}.archive.db"));
                store.archive_to(&path, "0123456789abcdef", &[run]).unwrap();
                store.take_out(&[ended(&store, run)]).unwrap();
                parts.push(SqliteStore::open_read_only(&path).unwrap());
            }
        }
        let snapshot = store.snapshot().unwrap();
        let joined = Joined::of(&snapshot, &parts).unwrap();
        prop_assert_eq!(joined.events(&Cursor::default()).unwrap(), whole.events(&Cursor::default()).unwrap());
        for (after, limit, order, which) in reads {
            let run = runs.get(which).map(|run| RunId::try_from(run.id).unwrap());
            let cursor = Cursor { after, limit, order, stream: run.map(Stream::Run), ..Cursor::default() };
            prop_assert_eq!(joined.events(&cursor).unwrap(), whole.events(&cursor).unwrap(), "{:?}", cursor);
            let kind = [None, Some(Kind::Task), Some(Kind::Run)][which % 3];
            let after = runs.get(which).map(|run| run.id).filter(|_| after % 2 == 0);
            let find = Find { kind, run: run.filter(|_| after.is_none()), order, after, limit, ..Find::default() };
            prop_assert_eq!(joined.find(&find).unwrap(), whole.find(&find).unwrap(), "{:?}", find);
        }
        let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
        prop_assert_eq!(joined.get(&ids).unwrap(), whole.get(&ids).unwrap());
        let of_runs = Find { kind: Some(Kind::Task), ..Find::default() };
        prop_assert_eq!(joined.tally(&of_runs).unwrap(), whole.tally(&of_runs).unwrap());
    }
}
