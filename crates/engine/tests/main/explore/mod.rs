//! Every state of a small world: what can happen to a few tasks is done in every order, and what must hold is looked at in
//! each state and at each step. A state stands for all that differ only in names, times and words.
//!
//! `world` is what there is, `actors` who does something in it, one file each (conductors, workers, the clock, people), `invariants` what must hold, written from the lifecycles' sentences and the records alone, `search`
//! goes through it all, breadth first, so that what it finds comes with a shortest way there.

mod actors;
mod fingerprint;
mod guards;
mod invariants;
mod search;
mod settings;
mod told;
mod world;

use search::explore;

/// Explores a world; whatever breaks is shown with the shortest way to it.
#[expect(clippy::disallowed_methods, reason = "it is only told how long it took")]
fn holds_everywhere(setting: &settings::Setting) {
    let began = std::time::Instant::now();
    let explored = explore(setting);
    told::figure(setting.name, &format!("{explored}, in {:.1} s", began.elapsed().as_secs_f64()));
    if let Some(broken) = explored.broken {
        panic!("{}: {broken}", setting.name);
    }
}

macro_rules! settings {
    ($($claim:ident => $setting:ident),+ $(,)?) => {$(
        #[test]
        fn $claim() {
            holds_everywhere(&settings::$setting());
        }
    )+};
}
settings! {
    tasks_that_need_or_keep_from_each_other_end_in_any_order => order,
    whatever_goes_wrong_with_a_change_its_task_ends => bad_luck,
    gates_that_need_each_other_are_judged_in_order => gates,
    a_conductor_that_died_or_is_stale_changes_nothing_for_the_worse => death,
    a_conductor_that_died_amid_two_tasks_is_followed_by_another => two_at_once,
    a_person_may_step_in_anywhere => person,
    a_person_may_end_it_anywhere => cancellation,
    what_is_held_waits_for_a_person_anywhere => hold,
    a_run_winds_down_after_a_critical_miss => critical,
    what_a_person_lets_in_again_lands_for_itself => release,
    what_shared_workers_are_given_ends_though_one_crashes => crew,
    a_worker_that_crashes_time_and_again_waits_for_a_person => crashes,
    a_worker_that_is_silent_or_stalled_loses_what_it_holds_in_time => silence,
    a_person_may_pause_drain_and_end_workers_anywhere => words_on_workers,
    nothing_is_given_out_when_the_time_of_a_run_is_over => late,
    a_workstream_is_judged_before_what_needs_it_begins => streams,
    a_workstream_fails_with_its_critical_task => failed_stream,
    a_run_fails_with_its_critical_workstream => critical_stream,
    a_run_is_accepted_once_what_landed_passed => acceptance,
    a_run_without_money_waits_for_more => money,
    a_run_without_money_ends_what_is_at_work => last_money,
    a_task_that_costs_too_much_fails => dear_task,
    an_agent_that_fails_often_gets_one_trial => breaker,
    a_provider_that_asks_to_slow_down_is_left_alone => slow_down,
    what_ends_in_the_same_way_again_and_again_is_given_up => same_ends,
    a_task_falls_back_to_whoever_may_take_it => fallback,
    a_task_that_was_tried_in_vain_is_handed_on => handed_on,
    a_person_looks_where_a_gate_contradicts_itself => flaky,
}

#[test]
fn all_of_it_at_once_holds_too() {
    if settings::rounds() > 64 {
        holds_everywhere(&settings::everything());
    }
}

#[test]
fn all_of_it_with_shared_workers_holds_too() {
    if settings::rounds() > 64 {
        holds_everywhere(&settings::promised());
    }
}
