use std::sync::Barrier;
use std::thread;

use tollhouse_core::Kind;

use crate::conformance::{Fixture, dump, make, rounds};
use crate::store::{CommitError, Committed, Novelty, Store};

pub fn a_commit_that_comes_again_is_answered_as_before<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    make::put(&store, "before", [make::new(Kind::Run, 1)]);
    let task = make::new(Kind::Task, 2);
    let commit = make::commit("it", [task.clone(), make::moved(&task)]);
    let made = make::must(&store, &commit);
    assert_eq!(made, Committed { first: 2, last: 3, novelty: Novelty::Fresh });

    // Also when what it relied on has long moved on.
    make::put(&store, "after", [make::moved(&make::moved(&task))]);
    let before = dump(&store);
    assert_eq!(store.commit(&commit), Ok(Committed { novelty: Novelty::Repeated, ..made }));
    assert_eq!(dump(&store), before);
}

pub fn an_id_with_other_content_is_refused<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let commit = make::commit("it", [make::new(Kind::Task, 1)]);
    make::must(&store, &commit);
    let reused = CommitError::IdReused { id: "it".to_owned() };
    let other = make::commit("it", [make::new(Kind::Task, 2)]);
    assert_eq!(make::refused(&store, &other), reused);
    let mut later = commit.clone();
    later.at = tollhouse_core::Timestamp::from_micros(5);
    assert_eq!(make::refused(&store, &later), reused);
    let mut another = commit.clone();
    "[]".clone_into(&mut another.changes[0].record.body);
    assert_eq!(make::refused(&store, &another), reused);
    let mut less = make::commit("both", [make::new(Kind::Task, 3), make::new(Kind::Task, 4)]);
    make::must(&store, &less);
    let before = dump(&store);
    less.changes.truncate(1);
    assert_eq!(make::refused(&store, &less), CommitError::IdReused { id: "both".to_owned() });

    assert_eq!(dump(&store), before);
}

pub fn the_id_of_a_refused_commit_is_free<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let task = make::new(Kind::Task, 1);
    let early = make::commit("it", [make::moved(&task)]);
    assert!(matches!(make::refused(&store, &early), CommitError::Stale { .. }));
    let made = make::put(&store, "it", [task]);
    assert_eq!(made.novelty, Novelty::Fresh);
}

pub fn of_equal_commits_at_once_one_is_made<F: Fixture>(fixture: &F) {
    const THREADS: usize = 4;
    let store = fixture.store();
    for round in 0..rounds() {
        let commit = make::commit(format!("round {round}"), [make::new(Kind::Task, round)]);
        let barrier = Barrier::new(THREADS);
        let outcomes: Vec<Committed> = thread::scope(|scope| {
            let commit = || {
                barrier.wait();
                store.commit(&commit).expect("it is made or known")
            };
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(commit)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a commit does not panic")).collect()
        });
        let fresh = outcomes.iter().filter(|outcome| outcome.novelty == Novelty::Fresh).count();
        assert_eq!(fresh, 1, "round {round}: {outcomes:?}");
        assert!(outcomes.iter().all(|outcome| outcome.first == round + 1 && outcome.last == round + 1));
    }
}
