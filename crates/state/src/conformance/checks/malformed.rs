use tollhouse_core::{Actor, Commit, Kind, Record};

use crate::check::BODY_BYTES_MAX;
use crate::conformance::{Fixture, dump, make};
use crate::store::{CommitError, Committed, Novelty, Store};

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
    let bodies = not_json().into_iter().map(|body| {
        move |stored: &Record| make::commit(body.clone(), [Record { body: body.clone(), ..make::moved(stored) }])
    });
    each_refused(fixture, bodies);
}

pub fn an_event_body_that_is_not_json<F: Fixture>(fixture: &F) {
    let bodies = not_json().into_iter().map(|body| {
        move |stored: &Record| {
            let mut commit = make::commit(body.clone(), [make::moved(stored)]);
            commit.changes[0].event.body.clone_from(&body);
            commit
        }
    });
    each_refused(fixture, bodies);
}

/// What some readers of JSON take for it.
fn not_json() -> Vec<String> {
    let deep = "[".repeat(5000) + &"]".repeat(5000);
    let texts = [
        "",
        " ",
        "{",
        "}",
        "{} {}",
        "{}\0",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{\"a\"}",
        "{'a':1}",
        "{a:1}",
        "nul",
        "NULL",
        "True",
        "undefined",
        "NaN",
        "[Infinity]",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "0x10",
        "--1",
        "\"",
        "\"\n\"",
        "\"\t\"",
        "\"\0\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\\ud800\"",
        "// a comment\n{}",
        "{} /* a comment */",
        "\u{feff}{}",
        "\u{a0}{}",
        "\u{201c}a\u{201d}",
        &deep,
    ];
    texts.map(str::to_owned).to_vec()
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

/// An actor is kept as a text, and one without a name could not be read again.
pub fn an_actor_without_a_name<F: Fixture>(fixture: &F) {
    for actor in [Actor::Person(String::new()), Actor::Worker(String::new())] {
        refused(fixture, |stored| Commit { actor: actor.clone(), ..make::commit("nobody", [make::moved(stored)]) });
    }
}

pub fn the_longest_body_is_kept_and_one_more_byte_is_not<F: Fixture>(fixture: &F) {
    let body = text_of(BODY_BYTES_MAX);
    too_long(fixture, &format!("{body} "));

    let store = fixture.store();
    let record = Record { body: body.clone(), ..make::new(Kind::Task, 1) };
    let mut commit = make::commit("long", [record.clone()]);
    commit.changes[0].event.body.clone_from(&body);
    make::must(&store, &commit);
    assert!(store.get(&[record.id]) == Ok(vec![Some(record)]), "it comes back");
    assert!(dump(&store).events[0].event.body == body, "it comes back");
}

pub fn a_body_far_beyond_the_limit_is_refused_and_the_store_goes_on<F: Fixture>(fixture: &F) {
    too_long(fixture, &text_of(100 << 20));
}

/// JSON of so many bytes.
fn text_of(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

fn too_long<F: Fixture>(fixture: &F, body: &str) {
    refused(fixture, |stored| make::commit("long", [Record { body: body.to_owned(), ..make::moved(stored) }]));
    refused(fixture, |stored| {
        let mut commit = make::commit("long event", [make::moved(stored)]);
        body.clone_into(&mut commit.changes[0].event.body);
        commit
    });
}

/// Beside a record that is stored, it is refused.
fn refused<F: Fixture>(fixture: &F, commit: impl Fn(&Record) -> Commit) {
    each_refused(fixture, [commit]);
}

/// Each of them leaves no trace, and the store goes on: with the same id, too.
fn each_refused<F: Fixture>(fixture: &F, commits: impl IntoIterator<Item = impl Fn(&Record) -> Commit>) {
    let store = fixture.store();
    let run = make::new(Kind::Run, 1);
    let mut stored = Record { parent: Some(run.id), ..make::new_in(&run, Kind::Task, 2) };
    make::put(&store, "made", [run, stored.clone()]);
    for (commit, position) in commits.into_iter().zip(3..) {
        let before = dump(&store);
        let commit = commit(&stored);
        let error = make::refused(&store, &commit);
        assert!(matches!(error, CommitError::Malformed { .. }), "{error:?}");
        assert_eq!(dump(&store), before);

        stored = make::moved(&stored);
        let made = make::put(&store, commit.id, [stored.clone()]);
        assert_eq!(made, Committed { first: position, last: position, novelty: Novelty::Fresh });
    }
}
