//! Events that are not there when they should be, come late, or change.

use tollhouse_core::Event;
use tollhouse_state::{Cursor, Order, Store};

use super::contents::shown;
use crate::broken::store::{Broken, Flaw, SOUND};

const EACH: &str = "feed::each_criterion_and_all_together";
const AGAIN: &str = "feed::a_page_that_is_used_again_holds_the_answer_alone";
const BESIDE: &str = "feed::a_reader_beside_writers_skips_nothing";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "a cursor does not look at the place",
        events: |store, cursor| below(store, &Cursor { after: 0, ..cursor.clone() }),
        caught_by: &[EACH, BESIDE],
        ..SOUND
    },
    Flaw {
        name: "a cursor does not look at the stream",
        events: |store, cursor| below(store, &Cursor { stream: None, ..cursor.clone() }),
        caught_by: &[EACH, "feed::a_reader_of_one_stream_skips_nothing"],
        ..SOUND
    },
    Flaw {
        name: "a cursor does not look at the record",
        events: |store, cursor| below(store, &Cursor { record: None, ..cursor.clone() }),
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "a cursor does not look at the kind",
        events: |store, cursor| below(store, &Cursor { kind: None, ..cursor.clone() }),
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "a cursor does not look at the limit",
        events: |store, cursor| below(store, &Cursor { limit: None, ..cursor.clone() }),
        caught_by: &[EACH, "feed::newest_limits_from_the_end"],
        ..SOUND
    },
    Flaw {
        name: "a cursor's limit counts from the start",
        events: |store, cursor| below(store, &Cursor { order: Order::Oldest, ..cursor.clone() }),
        caught_by: &[EACH, "feed::newest_limits_from_the_end"],
        ..SOUND
    },
    Flaw {
        name: "the newest events come first",
        events: |store, cursor| {
            let mut found = below(store, cursor);
            if cursor.order == Order::Newest {
                found.reverse();
            }
            found
        },
        caught_by: &[EACH, "feed::newest_limits_from_the_end"],
        ..SOUND
    },
    Flaw {
        name: "a page keeps what is beyond the answer",
        events_into: |store, cursor, page| {
            let found = below(store, cursor);
            let beyond = page.split_off(found.len().min(page.len()));
            *page = found.into_iter().chain(beyond).collect();
        },
        caught_by: &[AGAIN],
        ..SOUND
    },
    Flaw {
        name: "a page keeps reasons that its events do not have",
        events_into: |store, cursor, page| {
            let mut found = below(store, cursor);
            for (event, before) in found.iter_mut().zip(page.iter()) {
                event.event.reason = event.event.reason.take().or_else(|| before.event.reason.clone());
            }
            *page = found;
        },
        caught_by: &[AGAIN],
        ..SOUND
    },
    Flaw {
        name: "a page keeps traces that its events do not have",
        events_into: |store, cursor, page| {
            let mut found = below(store, cursor);
            for (event, before) in found.iter_mut().zip(page.iter()) {
                event.trace = event.trace.take().or_else(|| before.trace.clone());
            }
            *page = found;
        },
        caught_by: &[AGAIN],
        ..SOUND
    },
    Flaw {
        name: "a limit counts before the criteria are looked at",
        events: |store, cursor| {
            let (after, limit, order) = (cursor.after, cursor.limit, cursor.order);
            let mut found = below(store, &Cursor { after, limit, order, ..Cursor::default() });
            let fitting = below(store, &Cursor { limit: None, ..cursor.clone() });
            found.retain(|event| fitting.contains(event));
            found
        },
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "a place beyond all is taken for the start",
        events: |store, cursor| {
            let after = i64::try_from(cursor.after).map_or(0, |_| cursor.after);
            below(store, &Cursor { after, ..cursor.clone() })
        },
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "a commit that is refused takes a place",
        events: |store, cursor| {
            let refused = store.notes().refused.clone();
            shown(below(store, cursor), |event| {
                event.position += refused.len() as u64;
            })
        },
        caught_by: &["feed::positions_have_no_gaps"],
        ..SOUND
    },
    Flaw {
        name: "positions count from 0",
        events: |store, cursor| shown(below(store, cursor), |event| event.position -= 1),
        caught_by: &["feed::positions_have_no_gaps", BESIDE],
        ..SOUND
    },
    Flaw {
        name: "an event appears behind one that was given out",
        events: |store, cursor| {
            let mut found = below(store, &Cursor { limit: None, ..cursor.clone() });
            let newest = store.newest();
            let mut notes = store.notes();
            // What was late once is there the next time.
            let late = newest.saturating_sub(1);
            if newest > 1 && notes.positions.insert(newest) && !notes.positions.contains(&late) {
                found.retain(|event| event.position != late);
            }
            drop(notes);
            found.truncate(cursor.limit.map_or(usize::MAX, |limit| limit as usize));
            found
        },
        caught_by: &[
            "feed::what_was_announced_can_be_read",
            "feed::what_was_given_out_never_changes",
            "feed::a_reader_of_one_stream_skips_nothing",
        ],
        ..SOUND
    },
    Flaw {
        name: "a reader is given two of three events",
        events: |store, cursor| {
            let mut found = below(store, cursor);
            found.retain(|event| event.position % 3 != 0);
            found
        },
        caught_by: &[BESIDE, "feed::what_was_announced_can_be_read", "feed::a_reader_of_one_stream_skips_nothing"],
        ..SOUND
    },
    Flaw {
        name: "who reads one stream sees it late",
        events: |store, cursor| {
            let mut found = below(store, cursor);
            let mut notes = store.notes();
            if cursor.stream.is_some() {
                found.retain(|event| event.position <= notes.position);
                notes.position = store.newest();
            }
            found
        },
        caught_by: &["feed::a_reader_of_one_stream_skips_nothing"],
        ..SOUND
    },
    Flaw {
        name: "records are seen later than their events",
        get: |store, ids| {
            let mut found = store.below.get(ids).unwrap();
            let made = store.notes().made.last().cloned();
            // The last commit is not seen yet: of what it moved, the version before is.
            for record in found.iter_mut().flatten() {
                let last = made.iter().flat_map(|(commit, _)| &commit.changes).any(|it| it.record.id == record.id);
                record.version -= u64::from(last);
            }
            found
        },
        caught_by: &["feed::what_was_announced_can_be_read"],
        ..SOUND
    },
    Flaw {
        name: "what was given out is corrected later",
        events: |store, cursor| {
            let newest = store.newest();
            shown(below(store, cursor), |event| {
                if event.position + 50 < newest {
                    event.event.reason = Some("corrected".to_owned());
                }
            })
        },
        caught_by: &["feed::what_was_given_out_never_changes"],
        ..SOUND
    },
    Flaw {
        name: "what is old is no longer given out",
        events: |store, cursor| {
            let newest = store.newest();
            let mut found = below(store, cursor);
            found.retain(|event| event.position + 50 > newest);
            found
        },
        caught_by: &["feed::what_was_given_out_never_changes"],
        ..SOUND
    },
];

fn below(store: &Broken, cursor: &Cursor) -> Vec<Event> {
    store.below.events(cursor).unwrap()
}
