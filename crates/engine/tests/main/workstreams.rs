//! What becomes of workstreams, and of a run that is judged as a whole.

use tollhouse_core::Span;
use tollhouse_core::entity::{Attempt, Effect, GateRun, RunOutcome, Task, Workstream};
use tollhouse_core::lifecycle::{EffectState, GateRunState, RunState, TaskState, WorkstreamState};
use tollhouse_core::spec::{OnDependencyFailure, Priority, Requirement, RunSpec, TaskSpec, Weight, WorkstreamSpec};
use tollhouse_engine::{Command, EngineError, Guard, Refusal, TaskWish, WorkstreamWish, fork_of, without};

use crate::world::{Luck, World, claimant, spec, task};

const FAILS: &[Luck] = &[Luck::AgentFails, Luck::AgentFails];

fn stream(name: &str, needs: &[&str]) -> WorkstreamSpec {
    let needs = needs.iter().map(|need| (*need).to_owned()).collect();
    WorkstreamSpec { name: name.to_owned(), needs, weight: Weight::Optional, ..WorkstreamSpec::default() }
}

fn task_in(workstream: &str, name: &str, needs: &[&str]) -> TaskSpec {
    TaskSpec { workstream: Some(workstream.to_owned()), ..task(name, needs) }
}

fn critical(task: TaskSpec) -> TaskSpec {
    TaskSpec { weight: Weight::Critical, ..task }
}

fn plan(workstreams: Vec<WorkstreamSpec>, tasks: Vec<TaskSpec>) -> RunSpec {
    RunSpec { workstreams, ..spec(tasks, 4) }
}

fn done(spec: &RunSpec, luck: &[(&str, &[Luck])]) -> World {
    let mut world = World::new(spec, luck, 7);
    world.go();
    world
}

fn find<'w>(world: &'w World, name: &str) -> &'w Workstream {
    world.view().all::<Workstream>().find(|workstream| workstream.spec.name == name).expect("the plan has it")
}

fn state_of(world: &World, name: &str) -> WorkstreamState {
    find(world, name).state
}

fn reason_of<'w>(world: &'w World, name: &str) -> &'w str {
    find(world, name).reason.as_deref().unwrap_or_default()
}

fn refusal(result: Result<(), EngineError>) -> Refusal {
    match result {
        Err(EngineError::Refused(refusal)) => refusal,
        other => panic!("it must be refused: {other:?}"),
    }
}

fn on(world: &World, name: &str, wish: WorkstreamWish) -> Command {
    Command::OverrideWorkstream { workstream: find(world, name).id, wish, reason: "because".to_owned() }
}

fn own_gates(world: &World) -> Vec<&GateRun> {
    world.view().all::<GateRun>().filter(|gate_run| gate_run.patch.is_none()).collect()
}

#[test]
fn a_workstream_begins_once_those_that_it_needs_are_done() {
    let plan = plan(
        vec![stream("first", &[]), stream("second", &["first"])],
        vec![task_in("second", "b", &[]), task_in("first", "a", &[]), task_in("first", "a2", &["a"])],
    );
    let mut world = World::new(&plan, &[], 7);
    assert_eq!(world.state_of("b"), TaskState::Blocked);
    assert_eq!(world.task("b").blocked_by, ["workstream first"]);
    let states = |world: &World| [state_of(world, "first"), state_of(world, "second")];
    assert_eq!(states(&world), [WorkstreamState::Executing, WorkstreamState::Blocked]);
    world.go_until(|world| world.state_of("a2") == TaskState::Validating);
    assert_eq!(world.state_of("b"), TaskState::Blocked);
    world.go();
    assert_eq!(states(&world), [WorkstreamState::Completed; 2]);
    assert_eq!(world.state_of("b"), TaskState::Completed);
    assert_eq!(world.run_record().outcome, Some(RunOutcome::Clean));
}

#[test]
fn a_workstream_whose_critical_task_is_missed_fails_and_begins_nothing_more() {
    let tasks = vec![critical(task_in("s", "a", &[])), task_in("s", "b", &[]), task_in("s", "c", &[]), task("d", &[])];
    let mut plan = plan(vec![stream("s", &[])], tasks);
    plan.max_parallel = 1;
    plan.tasks[0].attempts = 1;
    let world = done(&plan, &[("a", FAILS)]);
    assert_eq!(state_of(&world, "s"), WorkstreamState::Failed);
    assert_eq!(reason_of(&world, "s"), "a is critical and failed");
    assert_eq!(["b", "c"].map(|name| world.state_of(name)), [TaskState::Canceled; 2]);
    assert_eq!(world.state_of("d"), TaskState::Completed, "it is not of that workstream");
    assert_eq!(world.run_record().outcome, Some(RunOutcome::WithFailures));
}

#[test]
fn what_is_at_work_in_a_failed_workstream_ends_without_another_attempt() {
    let mut plan = plan(vec![stream("s", &[])], vec![critical(task_in("s", "a", &[])), task_in("s", "b", &[])]);
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[("a", FAILS), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| state_of(world, "s") == WorkstreamState::Failed);
    assert_eq!(world.state_of("b"), TaskState::Running);
    world.go();
    assert_eq!(world.state_of("b"), TaskState::Failed);
    assert_eq!(world.task("b").attempts_used, 1);
}

#[test]
fn what_was_at_work_in_a_failed_workstream_is_not_taken_up_again_after_a_pause() {
    let mut plan = plan(vec![stream("s", &[])], vec![critical(task_in("s", "a", &[])), task_in("s", "b", &[])]);
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[("a", FAILS), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| state_of(world, "s") == WorkstreamState::Failed);
    world.execute(&Command::PauseRun { run: world.run, reason: "lunch".to_owned() }).unwrap();
    assert_eq!(world.state_of("b"), TaskState::Canceled);
    world.go();
    assert_eq!(world.view().all::<Attempt>().count(), 2);
}

#[test]
fn a_run_ends_with_a_critical_workstream_and_says_why() {
    let mut plan = plan(vec![stream("s", &[])], vec![critical(task_in("s", "a", &[])), task("b", &[]), task("c", &[])]);
    plan.workstreams[0].weight = Weight::Critical;
    plan.max_parallel = 1;
    plan.tasks[0].attempts = 1;
    let world = done(&plan, &[("a", FAILS)]);
    assert_eq!(world.run_record().state, RunState::Failed);
    assert_eq!(
        world.run_record().reason.as_deref(),
        Some("workstream s is critical and failed: a is critical and failed")
    );
    assert_eq!(["b", "c"].map(|name| world.state_of(name)), [TaskState::Canceled; 2]);
}

#[test]
fn what_needs_a_missed_workstream_is_given_up_as_it_wants() {
    let mut workstreams =
        vec![stream("s", &[]), stream("skips", &["s"]), stream("fails", &["s"]), stream("last", &["skips"])];
    workstreams[2].on_dependency_failure = OnDependencyFailure::Fail;
    let tasks = vec![
        task_in("last", "l", &[]),
        task_in("skips", "k", &[]),
        task_in("fails", "f", &[]),
        critical(task_in("s", "a", &[])),
    ];
    let world = done(&plan(workstreams, tasks), &[("a", FAILS)]);
    let states = ["s", "skips", "fails", "last"].map(|name| state_of(&world, name));
    assert_eq!(
        states,
        [WorkstreamState::Failed, WorkstreamState::Skipped, WorkstreamState::Failed, WorkstreamState::Skipped,]
    );
    let states = ["k", "f", "l"].map(|name| world.state_of(name));
    assert_eq!(states, [TaskState::Skipped, TaskState::Failed, TaskState::Skipped]);
    assert!(["k", "f", "l"].iter().all(|name| world.task(name).is_missed()));
}

#[test]
fn a_workstream_that_the_plan_leaves_out_keeps_nobody_waiting() {
    let mut workstreams = vec![stream("s", &[]), stream("empty", &[]), stream("after", &["s", "empty"])];
    workstreams[0].skip = true;
    let world = done(&plan(workstreams, vec![critical(task_in("s", "a", &[])), task_in("after", "b", &[])]), &[]);
    assert_eq!(["s", "empty"].map(|name| state_of(&world, name)), [WorkstreamState::Skipped; 2]);
    assert_eq!(["a", "b"].map(|name| world.state_of(name)), [TaskState::Skipped, TaskState::Completed]);
    assert_eq!(world.run_record().outcome, Some(RunOutcome::Clean));
}

#[test]
fn a_workstream_without_a_completed_task_is_no_success() {
    let world = done(&plan(vec![stream("s", &[])], vec![task_in("s", "a", &[])]), &[("a", FAILS)]);
    assert_eq!(state_of(&world, "s"), WorkstreamState::Failed);
    assert_eq!(reason_of(&world, "s"), "none of its tasks was completed");
}

#[test]
fn the_gates_of_a_workstream_judge_what_landed_at_its_end() {
    let mut plan = plan(vec![stream("s", &[])], vec![task_in("s", "a", &[]), task_in("s", "b", &["a"])]);
    plan.workstreams[0].gates = vec!["unit".to_owned()];
    let world = done(&plan, &[]);
    assert_eq!(state_of(&world, "s"), WorkstreamState::Completed);
    let gates = own_gates(&world);
    let names: Vec<&str> = gates.iter().map(|gate_run| gate_run.gate.name.as_str()).collect();
    assert_eq!(names.len(), 2, "the gate, and the one that it needs: {names:?}");
    assert!(gates.iter().all(|gate_run| gate_run.parent == "commit2" && gate_run.workstream.is_some()));
    assert!(gates.iter().all(|gate_run| gate_run.tree.starts_with("head1+")), "the tree of what landed last");
}

#[test]
fn a_workstream_whose_gate_says_no_fails_and_the_rest_goes_on() {
    let mut plan =
        plan(vec![stream("s", &[]), stream("after", &["s"])], vec![task_in("s", "a", &[]), task_in("after", "b", &[])]);
    plan.workstreams[0].gates = vec!["unit".to_owned()];
    let world = done(&plan, &[("gate:unit", &[Luck::GateSaysNo])]);
    assert_eq!(reason_of(&world, "s"), "gate unit failed on commit1: exit status 1");
    assert_eq!(["s", "after"].map(|name| state_of(&world, name)), [WorkstreamState::Failed, WorkstreamState::Skipped]);
    assert_eq!(world.state_of("a"), TaskState::Completed, "what landed stays landed");
    assert_eq!(world.run_record().outcome, Some(RunOutcome::WithFailures));
}

#[test]
fn a_person_ends_a_workstream_and_its_tasks_with_it() {
    let plan = plan(
        vec![stream("s", &[]), stream("after", &["s"])],
        vec![task_in("s", "a", &[]), task_in("s", "b", &["a"]), task_in("after", "c", &[])],
    );
    let mut world = World::new(&plan, &[("a", &[Luck::Hangs])], 7);
    world.execute(&on(&world, "s", WorkstreamWish::Cancel)).unwrap();
    assert_eq!(["a", "b"].map(|name| world.state_of(name)), [TaskState::Canceled; 2]);
    assert_eq!(state_of(&world, "after"), WorkstreamState::Skipped, "it needs a missed one");
    assert_eq!(refusal(world.execute(&on(&world, "s", WorkstreamWish::Cancel))).code(), "already_finished");
    world.go();
    assert_eq!(world.run_record().outcome, Some(RunOutcome::WithFailures));
}

#[test]
fn what_needs_a_workstream_that_a_person_left_out_goes_on() {
    let plan =
        plan(vec![stream("s", &[]), stream("after", &["s"])], vec![task_in("s", "a", &[]), task_in("after", "b", &[])]);
    let mut world = World::new(&plan, &[], 7);
    assert_eq!(refusal(world.execute(&on(&world, "s", WorkstreamWish::Skip))).code(), "task_at_work");
    world.execute(&Command::PauseRun { run: world.run, reason: "think".to_owned() }).unwrap();
    world.execute(&on(&world, "s", WorkstreamWish::Skip)).unwrap();
    world.go();
    assert_eq!(["a", "b"].map(|name| world.state_of(name)), [TaskState::Skipped, TaskState::Completed]);
    assert_eq!(world.run_record().outcome, Some(RunOutcome::Clean));
}

#[test]
fn nothing_ends_a_workstream_while_a_change_of_it_lands() {
    let mut world = World::new(&plan(vec![stream("s", &[])], vec![task_in("s", "a", &[])]), &[], 7);
    world.go_until(|world| {
        let lands = |effect: &Effect| effect.work.name() == "land" && effect.state == EffectState::Started;
        world.view().all::<Effect>().any(lands)
    });
    assert_eq!(refusal(world.execute(&on(&world, "s", WorkstreamWish::Cancel))).code(), "landing");
}

#[test]
fn nothing_of_a_finished_workstream_is_tried_again() {
    let mut plan = plan(vec![stream("s", &[])], vec![task_in("s", "a", &[]), task("b", &[])]);
    plan.max_parallel = 1;
    let mut world = World::new(&plan, &[("a", FAILS), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Failed);
    let id = world.task("a").id;
    let retry = Command::OverrideTask { task: id, wish: TaskWish::Retry { say: None }, reason: "again".to_owned() };
    assert_eq!(refusal(world.execute(&retry)).code(), "workstream_over");
}

#[test]
fn a_canceled_run_takes_its_workstreams_with_it() {
    let mut plan =
        plan(vec![stream("s", &[]), stream("after", &["s"])], vec![task_in("s", "a", &[]), task_in("after", "b", &[])]);
    plan.workstreams[0].gates = vec!["unit".to_owned()];
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| state_of(world, "s") == WorkstreamState::Validating);
    world.execute(&Command::CancelRun { run: world.run, reason: "enough".to_owned() }).unwrap();
    world.go();
    assert_eq!(world.run_record().state, RunState::Canceled);
    assert_eq!(["s", "after"].map(|name| state_of(&world, name)), [WorkstreamState::Canceled; 2]);
    assert!(own_gates(&world).iter().all(|gate_run| gate_run.state.is_finished()));
}

#[test]
fn a_spec_that_contradicts_itself_is_refused_with_every_problem() {
    let plan = plan(vec![stream("s", &["x"])], vec![task("a", &["b"]), task("a", &[])]);
    let mut world = World::new(&spec(vec![], 1), &[], 7);
    let run = tollhouse_core::RunId::from_parts(world.now, 99);
    let command = Command::CreateRun { run, spec: Box::new(plan), started_by: "ada".to_owned(), legacy: None };
    let refusal = refusal(world.execute(&command));
    assert_eq!(refusal.code(), "bad_spec");
    let Refusal::BadSpec { problems } = refusal else { panic!("it is a bad spec") };
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn a_fork_does_again_what_waits_for_the_workstream_of_the_task() {
    let plan = plan(
        vec![stream("s", &[]), stream("after", &["s"]), stream("apart", &[])],
        vec![task_in("s", "a", &[]), task_in("after", "b", &[]), task_in("apart", "c", &[]), task("d", &["b"])],
    );
    let world = done(&plan, &[]);
    let (spec, legacy) = fork_of(world.view(), world.run, Some("a")).unwrap();
    assert_eq!(legacy.done.into_keys().collect::<Vec<_>>(), ["c"]);
    assert_eq!(spec.workstreams.len(), 3);
}

#[test]
fn what_is_urgent_goes_before_what_holds_up_more() {
    let mut plan = spec(vec![task("a", &[]), task("b", &["a"]), task("c", &[])], 1);
    plan.tasks[2].priority = Priority::Urgent;
    let world = World::new(&plan, &[], 7);
    assert_eq!(world.state_of("c"), TaskState::Running);
}

fn accepted_by(gates: &[&str]) -> RunSpec {
    let acceptance = gates.iter().map(|gate| (*gate).to_owned()).collect();
    RunSpec { acceptance, ..spec(vec![task("a", &[]), task("b", &["a"])], 4) }
}

#[test]
fn a_run_is_accepted_once_its_own_gates_passed_on_the_commit_that_was_noted() {
    let mut world = World::new(&accepted_by(&["unit"]), &[], 7);
    world.go_until(|world| world.run_record().state == RunState::Verifying);
    assert_eq!(world.run_record().verified_commit.as_deref(), Some("commit2"));
    world.go();
    assert_eq!(world.run_record().state, RunState::Succeeded);
    let gates = own_gates(&world);
    assert_eq!(gates.len(), 2, "the gate, and the one that it needs");
    assert!(gates.iter().all(|gate_run| gate_run.parent == "commit2" && gate_run.state == GateRunState::Passed));
}

#[test]
fn a_run_whose_own_gate_says_no_is_rejected_and_what_landed_stays() {
    let world = done(&accepted_by(&["unit"]), &[("gate:unit", &[Luck::GateSaysNo])]);
    assert_eq!(world.run_record().state, RunState::Failed);
    assert_eq!(world.run_record().reason.as_deref(), Some("gate unit failed on commit2: exit status 1"));
    assert_eq!(world.branch().len(), 2);
}

#[test]
fn an_own_gate_that_cannot_be_judged_is_run_three_times() {
    let plan = accepted_by(&["unit"]);
    let breaks: &[Luck] = &[Luck::GateBreaks; 3];
    let world = done(&plan, &[("gate:lint", breaks)]);
    let states: Vec<_> = own_gates(&world).iter().map(|one| (one.gate.name.clone(), one.state)).collect();
    assert_eq!(states.iter().filter(|(name, state)| name == "lint" && *state == GateRunState::Error).count(), 3);
    assert!(states.contains(&("unit".to_owned(), GateRunState::Skipped)));
    assert_eq!(world.run_record().reason.as_deref(), Some("gate lint could not be judged on commit2: it timed out"));
    let world = done(&plan, &[("gate:lint", &breaks[..2])]);
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn an_advisory_own_gate_is_told_and_rejects_nothing() {
    let mut plan = accepted_by(&["unit"]);
    plan.gates[1].requirement = Requirement::Advisory;
    let world = done(&plan, &[("gate:unit", &[Luck::GateSaysNo])]);
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn where_nothing_landed_the_base_itself_is_judged() {
    let plan = RunSpec { acceptance: vec!["lint".to_owned()], ..spec(vec![], 1) };
    let world = done(&plan, &[]);
    let gates = own_gates(&world);
    assert_eq!((gates[0].tree.as_str(), gates[0].parent.as_str()), ("base", "base"));
}

#[test]
fn a_run_that_verifies_can_be_canceled() {
    let mut world = World::new(&accepted_by(&["unit"]), &[], 7);
    world.go_until(|world| world.run_record().state == RunState::Verifying);
    world.execute(&Command::CancelRun { run: world.run, reason: "enough".to_owned() }).unwrap();
    world.go();
    assert_eq!(world.run_record().state, RunState::Canceled);
    assert!(own_gates(&world).iter().all(|gate_run| gate_run.state == GateRunState::Skipped));
}

#[test]
fn an_own_gate_that_was_lost_with_its_conductor_is_run_again() {
    let mut world = World::new(&accepted_by(&["lint"]), &[], 7);
    world.go_until(|world| world.run_record().state == RunState::Verifying);
    let effect = world.view().all::<Effect>().find(|effect| !effect.state.is_finished()).unwrap().id;
    let until = world.now.after(Span::from_secs(60));
    world.execute(&Command::Claim { effect, by: claimant(world.conductor), until }).unwrap();
    world.die_and_recover();
    let states: Vec<GateRunState> = own_gates(&world).iter().map(|gate_run| gate_run.state).collect();
    assert_eq!(states.len(), 2, "{states:?}");
    world.go();
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn no_task_is_taken_up_again_while_its_run_is_judged() {
    let mut world = World::new(&accepted_by(&["unit"]), &[("b", FAILS)], 7);
    world.go_until(|world| world.run_record().state == RunState::Verifying);
    let id = world.task("b").id;
    let retry = Command::OverrideTask { task: id, wish: TaskWish::Retry { say: None }, reason: "again".to_owned() };
    assert_eq!(refusal(world.execute(&retry)).code(), "run_over");
}

/// What each of these guards is for, seen without it.
#[test]
fn without_a_guard_of_workstreams_or_acceptance_something_else_happens() {
    let mut plan = plan(vec![stream("s", &[])], vec![task_in("s", "a", &[])]);
    plan.workstreams[0].gates = vec!["unit".to_owned()];
    let no: &[(&str, &[Luck])] = &[("gate:unit", &[Luck::GateSaysNo])];
    without(Guard::WorkstreamNeedsItsGates, || {
        let mut world = World::new(&plan, no, 7);
        world.unchecked_go();
        assert_eq!(state_of(&world, "s"), WorkstreamState::Completed);
    });
    without(Guard::AcceptNeedsGates, || {
        let mut world = World::new(&accepted_by(&["unit"]), no, 7);
        world.unchecked_go();
        assert_eq!(world.run_record().state, RunState::Succeeded);
    });
    let tasks = vec![critical(task_in("s", "a", &[])), task_in("s", "b", &[])];
    let mut failing = self::plan(vec![stream("s", &[])], tasks);
    failing.tasks[0].attempts = 1;
    failing.max_parallel = 1;
    without(Guard::EndedWorkstreamEndsTasks, || {
        let mut world = World::new(&failing, &[("a", FAILS)], 7);
        world.unchecked_go();
        assert_eq!(world.view().all::<Task>().filter(|task| task.state == TaskState::Completed).count(), 1);
    });
    failing.max_parallel = 2;
    without(Guard::NoRetryInEndedWorkstream, || {
        let mut world = World::new(&failing, &[("a", FAILS), ("b", &[Luck::Hangs])], 7);
        world.unchecked_go();
        assert_eq!(world.state_of("b"), TaskState::Canceled, "it was to be tried again, and was ended");
    });
}
