use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tollhouse_core::{Actor, Commit, Event, Kind, Stream};

use crate::conformance::{Fixture, dump, make, rounds};
use crate::store::{Cursor, Order, Store};

/// Far longer than anything takes.
const LONG: Duration = Duration::from_secs(30);

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

/// Whatever was in it: more events, others, and such as have what these lack.
pub fn a_page_that_is_used_again_holds_the_answer_alone<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    population(&store);
    let untraced = Commit { trace: None, actor: Actor::Engine, ..make::commit("bare", [make::new(Kind::Task, 9)]) };
    make::must(&store, &untraced);
    let mut page = Vec::new();
    for (after, limit) in [(0, None), (19, Some(7)), (3, Some(4)), (2, Some(9)), (9, Some(1)), (20, None), (99, None)] {
        for order in [Order::Oldest, Order::Newest] {
            let cursor = Cursor { after, limit, order, ..Cursor::default() };
            store.events_into(&cursor, &mut page).expect("a read");
            assert_eq!(store.events(&cursor).as_ref(), Ok(&page), "{cursor:?}");
        }
    }
}

pub fn a_reader_beside_writers_skips_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let mut seen = 0;
    beside_writers(&store, |_| {
        let events = store.events(&Cursor { after: seen, limit: Some(7), ..Cursor::default() }).expect("a read");
        for event in events {
            assert_eq!(event.position, seen + 1, "an event was skipped");
            seen = event.position;
        }
        seen
    });
    assert_eq!(dump(&store).events.len() as u64, seen);
}

/// Who follows one stream goes on from what was announced, and so never looks again at what was there before.
pub fn a_reader_of_one_stream_skips_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let run = make::new(Kind::Run, run_of(1));
    let (mut after, mut seqs) = (0, Vec::new());
    beside_writers(&store, |newest| {
        let cursor = Cursor { after, stream: Some(run.stream()), ..Cursor::default() };
        let events = store.events(&cursor).expect("a read");
        seqs.extend(events.iter().map(|event| event.seq));
        after = events.last().map_or(newest, |event| event.position.max(newest));
        after
    });
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "each of them once, in their order");
    let all = Cursor { stream: Some(run.stream()), ..Cursor::default() };
    assert_eq!(store.events(&all).map(|all| all.len()), Ok(seqs.len()));
}

/// What is known to be there up to a position is there, whichever way it is asked for.
pub fn what_was_announced_can_be_read<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let mut seen = 0;
    beside_writers(&store, |newest| {
        let events = store.events(&Cursor { after: seen, ..Cursor::default() }).expect("a read");
        let positions: Vec<u64> =
            events.iter().map(|event| event.position).take_while(|place| *place <= newest).collect();
        assert_eq!(positions, (seen + 1..=newest).collect::<Vec<_>>(), "announced up to {newest}");
        for event in &events {
            let record = store.get(&[event.record]).expect("a read").remove(0).expect("its event is there");
            assert!(record.version >= event.version, "the record is behind its event");
        }
        seen = newest;
        seen
    });
}

pub fn what_was_given_out_never_changes<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    // One commit after the other; a run of their own, so that no writer moves it.
    let mut run = make::new(Kind::Run, 999_999);
    let mut given: Vec<Event> = Vec::new();
    for turn in 0..64 {
        make::put(&store, format!("turn {turn}"), [run.clone()]);
        run = make::moved(&run);
        let again = dump(&store).events;
        assert!(again.starts_with(&given), "what was given out is not so any more");
        given = again;
    }
    beside_writers(&store, |_| {
        let from = given.len() / 2;
        let after = given[..from].last().map_or(0, |event| event.position);
        let again = store.events(&Cursor { after, ..Cursor::default() }).expect("a read");
        assert!(again.starts_with(&given[from..]), "what was given out is not so any more");
        given.truncate(from);
        given.extend(again);
        given.last().map_or(0, |event| event.position)
    });
    assert_eq!(dump(&store).events, given);
}

/// Has `read` called with the newest position, again and again, while four threads write. It answers up to where it has
/// read, and is told of what comes after that. Nobody is left behind: the writers wait for who reads.
fn beside_writers<S: Store>(store: &S, mut read: impl FnMut(u64) -> u64) {
    const WRITERS: u64 = 4;
    let rounds = rounds();
    let mut seen = store.wait_for(0, Duration::ZERO).expect("a read");
    let total = seen + WRITERS * (rounds * 2 + 1);
    thread::scope(|scope| {
        let (written, read_on) = mpsc::sync_channel(4);
        for writer in 0..WRITERS {
            let written = written.clone();
            scope.spawn(move || {
                let run = make::new(Kind::Run, run_of(writer));
                make::put(store, format!("{writer}"), [run.clone()]);
                let mut task = make::new_in(&run, Kind::Task, run_of(writer) + 1);
                for round in 0..rounds {
                    let effect = make::new(Kind::Effect, run_of(writer) + 2 + round);
                    make::put(store, format!("{writer} {round}"), [task.clone(), effect]);
                    task = make::moved(&task);
                    // Nobody reads any more where a check has failed.
                    let _ = written.send(());
                }
            });
        }
        while seen < total {
            let newest = store.wait_for(seen, LONG).expect("a read");
            assert!(newest > seen, "no news of the writers: {seen} of {total}");
            let read = read(newest);
            assert!(read > seen, "what was announced is not there: {newest}");
            seen = read;
            // Only now, so that each of them writes something that was not read yet before it waits again.
            read_on.try_iter().for_each(drop);
        }
        assert_eq!(seen, total);
    });
}

/// The number of a writer's run; those that follow it are the writer's, too.
const fn run_of(writer: u64) -> u64 {
    writer * 1_000_000
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
