//! The guards that no explored world needs: each with a claim that breaks without it.

use std::panic::catch_unwind;

use tollhouse_engine::{Guard, without};

use crate::{additions, breakers, budgets, flaky, quarantine, retries, routing};

/// A guard, and what is not true without it.
type Claimed = (Guard, fn());

pub(crate) const CLAIMED: [Claimed; 28] = [
    (Guard::FlakyIsHeld, flaky::a_flaky_gate_has_a_person_look_uses_up_no_attempt_and_holds_nobody_else_up),
    (Guard::GateFailuresAreCounted, flaky::a_gate_that_fails_again_and_again_is_run_as_often_as_it_says),
    (
        Guard::QuarantineEndsAll,
        quarantine::a_run_that_is_stopped_for_safety_is_over_at_once_and_nothing_of_it_lands_any_more,
    ),
    (Guard::FixesAreCounted, quarantine::a_run_is_mended_twice_and_then_fails),
    (Guard::AddNeedsLivingRun, additions::a_run_that_ends_takes_no_more_tasks),
    (Guard::AddNeedsOpenWorkstream, additions::a_workstream_that_is_over_takes_no_more_tasks),
    (Guard::AddNeedsNothingMissed, additions::what_was_missed_already_is_not_needed_by_what_is_added),
    (Guard::AddNeedsSoundPlan, additions::nothing_that_is_added_makes_tasks_wait_for_themselves),
    (Guard::AddStaysWithinPolicy, additions::an_added_task_may_not_change_more_than_its_run),
    (Guard::OnlyWaitingNeedMore, additions::only_what_waits_already_can_be_made_to_wait_for_more),
    (Guard::LeaseNeedsMoney, budgets::nothing_begins_that_cannot_be_paid_and_explain_says_so),
    (Guard::EndSettlesReservation, budgets::what_nobody_knows_counts_as_what_was_set_aside),
    (Guard::TaskLimitHolds, budgets::an_attempt_that_cost_more_than_its_task_may_has_failed_and_is_not_tried_again),
    (Guard::RetryNeedsMoney, budgets::a_task_whose_money_is_spent_is_not_tried_again),
    (Guard::SpentBudgetPauses, budgets::a_run_without_money_pauses_and_goes_on_once_a_person_raises_its_limit),
    (Guard::SpentBudgetEnds, budgets::a_run_that_stops_without_money_ends_what_is_at_work_and_fails),
    (Guard::GoingOnNeedsMoney, budgets::a_run_that_may_spend_nothing_does_not_begin),
    (Guard::OpenKeepsOut, breakers::five_failures_in_a_row_keep_an_agent_from_work_for_a_minute),
    (Guard::TrialIsAlone, breakers::an_attempt_that_began_before_says_nothing_about_the_trial),
    (Guard::OnlyOwnFailuresCount, breakers::what_is_not_the_agents_fault_does_not_count),
    (Guard::FailuresInARowTrip, breakers::a_decision_on_a_breaker_that_moved_meanwhile_is_made_again),
    (Guard::RateLimitTrips, breakers::a_rate_limit_keeps_its_agent_from_work_at_once_for_as_long_as_it_asks),
    (Guard::TrialDecides, breakers::an_attempt_that_began_before_says_nothing_about_the_trial),
    (Guard::PolicyRetryNeedsPatch, retries::a_rule_that_refused_no_patch_teaches_nothing),
    (Guard::SameEndsAreCounted, retries::what_ends_in_the_same_way_three_times_in_a_row_is_not_tried_again),
    (Guard::RateLimitIsWaitedFor, retries::a_provider_that_asked_to_slow_down_is_not_asked_before_its_time),
    (Guard::TriedGivesWay, routing::who_tried_in_vain_gives_way_to_the_next_of_the_chain),
    (Guard::RarelyAskedIsAsked, routing::an_agent_of_which_too_little_is_known_is_tried_however_unlucky_it_was),
];

#[test]
fn without_its_guard_each_of_these_claims_breaks() {
    let kept = CLAIMED.iter().filter(|(guard, claim)| without(*guard, || catch_unwind(claim)).is_ok());
    let kept: Vec<Guard> = kept.map(|(guard, _)| *guard).collect();
    assert!(kept.is_empty(), "these guards are not missed by their claims: {kept:?}");
}
