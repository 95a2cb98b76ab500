//! Comparing and writing are two steps, and others come between them.

use tollhouse_core::Commit;
use tollhouse_state::{CommitError, Committed, Novelty, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "versions are compared before the lock is taken",
        commit: |store, commit| {
            compare(store, commit)?;
            store.meet();
            match store.below.commit(commit) {
                Err(CommitError::Stale { .. } | CommitError::Overtaken { .. }) => store.force(commit),
                outcome => outcome,
            }
        },
        caught_by: &[
            "skew::two_commits_that_rely_on_what_the_other_changes",
            "skew::pause_against_lease",
            "skew::two_leases_with_overlapping_scopes",
            "skew::land_against_drop",
            "skew::two_reservations_of_the_last_dollar",
            "skew::two_creations_of_one_record",
            "skew::of_two_that_follow_one_event_one_is_made",
        ],
        ..SOUND
    },
    Flaw {
        name: "what is only relied on is compared before the lock is taken",
        commit: |store, commit| {
            compare(store, commit)?;
            store.meet();
            if commit.relies_on.is_empty() {
                return store.below.commit(commit);
            }
            // The one that relies comes last.
            store.meet();
            match store.below.commit(commit) {
                Err(CommitError::Stale { .. }) => store.below.commit(&Commit { relies_on: vec![], ..commit.clone() }),
                outcome => outcome,
            }
        },
        caught_by: &["skew::relied_on_but_unchanged", "skew::pause_against_lease"],
        ..SOUND
    },
    Flaw {
        name: "what a commit follows is compared before the lock is taken",
        commit: |store, commit| {
            compare(store, commit)?;
            store.meet();
            store.below.commit(&Commit { follows: None, ..commit.clone() })
        },
        caught_by: &["skew::of_two_that_follow_one_event_one_is_made"],
        ..SOUND
    },
    Flaw {
        name: "ids are compared before the lock is taken",
        commit: |store, commit| {
            let known = store.known(&commit.id).is_some();
            store.meet();
            match store.below.commit(commit) {
                Ok(Committed { novelty: Novelty::Repeated, .. }) | Err(CommitError::IdReused { .. }) if !known => {
                    let id = format!("{} by {:?}", commit.id, std::thread::current().id());
                    store.force(&Commit { id, ..commit.clone() })
                }
                outcome => outcome,
            }
        },
        caught_by: &[
            "repetition::of_equal_commits_at_once_one_is_made",
            "repetition::of_different_commits_with_one_id_at_once_one_is_made",
        ],
        ..SOUND
    },
];

/// What a store compares, but of a moment that has passed when it is answered.
fn compare(store: &Broken, commit: &Commit) -> Result<(), CommitError> {
    if let Some((stream, expected)) = commit.follows {
        let cursor = tollhouse_state::Cursor { stream: Some(stream), ..Default::default() };
        let actual = store.below.events(&cursor).unwrap().len() as u64;
        if actual != expected {
            return Err(CommitError::Overtaken { stream, expected, actual });
        }
    }
    let changed = commit.changes.iter().map(|change| (change.record.id, change.record.version - 1));
    for (id, expected) in commit.relies_on.iter().copied().chain(changed) {
        let actual = store.version(&id);
        if actual != expected {
            return Err(CommitError::Stale { id, expected, actual });
        }
    }
    Ok(())
}
