use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tollhouse_core::Kind;

use crate::conformance::{Fixture, dump, make, rounds};
use crate::store::{CommitError, Find, Store};

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
    let store = fixture.store();
    let mut pair = [make::new(Kind::Task, 1), make::new(Kind::Effect, 2)];
    make::put(&store, "made", pair.clone());
    let ids = [pair[0].id, pair[1].id];
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let got: Vec<_> = store.get(&ids).expect("a read").into_iter().flatten().collect();
                let found = store.find(&Find::default()).expect("a read");
                for records in [got, found] {
                    assert_eq!(records.len(), 2);
                    assert_eq!(records[0].version, records[1].version, "half of a commit was seen");
                }
            }
        });
        for round in 0..rounds() {
            pair = pair.map(|record| make::moved(&record));
            make::put(&store, format!("round {round}"), pair.clone());
        }
        done.store(true, Ordering::Release);
        reader.join().expect("the reader saw whole commits");
    });
}
