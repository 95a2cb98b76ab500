use std::sync::Barrier;
use std::thread;

use tollhouse_core::{Actor, Commit, Kind, Timestamp};

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
    let run = make::new(Kind::Run, 1);
    make::put(&store, "run", [run.clone()]);
    let mut task = make::new_in(&run, Kind::Task, 2);
    task.keys.insert("name".to_owned(), "parser".to_owned());
    let commit = make::commit("it", [task, make::new_in(&run, Kind::Patch, 3)]);
    make::must(&store, &commit);
    let before = dump(&store);

    let others: [&dyn Fn(&mut Commit); 16] = [
        &|it| it.at = Timestamp::from_micros(5),
        &|it| it.actor = Actor::Person("one".to_owned()),
        &|it| it.trace = None,
        &|it| it.trace = Some(String::new()),
        &|it| it.changes.truncate(1),
        &|it| it.changes.swap(0, 1),
        &|it| it.changes.push(make::change(make::new(Kind::Task, 4))),
        &|it| it.changes[0].record.id = make::id(Kind::Task, 4),
        &|it| it.changes[0].record.run = None,
        &|it| it.changes[0].record.parent = Some(run.id),
        &|it| Kind::Task.states()[1].clone_into(&mut it.changes[0].record.state),
        &|it| it.changes[0].record.keys.clear(),
        &|it| it.changes[0].record.body.push(' '),
        &|it| it.changes[0].event.name.push('!'),
        &|it| it.changes[0].event.reason = Some(String::new()),
        &|it| it.changes[0].event.body.push(' '),
    ];
    for change in others {
        let mut other = commit.clone();
        change(&mut other);
        let reused = CommitError::IdReused { id: "it".to_owned() };
        assert_eq!(make::refused(&store, &other), reused, "{other:?}");
    }
    assert_eq!(dump(&store), before);
    assert_eq!(store.commit(&commit).map(|made| made.novelty), Ok(Novelty::Repeated));
}

pub fn ids_are_told_apart_by_their_bytes<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let long = "x".repeat(10_000);
    let longer = format!("{long}y");
    let ids = ["", " ", "a", "A", "a ", " a", "a\0", "a\0b", "1", "01", "1.0", "\u{e4}", "a\u{308}", &long, &longer];
    let commits: Vec<_> =
        ids.into_iter().zip(1..).map(|(id, n)| make::commit(id, [make::new(Kind::Task, n)])).collect();
    for commit in &commits {
        assert_eq!(make::must(&store, commit).novelty, Novelty::Fresh, "{:?}", commit.id);
    }
    for (commit, position) in commits.iter().zip(1..) {
        let known = Committed { first: position, last: position, novelty: Novelty::Repeated };
        assert_eq!(store.commit(commit), Ok(known), "{:?}", commit.id);
    }
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

pub fn of_different_commits_with_one_id_at_once_one_is_made<F: Fixture>(fixture: &F) {
    const THREADS: u64 = 4;
    let store = fixture.store();
    for round in 0..rounds() {
        let id = format!("round {round}");
        let barrier = Barrier::new(usize::try_from(THREADS).expect("few"));
        let race = |thread| {
            let commit = make::commit(id.clone(), [make::new(Kind::Task, round * THREADS + thread)]);
            barrier.wait();
            store.commit(&commit)
        };
        let race = &race;
        let outcomes: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || race(thread))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a commit does not panic")).collect()
        });
        let (made, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        let position = round + 1;
        assert_eq!(made, [Ok(Committed { first: position, last: position, novelty: Novelty::Fresh })]);
        let expected = Err(CommitError::IdReused { id });
        assert!(refused.iter().all(|outcome| *outcome == expected), "{refused:?}");
    }
}
