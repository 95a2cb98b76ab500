//! Those who wait are not told, or told what is not so. None of these stores lets anybody wait in vain: time just seems
//! to pass faster.

use std::time::Duration;

use tollhouse_state::Store;

use crate::broken::store::{Flaw, SOUND};

const BEHIND: &str = "waiting::who_is_behind_does_not_wait";
const UP: &str = "waiting::nothing_new_is_reported_when_the_time_is_up";
const WAKES: &str = "waiting::a_commit_of_another_thread_wakes";
const ALL: &str = "waiting::all_who_wait_are_woken";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "nobody is ever woken",
        wait_for: |store, position, timeout| match store.newest() {
            newest if newest <= position => {
                store.below.wait_for(u64::MAX, short(timeout)).unwrap();
                newest
            }
            newest => newest,
        },
        caught_by: &[WAKES, ALL],
        ..SOUND
    },
    Flaw {
        name: "everybody is answered at once",
        wait_for: |store, _, _| store.newest(),
        caught_by: &[WAKES, ALL],
        ..SOUND
    },
    Flaw {
        name: "who is behind waits for more",
        wait_for: |store, position, timeout| {
            store.below.wait_for(store.newest(), short(timeout)).unwrap().min(position)
        },
        caught_by: &[BEHIND],
        ..SOUND
    },
    Flaw {
        name: "who waits for ever is not answered",
        wait_for: |store, position, timeout| match timeout {
            Duration::MAX => position,
            _ => store.below.wait_for(position, timeout).unwrap(),
        },
        caught_by: &[BEHIND],
        ..SOUND
    },
    Flaw {
        name: "a wait is answered with what it waited for",
        wait_for: |store, position, timeout| {
            store.below.wait_for(position, timeout).unwrap().max(position.saturating_add(1))
        },
        caught_by: &[UP],
        ..SOUND
    },
    Flaw {
        name: "a wait in vain is answered with 0",
        wait_for: |store, position, timeout| match store.below.wait_for(position, timeout).unwrap() {
            newest if newest > position => newest,
            _ => 0,
        },
        caught_by: &[UP],
        ..SOUND
    },
    Flaw {
        name: "a wait is answered with the next place",
        wait_for: |store, position, timeout| {
            store.below.wait_for(position, timeout).unwrap().min(position.saturating_add(1))
        },
        caught_by: &[BEHIND],
        ..SOUND
    },
    Flaw {
        name: "one of those who wait is woken",
        wait_for: |store, position, timeout| {
            let first = {
                let mut notes = store.notes();
                notes.number += 1;
                notes.number == 1
            };
            let newest = if first {
                store.below.wait_for(position, timeout).unwrap()
            } else {
                store.below.wait_for(0, Duration::ZERO).unwrap().min(position)
            };
            store.notes().number -= 1;
            newest
        },
        caught_by: &[ALL],
        ..SOUND
    },
    Flaw {
        name: "who waits is woken by the next commit, whatever it waits for",
        wait_for: |store, position, timeout| {
            let newest = store.newest();
            if newest > position { newest } else { store.below.wait_for(newest, timeout).unwrap().min(newest + 1) }
        },
        caught_by: &[ALL],
        ..SOUND
    },
    Flaw {
        name: "what is announced is not there yet",
        wait_for: |store, position, timeout| store.below.wait_for(position, timeout).unwrap() + 1,
        caught_by: &["feed::what_was_announced_can_be_read", BEHIND],
        ..SOUND
    },
    Flaw {
        name: "the announcement of a commit is lost",
        wait_for: |store, position, timeout| {
            // Whoever makes the next commit may have given up.
            let newest = store.below.wait_for(position, timeout.min(Duration::from_secs(1))).unwrap();
            if newest % 64 == 63 { newest.min(position) } else { newest }
        },
        caught_by: &[WAKES],
        ..SOUND
    },
];

fn short(timeout: Duration) -> Duration {
    timeout.min(Duration::from_millis(5))
}
