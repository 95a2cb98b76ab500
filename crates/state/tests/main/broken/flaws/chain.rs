//! Hashes, places in streams, and what events tell.

use tollhouse_core::{Actor, GENESIS, body_digest, event_hash};
use tollhouse_state::{Cursor, Store};

use super::contents::shown;
use crate::broken::store::{Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "a hash does not cover the digests",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                let digests = event.digests.take();
                event.hash = event_hash(event);
                event.digests = digests;
            })
        },
        caught_by: &["chain::every_hash_covers_its_event_and_the_one_before"],
        ..SOUND
    },
    Flaw {
        name: "the digest of a body is not that of the body",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                let state = body_digest(&event.state);
                event.digests.iter_mut().for_each(|digests| digests.body.clone_from(&state));
                event.hash = event_hash(event);
            })
        },
        caught_by: &["chain::an_event_vouches_for_its_body_and_its_record"],
        ..SOUND
    },
    Flaw {
        name: "an event vouches for no record",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                event.digests.iter_mut().for_each(|digests| digests.record.clone_from(&digests.body));
                event.hash = event_hash(event);
            })
        },
        caught_by: &["chain::an_event_vouches_for_its_body_and_its_record"],
        ..SOUND
    },
    Flaw {
        name: "an event is changed after it was hashed",
        events: |store, cursor| shown(store.below.events(cursor).unwrap(), |event| event.actor = Actor::Engine),
        caught_by: &["chain::every_hash_covers_its_event_and_the_one_before", "chain::events_tell_what_was_committed"],
        ..SOUND
    },
    Flaw {
        name: "the hash before is that of the ledger, not of the stream",
        events: |store, cursor| {
            let all = store.below.events(&Cursor::default()).unwrap();
            shown(store.below.events(cursor).unwrap(), |event| {
                let before = all.iter().rfind(|before| before.position < event.position);
                event.previous_hash = before.map_or(GENESIS.to_owned(), |before| before.hash.clone());
                event.hash = event_hash(event);
            })
        },
        caught_by: &["chain::every_hash_covers_its_event_and_the_one_before"],
        ..SOUND
    },
    Flaw {
        name: "each event begins a chain of its own",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                GENESIS.clone_into(&mut event.previous_hash);
                event.hash = event_hash(event);
            })
        },
        caught_by: &[
            "chain::every_hash_covers_its_event_and_the_one_before",
            "reopening::history_goes_on_where_it_was",
        ],
        ..SOUND
    },
    Flaw {
        name: "places in a stream are those in the ledger",
        events: |store, cursor| shown(store.below.events(cursor).unwrap(), |event| event.seq = event.position),
        caught_by: &["chain::each_stream_counts_from_1", "feed::a_reader_of_one_stream_skips_nothing"],
        ..SOUND
    },
    Flaw {
        name: "streams count from 0",
        events: |store, cursor| shown(store.below.events(cursor).unwrap(), |event| event.seq -= 1),
        caught_by: &["chain::each_stream_counts_from_1"],
        ..SOUND
    },
    Flaw {
        name: "events tell the state that their record has now",
        events: |store, cursor| {
            shown(store.below.events(cursor).unwrap(), |event| {
                event.state = store.below.get(&[event.record]).unwrap().remove(0).unwrap().state;
            })
        },
        caught_by: &["chain::events_tell_what_was_committed", "feed::what_was_given_out_never_changes"],
        ..SOUND
    },
    Flaw {
        name: "the events of a commit are written from its end",
        commit: |store, commit| {
            let mut turned = commit.clone();
            turned.changes.sort_by_key(|change| (std::cmp::Reverse(change.record.id), change.record.version));
            store.below.commit(&turned)
        },
        caught_by: &["chain::events_tell_what_was_committed"],
        ..SOUND
    },
];
