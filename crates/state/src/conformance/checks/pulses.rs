use tollhouse_core::{Kind, Timestamp};

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
