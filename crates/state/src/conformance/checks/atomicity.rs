use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tollhouse_core::Kind;

use crate::conformance::{Fixture, dump, make, rounds};
use crate::store::{CommitError, Cursor, Find, Order, Store};

pub fn a_refused_commit_leaves_no_trace<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (task, other) = (make::new(Kind::Task, 1), make::new(Kind::Task, 2));
    make::put(&store, "made", [task.clone(), other.clone()]);
    make::put(&store, "moved", [make::moved(&other)]);
    let before = dump(&store);

    let fresh = make::new(Kind::Patch, 3);
    let stale = make::relying(make::commit("stale", [fresh.clone(), make::moved(&task)]), [&other]);
    assert!(matches!(make::refused(&store, &stale), CommitError::Stale { .. }));
    let reused = make::commit("made", [fresh.clone()]);
    assert!(matches!(make::refused(&store, &reused), CommitError::IdReused { .. }));
    let mut malformed = make::commit("malformed", [fresh, make::moved(&task)]);
    malformed.changes[1].record.body = "{".into();
    assert!(matches!(make::refused(&store, &malformed), CommitError::Malformed { .. }));

    assert_eq!(dump(&store), before);
}

pub fn a_commit_that_fails_at_its_last_change_leaves_no_trace<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let tasks: Vec<_> = (1..=20).map(|number| make::new(Kind::Task, number)).collect();
    make::put(&store, "made", tasks.clone());
    let last = make::moved(&tasks[19]);
    make::put(&store, "moved", [last]);
    let before = dump(&store);

    let commit = make::commit("all", tasks.iter().map(make::moved));
    let expected = CommitError::Stale { id: tasks[19].id, expected: 1, actual: 2 };
    assert_eq!(make::refused(&store, &commit), expected);

    assert_eq!(dump(&store), before);
}

pub fn a_read_sees_whole_commits<F: Fixture>(fixture: &F) {
    let ids = [make::id(Kind::Task, 1), make::id(Kind::Effect, 2)];
    beside_a_writer_of_pairs(fixture, |store| {
        let got: Vec<_> = store.get(&ids).expect("a read").into_iter().flatten().collect();
        let found = store.find(&Find::default()).expect("a read");
        for records in [got, found] {
            assert_eq!(records.len(), 2);
            assert_eq!(records[0].version, records[1].version, "half of a commit was seen");
        }
    });
}

pub fn a_reader_of_events_sees_whole_commits<F: Fixture>(fixture: &F) {
    beside_a_writer_of_pairs(fixture, |store| {
        let last = Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let all = store.events(&Cursor::default()).expect("a read");
        let last = store.events(&last).expect("a read");
        for events in [all, last] {
            let last = events.last().expect("the first commit is there");
            assert_eq!(last.record, make::id(Kind::Effect, 2), "half of a commit was seen");
            assert_eq!(last.position, last.version * 2);
        }
        let newest = store.wait_for(0, Duration::ZERO).expect("a read");
        assert!(newest.is_multiple_of(2), "half of a commit was announced");
    });
}

/// Reads again and again while commits change the same two records.
fn beside_a_writer_of_pairs<F: Fixture>(fixture: &F, read: impl Fn(&F::Store) + Sync) {
    let store = fixture.store();
    let mut pair = [make::new(Kind::Task, 1), make::new(Kind::Effect, 2)];
    make::put(&store, "made", pair.clone());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                read(&store);
            }
        });
        // Also where a commit is refused that must be made: the reader would never end.
        let writer = Done(&done);
        for round in 0..rounds() {
            pair = pair.map(|record| make::moved(&record));
            make::put(&store, format!("round {round}"), pair.clone());
        }
        drop(writer);
        reader.join().expect("the reader saw whole commits");
    });
}

/// Says that it is done when it is dropped.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}
