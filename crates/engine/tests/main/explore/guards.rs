//! Every guard is needed: without it, some world breaks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollhouse_engine::{Guard, without};

use super::search::explore_up_to;
use super::settings::{Setting, all};
use super::told::figure;

/// What is near the beginning of any world is looked at before what is far from it.
const STATES: [usize; 3] = [300, 3000, usize::MAX];

/// What catches the loss of a guard, and in which world.
fn caught(guard: Guard, settings: &[Setting]) -> Option<(&'static str, &'static str)> {
    STATES.iter().flat_map(|states| settings.iter().map(move |setting| (*states, setting))).find_map(
        |(states, setting)| {
            let explored = without(guard, || explore_up_to(setting, states));
            explored.broken.map(|broken| (broken.invariant, setting.name))
        },
    )
}

#[test]
fn without_any_one_guard_something_breaks() {
    let settings = all();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(guard) = Guard::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
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
