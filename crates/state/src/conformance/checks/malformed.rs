use tollhouse_core::{Commit, Kind, Record};

use crate::check::BODY_BYTES_MAX;
use crate::conformance::{Fixture, dump, make};
use crate::store::{CommitError, Store};

pub fn no_change_at_all<F: Fixture>(fixture: &F) {
    refused(fixture, |_| make::commit("empty", []));
    refused(fixture, |stored| make::relying(make::commit("empty", []), [stored]));
}

pub fn a_jump_in_versions<F: Fixture>(fixture: &F) {
    refused(fixture, |stored| {
        let next = make::moved(stored);
        make::commit("jump", [next.clone(), make::moved(&make::moved(&next))])
    });
    refused(fixture, |stored| make::commit("twice", [make::moved(stored), make::moved(stored)]));
}

pub fn version_0<F: Fixture>(fixture: &F) {
    refused(fixture, |_| make::commit("zero", [Record { version: 0, ..make::new(Kind::Task, 9) }]));
}

pub fn an_unknown_state<F: Fixture>(fixture: &F) {
    for state in ["", "nonsense", "QUEUED "] {
        refused(fixture, |stored| make::commit("unknown", [Record { state: state.to_owned(), ..make::moved(stored) }]));
    }
}

pub fn a_state_of_another_kind<F: Fixture>(fixture: &F) {
    for other in Kind::ALL {
        for state in other.states().iter().filter(|state| !Kind::Task.states().contains(state)) {
            refused(fixture, |stored| {
                make::commit("other", [Record { state: (*state).to_owned(), ..make::moved(stored) }])
            });
        }
    }
}

pub fn a_body_that_is_not_json<F: Fixture>(fixture: &F) {
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    for body in ["", "{", "{} {}", "{'a':1}", "nul", "\"\n\"", &deep] {
        refused(fixture, |stored| make::commit("body", [Record { body: body.to_owned(), ..make::moved(stored) }]));
    }
}

pub fn an_event_body_that_is_not_json<F: Fixture>(fixture: &F) {
    refused(fixture, |stored| {
        let mut commit = make::commit("event", [make::moved(stored)]);
        commit.changes[0].event.body = "{".into();
        commit
    });
}

pub fn a_record_that_leaves_its_run<F: Fixture>(fixture: &F) {
    let other = make::new(Kind::Run, 5);
    for run in [None, other.run] {
        refused(fixture, |stored| make::commit("leaves", [Record { run, ..make::moved(stored) }]));
        refused(fixture, |stored| {
            let next = make::moved(stored);
            make::commit("leaves later", [next.clone(), Record { run, ..make::moved(&next) }])
        });
    }
}

pub fn a_record_that_leaves_its_parent<F: Fixture>(fixture: &F) {
    for parent in [None, Some(make::id(Kind::Patch, 5))] {
        refused(fixture, |stored| make::commit("leaves", [Record { parent, ..make::moved(stored) }]));
        refused(fixture, |stored| {
            let next = make::moved(stored);
            make::commit("leaves later", [next.clone(), Record { parent, ..make::moved(&next) }])
        });
    }
}

pub fn relying_on_two_versions_of_one_record<F: Fixture>(fixture: &F) {
    refused(fixture, |stored| {
        make::relying(make::commit("two", [make::new(Kind::Effect, 9)]), [stored, &make::moved(stored)])
    });
}

pub fn relying_on_one_version_and_moving_another<F: Fixture>(fixture: &F) {
    refused(fixture, |stored| make::relying(make::commit("other", [make::moved(&make::moved(stored))]), [stored]));
    refused(fixture, |stored| {
        let mut commit = make::commit("other", [make::moved(stored)]);
        commit.relies_on = vec![(stored.id, u64::MAX)];
        commit
    });
}

pub fn the_longest_body_is_kept_and_one_more_byte_is_not<F: Fixture>(fixture: &F) {
    let body = format!("\"{}\"", "x".repeat(BODY_BYTES_MAX - 2));
    let longer = format!("{body} ");
    refused(fixture, |stored| make::commit("long", [Record { body: longer.clone(), ..make::moved(stored) }]));
    refused(fixture, |stored| {
        let mut commit = make::commit("long event", [make::moved(stored)]);
        commit.changes[0].event.body.clone_from(&longer);
        commit
    });

    let store = fixture.store();
    let record = Record { body: body.clone(), ..make::new(Kind::Task, 1) };
    let mut commit = make::commit("long", [record.clone()]);
    commit.changes[0].event.body.clone_from(&body);
    make::must(&store, &commit);
    assert!(store.get(&[record.id]) == Ok(vec![Some(record)]), "it comes back");
    assert!(dump(&store).events[0].event.body == body, "it comes back");
}

/// Each of them beside a record that is stored, and none of them leaves a trace.
fn refused<F: Fixture>(fixture: &F, commit: impl Fn(&Record) -> Commit) {
    let store = fixture.store();
    let run = make::new(Kind::Run, 1);
    let stored = Record { parent: Some(run.id), ..make::new_in(&run, Kind::Task, 2) };
    make::put(&store, "made", [run, stored.clone()]);
    let before = dump(&store);

    let commit = commit(&stored);
    let error = make::refused(&store, &commit);
    assert!(matches!(error, CommitError::Malformed { .. }), "{error:?}");
    assert_eq!(dump(&store), before);
}
