use tollhouse_core::{Kind, RecordId, Timestamp};

use crate::conformance::{Fixture, dump, make};
use crate::store::Store;

pub fn a_pulse_is_no_history<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let attempt = make::new(Kind::Attempt, 1);
    make::put(&store, "made", [attempt.clone()]);
    let before = dump(&store);

    store.pulse(&attempt.id, Timestamp::from_micros(5)).expect("a pulse is noted");
    let after = dump(&store);
    assert_eq!((&after.records, &after.events), (&before.records, &before.events));
    assert_eq!(after.pulses, [(attempt.id, Timestamp::from_micros(5))]);
    // So what relied on the version before still holds.
    make::put(&store, "moved", [make::moved(&attempt)]);
}

pub fn the_last_pulse_counts<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (noted, never) = (make::id(Kind::Attempt, 1), make::id(Kind::Attempt, 2));
    assert_eq!(store.last_pulse(&noted), Ok(None));
    for micros in [5, 1_700_000_000_000_000, -3, 7] {
        store.pulse(&noted, Timestamp::from_micros(micros)).expect("a pulse is noted");
        assert_eq!(store.last_pulse(&noted), Ok(Some(Timestamp::from_micros(micros))));
    }
    assert_eq!(store.last_pulse(&never), Ok(None));
}

pub fn each_has_a_pulse_of_its_own<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    // Also those that differ in their kind alone, or in their last bit.
    let ids: Vec<RecordId> =
        Kind::ALL.into_iter().flat_map(|kind| [0, 1].map(|random| RecordId::from_parts(kind, at, random))).collect();
    for turn in [0, 1000] {
        for (id, micros) in ids.iter().zip(turn..) {
            store.pulse(id, Timestamp::from_micros(micros)).expect("a pulse is noted");
        }
        for (id, micros) in ids.iter().zip(turn..) {
            assert_eq!(store.last_pulse(id), Ok(Some(Timestamp::from_micros(micros))), "{id}");
        }
    }
}
