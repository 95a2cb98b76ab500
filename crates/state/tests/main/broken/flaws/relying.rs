//! What a commit relies on is not compared, or not as it should be; or it is not the last change that counts.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::{Commit, RecordId};
use tollhouse_state::{CommitError, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "versions are not compared",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Stale { .. }) => store.force(commit),
            outcome => outcome,
        },
        caught_by: &[
            "versions::a_record_starts_at_version_1",
            "versions::a_record_moves_only_from_the_version_that_is_stored",
            "versions::what_is_relied_on_must_still_be_so",
            "versions::relying_on_version_0_is_relying_on_absence",
            "versions::what_no_store_has_reached_is_not_so",
            "versions::the_first_mismatch_is_named",
            "repetition::the_id_of_a_refused_commit_is_free",
            "skew::two_commits_that_rely_on_what_the_other_changes",
            "skew::two_creations_of_one_record",
            "skew::land_against_drop",
        ],
        ..SOUND
    },
    Flaw {
        name: "a record that is there already is made again",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Stale { expected: 0, .. }) => store.force(commit),
            outcome => outcome,
        },
        caught_by: &["versions::a_record_starts_at_version_1", "skew::two_creations_of_one_record"],
        ..SOUND
    },
    Flaw {
        name: "a record begins at any version",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Stale { actual: 0, .. }) => store.force(commit),
            outcome => outcome,
        },
        caught_by: &["versions::a_record_starts_at_version_1"],
        ..SOUND
    },
    Flaw {
        name: "what is relied on is not compared",
        commit: |store, commit| unless_relied_on(store, commit, |_, _| true),
        caught_by: &[
            "versions::what_is_relied_on_must_still_be_so",
            "versions::relying_on_version_0_is_relying_on_absence",
            "versions::what_no_store_has_reached_is_not_so",
            "versions::the_first_mismatch_is_named",
            "skew::two_commits_that_rely_on_what_the_other_changes",
            "skew::pause_against_lease",
            "skew::relied_on_but_unchanged",
        ],
        ..SOUND
    },
    Flaw {
        name: "absence is not compared",
        commit: |store, commit| unless_relied_on(store, commit, |expected, _| expected == 0),
        caught_by: &["versions::relying_on_version_0_is_relying_on_absence"],
        ..SOUND
    },
    Flaw {
        name: "a version that is not reached yet is good enough",
        commit: |store, commit| unless_relied_on(store, commit, |expected, actual| expected > actual),
        caught_by: &["versions::what_is_relied_on_must_still_be_so", "versions::what_no_store_has_reached_is_not_so"],
        ..SOUND
    },
    Flaw {
        name: "versions are compared in 32 bits",
        commit: |store, commit| unless_relied_on(store, commit, |expected, actual| expected % (1 << 32) == actual),
        caught_by: &["versions::what_no_store_has_reached_is_not_so"],
        ..SOUND
    },
    Flaw {
        name: "changes are compared before what is relied on",
        commit: |store, commit| {
            let unasked = Commit { id: format!("{} unasked", commit.id), relies_on: vec![], ..commit.clone() };
            match store.below.commit(commit) {
                Err(stale @ CommitError::Stale { .. }) => {
                    let first = unasked.changes.iter().find_map(|change| {
                        let (actual, expected) = (store.version(&change.record.id), change.record.version - 1);
                        let id = change.record.id;
                        (actual != expected).then_some(CommitError::Stale { id, expected, actual })
                    });
                    Err(first.unwrap_or(stale))
                }
                outcome => outcome,
            }
        },
        caught_by: &["versions::the_first_mismatch_is_named"],
        ..SOUND
    },
    Flaw {
        name: "mismatches are named in the order of ids",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Stale { .. }) => {
                let mut sorted = commit.clone();
                sorted.relies_on.sort();
                sorted.changes.sort_by_key(|change| (change.record.id, change.record.version));
                store.below.commit(&sorted)
            }
            outcome => outcome,
        },
        caught_by: &["versions::the_first_mismatch_is_named"],
        ..SOUND
    },
    Flaw {
        name: "what a commit follows is not compared",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Overtaken { .. }) => store.below.commit(&Commit { follows: None, ..commit.clone() }),
            outcome => outcome,
        },
        caught_by: &[
            "skew::what_follows_a_stream_is_stale_once_it_went_on",
            "skew::an_empty_stream_is_followed_at_0",
            "skew::of_two_that_follow_one_event_one_is_made",
            "versions::what_no_store_has_reached_is_not_so",
        ],
        ..SOUND
    },
    Flaw {
        name: "who follows an empty stream may say anything",
        commit: |store, commit| match store.below.commit(commit) {
            Err(CommitError::Overtaken { actual: 0, .. }) => {
                store.below.commit(&Commit { follows: None, ..commit.clone() })
            }
            outcome => outcome,
        },
        caught_by: &["skew::an_empty_stream_is_followed_at_0"],
        ..SOUND
    },
    Flaw {
        name: "all streams are followed together",
        commit: |store, commit| match commit.follows {
            Some((stream, expected)) if store.newest() > expected => {
                Err(CommitError::Overtaken { stream, expected, actual: store.newest() })
            }
            _ => store.below.commit(commit),
        },
        caught_by: &["skew::another_stream_does_not_matter"],
        ..SOUND
    },
    Flaw {
        name: "of several changes of one record the first counts",
        commit: |store, commit| {
            let mut ids = BTreeSet::new();
            let mut first = commit.clone();
            first.changes.retain(|change| ids.insert(change.record.id));
            store.below.commit(&first)
        },
        caught_by: &["versions::one_record_may_change_several_times", "versions::the_last_change_counts"],
        ..SOUND
    },
    Flaw {
        name: "several changes of one record are one event",
        commit: |store, commit| {
            let last: BTreeMap<RecordId, u64> =
                commit.changes.iter().map(|change| (change.record.id, change.record.version)).collect();
            let mut only = commit.clone();
            only.changes.retain(|change| last[&change.record.id] == change.record.version);
            match store.below.commit(&only) {
                Err(CommitError::Stale { .. }) => store.force(&only),
                outcome => outcome,
            }
        },
        caught_by: &["versions::one_record_may_change_several_times"],
        ..SOUND
    },
    Flaw {
        name: "keys are those of a record's first change",
        commit: |store, commit| {
            let mut first = commit.clone();
            let mut keys = BTreeMap::new();
            for change in &mut first.changes {
                let stored = store.below.get(&[change.record.id]).unwrap().remove(0);
                let record = &mut change.record;
                let kept = keys.entry(record.id).or_insert_with(|| stored.map_or(record.keys.clone(), |it| it.keys));
                record.keys.clone_from(kept);
            }
            store.below.commit(&first)
        },
        caught_by: &["versions::the_last_change_counts", "finding::keys_are_those_of_the_last_change"],
        ..SOUND
    },
    Flaw {
        name: "keys are only ever added",
        commit: |store, commit| {
            let mut more = commit.clone();
            for change in &mut more.changes {
                if let Some(stored) = store.below.get(&[change.record.id]).unwrap().remove(0) {
                    let own = std::mem::replace(&mut change.record.keys, stored.keys);
                    change.record.keys.extend(own);
                }
            }
            store.below.commit(&more)
        },
        caught_by: &["finding::keys_are_those_of_the_last_change", "contents::ten_thousand_keys_come_back"],
        ..SOUND
    },
];

/// Does not mind where something that is only relied on is not so, and this says that it does not matter.
fn unless_relied_on(store: &Broken, commit: &Commit, minor: fn(u64, u64) -> bool) -> Outcome {
    let mut asked = commit.clone();
    loop {
        match store.below.commit(&asked) {
            Err(CommitError::Stale { id, expected, actual })
                if minor(expected, actual) && asked.relies_on.contains(&(id, expected)) =>
            {
                asked.relies_on.retain(|relied_on| relied_on.0 != id);
            }
            outcome => return outcome,
        }
    }
}

type Outcome = Result<tollhouse_state::Committed, CommitError>;
