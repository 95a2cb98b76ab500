//! Runs that leave a ledger for an archive: what there was is in one of the two, as it was, and only there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tollhouse_core::entity::ArchivedRun;
use tollhouse_core::{Event, Kind, Record, RunId, Stream};
use tollhouse_state::conformance::make;
use tollhouse_state::{Cursor, Find, Order, SqliteStore, Store, StoreError, Tally};

const LEDGER: &str = "0123456789abcdef";

/// A ledger in which these runs moved by turns, with tasks of theirs and of none; and the runs.
fn ledger(turns: &[usize]) -> (tempfile::TempDir, SqliteStore, Vec<Record>) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).unwrap();
    let mut runs: Vec<Record> = (0..4).map(|number| make::new(Kind::Run, number)).collect();
    for run in &mut runs {
        run.keys.insert("name".into(), format!("run {}", run.id));
    }
    make::put(&store, "first", runs.clone());
    for (number, turn) in turns.iter().enumerate() {
        let id = 100 + number as u64;
        let mut task = match runs.get_mut(turn % 5) {
            Some(run) => {
                *run = make::moved(run);
                make::new_in(run, Kind::Task, id)
            }
            None => make::new(Kind::Worker, id),
        };
        task.keys.insert("name".into(), format!("task {number}"));
        // Now and then, one commit is of two streams.
        let other = (number % 3 == 0).then(|| make::new(Kind::Breaker, 10_000 + id));
        let moved = runs.get(turn % 5).cloned();
        make::put(&store, format!("turn {number}"), [task].into_iter().chain(other).chain(moved));
    }
    // The newest event of all is none of a run.
    make::put(&store, "last", [make::new(Kind::Worker, 50_000)]);
    (folder, store, runs)
}

fn as_it_is(store: &SqliteStore, run: &Record) -> ArchivedRun {
    let run = RunId::try_from(run.id).unwrap();
    let newest = Cursor { stream: Some(Stream::Run(run)), limit: Some(1), order: Order::Newest, ..Cursor::default() };
    let event = store.events(&newest).unwrap().remove(0);
    ArchivedRun { run, events: event.seq, last: event.position, head: event.hash }
}

/// All that a store holds.
fn all(store: &impl Store) -> (Vec<Record>, Vec<Event>) {
    (store.find(&Find::default()).unwrap(), store.events(&Cursor::default()).unwrap())
}

fn tallies(store: &impl Store, run: RunId) -> Vec<Tally> {
    store.tally(&Find { run: Some(run), ..Find::default() }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn what_there_was_is_in_one_of_the_two(turns in proptest::collection::vec(0_usize..5, 1..60), which in 0_usize..16) {
        let (folder, store, runs) = ledger(&turns);
        let (records, events) = all(&store);
        let leaving: Vec<ArchivedRun> = runs
            .iter()
            .enumerate()
            .filter(|(number, _)| which >> number & 1 == 1)
            .map(|(_, run)| as_it_is(&store, run))
            .collect();
        let ids: Vec<RunId> = leaving.iter().map(|archived| archived.run).collect();
        let before: BTreeMap<RunId, Vec<Tally>> = ids.iter().map(|run| (*run, tallies(&store, *run))).collect();
        let path = folder.path().join("archive.db");
        store.archive_to(&path, LEDGER, &ids).unwrap();
        prop_assert_eq!(all(&store), (records.clone(), events.clone()), "copying takes nothing out");
        store.take_out(&leaving).unwrap();
        store.take_out(&leaving).unwrap();
        store.check().unwrap();

        let archive = SqliteStore::open_read_only(&path).unwrap();
        archive.check().unwrap();
        prop_assert_eq!(archive.origin().unwrap(), Some(LEDGER.to_owned()));
        prop_assert_eq!(store.origin().unwrap(), None);
        let is_out = |run: Option<RunId>| run.is_some_and(|run| ids.contains(&run));
        let stream = |event: &Event| match event.stream {
            Stream::Run(run) => Some(run),
            Stream::Project => None,
        };
        let (out, stays): (Vec<Record>, Vec<Record>) = records.into_iter().partition(|record| is_out(record.run));
        let (gone, left): (Vec<Event>, Vec<Event>) = events.into_iter().partition(|event| is_out(stream(event)));
        prop_assert_eq!(all(&archive), (out, gone));
        prop_assert_eq!(all(&store), (stays, left));
        for (run, tally) in before {
            prop_assert_eq!(tallies(&archive, run), tally);
            prop_assert_eq!(tallies(&store, run), vec![]);
        }
        // Whoever writes next comes after all that ever was.
        let last = archive.events(&Cursor::default()).unwrap().last().map_or(0, |event| event.position);
        make::put(&store, "later", [make::new(Kind::Worker, 99_999)]);
        let newest = store.wait_for(0, std::time::Duration::ZERO).unwrap();
        prop_assert!(newest > last || ids.is_empty(), "{} is not after {}", newest, last);
    }
}

#[test]
fn a_run_in_which_something_happened_since_stays() {
    let (folder, store, runs) = ledger(&[0, 1, 0, 1]);
    let leaving: Vec<ArchivedRun> = runs[..2].iter().map(|run| as_it_is(&store, run)).collect();
    store.archive_to(folder.path().join("archive.db"), LEDGER, &[leaving[0].run, leaving[1].run]).unwrap();
    make::put(&store, "since", [make::moved(&runs[0])]);
    store.take_out(&leaving).unwrap();
    assert!(store.get(&[runs[0].id]).unwrap()[0].is_some());
    assert!(store.get(&[runs[1].id]).unwrap()[0].is_none());
    store.check().unwrap();
}

#[test]
fn no_place_in_history_is_given_twice() {
    let (_folder, store, runs) = ledger(&[0, 1]);
    make::put(&store, "newest", [make::moved(&runs[0])]);
    let before = all(&store);
    store.take_out(&[as_it_is(&store, &runs[0])]).unwrap();
    assert_eq!(all(&store), before);
}

#[test]
fn history_cannot_be_removed_in_any_other_way() {
    let (folder, store, runs) = ledger(&[0, 1, 2, 3]);
    store.take_out(&[as_it_is(&store, &runs[0])]).unwrap();
    let connection = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
    for table in ["event", "commit_log"] {
        let refused = connection.execute(&format!("DELETE FROM {table}"), []).unwrap_err();
        assert!(refused.to_string().contains("never removed"), "{refused}");
    }
}

#[test]
fn nothing_is_written_to_an_archive() {
    let (folder, store, runs) = ledger(&[0, 1]);
    let path = folder.path().join("archive.db");
    store.archive_to(&path, LEDGER, &[RunId::try_from(runs[0].id).unwrap()]).unwrap();
    let refused = [SqliteStore::open(&path), SqliteStore::open_or_create(&path)];
    for refused in refused.map(Result::unwrap_err) {
        assert!(matches!(&refused, StoreError::NotOpenable { what, .. } if what.contains(LEDGER)), "{refused}");
    }
    let again = store.archive_to(&path, LEDGER, &[]).unwrap_err();
    assert!(matches!(&again, StoreError::NotOpenable { what, .. } if what == "it is there already"), "{again}");
}
