//! Gates that fail and then pass on one tree, and changes that take each other back.

use tollhouse_core::entity::{GateRun, Patch};
use tollhouse_core::lifecycle::{GateRunState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{OnFlaky, RunSpec};
use tollhouse_engine::{Command, PatchWish, TaskWish};

use crate::world::{Luck, World, spec, task};

const FLICKERS: &[Luck] = &[Luck::GateFlickers];

fn retried(flaky: OnFlaky) -> RunSpec {
    let mut plan = spec(vec![task("a", &[]), task("b", &[])], 4);
    for gate in &mut plan.gates {
        (gate.retries, gate.flaky) = (1, flaky);
    }
    plan
}

fn runs_of(world: &World, gate: &str, patch: &Patch) -> Vec<GateRunState> {
    let mut runs: Vec<&GateRun> = world.view().all::<GateRun>().collect();
    runs.retain(|one| one.gate.name == gate && one.patch == Some(patch.id));
    runs.sort_by_key(|one| one.number);
    runs.iter().map(|one| one.state).collect()
}

fn patch_of<'w>(world: &'w World, task: &str) -> &'w Patch {
    let id = world.task(task).patch.expect("it has made one");
    world.view().get::<Patch>(id).expect("what a task names is there")
}

/// The run until it rests for a person.
fn rested(flaky: OnFlaky) -> World {
    let mut world = World::new(&retried(flaky), &[("a", FLICKERS)], 7);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    world
}

fn on_patch(world: &mut World, task: &str, wish: PatchWish) {
    let patch = patch_of(world, task).id;
    world
        .execute(&Command::OverridePatch { patch, wish, reason: "it is the network".to_owned() })
        .expect("it waits for a word");
}

#[test]
pub(crate) fn a_flaky_gate_has_a_person_look_uses_up_no_attempt_and_holds_nobody_else_up() {
    let mut world = rested(OnFlaky::Hold);
    assert_eq!(world.state_of("b"), TaskState::Completed, "it was not held up");
    let (task, patch) = (world.task("a"), patch_of(&world, "a"));
    assert_eq!((task.state, task.attempts_used, patch.state), (TaskState::Waiting, 1, PatchState::Applied));
    let question = task.reason.as_deref().unwrap_or_default();
    assert!(question.starts_with("gate unit failed and then passed on the same tree: `toll land "), "{question}");
    assert_eq!(runs_of(&world, "unit", patch), [GateRunState::Failed, GateRunState::Passed]);
    on_patch(&mut world, "a", PatchWish::Land);
    world.go();
    assert_eq!((world.state_of("a"), world.run_record().state), (TaskState::Completed, RunState::Succeeded));
    assert_eq!(world.task("a").attempts_used, 1);
}

#[test]
fn what_is_held_for_a_flaky_gate_can_be_made_again() {
    let mut world = rested(OnFlaky::Hold);
    let first = patch_of(&world, "a").id;
    let retry = TaskWish::Retry { say: None };
    let again = Command::OverrideTask { task: world.task("a").id, wish: retry, reason: "again".to_owned() };
    world.execute(&again).unwrap();
    world.go();
    assert_eq!(world.state_of("a"), TaskState::Completed);
    assert_eq!(world.view().get::<Patch>(first).unwrap().state, PatchState::Dropped);
}

#[test]
fn a_flaky_gate_that_counts_as_passed_lets_its_change_land_and_one_that_fails_does_not() {
    let mut world = World::new(&retried(OnFlaky::Pass), &[("a", FLICKERS)], 7);
    world.go();
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Completed, 1));
    let mut world = World::new(&retried(OnFlaky::Fail), &[("a", FLICKERS)], 7);
    world.go();
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Completed, 2));
    let refused = world.view().all::<Patch>().find(|patch| patch.state == PatchState::Quarantined).unwrap();
    assert_eq!(refused.reason.as_deref(), Some("gate unit failed and then passed on the same tree"));
}

#[test]
pub(crate) fn a_gate_that_fails_again_and_again_is_run_as_often_as_it_says() {
    let mut plan = retried(OnFlaky::Hold);
    plan.gates[1].retries = 2;
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[("a", &[Luck::GateSaysNo])], 7);
    world.go();
    let patch = world.view().all::<Patch>().find(|patch| patch.state == PatchState::Quarantined).unwrap();
    assert_eq!(runs_of(&world, "unit", patch), [GateRunState::Failed; 3]);
}

#[test]
fn a_flaky_gate_of_the_run_as_a_whole_refuses_it_unless_it_may_be() {
    for (flaky, ends) in [(OnFlaky::Hold, RunState::Failed), (OnFlaky::Pass, RunState::Succeeded)] {
        let plan = RunSpec { acceptance: vec!["unit".to_owned()], ..retried(flaky) };
        let mut world = World::new(&plan, &[("gate:unit", FLICKERS)], 7);
        world.go();
        assert_eq!(world.run_record().state, ends, "{:?}", world.run_record().reason);
    }
}
