//! Every guard is needed: without it, some world breaks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollhouse_engine::{Guard, without};

use super::search::explore;
use super::settings::{Setting, all};
use super::told::figure;
use crate::claimed::CLAIMED;

/// What catches the loss of a guard, and in which world.
fn caught(guard: Guard, settings: &[Setting]) -> Option<(&'static str, &'static str)> {
    settings.iter().find_map(|setting| {
        let explored = without(guard, || explore(setting));
        explored.broken.map(|broken| (broken.invariant, setting.name))
    })
}

#[test]
fn without_any_one_guard_something_breaks() {
    let settings = all();
    let explored: Vec<Guard> =
        Guard::ALL.iter().copied().filter(|guard| CLAIMED.iter().all(|(claimed, _)| claimed != guard)).collect();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(guard) = explored.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let row = (*guard, caught(*guard, &settings));
                    rows.lock().expect("nobody panics with it").push(row);
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("nobody panicked with it");
    rows.sort_unstable();
    for (guard, caught) in &rows {
        let by = caught.map_or("NOTHING".to_owned(), |(invariant, world)| format!("{invariant} (in {world})"));
        figure(&format!("without {guard:?}"), &by);
    }
    let missed: Vec<Guard> = rows.iter().filter(|(_, caught)| caught.is_none()).map(|(guard, _)| *guard).collect();
    assert!(missed.is_empty(), "these guards are not missed by anybody: {missed:?}");
}
