//! Commits that are not all or nothing.

use std::thread;

use tollhouse_core::{Commit, RecordId};
use tollhouse_state::{CommitError, Cursor, Order, Store};

use crate::broken::store::{Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "the first change of a refused commit stays",
        commit: |store, commit| {
            store.below.commit(commit).inspect_err(|_| {
                drop(store.below.commit(&first_change(commit)));
            })
        },
        caught_by: &[
            "atomicity::a_refused_commit_leaves_no_trace",
            "atomicity::a_commit_that_fails_at_its_last_change_leaves_no_trace",
            "skew::what_follows_a_stream_is_stale_once_it_went_on",
            "malformed::a_jump_in_versions",
        ],
        ..SOUND
    },
    Flaw {
        name: "the changes before one that is stale stay",
        commit: |store, commit| {
            store.below.commit(commit).inspect_err(|error| {
                let CommitError::Stale { id, .. } = error else { return };
                let mut torn = Commit { id: format!("{} torn", commit.id), ..commit.clone() };
                let stale = torn.changes.iter().position(|change| change.record.id == *id).unwrap_or(0);
                torn.changes.truncate(stale);
                drop(store.below.commit(&torn));
            })
        },
        caught_by: &["atomicity::a_commit_that_fails_at_its_last_change_leaves_no_trace"],
        ..SOUND
    },
    Flaw {
        name: "records are read while half of them are written",
        commit: |store, commit| {
            let before = store.below.get(&last_ids(commit)).unwrap();
            store.notes().records = before.into_iter().flatten().collect();
            let outcome = store.below.commit(commit);
            store.let_others_read();
            store.notes().records.clear();
            outcome
        },
        get: |store, ids| {
            let mut found = store.below.get(ids).unwrap();
            let notes = store.notes();
            for record in found.iter_mut().flatten() {
                if let Some(before) = notes.records.iter().find(|before| before.id == record.id) {
                    record.clone_from(before);
                }
            }
            found
        },
        caught_by: &["atomicity::a_read_sees_whole_commits"],
        ..SOUND
    },
    Flaw {
        name: "a list of records is not of one moment",
        find: |store, find| {
            let ids: Vec<RecordId> = store.below.find(find).unwrap().into_iter().map(|record| record.id).collect();
            let one_by_one = ids.iter().zip(0..).filter_map(|(id, place)| {
                let record = store.below.get(&[*id]).unwrap().remove(0);
                let newest = store.newest();
                for _ in (0..1000).take_while(|_| place == 0 && store.newest() == newest) {
                    thread::yield_now();
                }
                record
            });
            one_by_one.collect()
        },
        commit: |store, commit| {
            let outcome = store.below.commit(commit);
            store.let_others_read();
            outcome
        },
        caught_by: &["atomicity::a_read_sees_whole_commits"],
        ..SOUND
    },
    Flaw {
        name: "events are read while half of them are written",
        commit: |store, commit| {
            let mut notes = store.notes();
            let outcome = store.below.commit(commit);
            notes.position = outcome.as_ref().map_or(0, |committed| committed.first);
            drop(notes);
            store.let_others_read();
            store.notes().position = 0;
            outcome
        },
        events: |store, cursor| {
            let notes = store.notes();
            let mut found = store.below.events(&Cursor { limit: None, ..cursor.clone() }).unwrap();
            found.retain(|event| notes.position == 0 || event.position <= notes.position);
            let over = found.len().saturating_sub(cursor.limit.map_or(found.len(), |limit| limit as usize));
            match cursor.order {
                Order::Oldest => found.truncate(found.len() - over),
                Order::Newest => drop(found.drain(..over)),
            }
            found
        },
        caught_by: &["atomicity::a_reader_of_events_sees_whole_commits", "feed::what_was_announced_can_be_read"],
        ..SOUND
    },
    Flaw {
        name: "half of a commit is announced",
        commit: |store, commit| {
            let outcome = store.below.commit(commit);
            store.notes().position = outcome.as_ref().map_or(0, |committed| committed.first);
            store.let_others_read();
            store.notes().position = 0;
            outcome
        },
        wait_for: |store, position, timeout| {
            let newest = store.below.wait_for(position, timeout).unwrap();
            match store.notes().position {
                0 => newest,
                first => newest.min(first),
            }
        },
        caught_by: &["atomicity::a_reader_of_events_sees_whole_commits"],
        ..SOUND
    },
];

fn first_change(commit: &Commit) -> Commit {
    let id = format!("{} torn", commit.id);
    let changes = commit.changes.iter().take(1).cloned().collect();
    Commit { id, relies_on: vec![], follows: None, changes, ..commit.clone() }
}

fn last_ids(commit: &Commit) -> Vec<RecordId> {
    commit.changes.iter().skip(1).map(|change| change.record.id).collect()
}
