//! Pulses, and what is there after a store was closed.

use std::collections::BTreeMap;

use tollhouse_core::{Commit, Timestamp};
use tollhouse_state::conformance::make;
use tollhouse_state::{Committed, Novelty, Store};

use crate::broken::store::{Broken, Flaw, SOUND};

const COUNTS: &str = "pulses::the_last_pulse_counts";
const OWN: &str = "pulses::each_has_a_pulse_of_its_own";
const THERE: &str = "reopening::everything_is_there_again";
const ON: &str = "reopening::history_goes_on_where_it_was";

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "pulses are lost",
        pulse: |_, _, _| {},
        caught_by: &[COUNTS, OWN, "pulses::a_pulse_is_no_history", "contents::times_of_all_ages_come_back"],
        ..SOUND
    },
    Flaw {
        name: "a pulse is history",
        pulse: |store, id, at| {
            store.below.pulse(id, at).unwrap();
            if let Some(record) = store.below.get(&[*id]).unwrap().remove(0) {
                store.below.commit(&make::commit(format!("pulse at {at}"), [make::moved(&record)])).unwrap();
            }
        },
        caught_by: &["pulses::a_pulse_is_no_history"],
        ..SOUND
    },
    Flaw {
        name: "the first pulse stays",
        pulse: |store, id, at| {
            if store.below.last_pulse(id).unwrap().is_none() {
                store.below.pulse(id, at).unwrap();
            }
        },
        caught_by: &[COUNTS, OWN],
        ..SOUND
    },
    Flaw {
        name: "a pulse never goes back",
        pulse: |store, id, at| {
            let latest = store.below.last_pulse(id).unwrap().map_or(at, |last| last.max(at));
            store.below.pulse(id, latest).unwrap();
        },
        caught_by: &[COUNTS],
        ..SOUND
    },
    Flaw {
        name: "only what there is has a pulse",
        pulse: |store, id, at| {
            if store.version(id) > 0 {
                store.below.pulse(id, at).unwrap();
            }
        },
        caught_by: &[COUNTS],
        ..SOUND
    },
    Flaw {
        name: "what was never alive was alive in 1970",
        last_pulse: |store, id| Some(store.below.last_pulse(id).unwrap().unwrap_or(Timestamp::EPOCH)),
        caught_by: &[COUNTS],
        ..SOUND
    },
    Flaw {
        name: "all have one pulse",
        pulse: |store, id, at| {
            store.below.pulse(id, at).unwrap();
            for other in store.notes().pulses.keys() {
                store.below.pulse(other, at).unwrap();
            }
        },
        caught_by: &[OWN],
        ..SOUND
    },
    Flaw {
        name: "pulses are told apart by the kind alone",
        pulse: |store, id, at| {
            store.below.pulse(id, at).unwrap();
            for other in store.notes().pulses.keys().filter(|other| other.kind() == id.kind()) {
                store.below.pulse(other, at).unwrap();
            }
        },
        caught_by: &[OWN],
        ..SOUND
    },
    Flaw {
        name: "reopening loses everything",
        reopen: |store| Broken::new(store.flaw),
        caught_by: &[THERE, ON, "contents::times_of_all_ages_come_back"],
        ..SOUND
    },
    Flaw {
        name: "reopening loses the last commit",
        reopen: |store| {
            let (made, pulses) = remembered(&store);
            Broken::with(store.flaw, &made[..made.len() - 1], pulses)
        },
        caught_by: &[THERE, ON],
        ..SOUND
    },
    Flaw {
        name: "reopening loses pulses",
        reopen: |store| Broken::with(store.flaw, &remembered(&store).0, BTreeMap::new()),
        caught_by: &[THERE],
        ..SOUND
    },
    Flaw {
        name: "reopening loses keys",
        reopen: |store| {
            let (mut made, pulses) = remembered(&store);
            for change in made.iter_mut().flat_map(|(commit, _)| &mut commit.changes) {
                change.record.keys.clear();
            }
            Broken::with(store.flaw, &made, pulses)
        },
        caught_by: &[THERE],
        ..SOUND
    },
    Flaw {
        name: "reopening forgets which commits were made",
        commit: |store, commit| match store.below.commit(commit) {
            Ok(Committed { novelty: Novelty::Repeated, .. }) if store.notes().number > 0 => {
                store.below.commit(&Commit { id: format!("{} again", commit.id), ..commit.clone() })
            }
            outcome => outcome,
        },
        reopen: |store| {
            store.notes().number = 1;
            store
        },
        caught_by: &[ON],
        ..SOUND
    },
    Flaw {
        name: "reopening writes something",
        reopen: |store| {
            make::put(&store, "opened", [make::new(tollhouse_core::Kind::Worker, 1_000_000)]);
            store
        },
        caught_by: &[THERE, ON],
        ..SOUND
    },
];

fn remembered(store: &Broken) -> (Vec<(Commit, Committed)>, BTreeMap<tollhouse_core::RecordId, Timestamp>) {
    let notes = store.notes();
    (notes.made.clone(), notes.pulses.clone())
}
