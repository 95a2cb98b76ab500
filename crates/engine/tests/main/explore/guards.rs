//! Every guard is needed: without it, some world breaks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tollhouse_engine::{Guard, without};

use super::search::explore_up_to;
use super::settings::{Setting, all};
use super::told::figure;
use crate::claimed::CLAIMED;

/// The world that misses each guard. Which one does is found by asking them all, and written down to be quick.
const MISSED_IN: [(Guard, &str); 110] = [
    (Guard::FlakyIsHeld, "flaky"),
    (Guard::GateFailuresAreCounted, "flaky"),
    (Guard::TriedGivesWay, "handed on"),
    (Guard::OnlyOwnTriesCount, "fallback"),
    (Guard::FinishedIsNotClaimed, "bad luck"),
    (Guard::ClaimNeedsTheRun, "bad luck"),
    (Guard::NothingBeginsAtRest, "person"),
    (Guard::FinishedIsNotReported, "bad luck"),
    (Guard::ReportNeedsTheEpoch, "bad luck"),
    (Guard::LostIsNotReported, "two at once"),
    (Guard::LateAttemptIsRecorded, "bad luck"),
    (Guard::LateFailureMovesNothing, "bad luck"),
    (Guard::LateLossIsRecorded, "two at once"),
    (Guard::SuccessNeedsExitZero, "bad luck"),
    (Guard::BadEndDropsPatch, "bad luck"),
    (Guard::LandingCompletesWhatValidates, "bad luck"),
    (Guard::BackoffIsOver, "bad luck"),
    (Guard::DeadlineHasPassed, "bad luck"),
    (Guard::QuestionTimeIsOver, "hold"),
    (Guard::RetryNeedsAttemptsLeft, "bad luck"),
    (Guard::RetryNeedsRetryableClass, "bad luck"),
    (Guard::PolicyRetryNeedsPatch, "same ends"),
    (Guard::SameEndsAreCounted, "same ends"),
    (Guard::RateLimitIsWaitedFor, "slow down"),
    (Guard::NoRetryWhenWindingDown, "last money"),
    (Guard::RetryNeedsLossesLeft, "crashes"),
    (Guard::RefusalNeedsValidating, "bad luck"),
    (Guard::OpenKeepsOut, "breaker"),
    (Guard::TrialIsAlone, "breaker"),
    (Guard::OnlyOwnFailuresCount, "breaker"),
    (Guard::FailuresInARowTrip, "breaker"),
    (Guard::RateLimitTrips, "slow down"),
    (Guard::TrialDecides, "breaker"),
    (Guard::LeaseNeedsMoney, "money"),
    (Guard::EndSettlesReservation, "money"),
    (Guard::TaskLimitHolds, "dear task"),
    (Guard::RetryNeedsMoney, "dear task"),
    (Guard::SpentBudgetPauses, "money"),
    (Guard::SpentBudgetEnds, "last money"),
    (Guard::GoingOnNeedsMoney, "money"),
    (Guard::NoLeaseWhenWindingDown, "late"),
    (Guard::BegunIsKilled, "bad luck"),
    (Guard::MissedGivesUp, "order"),
    (Guard::QueuedNeedsDependenciesDone, "order"),
    (Guard::RoomInTheRun, "bad luck"),
    (Guard::RoomAtTheAgent, "two at once"),
    (Guard::NoClash, "order"),
    (Guard::ValidatingClashes, "order"),
    (Guard::VerifyNeedsGates, "bad luck"),
    (Guard::LandingIsAlone, "hold"),
    (Guard::ApplyingIsAlone, "release"),
    (Guard::PatchRulesHold, "bad luck"),
    (Guard::TreeRulesHold, "bad luck"),
    (Guard::CandidateNeedsQueued, "bad luck"),
    (Guard::ConflictNeedsQueued, "bad luck"),
    (Guard::TroubleNeedsUnfinished, "bad luck"),
    (Guard::OnlyUnfinishedIsDropped, "person"),
    (Guard::RequestedIsWithdrawn, "bad luck"),
    (Guard::LandingHoldsTask, "crashes"),
    (Guard::LandingHoldsPatch, "crashes"),
    (Guard::LandingOutlastsTaskCancel, "cancellation"),
    (Guard::LandingOutlastsPatchCancel, "cancellation"),
    (Guard::GateNeedsGates, "gates"),
    (Guard::GateSkipsAfterMiss, "gates"),
    (Guard::GateAnswerNeedsApplied, "gates"),
    (Guard::GateErrorsAreCounted, "gates"),
    (Guard::StoppedGateIsNoTry, "gates"),
    (Guard::OnlyAdvisoryMayMiss, "bad luck"),
    (Guard::LivingConductorStays, "bad luck"),
    (Guard::SeenIsOfThePresent, "bad luck"),
    (Guard::SilenceIsLong, "bad luck"),
    (Guard::BegunIsLostWithConductor, "two at once"),
    (Guard::DrivingNeedsTheEpoch, "bad luck"),
    (Guard::LookNeedsUnknown, "bad luck"),
    (Guard::AskedAgainIsWanted, "two at once"),
    (Guard::HeldWaits, "hold"),
    (Guard::LandNeedsHeld, "bad luck"),
    (Guard::RestNeedsQuiet, "hold"),
    (Guard::WordNeedsLivingRun, "bad luck"),
    (Guard::RetryNeedsDependents, "critical"),
    (Guard::NoPatchInTheWay, "release"),
    (Guard::ReleaseNeedsTaskOver, "bad luck"),
    (Guard::ReleaseNeedsRun, "cancellation"),
    (Guard::PauseNeedsLivingRun, "bad luck"),
    (Guard::PauseStopsAttempts, "death"),
    (Guard::WindingDownLetsEnd, "critical"),
    (Guard::WindingDownKeepsHeld, "hold"),
    (Guard::EndNeedsDrained, "bad luck"),
    (Guard::CanceledNeedsDrained, "cancellation"),
    (Guard::CriticalMissFails, "critical"),
    (Guard::NameIsFree, "crew"),
    (Guard::CrashesPause, "crashes"),
    (Guard::CrashedIsRefused, "crew"),
    (Guard::StalledIsLong, "silence"),
    (Guard::GoneIsSilentLong, "silence"),
    (Guard::LeaseHasExpired, "silence"),
    (Guard::TerminateNeedsNothingHeld, "words on workers"),
    (Guard::DrainedNeedsNothingHeld, "words on workers"),
    (Guard::ClaimNeedsTheLease, "crew"),
    (Guard::WorkNeedsIdle, "crew"),
    (Guard::CapabilitiesFit, "crew"),
    (Guard::MissesAreTold, "bad luck"),
    (Guard::WorkstreamNeedsItsGates, "streams"),
    (Guard::EndedWorkstreamEndsTasks, "streams"),
    (Guard::NoRetryInEndedWorkstream, "failed stream"),
    (Guard::RetryNeedsOpenWorkstream, "failed stream"),
    (Guard::LandingHoldsWorkstream, "streams"),
    (Guard::SkipNeedsNobodyAtWork, "streams"),
    (Guard::AcceptNeedsGates, "acceptance"),
    (Guard::OwnAnswerNeedsJudging, "streams"),
];

/// The guards that no explored world can miss, and why: their own tests switch them off. One that has a claim in `claimed` does not
/// have to stand here.
const NOT_EXPLORED: [(Guard, &str); 0] = [];

/// What is near the beginning of any world is looked at before what is far from it, where all are asked.
const STATES: [usize; 4] = [100, 1000, 10_000, usize::MAX];

/// So much of each world is looked at for a guard that none of them should miss.
const STATES_IN_VAIN: [usize; 1] = [300];

fn named<T: Copy>(guard: Guard, table: &[(Guard, T)]) -> Option<T> {
    table.iter().find(|(named, _)| *named == guard).map(|(_, what)| *what)
}

/// What catches the loss of a guard in a world, of which so many states are looked at.
fn caught_in(guard: Guard, setting: &Setting, states: usize) -> Option<&'static str> {
    without(guard, || explore_up_to(setting, states)).broken.map(|broken| broken.invariant)
}

/// What catches the loss of a guard, and in which of these worlds.
fn caught(guard: Guard, settings: &[Setting], states: &[usize]) -> Option<(&'static str, &'static str)> {
    let each = states.iter().flat_map(|states| settings.iter().map(move |setting| (*states, setting)));
    each.into_iter().find_map(|(states, setting)| Some((caught_in(guard, setting, states)?, setting.name)))
}

/// A guard, what it is that catches its loss, and what is wrong with the tables.
struct Row {
    guard: Guard,
    told: String,
    wrong: Option<String>,
}

fn row(guard: Guard, settings: &[Setting]) -> Row {
    if let Some(why) = named(guard, &NOT_EXPLORED) {
        let after_all = caught(guard, settings, &STATES_IN_VAIN);
        let wrong = after_all.map(|(_, world)| format!("{guard:?} is missed after all, in {world:?}"));
        return Row { guard, told: format!("nothing: {why}"), wrong };
    }
    let known = named(guard, &MISSED_IN);
    if known.is_none() && named(guard, &CLAIMED).is_some() {
        return Row { guard, told: "a claim of its own".to_owned(), wrong: None };
    }
    let setting = settings.iter().find(|setting| Some(setting.name) == known);
    if let Some(invariant) = setting.and_then(|setting| caught_in(guard, setting, usize::MAX)) {
        return Row { guard, told: format!("{invariant} (in {})", known.unwrap_or_default()), wrong: None };
    }
    let wrong = match caught(guard, settings, &STATES) {
        Some((_, world)) => format!("(Guard::{guard:?}, {world:?}), not {known:?}"),
        None => format!("{guard:?} is missed by no world"),
    };
    Row { guard, told: wrong.clone(), wrong: Some(wrong) }
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
                    let row = row(*guard, &settings);
                    figure(&format!("without {:?}", row.guard), &row.told);
                    rows.lock().expect("nobody panics with it").push(row);
                }
            });
        }
    });
    let mut rows = rows.into_inner().expect("nobody panicked with it");
    rows.sort_unstable_by_key(|row| row.guard);
    let wrong: Vec<&str> = rows.iter().filter_map(|row| row.wrong.as_deref()).collect();
    assert!(wrong.is_empty(), "the tables of guards are wrong:\n{}", wrong.join("\n"));
}
