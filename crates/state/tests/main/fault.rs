//! A store that goes wrong when it is told to: sound while it is told nothing, and honest about what it did.

use std::time::Duration;

use proptest::prelude::*;
use tollhouse_core::{Kind, Timestamp};
use tollhouse_state::conformance::make::{commit, id, moved, new};
use tollhouse_state::conformance::{Fixture, dump};
use tollhouse_state::{
    Call, CommitError, Cursor, Fault, FaultStore, Find, MemoryStore, Moment, Novelty, Rewrite, Store, StoreError, Told,
    conformance_tests,
};

struct WithoutFaults;

impl Fixture for WithoutFaults {
    type Store = FaultStore<MemoryStore>;

    fn store(&self) -> Self::Store {
        FaultStore::new(MemoryStore::new())
    }

    fn reopen(&self, store: Self::Store) -> Self::Store {
        store.inner().check();
        store
    }
}

conformance_tests!(WithoutFaults);

const fn fault(moment: Moment, error: Told) -> Fault {
    Fault { moment, error }
}

/// Makes one call of a kind; the answer is what it was told.
fn make_call(store: &FaultStore<MemoryStore>, call: Call, number: u64) -> Result<(), StoreError> {
    let record = id(Kind::Task, number);
    match call {
        Call::Commit => match store.commit(&commit(number.to_string(), [new(Kind::Task, number)])) {
            Err(CommitError::Backend(error)) => Err(error),
            other => other.map(|_| ()).map_err(|error| panic!("{error}")),
        },
        Call::Get => store.get(&[record]).map(|_| ()),
        Call::Find => store.find(&Find::default()).map(|_| ()),
        Call::Tally => store.tally(&Find::default()).map(|_| ()),
        Call::Events => store.events(&Cursor::default()).map(|_| ()),
        Call::WaitFor => store.wait_for(0, Duration::ZERO).map(|_| ()),
        Call::Pulse => store.pulse(&record, Timestamp::EPOCH),
        Call::LastPulse => store.last_pulse(&record).map(|_| ()),
        Call::Rewrite => store.rewrite(&Rewrite::default()),
    }
}

#[test]
fn a_commit_that_fails_before_leaves_no_trace() {
    let store = FaultStore::new(MemoryStore::new());
    let empty = dump(&store);
    store.fail_nth(Call::Commit, 1, fault(Moment::Before, Told::Failed));
    let one = commit("one", [new(Kind::Task, 1)]);
    assert_eq!(store.commit(&one).unwrap_err().code(), "store");
    assert_eq!(dump(&store), empty);
    assert_eq!(store.commit(&one).unwrap().novelty, Novelty::Fresh);
}

#[test]
fn a_commit_that_fails_after_is_answered_as_repeated_when_it_comes_again() {
    let store = FaultStore::new(MemoryStore::new());
    store.fail_nth(Call::Commit, 1, fault(Moment::After, Told::Busy));
    let one = commit("one", [new(Kind::Task, 1)]);
    assert_eq!(store.commit(&one).unwrap_err().code(), "busy");
    assert_eq!(store.events(&Cursor::default()).unwrap().len(), 1, "it was written all the same");
    assert_eq!(store.commit(&one).unwrap().novelty, Novelty::Repeated);
    assert_eq!(store.events(&Cursor::default()).unwrap().len(), 1);
}

#[test]
fn a_refusal_of_the_store_below_is_told_as_it_is() {
    let store = FaultStore::new(MemoryStore::new());
    store.fail_nth(Call::Commit, 1, fault(Moment::After, Told::Busy));
    let stale = commit("one", [moved(&new(Kind::Task, 1))]);
    assert!(matches!(store.commit(&stale), Err(CommitError::Stale { .. })));
}

#[test]
fn the_log_says_what_was_to_be_committed() {
    let store = FaultStore::new(MemoryStore::new());
    store.fail_nth(Call::Commit, 2, fault(Moment::Before, Told::Busy));
    let commits = [1, 2, 3].map(|number| commit(number.to_string(), [new(Kind::Task, number)]));
    let made = commits.each_ref().map(|commit| store.commit(commit).is_ok());
    assert_eq!(made, [true, false, true]);
    let mishaps = store.mishaps();
    assert_eq!((mishaps.len(), mishaps[0].number, mishaps[0].commit.as_ref()), (1, 2, Some(&commits[1])));
}

proptest! {
    /// Whatever call it is, the one that is named goes wrong in the way that was asked for, and no other does.
    #[test]
    fn exactly_the_call_that_is_named_goes_wrong(
        call in proptest::sample::select(Call::ALL.to_vec()),
        nth in 1_u64..6,
        before in 0_u64..4,
        moment in proptest::sample::select(vec![Moment::Before, Moment::After]),
        error in proptest::sample::select(vec![Told::Busy, Told::Failed]),
    ) {
        let store = FaultStore::new(MemoryStore::new());
        for number in 0..before {
            make_call(&store, call, number).unwrap();
        }
        store.fail_nth(call, nth, fault(moment, error));
        for number in 1..8 {
            for other in Call::ALL {
                let told = make_call(&store, other, before + number);
                let expected = match error {
                    _ if other != call || number != nth => "fine",
                    Told::Busy => "busy",
                    Told::Failed => "store",
                };
                prop_assert_eq!(told.as_ref().map_or_else(StoreError::code, |()| "fine"), expected);
            }
        }
        let log: Vec<(Call, u64)> = store.mishaps().iter().map(|mishap| (mishap.call, mishap.number)).collect();
        prop_assert_eq!(log, [(call, before + nth)]);
        store.inner().check();
    }
}
