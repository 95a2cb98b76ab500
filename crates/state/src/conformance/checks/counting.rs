use std::collections::BTreeMap;

use tollhouse_core::{Kind, Record};

use super::finding::{population, questions};
use crate::conformance::{Fixture, make};
use crate::store::{Find, Store, Tally};

pub fn a_tally_counts_what_is_found<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let records = population(&store);
    for find in questions(&records) {
        for (limit, after) in [(None, None), (None, Some(records[20].id)), (Some(7), None), (Some(0), None)] {
            let find = Find { after, limit, ..find.clone() };
            let found = store.find(&find).expect("a read");
            assert_eq!(store.tally(&find), Ok(counted(&found)), "{find:?}");
        }
    }
    let after = Some(make::id(Kind::Task, 1_000_000));
    assert_eq!(store.tally(&Find { after, ..Find::default() }), Ok(vec![]));
    assert_eq!(store.tally(&Find { limit: Some(u32::MAX), ..Find::default() }), Ok(counted(&records)));
}

pub fn a_tally_follows_each_change<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(store.tally(&Find::default()), Ok(vec![]));
    let run = make::new(Kind::Run, 0);
    let mut records: Vec<Record> = (1..=40).map(|number| make::new_in(&run, Kind::Task, number)).collect();
    make::put(&store, "run", [run.clone()]);
    make::put(&store, "made", records.clone());
    let of_run = Find { kind: Some(Kind::Task), run: run.run, ..Find::default() };
    for turn in 0..6_usize {
        assert_eq!(store.tally(&of_run), Ok(counted(&records)), "turn {turn}");
        for record in records.iter_mut().skip(turn).step_by(turn + 1) {
            *record = make::moved(record);
            make::put(&store, format!("{turn} {}", record.id), [record.clone()]);
        }
    }
}

pub fn tallies_are_ordered_by_the_names_of_kind_and_state<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let states = Kind::ALL.iter().flat_map(|kind| kind.states().iter().map(|state| (*kind, *state)));
    let records = states.zip(1..).map(|((kind, state), number)| Record {
        run: None,
        state: state.to_owned(),
        ..make::new(kind, number)
    });
    make::put(&store, "made", records);
    let states = Kind::ALL.iter().flat_map(|kind| kind.states().iter().map(|state| (kind.as_str(), *state)));
    let mut expected: Vec<(&str, &str)> = states.collect();
    expected.sort_unstable();
    let tallies = store.tally(&Find::default()).expect("a read");
    assert_eq!(tallies.iter().map(|tally| (tally.kind.as_str(), tally.state.as_str())).collect::<Vec<_>>(), expected);
    assert!(tallies.iter().all(|tally| tally.records == 1));
}

/// The tally of these, said once more.
fn counted(records: &[Record]) -> Vec<Tally> {
    let mut counts: BTreeMap<(&str, &str), (Kind, u64)> = BTreeMap::new();
    for record in records {
        counts.entry((record.kind().as_str(), &record.state)).or_insert((record.kind(), 0)).1 += 1;
    }
    counts.into_iter().map(|((_, state), (kind, records))| Tally { kind, state: state.to_owned(), records }).collect()
}
