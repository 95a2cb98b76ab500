use tollhouse_core::{Kind, Record};

use crate::conformance::{Fixture, dump, make};
use crate::store::{CommitError, Find, Store};

pub fn a_record_starts_at_version_1<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let task = make::new(Kind::Task, 1);
    assert_eq!(store.get(&[task.id]), Ok(vec![None]));

    let ahead = make::commit("ahead", [make::moved(&task)]);
    let expected = CommitError::Stale { id: task.id, expected: 1, actual: 0 };
    assert_eq!(make::refused(&store, &ahead), expected);

    make::put(&store, "made", [task.clone()]);
    assert_eq!(store.get(&[task.id]), Ok(vec![Some(task.clone())]));

    let again = make::commit("again", [task.clone()]);
    let expected = CommitError::Stale { id: task.id, expected: 0, actual: 1 };
    assert_eq!(make::refused(&store, &again), expected);
}

pub fn a_record_moves_only_from_the_version_that_is_stored<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let first = make::new(Kind::Task, 1);
    let second = make::moved(&first);
    let third = make::moved(&second);
    make::put(&store, "1", [first.clone()]);
    let early = CommitError::Stale { id: first.id, expected: 2, actual: 1 };
    assert_eq!(make::refused(&store, &make::commit("early", [third.clone()])), early);
    make::put(&store, "2", [second.clone()]);
    make::put(&store, "3", [third.clone()]);

    let mut late = second;
    late.body = r#"{"late":true}"#.into();
    let stale = CommitError::Stale { id: first.id, expected: 1, actual: 3 };
    assert_eq!(make::refused(&store, &make::commit("late", [late])), stale);
    assert_eq!(store.get(&[first.id]), Ok(vec![Some(third)]));
}

pub fn what_is_relied_on_must_still_be_so<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (run, task) = (make::new(Kind::Run, 1), make::new(Kind::Task, 2));
    make::put(&store, "made", [run.clone(), task.clone()]);
    let moved = make::moved(&run);
    make::put(&store, "moved", [moved.clone()]);

    let late = make::relying(make::commit("late", [make::moved(&task)]), [&run]);
    assert_eq!(make::refused(&store, &late), CommitError::Stale { id: run.id, expected: 1, actual: 2 });
    let early = make::relying(make::commit("early", [make::moved(&task)]), [&make::moved(&moved)]);
    assert_eq!(make::refused(&store, &early), CommitError::Stale { id: run.id, expected: 3, actual: 2 });

    make::must(&store, &make::relying(make::commit("in time", [make::moved(&task)]), [&moved]));
    assert_eq!(store.get(&[run.id]), Ok(vec![Some(moved)]), "what is only relied on does not move");
}

pub fn relying_on_version_0_is_relying_on_absence<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (absent, task) = (make::new(Kind::Effect, 1), make::new(Kind::Task, 2));
    let mut commit = make::commit("absent", [task.clone()]);
    commit.relies_on = vec![(absent.id, 0)];
    make::must(&store, &commit);

    make::put(&store, "present", [absent.clone()]);
    let mut commit = make::commit("absent still?", [make::moved(&task)]);
    commit.relies_on = vec![(absent.id, 0)];
    assert_eq!(make::refused(&store, &commit), CommitError::Stale { id: absent.id, expected: 0, actual: 1 });
}

/// Numbers that a backend may be unable to keep are still numbers to compare with.
pub fn what_no_store_has_reached_is_not_so<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (run, task) = (make::new(Kind::Run, 1), make::new(Kind::Task, 2));
    make::put(&store, "made", [run.clone(), task.clone()]);
    for far in [3, 1 << 31, 1 << 32, i64::MAX.unsigned_abs(), 1 << 63, u64::MAX - 1, u64::MAX] {
        let mut relying = make::commit("far", [make::moved(&task)]);
        relying.relies_on = vec![(run.id, far)];
        let stale = CommitError::Stale { id: run.id, expected: far, actual: 1 };
        assert_eq!(make::refused(&store, &relying), stale);
        let absent = make::id(Kind::Patch, 3);
        relying.relies_on = vec![(absent, far)];
        let stale = CommitError::Stale { id: absent, expected: far, actual: 0 };
        assert_eq!(make::refused(&store, &relying), stale);

        let moving = make::commit("far", [Record { version: far, ..make::moved(&run) }]);
        let stale = CommitError::Stale { id: run.id, expected: far - 1, actual: 1 };
        assert_eq!(make::refused(&store, &moving), stale);

        let stream = run.stream();
        let following = make::following(make::commit("far", [make::moved(&task)]), stream, far);
        let overtaken = CommitError::Overtaken { stream, expected: far, actual: 1 };
        assert_eq!(make::refused(&store, &following), overtaken);
    }
}

pub fn the_first_mismatch_is_named<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let tasks: Vec<_> = (1..=4).map(|number| make::new(Kind::Task, number)).collect();
    make::put(&store, "made", tasks.clone());
    make::put(&store, "moved", tasks.iter().skip(1).map(make::moved));

    // What is relied on comes before what changes, each in the order of the commit.
    let commit = make::relying(make::commit("late", [make::moved(&tasks[3])]), [&tasks[0], &tasks[2], &tasks[1]]);
    assert_eq!(make::refused(&store, &commit), CommitError::Stale { id: tasks[2].id, expected: 1, actual: 2 });
    let commit = make::commit("late", [3, 0, 1].map(|index: usize| make::moved(&tasks[index])));
    assert_eq!(make::refused(&store, &commit), CommitError::Stale { id: tasks[3].id, expected: 1, actual: 2 });
}

pub fn one_record_may_change_several_times<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let first = make::new(Kind::Task, 1);
    let second = make::moved(&first);
    let third = make::moved(&second);
    let committed = make::put(&store, "made", [first.clone(), make::new(Kind::Task, 2), second.clone()]);
    assert_eq!((committed.first, committed.last), (1, 3));
    assert_eq!(store.get(&[first.id]), Ok(vec![Some(second.clone())]));

    let fourth = make::moved(&third);
    make::must(&store, &make::relying(make::commit("moved", [third, fourth.clone()]), [&second]));
    assert_eq!(store.get(&[first.id]), Ok(vec![Some(fourth)]));
    let versions: Vec<_> =
        dump(&store).events.into_iter().filter(|e| e.record == first.id).map(|e| e.version).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
}

pub fn the_last_change_counts<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let mut first = make::new(Kind::Task, 1);
    first.keys.insert("name".to_owned(), "before".to_owned());
    let mut second = make::moved(&first);
    second.keys.insert("name".to_owned(), "after".to_owned());
    make::put(&store, "made", [first, second.clone()]);

    let by = |value: &str| {
        let key = Some(("name".to_owned(), value.to_owned()));
        store.find(&Find { key, ..Find::default() }).expect("a read")
    };
    assert_eq!(by("before"), []);
    assert_eq!(by("after"), [second]);
}
