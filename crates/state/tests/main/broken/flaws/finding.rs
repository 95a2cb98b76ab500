//! Criteria that are not looked at, pages that are not what was asked for.

use tollhouse_core::Record;
use tollhouse_state::{Find, Order, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

const EACH: &str = "finding::each_criterion_and_all_together";
const BYTES: &str = "finding::keys_are_told_apart_by_their_bytes";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "find does not look at the kind",
        find: |store, find| below(store, &Find { kind: None, ..find.clone() }),
        caught_by: &[EACH, "finding::pages_cover_everything_once"],
        ..SOUND
    },
    Flaw {
        name: "find does not look at the run",
        find: |store, find| below(store, &Find { run: None, ..find.clone() }),
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "find does not look at the parent",
        find: |store, find| below(store, &Find { parent: None, ..find.clone() }),
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "find does not look at states",
        find: |store, find| below(store, &Find { states: vec![], ..find.clone() }),
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "find looks at the first state only",
        find: |store, find| {
            let states = find.states.iter().take(1).cloned().collect();
            below(store, &Find { states, ..find.clone() })
        },
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "a state that is asked for twice is found twice",
        find: |store, find| {
            let mut found = below(store, find);
            for twice in (1..find.states.len()).filter(|index| find.states[..*index].contains(&find.states[*index])) {
                let more: Vec<Record> = found.iter().filter(|it| it.state == find.states[twice]).cloned().collect();
                found.extend(more);
            }
            found
        },
        caught_by: &[EACH],
        ..SOUND
    },
    Flaw {
        name: "find does not look at keys",
        find: |store, find| below(store, &Find { key: None, ..find.clone() }),
        caught_by: &[
            EACH,
            BYTES,
            "finding::keys_are_those_of_the_last_change",
            "contents::ten_thousand_keys_come_back",
        ],
        ..SOUND
    },
    Flaw {
        name: "find looks at the value of a key, whatever its name",
        find: |store, find| keyed(store, find, |record, _, value| record.keys.values().any(|other| other == value)),
        caught_by: &[EACH, BYTES],
        ..SOUND
    },
    Flaw {
        name: "keys are the same in upper and lower case",
        find: |store, find| {
            keyed(store, find, |record, name, value| {
                record.keys.get(name).is_some_and(|other| other.eq_ignore_ascii_case(value))
            })
        },
        caught_by: &[BYTES],
        ..SOUND
    },
    Flaw {
        name: "space after a key does not count",
        find: |store, find| {
            keyed(store, find, |record, name, value| {
                record.keys.get(name).is_some_and(|other| other.trim_end_matches(' ') == value.trim_end_matches(' '))
            })
        },
        caught_by: &[BYTES],
        ..SOUND
    },
    Flaw {
        name: "keys that look like numbers are numbers",
        find: |store, find| {
            keyed(store, find, |record, name, value| {
                let number = |text: &str| text.parse().map_or(text.to_owned(), |number: f64| number.to_string());
                record.keys.get(name).is_some_and(|other| number(other) == number(value))
            })
        },
        caught_by: &[BYTES],
        ..SOUND
    },
    Flaw {
        name: "find does not look at how a key starts",
        find: |store, find| below(store, &Find { key_prefix: None, ..find.clone() }),
        caught_by: &[EACH, BYTES],
        ..SOUND
    },
    Flaw {
        name: "how a key starts is a pattern",
        find: |store, find| {
            prefixed(store, find, |value, prefix| {
                let (mut value, prefix) = (value.chars(), prefix.trim_end_matches('%').chars());
                prefix.into_iter().all(|wanted| value.next().is_some_and(|found| wanted == '_' || wanted == found))
            })
        },
        caught_by: &[BYTES],
        ..SOUND
    },
    Flaw {
        name: "nothing starts with the last of all characters",
        find: |store, find| {
            prefixed(store, find, |value, prefix| value.starts_with(prefix) && !prefix.ends_with('\u{10ffff}'))
        },
        caught_by: &[EACH, BYTES],
        ..SOUND
    },
    Flaw {
        name: "nothing starts with nothing",
        find: |store, find| prefixed(store, find, |value, prefix| !prefix.is_empty() && value.starts_with(prefix)),
        caught_by: &[EACH, BYTES],
        ..SOUND
    },
    Flaw {
        name: "find does not look at the random part",
        find: |store, find| below(store, &Find { random_prefix: None, ..find.clone() }),
        caught_by: &[EACH, "finding::a_random_part_is_found_by_how_it_starts"],
        ..SOUND
    },
    Flaw {
        name: "find looks at 15 characters of the random part",
        find: |store, find| {
            let random_prefix = find.random_prefix.as_ref().map(|prefix| prefix.chars().take(15).collect());
            below(store, &Find { random_prefix, ..find.clone() })
        },
        caught_by: &["finding::a_random_part_is_found_by_how_it_starts"],
        ..SOUND
    },
    Flaw {
        name: "find does not look at the order",
        find: |store, find| below(store, &Find { order: Order::Oldest, ..find.clone() }),
        caught_by: &[EACH, "finding::pages_are_stable_under_inserts"],
        ..SOUND
    },
    Flaw {
        name: "find does not look at where to go on",
        find: |store, find| below(store, &Find { after: None, ..find.clone() }),
        caught_by: &["finding::pages_cover_everything_once", "finding::pages_are_stable_under_inserts"],
        ..SOUND
    },
    Flaw {
        name: "find does not look at the limit",
        find: |store, find| below(store, &Find { limit: None, ..find.clone() }),
        caught_by: &["finding::pages_cover_everything_once", "finding::a_limit_of_0_finds_nothing"],
        ..SOUND
    },
    Flaw {
        name: "a limit of 0 is none",
        find: |store, find| below(store, &Find { limit: find.limit.filter(|limit| *limit != 0), ..find.clone() }),
        caught_by: &["finding::a_limit_of_0_finds_nothing"],
        ..SOUND
    },
    Flaw {
        name: "the largest limit is negative",
        find: |store, find| match find.limit {
            Some(u32::MAX) => vec![],
            _ => below(store, find),
        },
        caught_by: &["finding::a_limit_of_0_finds_nothing"],
        ..SOUND
    },
    Flaw {
        name: "a page begins with the last of the page before",
        find: |store, find| {
            let mut found = below(store, find);
            let before = find.after.and_then(|after| store.below.get(&[after]).unwrap().remove(0));
            if find.limit.is_some_and(|limit| found.len() as u64 == u64::from(limit)) {
                found.splice(0..0, before);
                found.pop();
            }
            found
        },
        caught_by: &["finding::pages_cover_everything_once"],
        ..SOUND
    },
    Flaw {
        name: "a page leaves out its first",
        find: |store, find| {
            let found = below(store, find);
            found.into_iter().skip(usize::from(find.after.is_some())).collect()
        },
        caught_by: &["finding::pages_cover_everything_once", "finding::pages_are_stable_under_inserts"],
        ..SOUND
    },
    Flaw {
        name: "an id that is not there is no place to go on from",
        find: |store, find| match find.after {
            Some(after) if store.version(&after) == 0 => vec![],
            _ => below(store, find),
        },
        caught_by: &["finding::pages_cover_everything_once"],
        ..SOUND
    },
    Flaw {
        name: "pages are counted from the start",
        find: |store, find| {
            let mut notes = store.notes();
            let start = find.after.and_then(|after| notes.counts.get(&after).copied()).unwrap_or(0);
            let page = below(store, &Find { after: None, limit: None, ..find.clone() });
            let size = find.limit.map_or(page.len(), |limit| limit as usize);
            let page: Vec<Record> = page.into_iter().skip(start).take(size).collect();
            notes.counts.extend(page.iter().zip(start + 1..).map(|(record, count)| (record.id, count)));
            page
        },
        caught_by: &["finding::pages_are_stable_under_inserts"],
        ..SOUND
    },
    Flaw {
        name: "records are ordered by kind first",
        find: |store, find| {
            let mut found = below(store, find);
            found.sort_by_key(|record| record.id);
            if find.order == Order::Newest {
                found.reverse();
            }
            found
        },
        caught_by: &[EACH, "finding::ids_of_one_moment_are_ordered_by_randomness_then_kind"],
        ..SOUND
    },
    Flaw {
        name: "records of one moment are in the order in which they were made",
        find: |store, find| {
            let mut found = below(store, find);
            let made = |record: &Record| {
                store
                    .notes()
                    .made
                    .iter()
                    .flat_map(|(commit, _)| &commit.changes)
                    .position(|it| it.record.id == record.id)
            };
            found.sort_by_cached_key(|record| (moment(record), made(record)));
            if find.order == Order::Newest {
                found.reverse();
            }
            found
        },
        caught_by: &["finding::ids_of_one_moment_are_ordered_by_randomness_then_kind"],
        ..SOUND
    },
];

fn below(store: &Broken, find: &Find) -> Vec<Record> {
    store.below.find(find).unwrap()
}

fn moment(record: &Record) -> String {
    let text = record.id.to_string();
    let (_, ulid) = text.split_once('_').unwrap();
    ulid[..10].to_owned()
}

/// Finds by key in another way.
fn keyed(store: &Broken, find: &Find, holds: fn(&Record, &str, &str) -> bool) -> Vec<Record> {
    let mut found = below(store, &Find { key: None, limit: None, ..find.clone() });
    if let Some((name, value)) = &find.key {
        found.retain(|record| holds(record, name, value));
    }
    found.truncate(find.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}

/// Finds by how a key starts in another way.
fn prefixed(store: &Broken, find: &Find, starts: fn(&str, &str) -> bool) -> Vec<Record> {
    let mut found = below(store, &Find { key_prefix: None, limit: None, ..find.clone() });
    if let Some((name, prefix)) = &find.key_prefix {
        found.retain(|record| record.keys.get(name).is_some_and(|value| starts(value, prefix)));
    }
    found.truncate(find.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}
