use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use tollhouse_core::Kind;

use crate::conformance::{Fixture, make, rounds};
use crate::store::Store;

/// Far longer than anything takes: who waits to its end has missed something.
const LONG: Duration = Duration::from_secs(30);

pub fn who_is_behind_does_not_wait<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    make::put(&store, "made", [make::new(Kind::Task, 1), make::new(Kind::Task, 2)]);
    assert_eq!(store.wait_for(0, LONG), Ok(2));
    assert_eq!(store.wait_for(1, LONG), Ok(2));
    assert_eq!(store.wait_for(1, Duration::ZERO), Ok(2));
    assert_eq!(store.wait_for(1, Duration::MAX), Ok(2));
}

pub fn nothing_new_is_reported_when_the_time_is_up<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(store.wait_for(0, Duration::from_millis(5)), Ok(0));
    make::put(&store, "made", [make::new(Kind::Task, 1)]);
    assert_eq!(store.wait_for(1, Duration::from_millis(5)), Ok(1));
    assert_eq!(store.wait_for(1, Duration::ZERO), Ok(1));
    assert_eq!(store.wait_for(u64::MAX, Duration::from_millis(5)), Ok(1));
}

/// Two threads take turns: each waits for the other's commit.
pub fn a_commit_of_another_thread_wakes<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let last = rounds() * 2;
    make::put(&store, "start", [make::new(Kind::Task, 0)]);
    let play = |parity: u64| {
        for turn in (1..=last).filter(|turn| turn % 2 == parity) {
            let newest = store.wait_for(turn - 1, LONG).expect("a read");
            assert_eq!(newest, turn, "the other's commit was not seen in time");
            make::put(&store, format!("turn {turn}"), [make::new(Kind::Task, turn)]);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| play(0));
        play(1);
    });
    assert_eq!(store.wait_for(last, LONG), Ok(last + 1));
}

/// Several wait at once, some of them for more than the next commit brings.
pub fn all_who_wait_are_woken<F: Fixture>(fixture: &F) {
    const WAITERS: u64 = 4;
    let store = fixture.store();
    for round in 0..rounds() {
        let start = round * 2;
        let together = Barrier::new(usize::try_from(WAITERS).expect("few") + 1);
        thread::scope(|scope| {
            for waiter in 0..WAITERS {
                let (store, together) = (&store, &together);
                scope.spawn(move || {
                    together.wait();
                    let after = start + waiter % 2;
                    let newest = store.wait_for(after, LONG).expect("a read");
                    assert!(newest > after, "round {round}: waiter {waiter} was not woken");
                });
            }
            together.wait();
            for number in [start, start + 1] {
                make::put(&store, format!("{number}"), [make::new(Kind::Task, number)]);
            }
        });
    }
}
