//! What becomes of tasks, patches and runs.

use proptest::prelude::*;
use tollhouse_core::Span;
use tollhouse_core::entity::{Attempt, Effect, ErrorClass, ExitStatus, GateRun, Patch, RunOutcome, Task};
use tollhouse_core::lifecycle::{AttemptState, GateRunState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{RunSpec, Weight};
use tollhouse_engine::{At, AttemptFacts, Command, Outcome, View, decide};
use tollhouse_state::{Cursor, Store};

use crate::world::{ALL_LUCK, Luck, World, claimant, gate, spec, task};

fn done(spec: &RunSpec, luck: &[(&str, &[Luck])]) -> World {
    let mut world = World::new(spec, luck, 7);
    world.go();
    world
}

fn patch_of<'w>(world: &'w World, name: &str) -> &'w Patch {
    let id = world.task(name).patch.expect("its attempt made one");
    world.view().get::<Patch>(id).expect("the ledger holds it")
}

#[test]
fn a_change_that_passes_lands_and_completes_its_task() {
    let world = done(&spec(vec![task("a", &[])], 4), &[]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
    assert_eq!(patch_of(&world, "a").commit.as_deref(), Some("commit1"));
    assert_eq!(world.run_record().outcome, Some(RunOutcome::Clean));
}

#[test]
fn the_second_attempt_is_told_why_the_first_was_refused() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::GateSaysNo])]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
    let second = world.view().all::<Attempt>().find(|attempt| attempt.number == 2).unwrap();
    assert_eq!(second.feedback.as_deref(), Some("gate unit failed: exit status 1"));
    assert!(second.prompt.ends_with("gate unit failed: exit status 1\n"), "{}", second.prompt);
}

#[test]
fn a_task_without_attempts_left_fails_and_its_patches_stay_as_evidence() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::GateSaysNo, Luck::GateSaysNo])]);
    assert_eq!(world.state_of("a"), TaskState::Failed);
    let states: Vec<PatchState> = world.view().all::<Patch>().map(|patch| patch.state).collect();
    assert_eq!(states, [PatchState::Quarantined, PatchState::Quarantined]);
    assert_eq!(world.run_record().outcome, Some(RunOutcome::WithFailures));
}

#[test]
fn a_forbidden_path_is_refused_before_any_gate_runs() {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.tasks[0].attempts = 1;
    let world = done(&plan, &[("a", &[Luck::Forbidden])]);
    assert_eq!(patch_of(&world, "a").state, PatchState::Quarantined);
    assert!(world.task("a").reason.as_ref().unwrap().contains("secrets/key"));
    assert_eq!(world.view().all::<GateRun>().count(), 0);
}

#[test]
fn what_needs_a_missed_task_is_skipped_and_what_needs_that_too() {
    let tasks = vec![task("a", &[]), task("b", &["a"]), task("c", &["b"])];
    let world = done(&spec(tasks, 4), &[("a", &[Luck::AgentFails, Luck::AgentFails])]);
    let states: Vec<TaskState> = ["a", "b", "c"].map(|name| world.state_of(name)).to_vec();
    assert_eq!(states, [TaskState::Failed, TaskState::Skipped, TaskState::Skipped]);
}

#[test]
fn a_critical_miss_ends_the_run_and_nothing_new_begins() {
    let mut tasks = vec![task("a", &[]), task("b", &[]), task("c", &["b"])];
    tasks[0].weight = Weight::Critical;
    tasks[0].attempts = 1;
    tasks.push(task("after-a", &["a"]));
    tasks.push(task("after-that", &["after-a"]));
    let world = done(&spec(tasks, 1), &[("a", &[Luck::AgentFails])]);
    assert_eq!(world.run_record().state, RunState::Failed);
    assert_eq!(["b", "c"].map(|name| world.state_of(name)), [TaskState::Canceled; 2]);
    assert_eq!(world.view().all::<Attempt>().count(), 1);
    assert!(world.run_record().reason.as_ref().unwrap().contains("a is critical"));
}

#[test]
fn a_gate_that_cannot_be_judged_is_run_three_times_and_never_counts_as_passed() {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.tasks[0].attempts = 1;
    let world = done(&plan, &[("a", &[Luck::GateBreaks])]);
    let lint: Vec<GateRunState> = world
        .view()
        .all::<GateRun>()
        .filter(|gate_run| gate_run.gate.name == "lint")
        .map(|gate_run| gate_run.state)
        .collect();
    assert_eq!(lint, [GateRunState::Error; 3]);
    assert_eq!(patch_of(&world, "a").refused_by.as_deref(), Some("gate:lint"));
}

#[test]
fn a_required_gate_that_is_skipped_sets_its_patch_aside() {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.tasks[0].attempts = 1;
    plan.gates = vec![gate("unit", &[]), gate("e2e", &["unit"])];
    plan.gates[0].requirement = tollhouse_core::spec::Requirement::Advisory;
    let world = done(&plan, &[("a", &[Luck::GateSaysNo])]);
    assert_eq!(patch_of(&world, "a").refused_by.as_deref(), Some("gate:e2e"));
}

#[test]
fn an_advisory_gate_that_says_no_does_not_keep_a_change_from_landing() {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.gates[1].requirement = tollhouse_core::spec::Requirement::Advisory;
    let world = done(&plan, &[("a", &[Luck::GateSaysNo])]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
}

#[test]
fn a_change_that_does_not_fit_goes_back_to_its_agent() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::Conflict])]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
    assert_eq!(world.task("a").attempts_used, 2);
}

#[test]
fn a_lost_landing_is_applied_and_judged_again_on_the_new_branch() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::BranchMoves])]);
    let patch = patch_of(&world, "a");
    assert_eq!((patch.state, patch.rebases), (PatchState::Committed, 1));
    let trees: std::collections::BTreeSet<&str> =
        world.view().all::<GateRun>().map(|gate_run| gate_run.tree.as_str()).collect();
    assert_eq!(trees.len(), 2, "the gates saw the old tree and the new one");
}

#[test]
fn a_candidate_that_comes_again_is_not_judged_again() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::BranchReturns])]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
    assert_eq!(world.view().all::<GateRun>().count(), 2, "what passed on this very tree is not run twice");
}

#[test]
fn an_attempt_past_its_deadline_is_ended_and_tried_again() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::Hangs])]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
    assert_eq!(world.task("a").attempts_used, 2);
    let late = world.view().all::<Patch>().find(|patch| patch.state == PatchState::Dropped);
    assert!(late.is_some(), "what the late attempt did stays readable");
}

#[test]
fn an_attempt_that_changes_nothing_is_refused() {
    let world = done(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::Nothing, Luck::Nothing])]);
    assert_eq!(world.state_of("a"), TaskState::Failed);
    assert_eq!(world.task("a").error_class, Some(ErrorClass::ToolFailure));
}

#[test]
fn tasks_run_together_up_to_the_limit() {
    let tasks: Vec<_> = (0..6).map(|n| task(&format!("t{n}"), &[])).collect();
    let world = done(&spec(tasks, 3), &[]);
    assert_eq!(world.most_at_once, 3);
}

#[test]
fn tasks_of_one_conflict_group_never_run_together() {
    let mut tasks: Vec<_> = (0..4).map(|n| task(&format!("t{n}"), &[])).collect();
    for task in &mut tasks {
        task.conflict_group = Some("db".to_owned());
    }
    let world = done(&spec(tasks, 4), &[]);
    assert_eq!(world.most_at_once, 1);
}

#[test]
fn the_same_run_made_twice_is_one_run_and_another_with_its_id_is_refused() {
    let plan = spec(vec![task("a", &[])], 4);
    let mut world = World::new(&plan, &[], 1);
    let run = world.run;
    let create = |plan: &RunSpec| Command::CreateRun {
        run,
        spec: Box::new(plan.clone()),
        started_by: "ada".to_owned(),
        legacy: None,
    };
    world.execute(&create(&plan)).unwrap();
    assert_eq!(world.view().all::<Task>().count(), 1);
    let other = spec(vec![task("b", &[])], 4);
    assert_eq!(
        world.execute(&create(&other)).unwrap_err().to_string(),
        format!("{run} was used before, for other content")
    );
}

#[test]
fn a_paused_run_begins_nothing_and_what_was_stopped_does_not_count() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &[])], 1), &[], 7);
    let spawn = world.view().all::<Effect>().next().unwrap().id;
    let until = world.now.after(Span::from_secs(60));
    world.execute(&Command::Claim { effect: spawn, by: claimant(world.conductor), until }).unwrap();
    let pause = Command::PauseRun { run: world.run, reason: "interrupted".to_owned() };
    world.execute(&pause).unwrap();
    world.execute(&pause).unwrap();
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Queued, 0));

    let facts = AttemptFacts { exit: Some(ExitStatus::Signal(15)), ..AttemptFacts::default() };
    let report = Command::Report { effect: spawn, epoch: 1, outcome: Box::new(Outcome::Spawned(facts)) };
    world.execute(&report).unwrap();
    let attempts: Vec<&Attempt> = world.view().all::<Attempt>().collect();
    assert_eq!(attempts.len(), 1, "nothing new began");
    assert_eq!(attempts[0].state, AttemptState::Interrupted);
    assert_eq!(
        attempts[0].end.as_ref().and_then(|end| end.exit),
        Some(ExitStatus::Signal(15)),
        "what came late is kept"
    );
    assert_eq!(world.run_record().state, RunState::Paused);
}

#[test]
fn the_reason_of_a_failed_run_is_its_cause_and_not_a_victim() {
    let mut tasks: Vec<_> = (0..8).map(|n| task(&format!("t{n}"), if n == 5 { &[] } else { &["t5"] })).collect();
    for task in &mut tasks {
        task.weight = Weight::Critical;
    }
    let world = done(&spec(tasks, 4), &[("t5", &[Luck::AgentFails, Luck::AgentFails])]);
    assert!(world.run_record().reason.as_ref().unwrap().starts_with("t5 is critical and failed"));
}

#[test]
fn the_same_call_gives_the_same_decision() {
    let plan = spec(vec![task("a", &[]), task("b", &["a"])], 4);
    let world = World::new(&plan, &[], 1);
    let at = At { now: world.now, seed: 11 };
    let tick = Command::Tick { run: world.run };
    assert_eq!(decide(world.view(), &tick, at), decide(world.view(), &tick, at));
}

proptest! {
    /// Any plan with any luck, in any order of ends: the invariants of `World::check` hold at every step, the run ends, and
    /// folding its events gives its records.
    #[test]
    fn any_run_ends_and_its_events_give_its_records(
        seed: u64,
        parallel in 1_u32..5,
        luck in proptest::collection::vec(proptest::collection::vec(proptest::sample::select(ALL_LUCK.to_vec()), 0..3), 1..8),
        critical in proptest::collection::vec(any::<bool>(), 8),
        edges in proptest::collection::vec((0_usize..8, 0_usize..8), 0..8),
    ) {
        let names: Vec<String> = (0..luck.len()).map(|n| format!("t{n}")).collect();
        let mut tasks: Vec<_> = names.iter().map(|name| task(name, &[])).collect();
        for (from, to) in edges {
            if from < to && to < tasks.len() {
                tasks[to].needs.push(names[from].clone());
            }
        }
        for (task, critical) in tasks.iter_mut().zip(critical) {
            if critical {
                task.weight = Weight::Critical;
            }
        }
        let luck: Vec<(&str, &[Luck])> = names.iter().map(String::as_str).zip(luck.iter().map(Vec::as_slice)).collect();
        let mut world = World::new(&spec(tasks, parallel), &luck, seed);
        world.go();
        let mut folded = View::default();
        for event in world.engine.store().events(&Cursor::default()).unwrap() {
            folded.apply(&event).unwrap();
        }
        prop_assert_eq!(&folded, world.view());
        prop_assert_eq!(&View::load(world.engine.store(), world.run).unwrap(), world.view());
    }
}
