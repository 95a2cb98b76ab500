//! Commits that contradict themselves are made all the same: of each, what can be made of it.

use std::collections::BTreeSet;

use tollhouse_core::{Actor, Commit, Kind, Record};
use tollhouse_state::{BODY_BYTES_MAX, CommitError, Committed, Novelty, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

const TOO_LONG: &str = "malformed::a_body_far_beyond_the_limit_is_refused_and_the_store_goes_on";
const LONGEST: &str = "malformed::the_longest_body_is_kept_and_one_more_byte_is_not";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "nothing may change",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Malformed { .. }) if commit.changes.is_empty() => {
                let position = store.newest();
                Ok(Committed { first: position, last: position, novelty: Novelty::Fresh })
            }
            outcome => outcome,
        },
        caught_by: &["malformed::no_change_at_all"],
        ..SOUND
    },
    Flaw {
        name: "nothing is refused as malformed but called stale",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Malformed { .. }) => {
                let id = tollhouse_state::conformance::make::id(Kind::Task, 2);
                Err(CommitError::Stale { id, expected: 1, actual: 2 })
            }
            outcome => outcome,
        },
        caught_by: &["malformed::no_change_at_all", "malformed::a_jump_in_versions", TOO_LONG, LONGEST],
        ..SOUND
    },
    Flaw {
        name: "versions may jump",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Malformed { what }) if what.contains("goes from version") => store.force(commit),
            outcome => outcome,
        },
        caught_by: &["malformed::a_jump_in_versions", "malformed::relying_on_one_version_and_moving_another"],
        ..SOUND
    },
    Flaw {
        name: "a record may have version 0",
        commit: |store, commit| repaired(store, commit, |_, record| record.version = record.version.max(1)),
        caught_by: &["malformed::version_0"],
        ..SOUND
    },
    Flaw {
        name: "a state may be any word",
        commit: |store, commit| {
            repaired(store, commit, |_, record| {
                let known = Kind::ALL.iter().any(|kind| kind.states().contains(&record.state.as_str()));
                if !known {
                    record.kind().states()[0].clone_into(&mut record.state);
                }
            })
        },
        caught_by: &["malformed::an_unknown_state"],
        ..SOUND
    },
    Flaw {
        name: "a state may be that of another kind",
        commit: |store, commit| {
            repaired(store, commit, |_, record| {
                let known = Kind::ALL.iter().any(|kind| kind.states().contains(&record.state.as_str()));
                if known && !record.kind().states().contains(&record.state.as_str()) {
                    record.kind().states()[0].clone_into(&mut record.state);
                }
            })
        },
        caught_by: &["malformed::a_state_of_another_kind"],
        ..SOUND
    },
    Flaw {
        name: "a body may be any text",
        commit: |store, commit| {
            repaired(store, commit, |_, record| {
                if record.body.len() <= BODY_BYTES_MAX && !is_json(&record.body) {
                    "null".clone_into(&mut record.body);
                }
            })
        },
        caught_by: &["malformed::a_body_that_is_not_json"],
        ..SOUND
    },
    Flaw {
        name: "a body may be what looks like JSON",
        commit: |store, commit| {
            repaired(store, commit, |_, record| {
                if looks_like_json(&record.body) && !is_json(&record.body) {
                    "null".clone_into(&mut record.body);
                }
            })
        },
        caught_by: &["malformed::a_body_that_is_not_json"],
        ..SOUND
    },
    Flaw {
        name: "the body of an event may be any text",
        commit: |store, commit| {
            let mut repaired = commit.clone();
            for body in repaired.changes.iter_mut().map(|change| &mut change.event.body) {
                if body.len() <= BODY_BYTES_MAX && !is_json(body) {
                    "null".clone_into(body);
                }
            }
            store.below.commit(&repaired)
        },
        caught_by: &["malformed::an_event_body_that_is_not_json"],
        ..SOUND
    },
    Flaw {
        name: "a record may leave its run",
        commit: |store, commit| {
            repaired(store, commit, |store, record| {
                if let Some(stored) = store.below.get(&[record.id]).unwrap().remove(0) {
                    record.run = stored.run;
                }
            })
        },
        caught_by: &["malformed::a_record_that_leaves_its_run"],
        ..SOUND
    },
    Flaw {
        name: "a record may leave its parent",
        commit: |store, commit| {
            repaired(store, commit, |store, record| {
                if let Some(stored) = store.below.get(&[record.id]).unwrap().remove(0) {
                    record.parent = stored.parent;
                }
            })
        },
        caught_by: &["malformed::a_record_that_leaves_its_parent"],
        ..SOUND
    },
    Flaw {
        name: "of several versions that are relied on the first counts",
        commit: |store, commit| {
            let mut ids = BTreeSet::new();
            let mut first = commit.clone();
            first.relies_on.retain(|(id, _)| ids.insert(*id));
            store.below.commit(&first)
        },
        caught_by: &["malformed::relying_on_two_versions_of_one_record"],
        ..SOUND
    },
    Flaw {
        name: "what is relied on is not compared with what moves",
        commit: |store, commit| {
            let mut apart = commit.clone();
            apart.relies_on.retain(|(id, _)| commit.changes.iter().all(|change| change.record.id != *id));
            match store.below.commit(commit) {
                Err(CommitError::Malformed { .. }) => store.below.commit(&apart),
                outcome => outcome,
            }
        },
        caught_by: &["malformed::relying_on_one_version_and_moving_another"],
        ..SOUND
    },
    Flaw {
        name: "an actor may have no name",
        commit: |store, commit| {
            let nobody = matches!(&commit.actor, Actor::Person(name) | Actor::Worker(name) if name.is_empty());
            let actor = if nobody { Actor::Engine } else { commit.actor.clone() };
            store.below.commit(&Commit { actor, ..commit.clone() })
        },
        caught_by: &["malformed::an_actor_without_a_name"],
        ..SOUND
    },
    Flaw {
        name: "a body may be of any length",
        commit: |store, commit| {
            repaired(store, commit, |_, record| {
                if record.body.len() > BODY_BYTES_MAX {
                    "null".clone_into(&mut record.body);
                }
            })
        },
        caught_by: &[TOO_LONG, LONGEST],
        ..SOUND
    },
    Flaw {
        name: "the limit of a body is one byte less",
        commit: |store, commit| {
            if commit.changes.iter().any(|change| change.record.body.len() >= BODY_BYTES_MAX) {
                return Err(CommitError::Malformed { what: "too long".to_owned() });
            }
            store.below.commit(commit)
        },
        caught_by: &[LONGEST],
        ..SOUND
    },
    Flaw {
        name: "after a body that is far too long nothing works any more",
        commit: |store, commit| {
            let far = |commit: &Commit| {
                let mut bodies = commit.changes.iter().flat_map(|change| [&change.record.body, &change.event.body]);
                bodies.any(|body| body.len() > 2 * BODY_BYTES_MAX)
            };
            if store.notes().refused.iter().any(far) {
                return Err(CommitError::Malformed { what: "poisoned".to_owned() });
            }
            store.below.commit(commit)
        },
        caught_by: &[TOO_LONG],
        ..SOUND
    },
];

/// Makes a commit of records that are as they should be.
fn repaired(store: &Broken, commit: &Commit, repair: fn(&Broken, &mut Record)) -> Result<Committed, CommitError> {
    let mut repaired = commit.clone();
    repaired.changes.iter_mut().for_each(|change| repair(store, &mut change.record));
    store.below.commit(&repaired)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(text).is_ok()
}

fn looks_like_json(text: &str) -> bool {
    text.starts_with(['{', '[', '"']) && text.ends_with(['}', ']', '"']) && text.len() > 1
}
