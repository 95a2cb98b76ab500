//! Death, pauses, second thoughts: what a run survives.

use proptest::prelude::*;
use tollhouse_core::PatchId;
use tollhouse_core::entity::{Attempt, Effect, ErrorClass, Patch, Task, Work};
use tollhouse_core::lifecycle::{AttemptState, EffectState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{BudgetSpec, LandMode, OnDependencyFailure, RunSpec, TaskSpec, Weight, WorkstreamSpec};
use tollhouse_core::{Money, RunId, Span};
use tollhouse_engine::{
    AttemptFacts, Command, EngineError, Found, Liveness, Outcome, PatchWish, Refusal, Seen, Submission, TaskWish, View,
    Witness, fork_of,
};
use tollhouse_state::{Cursor, Store};

use crate::world::{ALL_LUCK, Luck, World, claimant, new_patch, process, spec, task};

fn started(plan: &RunSpec) -> World {
    World::new(plan, &[], 7)
}

fn held(tasks: Vec<TaskSpec>) -> RunSpec {
    RunSpec { land: LandMode::Hold, ..spec(tasks, 4) }
}

fn refusal(result: Result<(), EngineError>) -> Refusal {
    match result {
        Err(EngineError::Refused(refusal)) => refusal,
        other => panic!("it must be refused: {other:?}"),
    }
}

fn only_patch(world: &World) -> Patch {
    world.view().all::<Patch>().next().expect("there is one").clone()
}

fn on_patch(patch: PatchId, wish: PatchWish) -> Command {
    Command::OverridePatch { patch, wish, reason: "because".to_owned() }
}

fn on_task(world: &World, name: &str, wish: TaskWish) -> Command {
    Command::OverrideTask { task: world.task(name).id, wish, reason: "because".to_owned() }
}

fn cancel(world: &World) -> Command {
    Command::CancelRun { run: world.run, reason: "enough".to_owned() }
}

#[test]
fn who_is_alive_is_not_replaced() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    let epoch = world.conductor;
    let drive = |seen| Command::Drive { run: world.run, process: process(9), seen };
    let commands = [None, Some(Liveness::Alive), Some(Liveness::OutOfSight { last_seen: None })]
        .map(|liveness| drive(liveness.map(|liveness| Seen { epoch, liveness })));
    let old = drive(Some(Seen { epoch: epoch - 1, liveness: Liveness::Gone }));
    for command in commands.iter().chain([&old]) {
        assert_eq!(refusal(world.execute(command)).code(), "already_driven");
    }
}

#[test]
fn who_cannot_be_seen_is_replaced_once_it_was_silent_for_a_minute() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    let (epoch, run) = (world.conductor, world.run);
    let last_seen = Some(world.now.after(Span::from_secs(30)));
    let seen = Some(Seen { epoch, liveness: Liveness::OutOfSight { last_seen } });
    let drive = Command::Drive { run, process: process(9), seen };
    world.now = world.now.after(Span::from_secs(80));
    assert_eq!(refusal(world.execute(&drive)).code(), "already_driven");
    world.now = world.now.after(Span::from_secs(20));
    world.execute(&drive).unwrap();
    assert_eq!(world.run_record().conductors, epoch + 1);
}

#[test]
fn what_a_dead_conductor_began_is_unknown_until_somebody_looked() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    let spawn = world.view().all::<Effect>().next().unwrap().clone();
    let until = world.now.after(Span::from_secs(60));
    let claim = Command::Claim { effect: spawn.id, by: claimant(world.conductor), until };
    world.execute(&claim).unwrap();
    let before = world.conductor;
    world.drive();
    let state = |world: &World| world.view().get::<Effect>(spawn.id).unwrap().state;
    assert_eq!(state(&world), EffectState::Unknown);

    let late = Command::Report { effect: spawn.id, epoch: 1, outcome: Box::new(Outcome::Killed) };
    assert_eq!(refusal(world.execute(&late)).code(), "stale_lease");
    let found = || Found::outcome(Outcome::Vanished { facts: AttemptFacts::default(), reason: "killed".to_owned() });
    let settle = |conductor| Command::Settle { effect: spawn.id, by: Witness::Conductor(conductor), found: found() };
    assert_eq!(refusal(world.execute(&settle(before))).code(), "stale_lease");
    world.execute(&settle(world.conductor)).unwrap();
    assert_eq!(state(&world), EffectState::Failed);
    let attempt = world.view().all::<Attempt>().next().unwrap();
    assert_eq!(attempt.state, AttemptState::Lost);
    let lost = world.task("a");
    assert_eq!((lost.state, lost.attempts_used, lost.attempts_lost), (TaskState::Retrying, 0, 1));
    assert_eq!(lost.error_class, Some(ErrorClass::WorkerLost));
}

#[test]
fn an_attempt_that_was_overdue_before_anybody_began_it_never_begins() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    let spawn = world.view().all::<Effect>().next().unwrap().clone();
    world.now = world.now.after(Span::from_secs(61));
    world.execute(&Command::Tick { run: world.run }).unwrap();
    let attempt = world.view().all::<Attempt>().next().unwrap();
    assert_eq!(attempt.state, AttemptState::TimedOut);
    assert_eq!(world.view().get::<Effect>(spawn.id).unwrap().state, EffectState::Failed);
    let is_killed = world.view().all::<Effect>().any(|effect| matches!(effect.work, Work::Kill { .. }));
    assert!(!is_killed, "nothing began, so there is nothing to kill");
}

#[test]
fn what_is_held_waits_and_its_run_rests_until_a_person_lands_it() {
    let mut world = started(&held(vec![task("a", &[]), task("b", &["a"])]));
    world.go_until(|world| world.run_record().state == RunState::Paused);
    assert_eq!(world.state_of("a"), TaskState::Waiting);
    assert_eq!(world.run_record().reason.as_deref(), Some("1 change was ready and held"));
    assert!(world.branch().is_empty(), "nothing landed");
    world.go();
    assert_eq!(world.branch().len(), 2);
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn changes_that_are_held_together_all_land() {
    let mut world = started(&held(vec![task("a", &[]), task("b", &[]), task("c", &[])]));
    world.go_until(|world| world.run_record().state == RunState::Paused);
    assert_eq!(world.run_record().reason.as_deref(), Some("3 changes were ready and held"));
    world.go();
    assert_eq!(world.branch().len(), 3);
}

#[test]
fn only_what_is_held_can_be_landed_by_a_person() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    world.go();
    let patch = only_patch(&world).id;
    assert_eq!(refusal(world.execute(&on_patch(patch, PatchWish::Land))).code(), "not_held");
}

#[test]
fn a_held_change_that_is_dropped_sends_its_task_back_with_the_reason() {
    let mut world = started(&held(vec![task("a", &[])]));
    world.go_until(|world| world.run_record().state == RunState::Paused);
    let patch = only_patch(&world).id;
    world.execute(&on_patch(patch, PatchWish::Drop)).unwrap();
    assert_eq!(world.view().get::<Patch>(patch).unwrap().state, PatchState::Dropped);
    assert_eq!(world.state_of("a"), TaskState::Queued);
    assert!(world.task("a").feedback.as_ref().unwrap().contains("a person dropped the change: because"));
}

#[test]
fn nobody_who_decides_in_a_week_is_an_answer_too() {
    let mut world = started(&held(vec![task("a", &[])]));
    world.go_until(|world| world.run_record().state == RunState::Paused);
    world.now = world.now.after(Span::from_secs(8 * 24 * 3600));
    world.execute(&Command::ResumeRun { run: world.run, reason: "back".to_owned() }).unwrap();
    world.execute(&Command::Tick { run: world.run }).unwrap();
    assert_eq!(world.state_of("a"), TaskState::Failed);
    assert_eq!(only_patch(&world).state, PatchState::Dropped);
}

#[test]
fn a_canceled_run_ends_what_is_alive_and_lands_nothing_more() {
    let mut world = started(&spec(vec![task("a", &[]), task("b", &[]), task("c", &["a"])], 4));
    world.go_until(|world| world.view().all::<Patch>().any(|patch| patch.state == PatchState::Applied));
    world.execute(&cancel(&world)).unwrap();
    world.execute(&cancel(&world)).unwrap();
    world.go();
    assert_eq!(world.run_record().state, RunState::Canceled);
    assert!(world.branch().is_empty());
    assert!(world.view().all::<Task>().all(|task| task.state == TaskState::Canceled));
    assert_eq!(refusal(world.execute(&cancel(&world))).code(), "run_over");
}

#[test]
fn a_landing_that_began_is_not_overtaken_by_the_end_of_its_run() {
    let mut world = started(&spec(vec![task("a", &[]), task("b", &[])], 4));
    world.go_until(|world| {
        let landing =
            |effect: &Effect| matches!(effect.work, Work::Land { .. }) && effect.state == EffectState::Started;
        world.view().all::<Effect>().any(landing)
    });
    let landing = world.view().all::<Patch>().find(|patch| patch.state == PatchState::Verified).unwrap().clone();
    assert_eq!(refusal(world.execute(&on_patch(landing.id, PatchWish::Drop))).code(), "landing");
    world.execute(&cancel(&world)).unwrap();
    assert_eq!(world.run_record().state, RunState::Canceling);
    world.go();
    assert_eq!(world.run_record().state, RunState::Canceled);
    assert_eq!(*world.branch(), [landing.id.to_string()], "what was landing landed, and nothing else");
    let states: Vec<TaskState> = ["a", "b"].map(|name| world.state_of(name)).to_vec();
    assert!(states.contains(&TaskState::Completed) && states.contains(&TaskState::Canceled), "{states:?}");
}

#[test]
fn a_failed_task_is_tried_again_with_a_persons_words() {
    let luck: &[Luck] = &[Luck::AgentFails, Luck::AgentFails];
    let mut world =
        World::new(&spec(vec![task("a", &[]), task("b", &[])], 1), &[("a", luck), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Failed);
    let say = Some("use the other file".to_owned());
    world.execute(&on_task(&world, "a", TaskWish::Retry { say })).unwrap();
    world.go_until(|world| world.state_of("a") == TaskState::Completed);
    let last = world.view().all::<Attempt>().filter(|attempt| attempt.task == world.task("a").id).last().unwrap();
    assert!(last.prompt.trim_end().ends_with("A maintainer says: use the other file"), "{}", last.prompt);
}

#[test]
fn a_task_that_others_were_given_up_for_is_not_tried_again() {
    let luck: &[Luck] = &[Luck::AgentFails, Luck::AgentFails];
    let tasks = vec![task("a", &[]), task("b", &["a"]), task("c", &[])];
    let mut world = World::new(&spec(tasks, 1), &[("a", luck), ("c", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("b") == TaskState::Skipped);
    let refusal = refusal(world.execute(&on_task(&world, "a", TaskWish::Retry { say: None })));
    assert_eq!(refusal.code(), "dependents_missed");
}

#[test]
fn a_task_that_failed_with_what_it_needs_is_not_tried_again_without_it() {
    let fails = TaskSpec { on_dependency_failure: OnDependencyFailure::Fail, ..task("b", &["a"]) };
    let plan = spec(vec![TaskSpec { attempts: 1, ..task("a", &[]) }, fails, task("c", &[])], 1);
    let mut world = World::new(&plan, &[("a", &[Luck::AgentFails])], 7);
    world.go_until(|world| world.state_of("b") == TaskState::Failed);
    let retry = on_task(&world, "b", TaskWish::Retry { say: None });
    assert_eq!(refusal(world.execute(&retry)).code(), "dependents_missed");
}

#[test]
fn a_critical_task_is_not_tried_again_once_the_run_ends_because_of_it() {
    let mut tasks = vec![task("a", &[]), task("b", &[]), task("c", &[])];
    for task in &mut tasks {
        task.weight = Weight::Critical;
    }
    tasks[0].attempts = 1;
    let mut world = World::new(&spec(tasks, 2), &[("a", &[Luck::AgentFails]), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("c") == TaskState::Canceled);
    let refusal = refusal(world.execute(&on_task(&world, "a", TaskWish::Retry { say: None })));
    assert_eq!(refusal.code(), "dependents_missed");
}

#[test]
fn a_task_is_not_tried_again_while_a_patch_of_it_that_was_let_in_is_on_its_way() {
    let mut plan = spec(vec![task("a", &[]), task("b", &[])], 4);
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[("a", &[Luck::Forbidden]), ("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Failed);
    let release = PatchWish::Release { waive: vec![], allow: vec!["secrets/**".to_owned()] };
    world.execute(&on_patch(only_patch(&world).id, release)).unwrap();
    let retry = on_task(&world, "a", TaskWish::Retry { say: None });
    assert_eq!(refusal(world.execute(&retry)).code(), "patch_in_the_way");
    world.go_until(|world| only_patch(world).state == PatchState::Committed);
    assert_eq!(refusal(world.execute(&retry)).code(), "patch_in_the_way", "what landed is not paid for again");
}

#[test]
fn what_needs_a_task_that_a_person_skipped_goes_on() {
    let mut world = started(&spec(vec![task("a", &[]), task("b", &["a"])], 4));
    world.execute(&Command::PauseRun { run: world.run, reason: "wait".to_owned() }).unwrap();
    world.execute(&on_task(&world, "a", TaskWish::Skip)).unwrap();
    world.go();
    assert_eq!([world.state_of("a"), world.state_of("b")], [TaskState::Skipped, TaskState::Completed]);
}

#[test]
fn a_person_lets_a_refused_patch_in_and_it_lands_for_itself() {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[("a", &[Luck::Forbidden])], 7);
    world.go();
    let patch = only_patch(&world);
    assert_eq!((patch.state, world.state_of("a")), (PatchState::Quarantined, TaskState::Failed));
    let release = |waive: &[&str], allow: &[&str]| {
        let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        on_patch(patch.id, PatchWish::Release { waive: texts(waive), allow: texts(allow) })
    };
    assert_eq!(refusal(world.execute(&release(&["git_directory"], &[]))).code(), "not_waivable");
    assert_eq!(refusal(world.execute(&release(&["nonsense"], &[]))).code(), "not_waivable");
    assert_eq!(refusal(world.execute(&release(&[], &["/abs"]))).code(), "bad_glob");
    world.execute(&release(&[], &["docs/**"])).unwrap();
    assert_eq!(only_patch(&world).state, PatchState::Quarantined, "the same rule refuses it again");
    world.execute(&release(&[], &["secrets/**"])).unwrap();
    world.settle_effects();
    assert_eq!(only_patch(&world).state, PatchState::Committed);
    assert_eq!(world.state_of("a"), TaskState::Failed, "it changes no task");
    assert_eq!(*world.branch(), [patch.id.to_string()]);
}

#[test]
fn of_two_refused_patches_of_a_task_one_is_let_in() {
    let mut world = World::new(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::Forbidden, Luck::Forbidden])], 7);
    world.go();
    let ids: Vec<PatchId> = world.view().all::<Patch>().map(|patch| patch.id).collect();
    let release =
        |id: PatchId| on_patch(id, PatchWish::Release { waive: vec![], allow: vec!["secrets/**".to_owned()] });
    world.execute(&release(ids[0])).unwrap();
    assert_eq!(refusal(world.execute(&release(ids[1]))).code(), "patch_in_the_way");
    world.settle_effects();
    assert_eq!(refusal(world.execute(&release(ids[1]))).code(), "patch_in_the_way");
    assert_eq!(*world.branch(), [ids[0].to_string()]);
}

#[test]
fn a_patch_whose_task_goes_on_is_not_let_in() {
    let mut world = World::new(&spec(vec![task("a", &[])], 4), &[("a", &[Luck::Forbidden, Luck::Hangs])], 7);
    world.go_until(|world| world.view().all::<Patch>().any(|patch| patch.state == PatchState::Quarantined));
    let release = on_patch(only_patch(&world).id, PatchWish::Release { waive: vec![], allow: vec![] });
    assert_eq!(refusal(world.execute(&release)).code(), "task_in_the_way");
}

#[test]
fn a_fork_keeps_what_was_done_and_does_the_rest() {
    let luck: &[Luck] = &[Luck::AgentFails, Luck::AgentFails];
    let tasks = vec![task("a", &[]), task("b", &["a"]), task("c", &["b"]), task("d", &["a"])];
    let mut world = World::new(&spec(tasks, 4), &[("c", luck)], 7);
    assert_eq!(fork_of(world.view(), world.run, None).unwrap_err().code(), "not_over");
    world.go();
    let names = |from: Option<&str>| -> Vec<String> {
        fork_of(world.view(), world.run, from).unwrap().1.done.into_keys().collect()
    };
    assert_eq!(names(None), ["a", "b", "d"]);
    assert_eq!(names(Some("b")), ["a", "d"]);
    assert_eq!(names(Some("a")), Vec::<String>::new());
    assert_eq!(fork_of(world.view(), world.run, Some("x")).unwrap_err().code(), "no_such_task");

    let (spec, legacy) = fork_of(world.view(), world.run, Some("b")).unwrap();
    let source = legacy.done["a"];
    let run = RunId::from_parts(world.now, 99);
    let create = Command::CreateRun { run, spec: Box::new(spec), started_by: "ada".to_owned(), legacy: Some(legacy) };
    let mut second = World::from_command(run, &create, 8);
    assert_eq!(second.task("a").source, Some(source));
    second.go();
    assert_eq!(second.run_record().state, RunState::Succeeded);
    assert_eq!(second.branch().len(), 2, "b and c were done, a and d were done before");
}

#[test]
fn a_patch_that_is_handed_in_pays_at_the_gate_like_any_other() {
    let spec = spec(vec![], 1);
    let run = RunId::from_parts(tollhouse_core::Timestamp::EPOCH, 5);
    let submit = |path: &str| {
        let change = new_patch(path, "content", "base");
        let id = PatchId::from_parts(tollhouse_core::Timestamp::EPOCH, 6);
        let patch = Box::new(Submission { id, change, title: "Mend it".to_owned(), author: None, replaces: None });
        Command::SubmitPatch {
            run,
            spec: Box::new(spec.clone()),
            started_by: "ada".to_owned(),
            base: "base".to_owned(),
            patch,
        }
    };
    let mut good = World::from_command(run, &submit("src/lib.rs"), 1);
    good.go();
    assert_eq!((good.run_record().state, good.branch().len()), (RunState::Succeeded, 1));
    let mut bad = World::from_command(run, &submit("secrets/key"), 1);
    bad.go();
    assert_eq!((bad.run_record().state, bad.branch().len()), (RunState::Failed, 0));
    assert!(bad.run_record().reason.as_ref().unwrap().starts_with("the patch was quarantined: policy refused"));
}

#[test]
fn trouble_that_passes_pauses_the_run_and_the_same_patch_lands_once_it_is_gone() {
    let mut world = started(&spec(vec![task("a", &[]), task("b", &[])], 1));
    let landing = |world: &World| {
        let begun = |effect: &&Effect| matches!(effect.work, Work::Land { .. }) && effect.state == EffectState::Started;
        world.view().all::<Effect>().find(begun).cloned()
    };
    world.go_until(|world| landing(world).is_some());
    let effect = landing(&world).unwrap();
    let reason = "toll/main is checked out".to_owned();
    let outcome = Box::new(Outcome::Failed { class: ErrorClass::Conflict, reason });
    world.execute(&Command::Report { effect: effect.id, epoch: effect.epoch, outcome }).unwrap();
    assert_eq!(world.run_record().state, RunState::Paused);
    let reason = world.run_record().reason.clone().unwrap();
    assert_eq!(reason, "it could not be landed: toll/main is checked out");
    world.go();
    assert_eq!(world.branch().len(), 2);
    let attempts = world.view().all::<Attempt>().filter(|attempt| attempt.state == AttemptState::Succeeded).count();
    assert_eq!(attempts, 2, "nobody was paid twice");
}

#[test]
fn nothing_begins_in_a_run_that_rests() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    world.go_until(|world| world.view().all::<Effect>().any(|effect| matches!(effect.work, Work::Apply { .. })));
    let apply = world.view().all::<Effect>().find(|effect| matches!(effect.work, Work::Apply { .. })).unwrap().id;
    world.execute(&Command::PauseRun { run: world.run, reason: "lunch".to_owned() }).unwrap();
    let until = world.now.after(Span::from_secs(60));
    let claim = Command::Claim { effect: apply, by: claimant(world.conductor), until };
    assert_eq!(refusal(world.execute(&claim)).code(), "run_rests");
}

#[test]
fn what_is_ready_and_held_is_not_given_up_when_another_task_fails() {
    let mut plan = held(vec![task("a", &[]), task("b", &[])]);
    plan.tasks[1].weight = Weight::Critical;
    plan.tasks[1].attempts = 1;
    let mut world = World::new(&plan, &[("b", &[Luck::AgentFails])], 7);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    assert_eq!([world.state_of("a"), world.state_of("b")], [TaskState::Waiting, TaskState::Failed]);
    world.go();
    assert_eq!((world.run_record().state, world.branch().len()), (RunState::Failed, 1), "what a person lands lands");
}

fn plan(edges: &[(usize, usize)], count: usize, critical: &[bool]) -> Vec<TaskSpec> {
    let mut tasks: Vec<_> = (0..count).map(|n| task(&format!("t{n}"), &[])).collect();
    for (from, to) in edges {
        if from < to && *to < tasks.len() {
            tasks[*to].needs.push(format!("t{from}"));
        }
    }
    for (task, critical) in tasks.iter_mut().zip(critical) {
        if *critical {
            task.weight = Weight::Critical;
        }
    }
    tasks
}

/// What is drawn of workstreams: which one each task is in, what they need, and how they are judged.
#[derive(Debug, Clone)]
struct DrawnStreams {
    of_tasks: Vec<Option<u8>>,
    edges: Vec<(u8, u8)>,
    critical: [bool; 3],
    skip: [bool; 3],
    gated: [bool; 3],
    accepted: bool,
    fails: [bool; 3],
    own_gates: Vec<Luck>,
}

fn any_streams() -> impl Strategy<Value = DrawnStreams> {
    let of_tasks = proptest::collection::vec(proptest::option::of(0_u8..3), 8);
    let edges = proptest::collection::vec((0_u8..3, 0_u8..3), 0..4);
    let flags = any::<([bool; 3], [bool; 3], [bool; 3], [bool; 3], [bool; 3], bool)>();
    let luck = proptest::sample::select(vec![Luck::Good, Luck::Good, Luck::GateSaysNo, Luck::GateBreaks]);
    (of_tasks, edges, flags, proptest::collection::vec(luck, 0..4)).prop_map(|(of_tasks, edges, flags, own_gates)| {
        let (critical, skip, and, gated, fails, accepted) = flags;
        let skip = [skip[0] && and[0], skip[1] && and[1], skip[2] && and[2]];
        DrawnStreams { of_tasks, edges, critical, skip, gated, accepted, fails, own_gates }
    })
}

impl DrawnStreams {
    /// Puts the tasks into workstreams. Those of earlier workstreams come first, so that nothing waits for itself.
    fn put_into(&self, plan: &mut RunSpec) {
        let mut newest = 0;
        for (task, drawn) in plan.tasks.iter_mut().zip(&self.of_tasks) {
            newest = newest.max(drawn.unwrap_or_default());
            task.workstream = drawn.map(|_| format!("s{newest}"));
        }
        plan.workstreams = (0..3_u8)
            .map(|n| {
                let at = usize::from(n);
                let needs = self.edges.iter().filter(|(from, to)| from < to && *to == n);
                WorkstreamSpec {
                    name: format!("s{n}"),
                    needs: needs.map(|(from, _)| format!("s{from}")).collect(),
                    weight: if self.critical[at] { Weight::Critical } else { Weight::Optional },
                    gates: if self.gated[at] { vec!["unit".to_owned()] } else { Vec::new() },
                    on_dependency_failure: if self.fails[at] {
                        OnDependencyFailure::Fail
                    } else {
                        OnDependencyFailure::Skip
                    },
                    skip: self.skip[at],
                }
            })
            .collect();
        if self.accepted {
            plan.acceptance = vec!["unit".to_owned()];
        }
    }
}

fn any_edges() -> impl Strategy<Value = Vec<(usize, usize)>> {
    proptest::collection::vec((0_usize..8, 0_usize..8), 0..8)
}

proptest! {
    /// However often its conductor dies and a person pauses it, a run in which nothing else goes wrong ends as it would have
    /// without: every task is done, every patch is on the branch, once.
    #[test]
    fn deaths_change_nothing_about_what_lands(
        seed: u64,
        parallel in 1_u32..5,
        chaos in 1_u64..30,
        count in 1_usize..8,
        edges in any_edges(),
    ) {
        let mut tasks = plan(&edges, count, &[true; 8]);
        for task in &mut tasks {
            task.attempts = 1000;
        }
        let mut world = World::new(&spec(tasks, parallel), &[], seed);
        world.chaos = chaos;
        world.go();
        prop_assert_eq!(world.run_record().state, RunState::Succeeded);
        prop_assert_eq!(world.branch().len(), count);
    }

    /// Any plan with any luck, deaths and pauses, held or not, with any money: the invariants hold at every step, the run ends, and folding
    /// its events gives its records.
    #[test]
    fn any_run_ends_on_any_day(
        seed: u64,
        parallel in 1_u32..5,
        chaos in 0_u64..25,
        hold: bool,
        limit in proptest::option::of(1_i64..40),
        costs in proptest::collection::vec(proptest::option::of(0_i64..20), 0..4),
        luck in proptest::collection::vec(proptest::collection::vec(proptest::sample::select(ALL_LUCK.to_vec()), 0..3), 1..8),
        critical in proptest::collection::vec(any::<bool>(), 8),
        edges in any_edges(),
        streams in proptest::option::weighted(0.8, any_streams()),
    ) {
        let names: Vec<String> = (0..luck.len()).map(|n| format!("t{n}")).collect();
        let mut plan = spec(plan(&edges, luck.len(), &critical), parallel);
        plan.land = if hold { LandMode::Hold } else { LandMode::Auto };
        plan.budget = Some(BudgetSpec { per_run: limit.map(Money::from_nanos), ..BudgetSpec::default() });
        let mut luck: Vec<(&str, &[Luck])> = names.iter().map(String::as_str).zip(luck.iter().map(Vec::as_slice)).collect();
        if let Some(streams) = &streams {
            streams.put_into(&mut plan);
            luck.push(("gate:unit", &streams.own_gates));
        }
        let mut world = World::new(&plan, &luck, seed);
        world.hands.costs = names.iter().map(|name| (name.clone(), costs.clone())).collect();
        world.chaos = chaos;
        world.go();
        let mut folded = View::default();
        for event in world.engine.store().events(&Cursor::default()).unwrap() {
            folded.apply(&event).unwrap();
        }
        prop_assert_eq!(&folded, world.view());
        prop_assert_eq!(&View::load(world.engine.store(), world.run).unwrap(), world.view());
    }
}

#[test]
fn an_attempt_that_is_over_before_anybody_began_it_is_not_begun_any_more() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    let spawn = world.view().all::<Effect>().next().unwrap().id;
    world.now = world.now.after(Span::from_secs(61));
    world.execute(&Command::Tick { run: world.run }).unwrap();
    assert_eq!(world.view().get::<Effect>(spawn).unwrap().state, EffectState::Failed);
    assert_eq!(world.view().all::<Effect>().filter(|effect| !effect.state.is_finished()).count(), 0);
    world.execute(&cancel(&world)).unwrap();
    assert_eq!(world.run_record().state, RunState::Canceled);
}

#[test]
fn who_had_an_effect_that_is_asked_for_again_is_too_late() {
    let mut world = started(&spec(vec![task("a", &[])], 1));
    let spawn = world.view().all::<Effect>().next().unwrap().id;
    let claim = Command::Claim { effect: spawn, by: claimant(world.conductor), until: world.now };
    world.execute(&claim).unwrap();
    world.drive();
    let found = Found::NotDone { reason: "it never began".to_owned() };
    world.execute(&Command::Settle { effect: spawn, by: Witness::Conductor(world.conductor), found }).unwrap();
    let late =
        Command::Report { effect: spawn, epoch: 1, outcome: Box::new(Outcome::Spawned(AttemptFacts::default())) };
    assert_eq!(refusal(world.execute(&late)).code(), "stale_lease");
}
