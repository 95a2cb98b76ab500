//! What is read is not what was written, or not what was asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tollhouse_core::{Actor, Commit, Event, Record, Timestamp};
use tollhouse_state::{CommitError, Committed, Find, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "a body is written anew",
        commit: |store, commit| {
            bent(store, commit, |record| {
                if let Ok(value) = serde_json::from_str::<Value>(&record.body) {
                    record.body = value.to_string();
                }
            })
        },
        caught_by: &["contents::a_record_reads_as_it_was_written", "contents::any_json_comes_back_as_it_was_written"],
        ..SOUND
    },
    Flaw {
        name: "the body of an event is written anew",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                event.event.body = event.event.body.trim().to_owned();
            })
        },
        caught_by: &["contents::any_json_comes_back_as_it_was_written"],
        ..SOUND
    },
    Flaw {
        name: "a record loses its parent",
        get: |store, ids| {
            let found = store.below.get(ids).unwrap();
            found.into_iter().map(|found| found.map(|record| Record { parent: None, ..record })).collect()
        },
        caught_by: &["contents::a_record_reads_as_it_was_written"],
        ..SOUND
    },
    Flaw {
        name: "a record loses its run",
        find: |store, find| {
            let found = store.below.find(find).unwrap();
            found.into_iter().map(|record| Record { run: None, ..record }).collect()
        },
        caught_by: &["contents::a_record_reads_as_it_was_written", "finding::each_criterion_and_all_together"],
        ..SOUND
    },
    Flaw {
        name: "a key ends at a NUL",
        commit: |store, commit| {
            bent(store, commit, |record| {
                let cut = |text: &String| text.split('\0').next().unwrap_or_default().to_owned();
                record.keys = record.keys.iter().map(|(name, value)| (cut(name), cut(value))).collect();
            })
        },
        caught_by: &[
            "contents::a_record_reads_as_it_was_written",
            "contents::very_long_keys_come_back",
            "finding::keys_are_told_apart_by_their_bytes",
        ],
        ..SOUND
    },
    Flaw {
        name: "a key without a name is dropped",
        commit: |store, commit| bent(store, commit, |record| drop(record.keys.remove(""))),
        caught_by: &["contents::a_record_reads_as_it_was_written", "finding::keys_are_told_apart_by_their_bytes"],
        ..SOUND
    },
    Flaw {
        name: "a record has at most 1,000 keys",
        commit: |store, commit| {
            bent(store, commit, |record| {
                record.keys = std::mem::take(&mut record.keys).into_iter().take(1000).collect();
            })
        },
        caught_by: &["contents::ten_thousand_keys_come_back"],
        ..SOUND
    },
    Flaw {
        name: "of a key, 64 KiB are kept",
        commit: |store, commit| {
            bent(store, commit, |record| {
                let cut = |text: &String| text.chars().take(1 << 15).collect::<String>();
                record.keys = record.keys.iter().map(|(name, value)| (cut(name), cut(value))).collect();
            })
        },
        caught_by: &["contents::very_long_keys_come_back"],
        ..SOUND
    },
    Flaw {
        name: "a commit has at most 1,000 changes",
        commit: |store, commit| {
            let mut some = commit.clone();
            some.changes.truncate(1000);
            store.below.commit(&some)
        },
        caught_by: &["contents::a_commit_of_very_many_changes_reads_as_it_was_written"],
        ..SOUND
    },
    Flaw {
        name: "what is not there is left out of an answer",
        get: |store, ids| store.below.get(ids).unwrap().into_iter().flatten().map(Some).collect(),
        caught_by: &["contents::each_id_is_answered_in_the_order_asked_for", "versions::a_record_starts_at_version_1"],
        ..SOUND
    },
    Flaw {
        name: "an id that is asked for twice is answered once",
        get: |store, ids| {
            let mut asked = BTreeSet::new();
            let once: Vec<_> = ids.iter().copied().filter(|id| asked.insert(*id)).collect();
            store.below.get(&once).unwrap()
        },
        caught_by: &["contents::each_id_is_answered_in_the_order_asked_for"],
        ..SOUND
    },
    Flaw {
        name: "records are answered in the order of their ids",
        get: |store, ids| {
            let mut sorted = ids.to_vec();
            sorted.sort();
            store.below.get(&sorted).unwrap()
        },
        caught_by: &["contents::each_id_is_answered_in_the_order_asked_for"],
        ..SOUND
    },
    Flaw {
        name: "records are told apart by the ULID alone",
        get: |store, ids| {
            let all = store.below.find(&Find::default()).unwrap();
            let ulid = |id: &tollhouse_core::RecordId| id.to_string().split_once('_').map(|(_, ulid)| ulid.to_owned());
            let records: BTreeMap<_, _> = all.into_iter().map(|record| (ulid(&record.id), record)).collect();
            ids.iter().map(|id| records.get(&ulid(id)).cloned()).collect()
        },
        caught_by: &["contents::each_id_is_answered_in_the_order_asked_for"],
        ..SOUND
    },
    Flaw {
        name: "at most 32,766 ids are answered",
        get: |store, ids| store.below.get(&ids[..ids.len().min(32_766)]).unwrap(),
        caught_by: &["contents::each_id_is_answered_in_the_order_asked_for"],
        ..SOUND
    },
    Flaw {
        name: "an empty reason is none",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                event.event.reason = event.event.reason.take().filter(|reason| !reason.is_empty());
            })
        },
        caught_by: &["contents::any_text_comes_back_as_it_was_written", "chain::events_tell_what_was_committed"],
        ..SOUND
    },
    Flaw {
        name: "an empty trace is none",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                event.trace = event.trace.take().filter(|trace| !trace.is_empty());
            })
        },
        caught_by: &["contents::any_text_comes_back_as_it_was_written"],
        ..SOUND
    },
    Flaw {
        name: "the name of an actor ends at a colon",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                if let Actor::Person(name) | Actor::Worker(name) = &mut event.actor {
                    *name = name.split(':').next().unwrap_or_default().to_owned();
                }
            })
        },
        caught_by: &["contents::any_text_comes_back_as_it_was_written"],
        ..SOUND
    },
    Flaw {
        name: "there is no time before 1970",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| event.at = event.at.max(Timestamp::EPOCH))
        },
        caught_by: &["contents::times_of_all_ages_come_back"],
        ..SOUND
    },
    Flaw {
        name: "times are kept as floating point",
        last_pulse: |store, id| {
            let at = store.below.last_pulse(id).unwrap()?;
            // As if of a number of 64 bits 53 were kept.
            let lost = if at.as_micros().unsigned_abs() >> 53 == 0 { 1 } else { 1 << 11 };
            Some(Timestamp::from_micros(at.as_micros() / lost * lost))
        },
        caught_by: &["contents::times_of_all_ages_come_back"],
        ..SOUND
    },
];

/// Makes a commit of records that are not quite those that came in.
fn bent(store: &Broken, commit: &Commit, bend: impl Fn(&mut Record)) -> Result<Committed, CommitError> {
    let mut other = commit.clone();
    other.changes.iter_mut().for_each(|change| bend(&mut change.record));
    store.below.commit(&other)
}

/// Shows events that are not quite those that are there.
pub(super) fn shown(mut events: Vec<Event>, bend: impl Fn(&mut Event)) -> Vec<Event> {
    events.iter_mut().for_each(bend);
    events
}
