use std::thread;
use std::time::Duration;

use tollhouse_core::{Event, Kind, Stream};

use crate::conformance::{Fixture, dump, make, rounds};
use crate::store::{Cursor, Order, Store};

pub fn positions_have_no_gaps<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    assert_eq!(store.events(&Cursor::default()), Ok(vec![]));
    population(&store);
    // A commit that was refused takes no place.
    make::refused(&store, &make::commit("late", [make::new(Kind::Task, 900), make::new(Kind::Run, 1)]));
    make::put(&store, "after", [make::new(Kind::Task, 901)]);
    let positions: Vec<_> = dump(&store).events.into_iter().map(|event| event.position).collect();
    assert_eq!(positions, (1..=positions.len() as u64).collect::<Vec<_>>());
}

pub fn each_criterion_and_all_together<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    population(&store);
    let all = dump(&store).events;
    let run = make::new(Kind::Run, 1);
    for stream in [None, Some(Stream::Project), Some(run.stream())] {
        for record in [None, Some(make::id(Kind::Task, 3)), Some(run.id), Some(make::id(Kind::Task, 999))] {
            for kind in [None, Some(Kind::Task), Some(Kind::Effect)] {
                for after in [0, 1, 7, all.len() as u64, u64::MAX] {
                    for limit in [None, Some(0), Some(1), Some(5), Some(u32::MAX)] {
                        for order in [Order::Oldest, Order::Newest] {
                            let cursor = Cursor { after, stream, record, kind, limit, order };
                            assert_eq!(store.events(&cursor).as_ref(), Ok(&answer(&cursor, &all)), "{cursor:?}");
                        }
                    }
                }
            }
        }
    }
}

pub fn newest_limits_from_the_end<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    population(&store);
    let all = dump(&store).events;
    let cursor = Cursor { limit: Some(3), order: Order::Newest, ..Cursor::default() };
    assert_eq!(store.events(&cursor).as_deref(), Ok(&all[all.len() - 3..]));
}

pub fn a_reader_beside_writers_skips_nothing<F: Fixture>(fixture: &F) {
    const WRITERS: u64 = 4;
    let store = fixture.store();
    let rounds = rounds();
    let total = WRITERS * rounds * 2;
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for round in 0..rounds {
                    let number = writer * 1_000_000 + round * 2;
                    let pair = [make::new(Kind::Task, number), make::new(Kind::Effect, number + 1)];
                    make::put(store, format!("{writer} {round}"), pair);
                }
            });
        }
        let mut seen = 0;
        while seen < total {
            let newest = store.wait_for(seen, Duration::from_secs(30)).expect("a read");
            assert!(newest > seen, "no news of the writers: {seen} of {total}");
            let events = store.events(&Cursor { after: seen, limit: Some(7), ..Cursor::default() }).expect("a read");
            for event in events {
                assert_eq!(event.position, seen + 1, "an event was skipped");
                seen = event.position;
            }
        }
    });
    assert_eq!(dump(&store).events.len() as u64, total);
}

fn population<S: Store>(store: &S) {
    let run = make::new(Kind::Run, 1);
    let mut records = vec![run.clone(), make::new_in(&run, Kind::Task, 3), make::new(Kind::Task, 4)];
    records.push(make::new_in(&run, Kind::Effect, 5));
    for turn in 0..5 {
        make::put(store, format!("turn {turn}"), records.clone());
        records = records.iter().map(make::moved).collect();
    }
}

/// What a cursor asks for, said once more.
fn answer(cursor: &Cursor, all: &[Event]) -> Vec<Event> {
    let mut found = all.to_vec();
    found.retain(|event| event.position > cursor.after);
    if let Some(stream) = cursor.stream {
        found.retain(|event| event.stream == stream);
    }
    if let Some(record) = cursor.record {
        found.retain(|event| event.record == record);
    }
    if let Some(kind) = cursor.kind {
        found.retain(|event| event.record.kind() == kind);
    }
    let limit = cursor.limit.map_or(found.len(), |limit| found.len().min(limit as usize));
    match cursor.order {
        Order::Oldest => found[..limit].to_vec(),
        Order::Newest => found[found.len() - limit..].to_vec(),
    }
}
