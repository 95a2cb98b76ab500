//! Commits that come again are not known again, or others are taken for them.

use tollhouse_core::Commit;
use tollhouse_state::{CommitError, Committed, Novelty, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "a commit that comes again is written again",
        commit: |store, commit| match store.below.commit(commit) {
            Ok(Committed { novelty: Novelty::Repeated, .. }) => {
                let id = format!("{} again {}", commit.id, store.newest());
                store.force(&Commit { id, ..commit.clone() })
            }
            outcome => outcome,
        },
        caught_by: &[
            "repetition::a_commit_that_comes_again_is_answered_as_before",
            "repetition::ids_are_told_apart_by_their_bytes",
            "repetition::of_equal_commits_at_once_one_is_made",
            "reopening::history_goes_on_where_it_was",
        ],
        ..SOUND
    },
    Flaw {
        name: "a commit that comes again is compared anew",
        commit: |store, commit| match store.below.commit(commit) {
            Ok(Committed { novelty: Novelty::Repeated, .. }) => {
                store.below.commit(&Commit { id: format!("{} again", commit.id), ..commit.clone() })
            }
            outcome => outcome,
        },
        caught_by: &[
            "repetition::a_commit_that_comes_again_is_answered_as_before",
            "repetition::of_equal_commits_at_once_one_is_made",
        ],
        ..SOUND
    },
    Flaw {
        name: "a commit that comes again is called fresh",
        commit: |store, commit| store.below.commit(commit).map(|made| Committed { novelty: Novelty::Fresh, ..made }),
        caught_by: &[
            "repetition::a_commit_that_comes_again_is_answered_as_before",
            "repetition::of_equal_commits_at_once_one_is_made",
        ],
        ..SOUND
    },
    Flaw {
        name: "a commit that comes again is answered with the newest place",
        commit: |store, commit| match store.below.commit(commit) {
            Ok(made @ Committed { novelty: Novelty::Repeated, .. }) => Ok(Committed { last: store.newest(), ..made }),
            outcome => outcome,
        },
        caught_by: &["repetition::a_commit_that_comes_again_is_answered_as_before"],
        ..SOUND
    },
    Flaw {
        name: "any commit with a known id is taken for the one that is known",
        commit: |store, commit| taken_for(store, commit, |_, _| true),
        caught_by: &[
            "repetition::an_id_with_other_content_is_refused",
            "repetition::of_different_commits_with_one_id_at_once_one_is_made",
            "atomicity::a_refused_commit_leaves_no_trace",
        ],
        ..SOUND
    },
    Flaw {
        name: "of a commit's content only the changes are compared",
        commit: |store, commit| taken_for(store, commit, |one, other| one.changes == other.changes),
        caught_by: &["repetition::an_id_with_other_content_is_refused"],
        ..SOUND
    },
    Flaw {
        name: "of a commit's content the order is not compared",
        commit: |store, commit| {
            taken_for(store, commit, |one, other| {
                let same = one.changes.iter().all(|change| other.changes.contains(change));
                same && one.changes.len() == other.changes.len() && (one.at, &one.actor) == (other.at, &other.actor)
            })
        },
        caught_by: &["repetition::an_id_with_other_content_is_refused"],
        ..SOUND
    },
    Flaw {
        name: "the id of a refused commit is taken",
        commit: |store, commit| {
            if store.notes().refused.iter().any(|refused| refused.id == commit.id) {
                return Err(CommitError::IdReused { id: commit.id.clone() });
            }
            store.below.commit(commit)
        },
        caught_by: &["repetition::the_id_of_a_refused_commit_is_free", "malformed::a_jump_in_versions"],
        ..SOUND
    },
    Flaw {
        name: "ids are the same in upper and lower case",
        commit: |store, commit| confused(store, commit, str::to_lowercase),
        caught_by: &["repetition::ids_are_told_apart_by_their_bytes"],
        ..SOUND
    },
    Flaw {
        name: "space around an id does not count",
        commit: |store, commit| confused(store, commit, |id| id.trim().to_owned()),
        caught_by: &["repetition::ids_are_told_apart_by_their_bytes"],
        ..SOUND
    },
    Flaw {
        name: "an id ends at a NUL",
        commit: |store, commit| confused(store, commit, |id| id.split('\0').next().unwrap_or_default().to_owned()),
        caught_by: &["repetition::ids_are_told_apart_by_their_bytes"],
        ..SOUND
    },
    Flaw {
        name: "ids that look like numbers are numbers",
        commit: |store, commit| {
            confused(store, commit, |id| id.parse().map_or(id.to_owned(), |number: f64| number.to_string()))
        },
        caught_by: &["repetition::ids_are_told_apart_by_their_bytes"],
        ..SOUND
    },
    Flaw {
        name: "of an id, 10,000 bytes are kept",
        commit: |store, commit| confused(store, commit, |id| id.chars().take(10_000).collect()),
        caught_by: &["repetition::ids_are_told_apart_by_their_bytes"],
        ..SOUND
    },
];

/// Where an id is known with other content that is as good: answers as if it were the same.
fn taken_for(store: &Broken, commit: &Commit, as_good: fn(&Commit, &Commit) -> bool) -> Result<Committed, CommitError> {
    match store.below.commit(commit) {
        Err(CommitError::IdReused { id }) => match store.known(&id) {
            Some((known, made)) if as_good(commit, &known) => Ok(Committed { novelty: Novelty::Repeated, ..made }),
            Some(_) => Err(CommitError::IdReused { id }),
            // Another thread has made it and not noted it yet.
            None => Ok(Committed { first: 1, last: 1, novelty: Novelty::Repeated }),
        },
        outcome => outcome,
    }
}

/// Takes an id for another one that is the same after this.
fn confused(store: &Broken, commit: &Commit, same: fn(&str) -> String) -> Result<Committed, CommitError> {
    let known = store.notes().made.iter().any(|(made, _)| made.id != commit.id && same(&made.id) == same(&commit.id));
    if known {
        return Err(CommitError::IdReused { id: commit.id.clone() });
    }
    store.below.commit(commit)
}
