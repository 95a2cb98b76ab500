//! Runs that wind down: at their deadline, and when nobody is left who can do what is queued.

use std::collections::BTreeSet;

use tollhouse_core::entity::ErrorClass;
use tollhouse_core::lifecycle::{RunState, TaskState};
use tollhouse_core::spec::{LandMode, RunSpec, TaskSpec, Weight};
use tollhouse_core::{RunId, Severity, Span};
use tollhouse_engine::{At, Command, Engine, Liveness, Outcome, TaskWish, WorkerWish, decide, next_deadline};

use crate::world::{Luck, World, spec, task};
use crate::yard::{Yard, done, newcomer, own, shared};

fn late(tasks: Vec<TaskSpec>) -> RunSpec {
    RunSpec { deadline: Some(Span::from_secs(30)), ..shared(tasks, 4) }
}

fn tick(yard: &mut Yard, run: RunId) {
    yard.ask(&Command::Tick { run }).expect("a look at the clock is never refused");
}

fn failed(outcome: &str) -> Outcome {
    Outcome::Failed { class: ErrorClass::ToolFailure, reason: outcome.to_owned() }
}

#[test]
fn at_its_deadline_a_run_cancels_what_does_not_run_and_not_before() {
    let mut yard = Yard::new();
    let run = yard.begin(&late(vec![task("a", &[]), task("b", &["a"]), task("c", &[])]));
    let worker = yard.register("one");
    yard.give(worker);
    yard.now = yard.now.after(Span::from_millis(29_999));
    tick(&mut yard, run);
    let states = |yard: &Yard| ["a", "b", "c"].map(|name| yard.task_state(run, name));
    assert_eq!(states(&yard), [TaskState::Running, TaskState::Blocked, TaskState::Queued]);
    yard.now = yard.now.after(Span::from_millis(1));
    tick(&mut yard, run);
    assert_eq!(states(&yard), [TaskState::Running, TaskState::Canceled, TaskState::Canceled]);
    assert_eq!(yard.run(run).state, RunState::Running);
    assert_eq!(yard.task(run, "c").reason.as_deref(), Some("the run ends: it took longer than its 30s"));
}

#[test]
fn nothing_is_leased_after_the_deadline_of_a_run() {
    let mut yard = Yard::new();
    yard.begin(&late(vec![task("a", &[])]));
    let worker = yard.register("one");
    yard.pass(30);
    assert_eq!(yard.work(worker), None);
}

#[test]
fn nothing_is_tried_again_after_the_deadline_of_a_run_and_then_it_fails() {
    let mut yard = Yard::new();
    let run = yard.begin(&late(vec![task("a", &[])]));
    let worker = yard.register("one");
    let (_, spawn) = yard.give(worker);
    yard.pass(30);
    yard.report(spawn, failed("no")).unwrap();
    assert_eq!((yard.task_state(run, "a"), yard.run(run).state), (TaskState::Failed, RunState::Failed));
    assert_eq!(yard.run(run).reason.as_deref(), Some("it took longer than its 30s"));
}

#[test]
fn what_validates_at_the_deadline_of_a_run_still_lands_and_the_run_fails() {
    let mut yard = Yard::new();
    let run = yard.begin(&late(vec![task("a", &[])]));
    let worker = yard.register("one");
    let (_, spawn) = yard.give(worker);
    yard.report(spawn, done("x")).unwrap();
    yard.pass(30);
    yard.land_all(run);
    assert_eq!((yard.task_state(run, "a"), yard.run(run).state), (TaskState::Completed, RunState::Failed));
}

#[test]
fn a_run_that_is_done_before_its_deadline_succeeds() {
    let mut world =
        World::new(&RunSpec { deadline: Some(Span::from_secs(3600)), ..own(vec![task("a", &[])], 1) }, &[], 7);
    world.go();
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn a_miss_before_the_deadline_is_the_cause_and_one_after_it_is_not() {
    for (seconds, expected) in [(10, "a is critical and failed: no"), (30, "it took longer than its 30s")] {
        let mut yard = Yard::new();
        let critical = TaskSpec { weight: Weight::Critical, attempts: 1, ..task("a", &[]) };
        let run = yard.begin(&late(vec![critical, task("b", &[])]));
        let (one, two) = (yard.register("one"), yard.register("two"));
        let ((_, a), (_, b)) = (yard.give(one), yard.give(two));
        yard.pass(seconds);
        yard.report(a, failed("no")).unwrap();
        yard.pass(30);
        yard.report(b, failed("neither")).unwrap();
        assert_eq!(yard.run(run).state, RunState::Failed);
        assert_eq!(yard.run(run).reason.as_deref(), Some(expected));
    }
}

#[test]
fn the_deadline_of_a_run_is_waited_for_only_while_it_changes_something() {
    let mut yard = Yard::new();
    let run = yard.begin(&late(vec![TaskSpec { timeout: Span::from_secs(600), ..task("a", &[]) }, task("b", &[])]));
    let deadline = yard.now.after(Span::from_secs(30));
    assert_eq!(next_deadline(yard.view(), run), Some(deadline));
    let worker = yard.register("one");
    yard.give(worker);
    assert_eq!(next_deadline(yard.view(), run), Some(deadline));
    yard.pass(30);
    tick(&mut yard, run);
    // What still runs has a time of its own.
    assert_eq!(next_deadline(yard.view(), run), Some(yard.now.after(Span::from_secs(570))));
    // Nor does it matter to a paused run.
    let mut yard = Yard::new();
    let run = yard.begin(&late(vec![task("a", &[])]));
    yard.conduct(run, &Command::PauseRun { run, reason: "lunch".to_owned() }).unwrap();
    assert_eq!(next_deadline(yard.view(), run), None);
}

#[test]
fn what_is_ready_and_held_waits_for_a_person_past_the_deadline_of_its_run() {
    let spec = RunSpec { land: LandMode::Hold, deadline: Some(Span::from_secs(3600)), ..own(vec![task("a", &[])], 1) };
    let mut world = World::new(&spec, &[("a", &[Luck::Good])], 7);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    world.now = world.now.after(Span::from_secs(3600));
    world.execute(&Command::ResumeRun { run: world.run, reason: "go on".to_owned() }).unwrap();
    assert_eq!((world.state_of("a"), world.run_record().state), (TaskState::Waiting, RunState::Paused));
}

#[test]
fn the_deadline_of_a_run_is_not_waited_for_by_what_is_held() {
    let mut yard = Yard::new();
    let patient = TaskSpec { timeout: Span::from_secs(600), ..task("b", &[]) };
    let run = yard.begin(&RunSpec { land: LandMode::Hold, ..late(vec![task("a", &[]), patient]) });
    let (one, two) = (yard.register("one"), yard.register("two"));
    let ((_, a), _) = (yard.give(one), yard.give(two));
    yard.report(a, done("x")).unwrap();
    yard.land_all(run);
    assert_eq!(["a", "b"].map(|name| yard.task_state(run, name)), [TaskState::Waiting, TaskState::Running]);
    assert_eq!(next_deadline(yard.view(), run), Some(yard.now.after(Span::from_secs(600))));
}

/// A run whose one task needs what only the worker `able` can do.
fn rare() -> (Yard, RunId) {
    let mut yard = Yard::new();
    let capabilities = BTreeSet::from(["gpu".to_owned()]);
    let mut spec = shared(vec![TaskSpec { capabilities, ..task("a", &[]) }, task("b", &["a"])], 4);
    spec.stall_timeout = Span::from_secs(100);
    let run = yard.begin(&spec);
    (yard, run)
}

#[test]
fn a_run_that_nobody_can_work_on_is_stuck_after_a_while_and_not_before() {
    let (mut yard, run) = rare();
    yard.register("not able");
    let stuck = yard.now.after(Span::from_secs(100));
    assert_eq!(next_deadline(yard.view(), run), Some(stuck));
    yard.now = yard.now.after(Span::from_millis(99_999));
    tick(&mut yard, run);
    assert_eq!(yard.run(run).state, RunState::Running);
    yard.now = stuck;
    tick(&mut yard, run);
    assert_eq!(["a", "b"].map(|name| yard.task_state(run, name)), [TaskState::Canceled; 2]);
    assert_eq!(yard.run(run).state, RunState::Failed);
    let reason = "it was stuck: for 1m40s there was no worker that can do what is queued (a)";
    assert_eq!(yard.run(run).reason.as_deref(), Some(reason));
    assert_eq!(next_deadline(yard.view(), run), None);
}

#[test]
fn a_run_is_not_stuck_while_a_worker_is_left_that_can_do_what_is_queued() {
    let (mut yard, run) = rare();
    let able = yard.try_register(&newcomer("able", 2, &["gpu"])).unwrap();
    yard.wish(able, WorkerWish::Pause).unwrap();
    assert_eq!(next_deadline(yard.view(), run), None);
    yard.pass(1000);
    tick(&mut yard, run);
    assert_eq!(yard.run(run).state, RunState::Running);
}

#[test]
fn the_time_of_a_stuck_run_counts_from_when_its_last_worker_went() {
    let (mut yard, run) = rare();
    let able = yard.try_register(&newcomer("able", 2, &["gpu"])).unwrap();
    yard.pass(1000);
    yard.look(able, Liveness::Gone).unwrap();
    assert_eq!(next_deadline(yard.view(), run), Some(yard.now.after(Span::from_secs(100))));
    yard.pass(99);
    tick(&mut yard, run);
    assert_eq!(yard.run(run).state, RunState::Running);
    // Also for who opens the fleet only now.
    yard.fleet = Engine::open_fleet(yard.store).unwrap();
    yard.pass(1);
    tick(&mut yard, run);
    assert_eq!(yard.run(run).state, RunState::Failed);
}

#[test]
fn the_time_of_a_stuck_run_counts_from_when_it_went_on() {
    let (mut yard, run) = rare();
    yard.conduct(run, &Command::PauseRun { run, reason: "lunch".to_owned() }).unwrap();
    yard.pass(1000);
    yard.conduct(run, &Command::ResumeRun { run, reason: "back".to_owned() }).unwrap();
    assert_eq!(next_deadline(yard.view(), run), Some(yard.now.after(Span::from_secs(100))));
}

#[test]
fn a_run_in_which_something_is_alive_or_timed_is_not_stuck() {
    let capabilities = BTreeSet::from(["gpu".to_owned()]);
    let patient = TaskSpec { timeout: Span::from_secs(9000), ..task("b", &[]) };
    let mut yard = Yard::new();
    let mut spec = shared(vec![TaskSpec { capabilities, ..task("a", &[]) }, patient], 4);
    spec.stall_timeout = Span::from_secs(100);
    let run = yard.begin(&spec);
    let worker = yard.register("one");
    let (_, spawn) = yard.give(worker);
    yard.pass(1000);
    tick(&mut yard, run);
    assert_eq!(yard.run(run).state, RunState::Running);
    yard.report(spawn, failed("no")).unwrap();
    let due = yard.task(run, "b").due_at;
    assert_eq!((yard.task_state(run, "b"), next_deadline(yard.view(), run)), (TaskState::Retrying, due));
}

#[test]
fn a_run_whose_changes_are_judged_or_wait_for_a_person_is_not_stuck() {
    let capabilities = BTreeSet::from(["gpu".to_owned()]);
    let mut spec = shared(vec![TaskSpec { capabilities, ..task("a", &[]) }, task("b", &[])], 4);
    (spec.stall_timeout, spec.land) = (Span::from_secs(100), LandMode::Hold);
    let mut yard = Yard::new();
    let run = yard.begin(&spec);
    let worker = yard.register("one");
    let (_, spawn) = yard.give(worker);
    yard.report(spawn, done("x")).unwrap();
    assert_eq!(yard.task_state(run, "b"), TaskState::Validating);
    assert_eq!(next_deadline(yard.view(), run), None);
    yard.land_all(run);
    assert_eq!(yard.task_state(run, "b"), TaskState::Waiting);
    assert_eq!(next_deadline(yard.view(), run), yard.task(run, "b").due_at);
}

#[test]
fn who_does_not_know_the_shared_workers_finds_no_run_stuck() {
    let (mut yard, run) = rare();
    yard.pass(1000);
    yard.conduct(run, &Command::Tick { run }).unwrap();
    assert_eq!(yard.run(run).state, RunState::Running);
    let engine = Engine::open(yard.store, run).unwrap();
    assert_eq!(next_deadline(engine.view(), run), None);
}

#[test]
fn a_run_with_workers_of_its_own_is_stuck_where_a_task_asks_for_what_none_can_do() {
    let capabilities = BTreeSet::from(["gpu".to_owned()]);
    let mut spec = own(vec![TaskSpec { capabilities, ..task("a", &[]) }], 4);
    spec.stall_timeout = Span::from_secs(100);
    let mut world = World::new(&spec, &[], 7);
    world.go();
    assert_eq!(world.run_record().state, RunState::Failed);
}

#[test]
fn what_a_person_overrides_is_told_as_a_warning_and_what_follows_is_not() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 1), &[], 7);
    world.execute(&Command::PauseRun { run: world.run, reason: "lunch".to_owned() }).unwrap();
    let at = At { now: world.run_record().created_at, seed: 1 };
    let resume = Command::ResumeRun { run: world.run, reason: "back".to_owned() };
    let skip = Command::OverrideTask { task: world.task("a").id, wish: TaskWish::Skip, reason: "not now".to_owned() };
    for (command, name) in [(resume, "resume"), (skip, "skip")] {
        let told: Vec<(String, Severity)> = decide(world.view(), &command, at)
            .unwrap()
            .changes
            .into_iter()
            .map(|change| (change.event.name, change.event.severity))
            .collect();
        assert_eq!(told[0], (name.to_owned(), Severity::Warning));
        assert!(told[1..].iter().all(|(_, severity)| *severity == Severity::Info), "{told:?}");
    }
}
