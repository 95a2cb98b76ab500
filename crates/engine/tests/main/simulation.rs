//! Days made up by seeds: whatever goes wrong on them, every promise is kept.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tollhouse_core::Kind;
use tollhouse_engine::simulator::{Coverage, Weather, simulate};
use tollhouse_state::conformance::rounds;

use crate::told::{tell, tell_whoever_runs_it_alone};

/// What `docs/lifecycles.json` does not list: events that move no state, and lifecycles that stand in words only.
const NOT_IN_THE_FILE: [(Kind, &[&str]); 11] = [
    (Kind::Run, &["created", "grant", "drive", "step_down"]),
    (Kind::Task, &["created", "inherited", "need"]),
    (Kind::Attempt, &["created", "succeed", "fail", "time_out", "interrupt", "lose", "cancel", "record"]),
    (Kind::Patch, &["created", "approve", "doubt"]),
    (Kind::GateRun, &["created"]),
    (Kind::Worker, &["created"]),
    (Kind::Workstream, &["created"]),
    (Kind::CostEntry, &["created"]),
    (Kind::Budget, &["created"]),
    (Kind::Breaker, &["created", "fail", "succeed", "extend"]),
    (Kind::Effect, &["created", "start", "withdraw", "finish", "fail", "lose", "retry"]),
];

/// What the engine never lets happen, and why.
const NEVER: [(Kind, &str, &str); 2] = [
    (Kind::Patch, "reject", "a change that cannot be read is no patch: its attempt failed, and nobody hands it in"),
    (
        Kind::Patch,
        "retry",
        "a candidate is always made on the branch as it is, so a conflict sets the patch aside at once",
    ),
];

/// Every event that a lifecycle has.
fn events() -> BTreeSet<(Kind, String)> {
    let file: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(include_str!("../../../../docs/lifecycles.json")).expect("it is JSON");
    let mut events = BTreeSet::new();
    for kind in Kind::ALL {
        let states = file.get(kind.as_str()).and_then(|lifecycle| lifecycle["next"].as_object());
        for exits in states.into_iter().flat_map(|states| states.values()) {
            events.extend(exits.as_object().expect("events by name").keys().map(|event| (kind, event.clone())));
        }
    }
    for (kind, names) in NOT_IN_THE_FILE {
        events.extend(names.iter().map(|name| (kind, (*name).to_owned())));
    }
    events
}

/// So many fixed seeds at most: some pairs are rare.
const SEEDS_MAX: u64 = 4_000;

/// The pairs that should be met and were not.
fn missed(coverage: &Coverage, events: &BTreeSet<(Kind, String)>) -> Vec<(Kind, String, Weather)> {
    let never = |kind: Kind, event: &str| NEVER.iter().any(|(of, name, _)| (*of, *name) == (kind, event));
    let possible = events.iter().filter(|(kind, event)| !never(*kind, event));
    possible
        .flat_map(|(kind, event)| Weather::ALL.map(|weather| (*kind, event.clone(), weather)))
        .filter(|(kind, event, weather)| coverage.count(*kind, event, *weather) == 0)
        .collect()
}

#[test]
fn every_transition_meets_every_fault_and_every_promise_is_kept() {
    let (mut coverage, events) = (Coverage::default(), events());
    let mut seeds = 0;
    while seeds < SEEDS_MAX && (seeds % 100 != 0 || seeds < 300 || !missed(&coverage, &events).is_empty()) {
        coverage.add(&simulate(seeds).unwrap_or_else(|violation| panic!("{violation}")).coverage);
        seeds += 1;
    }
    tell_whoever_runs_it_alone(&coverage.to_string());
    for (kind, event) in coverage.transitions() {
        assert!(events.contains(&(*kind, event.clone())), "{kind} {event} is in no lifecycle");
        let never = NEVER.iter().find(|(of, name, _)| of == kind && name == event);
        assert!(never.is_none(), "it happens after all: {never:?}");
    }
    let missed = missed(&coverage, &events);
    tell(&format!(
        "simulation: {} pairs of transition and fault reached by {seeds} seeds, none missed",
        coverage.pairs()
    ));
    assert!(missed.is_empty(), "{coverage}\nnever met: {missed:?}");
}

/// Seeds that found something, and what. They find it again as long as the simulator draws as it did then, so each has a claim
/// of its own elsewhere, too.
const FOUND: [(u64, &str); 3] = [
    (14_613_637_833_625_970_755, "an attempt that was over before anybody began it kept its run from ending"),
    (6, "a lease to a shared worker left its workstream where it was"),
    (89, "an agent of a shared worker that ended before it was ended left what nobody could end"),
];

#[test]
fn what_a_seed_found_stays_mended() {
    for (seed, what) in FOUND {
        if let Err(violation) = simulate(seed) {
            panic!("{what}: {violation}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let (first, second) = (simulate(seed).unwrap(), simulate(seed).unwrap());
        assert_eq!(first, second, "seed {seed}");
        assert_ne!(first.trace_hash, simulate(seed + 1).unwrap().trace_hash, "seed {seed}");
    }
}

/// A few hundred days before a commit, more than ten thousand in a soak: then no pair of transition and fault may be missed, and
/// the table of all is told.
#[test]
fn every_promise_is_kept_on_any_day() {
    let is_soak = rounds() >= 1_000;
    let days = if is_soak { 10 } else { 4 };
    let coverage = RefCell::new(Coverage::default());
    let config = ProptestConfig { max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() };
    let lived = TestRunner::new(config).run(&any::<u64>(), |first| {
        for seed in (0..days).map(|day| first.wrapping_add(day)) {
            match simulate(seed) {
                Ok(report) => coverage.borrow_mut().add(&report.coverage),
                Err(violation) => prop_assert!(false, "{}", violation),
            }
        }
        Ok(())
    });
    lived.unwrap_or_else(|failure| panic!("{failure}"));
    let coverage = coverage.into_inner();
    tell(&format!("simulation: {} pairs of transition and fault reached by days at random", coverage.pairs()));
    if is_soak {
        coverage.to_string().lines().for_each(|line| tell(&format!("simulation | {line}")));
        let missed = missed(&coverage, &events());
        assert!(missed.is_empty(), "never met: {missed:?}");
    }
}
