//! Runs that are stopped for safety, runs that mend what their own gates refuse, and patches that a person sets aside.

use proptest::prelude::*;
use tollhouse_core::Span;
use tollhouse_core::entity::{Attempt, Effect, GateRun, Patch, Task, Work};
use tollhouse_core::lifecycle::{AttemptState, PatchState, RunState, TaskState};
use tollhouse_core::spec::RunSpec;
use tollhouse_engine::{Command, EngineError, PatchWish, Refusal, next_deadline};

use crate::world::{Luck, World, spec, task};

fn quarantine(world: &mut World) -> Result<(), EngineError> {
    world.execute(&Command::QuarantineRun { run: world.run, reason: "a key leaked".to_owned() })
}

fn code(result: Result<(), EngineError>) -> &'static str {
    match result {
        Err(EngineError::Refused(refusal)) => refusal.code(),
        other => panic!("it must be refused: {other:?}"),
    }
}

/// Everything that still goes on in a run.
fn alive(world: &World) -> Vec<String> {
    let tasks = world.view().all::<Task>().filter(|one| !one.state.is_finished()).map(|one| one.id.to_string());
    let patches = world.view().all::<Patch>().filter(|one| !one.state.is_finished()).map(|one| one.id.to_string());
    let gates = world.view().all::<GateRun>().filter(|one| !one.state.is_finished()).map(|one| one.id.to_string());
    let attempts = world.view().all::<Attempt>().filter(|one| !one.state.is_finished()).map(|one| one.id.to_string());
    tasks.chain(patches).chain(gates).chain(attempts).collect()
}

#[test]
pub(crate) fn a_run_that_is_stopped_for_safety_is_over_at_once_and_nothing_of_it_lands_any_more() {
    let luck: &[(&str, &[Luck])] = &[("a", &[Luck::Hangs])];
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &[]), task("c", &["b"])], 4), luck, 7);
    world.go_until(|world| world.state_of("b") == TaskState::Validating);
    quarantine(&mut world).unwrap();
    assert_eq!(world.run_record().state, RunState::Quarantined);
    quarantine(&mut world).unwrap();
    world.settle_effects();
    assert_eq!(["a", "b", "c"].map(|name| world.state_of(name)), [TaskState::Canceled; 3]);
    let patch = world.view().all::<Patch>().next().unwrap();
    assert_eq!((patch.state, patch.refused_by.as_deref()), (PatchState::Quarantined, Some("run")));
    let ends: Vec<AttemptState> = world.view().all::<Attempt>().map(|attempt| attempt.state).collect();
    assert!(ends.contains(&AttemptState::Canceled), "{ends:?}");
    assert_eq!(alive(&world), [""; 0]);
    let release = PatchWish::Release { waive: Vec::new(), allow: Vec::new() };
    let id = patch.id;
    let again = Command::OverridePatch { patch: id, wish: release, reason: "it is fine".to_owned() };
    assert_eq!(code(world.execute(&again)), "run_over");
}

#[test]
fn a_landing_that_has_begun_is_finished_first_and_is_the_last() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 4), &[], 7);
    let lands = |effect: &&Effect| matches!(effect.work, Work::Land { .. }) && !effect.state.is_finished();
    world.go_until(|world| world.view().all::<Effect>().any(|effect| lands(&effect)));
    let effect = world.view().all::<Effect>().find(lands).unwrap().id;
    let until = world.now.after(Span::from_secs(60));
    world.execute(&Command::Claim { effect, by: crate::world::claimant(world.conductor), until }).unwrap();
    quarantine(&mut world).unwrap();
    assert_eq!((world.state_of("a"), world.state_of("b")), (TaskState::Validating, TaskState::Canceled));
    world.settle_effects();
    assert_eq!((world.state_of("a"), world.branch().len()), (TaskState::Completed, 1));
    assert_eq!(alive(&world), [""; 0]);
}

#[test]
fn a_run_that_failed_may_still_be_stopped_for_safety_and_one_that_succeeded_may_not() {
    let mut plan = spec(vec![task("a", &[])], 1);
    plan.tasks[0].attempts = 1;
    plan.tasks[0].weight = tollhouse_core::spec::Weight::Critical;
    let mut world = World::new(&plan, &[("a", &[Luck::AgentFails])], 7);
    world.go();
    quarantine(&mut world).unwrap();
    assert_eq!(world.run_record().state, RunState::Quarantined);
    let mut world = World::new(&plan, &[], 7);
    world.go();
    assert_eq!(code(quarantine(&mut world)), "not_in_table");
}

#[test]
fn a_change_that_a_person_sets_aside_is_made_again() {
    let mut world = World::new(&spec(vec![task("a", &[])], 1), &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Validating);
    let patch = world.task("a").patch.unwrap();
    let aside = Command::OverridePatch { patch, wish: PatchWish::Quarantine, reason: "it smells".to_owned() };
    world.execute(&aside).unwrap();
    let task = world.task("a");
    assert_eq!(task.feedback.as_deref(), Some("a person set the change aside: it smells"));
    world.go();
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Completed, 2));
    let first = world.view().get::<Patch>(patch).unwrap();
    assert_eq!((first.state, first.refused_by.as_deref()), (PatchState::Quarantined, Some("person")));
}

#[test]
fn only_what_landed_is_rolled_back_and_says_by_which_commit() {
    let mut world = World::new(&spec(vec![task("a", &[])], 1), &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Validating);
    let patch = world.task("a").patch.unwrap();
    let wish = PatchWish::RollBack { commit: "c0ffee".to_owned() };
    let roll_back = Command::OverridePatch { patch, wish, reason: "it broke the build".to_owned() };
    assert_eq!(code(world.execute(&roll_back)), "not_in_table");
    world.go();
    world.execute(&roll_back).unwrap();
    world.execute(&roll_back).unwrap();
    let patch = world.view().get::<Patch>(patch).unwrap();
    assert_eq!((patch.state, patch.reason.as_deref()), (PatchState::RolledBack, Some("rolled back by c0ffee")));
    assert_eq!(world.state_of("a"), TaskState::Completed, "what was done stays done");
}

fn mended(by: Option<&str>) -> RunSpec {
    let fixer = by.map(str::to_owned);
    RunSpec { acceptance: vec!["unit".to_owned()], fixer, ..spec(vec![task("a", &[])], 2) }
}

#[test]
fn what_the_own_gates_of_a_run_refuse_is_mended_and_judged_again() {
    let mut world = World::new(&mended(Some("script")), &[("gate:unit", &[Luck::GateSaysNo])], 7);
    world.go();
    assert_eq!((world.run_record().state, world.run_record().fixes), (RunState::Succeeded, 1));
    assert_eq!(world.run_record().verified_commit.as_deref(), Some("commit2"));
    let task = world.task("fix-1");
    assert_eq!((task.state, task.spec.workstream.as_deref()), (TaskState::Completed, Some("fix-1")));
    assert!(task.spec.prompt.contains("gate unit failed on commit1: exit status 1"), "{}", task.spec.prompt);
}

#[test]
pub(crate) fn a_run_is_mended_twice_and_then_fails() {
    let mut world = World::new(&mended(Some("script")), &[("gate:unit", &[Luck::GateSaysNo; 9])], 7);
    world.go();
    assert_eq!((world.run_record().state, world.run_record().fixes), (RunState::Failed, 2));
    assert_eq!(world.run_record().reason.as_deref(), Some("gate unit failed on commit3: exit status 1"));
}

#[test]
fn a_run_that_nobody_can_mend_fails_with_the_task_that_was_to_mend_it() {
    let fails: &[Luck] = &[Luck::AgentFails; 9];
    let mut world = World::new(&mended(Some("script")), &[("gate:unit", &[Luck::GateSaysNo; 9]), ("fix-1", fails)], 7);
    world.go();
    assert_eq!(world.run_record().state, RunState::Failed);
    let reason = world.run_record().reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("workstream fix-1 is critical and failed"), "{reason}");
}

#[test]
fn a_run_whose_time_is_over_while_it_is_judged_fails() {
    let plan = RunSpec { deadline: Some(Span::from_secs(600)), ..mended(Some("script")) };
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| world.run_record().state == RunState::Verifying);
    let due = next_deadline(world.view(), world.run).expect("its time ends");
    world.now = due;
    world.execute(&Command::Tick { run: world.run }).unwrap();
    assert_eq!(world.run_record().state, RunState::Failed);
    assert_eq!(world.run_record().reason.as_deref(), Some("it took longer than its 10m00s"));
    world.settle_effects();
    assert_eq!(alive(&world), [""; 0]);
}

proptest! {
    #[test]
    fn whenever_a_run_is_stopped_for_safety_nothing_of_it_goes_on(
        (seed, steps) in (any::<u64>(), 0_usize..80),
        luck in proptest::collection::vec(proptest::sample::select(Luck::ALL.to_vec()), 6),
    ) {
        let luck: Vec<(&str, &[Luck])> = vec![("a", &luck[..2]), ("b", &luck[2..4]), ("c", &luck[4..])];
        let mut world = World::new(&spec(vec![task("a", &[]), task("b", &[]), task("c", &["a"])], 2), &luck, seed);
        let left = std::cell::Cell::new(steps);
        let is_time = || left.replace(left.get().saturating_sub(1)) == 0;
        world.go_until(|world| is_time() || world.run_record().state.is_finished());
        let landed = world.branch().len();
        match quarantine(&mut world) {
            Ok(()) => {
                world.settle_effects();
                prop_assert_eq!(alive(&world), [""; 0]);
                prop_assert!(world.branch().len() <= landed + 1, "only what was landing lands");
            }
            Err(EngineError::Refused(Refusal::NotInTable(_))) => {
                prop_assert!(matches!(world.run_record().state, RunState::Succeeded | RunState::Canceled));
            }
            Err(other) => panic!("{other}"),
        }
    }
}
