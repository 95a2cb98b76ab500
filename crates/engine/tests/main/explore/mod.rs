//! Every state of a small world: what can happen to a few tasks is done in every order, and what must hold is looked at in
//! each state and at each step. A state stands for all that differ only in names, times and words.
//!
//! `world` is what there is, `actors` who does something in it, one file each (conductors, the clock, people; workers once
//! they are records), `invariants` what must hold, written from the lifecycles' sentences and the records alone, `search`
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
fn holds_everywhere(setting: &settings::Setting) {
    let explored = explore(setting);
    told::figure(setting.name, &format!("{explored}"));
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
}

#[test]
fn all_of_it_at_once_holds_too() {
    if settings::rounds() > 64 {
        holds_everywhere(&settings::everything());
    }
}
