//! Tallies that are not of what is found.

use std::collections::BTreeMap;

use tollhouse_state::{Find, Store, Tally};

use crate::broken::store::{Broken, Flaw, SOUND};

const FOUND: &str = "counting::a_tally_counts_what_is_found";
const FOLLOWS: &str = "counting::a_tally_follows_each_change";
const ORDERED: &str = "counting::tallies_are_ordered_by_the_names_of_kind_and_state";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "a tally does not look at the run",
        tally: |store, find| below(store, &Find { run: None, ..find.clone() }),
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "a tally does not look at states",
        tally: |store, find| below(store, &Find { states: vec![], ..find.clone() }),
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "a tally does not look at keys",
        tally: |store, find| below(store, &Find { key: None, key_prefix: None, ..find.clone() }),
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "a tally does not look at the limit",
        tally: |store, find| below(store, &Find { limit: None, ..find.clone() }),
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "a tally does not look at where to go on",
        tally: |store, find| below(store, &Find { after: None, ..find.clone() }),
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "a tally with a limit is of the oldest",
        tally: |store, find| below(store, &Find { order: tollhouse_state::Order::Oldest, ..find.clone() }),
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "a tally counts versions",
        tally: |store, find| {
            let mut counts: BTreeMap<(&str, String), Tally> = BTreeMap::new();
            for record in store.below.find(find).unwrap() {
                let (kind, state) = (record.kind(), record.state.clone());
                let key = (kind.as_str(), state.clone());
                counts.entry(key).or_insert(Tally { kind, state, records: 0 }).records += record.version;
            }
            counts.into_values().collect()
        },
        caught_by: &[FOLLOWS],
        ..SOUND
    },
    Flaw {
        name: "a record is counted in the state that it was made in",
        tally: |store, find| {
            let mut counts: BTreeMap<(&str, String), Tally> = BTreeMap::new();
            for record in store.below.find(find).unwrap() {
                let (kind, state) = (record.kind(), record.kind().states()[0].to_owned());
                let key = (kind.as_str(), state.clone());
                counts.entry(key).or_insert(Tally { kind, state, records: 0 }).records += 1;
            }
            counts.into_values().collect()
        },
        caught_by: &[FOUND, FOLLOWS],
        ..SOUND
    },
    Flaw {
        name: "states that hold nothing are counted, too",
        tally: |store, find| {
            let mut tallies = below(store, find);
            if let Some(kind) = find.kind {
                let held: Vec<String> = tallies.iter().map(|tally| tally.state.clone()).collect();
                let empty = kind.states().iter().filter(|state| !held.iter().any(|held| held == *state));
                tallies.extend(empty.map(|state| Tally { kind, state: (*state).to_owned(), records: 0 }));
                tallies.sort_by(|one, other| one.state.cmp(&other.state));
            }
            tallies
        },
        caught_by: &[FOUND, FOLLOWS],
        ..SOUND
    },
    Flaw {
        name: "tallies are ordered by how many there are",
        tally: |store, find| {
            let mut tallies = below(store, find);
            tallies.sort_by_key(|tally| tally.records);
            tallies
        },
        caught_by: &[FOUND],
        ..SOUND
    },
    Flaw {
        name: "tallies are in the order of the lifecycles",
        tally: |store, find| {
            let mut tallies = below(store, find);
            let place = |tally: &Tally| tally.kind.states().iter().position(|state| *state == tally.state);
            tallies.sort_by_key(|tally| (tally.kind, place(tally)));
            tallies
        },
        caught_by: &[ORDERED],
        ..SOUND
    },
];

fn below(store: &Broken, find: &Find) -> Vec<Tally> {
    store.below.tally(find).unwrap()
}
