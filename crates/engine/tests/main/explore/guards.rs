//! Every guard is needed: without it, some world breaks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollhouse_engine::{Guard, without};

use super::search::explore_up_to;
use super::settings::{Setting, all};
use super::told::figure;
use crate::claimed::CLAIMED;

/// What is near the beginning of any world is looked at before what is far from it.
const STATES: [usize; 3] = [300, 3000, usize::MAX];

/// The guards that no explored world can miss, and why: their own tests switch them off.
const NOT_EXPLORED: [(Guard, &str); 36] = [
    (
        Guard::NoLeaseWhenWindingDown,
        "what is queued is given up before anything is leased, so it only counts where the cause comes with the lease",
    ),
    (Guard::NameIsFree, NO_SHARED_WORKER),
    (Guard::CrashesPause, NO_SHARED_WORKER),
    (Guard::CrashedIsRefused, NO_SHARED_WORKER),
    (Guard::StalledIsLong, NO_SHARED_WORKER),
    (Guard::GoneIsSilentLong, NO_SHARED_WORKER),
    (Guard::LeaseHasExpired, NO_SHARED_WORKER),
    (Guard::TerminateNeedsNothingHeld, NO_SHARED_WORKER),
    (Guard::DrainedNeedsNothingHeld, NO_SHARED_WORKER),
    (Guard::ClaimNeedsTheLease, NO_SHARED_WORKER),
    (Guard::WorkNeedsIdle, NO_SHARED_WORKER),
    (Guard::CapabilitiesFit, NO_SHARED_WORKER),
    (Guard::WorkstreamNeedsItsGates, NO_WORKSTREAM),
    (Guard::EndedWorkstreamEndsTasks, NO_WORKSTREAM),
    (Guard::NoRetryInEndedWorkstream, NO_WORKSTREAM),
    (Guard::RetryNeedsOpenWorkstream, NO_WORKSTREAM),
    (Guard::LandingHoldsWorkstream, NO_WORKSTREAM),
    (Guard::SkipNeedsNobodyAtWork, NO_WORKSTREAM),
    (Guard::AcceptNeedsGates, NO_ACCEPTANCE),
    (Guard::OwnAnswerNeedsJudging, NO_ACCEPTANCE),
    (Guard::OpenKeepsOut, NO_OPEN_BREAKER),
    (Guard::TrialIsAlone, NO_OPEN_BREAKER),
    (Guard::OnlyOwnFailuresCount, NO_OPEN_BREAKER),
    (Guard::FailuresInARowTrip, NO_OPEN_BREAKER),
    (Guard::RateLimitTrips, NO_OPEN_BREAKER),
    (Guard::TrialDecides, NO_OPEN_BREAKER),
    (Guard::LeaseNeedsMoney, NO_BUDGET),
    (Guard::EndSettlesReservation, NO_BUDGET),
    (Guard::TaskLimitHolds, NO_BUDGET),
    (Guard::RetryNeedsMoney, NO_BUDGET),
    (Guard::SpentBudgetPauses, NO_BUDGET),
    (Guard::SpentBudgetEnds, NO_BUDGET),
    (Guard::GoingOnNeedsMoney, NO_BUDGET),
    (Guard::PolicyRetryNeedsPatch, TOO_FEW_TRIES),
    (Guard::SameEndsAreCounted, TOO_FEW_TRIES),
    (Guard::RateLimitIsWaitedFor, TOO_FEW_TRIES),
];
const NO_SHARED_WORKER: &str = "no shared worker in the explored worlds";
const NO_WORKSTREAM: &str = "no workstream in the explored worlds";
const NO_OPEN_BREAKER: &str = "no agent in the explored worlds fails so often that its breaker opens";
const NO_BUDGET: &str = "no budget in the explored worlds";
const TOO_FEW_TRIES: &str = "no task in the explored worlds is tried so often, and no provider asks to slow down";
const NO_ACCEPTANCE: &str = "nothing is judged as a whole in the explored worlds";

/// So much of each world is looked at for a guard that none of them should miss.
const STATES_IN_VAIN: [usize; 1] = [300];

/// Why a guard is not missed by any explored world.
fn not_explored(guard: Guard) -> Option<&'static str> {
    NOT_EXPLORED.iter().find(|(named, _)| *named == guard).map(|(_, why)| *why)
}

/// What catches the loss of a guard, and in which world.
fn caught(guard: Guard, settings: &[Setting]) -> Option<(&'static str, &'static str)> {
    let states: &[usize] = if not_explored(guard).is_some() { &STATES_IN_VAIN } else { &STATES };
    states.iter().flat_map(|states| settings.iter().map(move |setting| (*states, setting))).find_map(
        |(states, setting)| {
            let explored = without(guard, || explore_up_to(setting, states));
            explored.broken.map(|broken| (broken.invariant, setting.name))
        },
    )
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
        let nothing = || not_explored(*guard).map_or("NOTHING".to_owned(), |why| format!("nothing: {why}"));
        let by = caught.map_or_else(nothing, |(invariant, world)| format!("{invariant} (in {world})"));
        figure(&format!("without {guard:?}"), &by);
    }
    let (mut in_vain, mut after_all) = (Vec::new(), Vec::new());
    for (guard, caught) in &rows {
        match (caught.is_some(), not_explored(*guard).is_some()) {
            (false, false) => in_vain.push(guard),
            (true, true) => after_all.push(guard),
            _ => {}
        }
    }
    assert!(in_vain.is_empty(), "these guards are not missed by anybody: {in_vain:?}");
    assert!(after_all.is_empty(), "these guards are missed after all, so NOT_EXPLORED is wrong: {after_all:?}");
}
