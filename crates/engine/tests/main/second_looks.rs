//! Second looks: what is run, asked or made again, and what was said before that no longer counts.

use tollhouse_core::entity::{Candidate, Effect, ExitStatus, GateRun, Patch, Task, Work};
use tollhouse_core::lifecycle::{EffectState, GateRunState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{BudgetSpec, LandMode, OnExhausted, OnFlaky, RunSpec};
use tollhouse_core::{Money, PatchId, RunId, Severity, Span, TreeFacts};
use tollhouse_engine::analysis::History;
use tollhouse_engine::report::{ProgressFacts, run_progress};
use tollhouse_engine::{Addition, At, Command, GateFacts, Outcome, PatchWish, TaskWish, View, decide, fork_of};
use tollhouse_state::{Cursor, Store};

use crate::world::{Luck, World, claimant, gate, spec, task};

fn mended() -> RunSpec {
    RunSpec { acceptance: vec!["unit".to_owned()], fixer: Some("script".to_owned()), ..spec(vec![task("a", &[])], 2) }
}

fn retried(flaky: OnFlaky) -> RunSpec {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.tasks[0].attempts = 1;
    for gate in &mut plan.gates {
        (gate.retries, gate.flaky) = (1, flaky);
    }
    plan
}

fn has(world: &World, name: &str) -> bool {
    world.view().all::<Task>().any(|task| task.spec.name == name)
}

fn report(world: &mut World, effect: &Effect, outcome: Outcome) {
    if effect.state == EffectState::Requested {
        let until = world.now.after(Span::from_secs(600));
        world
            .execute(&Command::Claim { effect: effect.id, by: claimant(world.conductor), until })
            .expect("it is asked for");
    }
    let epoch = world.view().get::<Effect>(effect.id).expect("it was claimed").epoch;
    world.execute(&Command::Report { effect: effect.id, epoch, outcome: Box::new(outcome) }).expect("it is awaited");
}

fn open(world: &World) -> Vec<Effect> {
    world.view().all::<Effect>().filter(|effect| !effect.state.is_finished()).cloned().collect()
}

fn gated(code: i32) -> Outcome {
    Outcome::Gated(GateFacts { exit: Some(ExitStatus::Code(code)), ..GateFacts::default() })
}

fn on_patch(world: &mut World, patch: PatchId, wish: PatchWish) {
    world.execute(&Command::OverridePatch { patch, wish, reason: "because".to_owned() }).expect("it is taken");
}

fn release() -> PatchWish {
    PatchWish::Release { waive: Vec::new(), allow: Vec::new() }
}

#[test]
fn a_fix_that_a_person_leaves_out_does_not_keep_its_run_waiting() {
    let luck: &[(&str, &[Luck])] = &[("gate:unit", &[Luck::GateSaysNo]), ("fix-1", &[Luck::AgentFails])];
    let mut world = World::new(&mended(), luck, 7);
    world.go_until(|world| has(world, "fix-1") && world.state_of("fix-1") == TaskState::Retrying);
    let skip = Command::OverrideTask { task: world.task("fix-1").id, wish: TaskWish::Skip, reason: "no".to_owned() };
    world.execute(&skip).unwrap();
    world.settle_effects();
    assert!(world.run_record().state.is_finished(), "{} {:?}", world.run_record().state, world.run_record().reason);
}

#[test]
fn tasks_can_be_added_to_a_run_that_was_mended() {
    let mut world = World::new(&mended(), &[("gate:unit", &[Luck::GateSaysNo])], 7);
    world.go_until(|world| has(world, "fix-1"));
    let tasks = vec![Addition { spec: task("c", &[]), needed_by: Vec::new() }];
    let added = world.execute(&Command::AddTasks { run: world.run, tasks, added_by: "Ada".to_owned() });
    assert!(added.is_ok(), "{added:?}");
}

#[test]
fn a_run_that_was_mended_can_be_forked() {
    let mut world = World::new(&mended(), &[("gate:unit", &[Luck::GateSaysNo])], 7);
    world.go();
    let (spec, legacy) = fork_of(world.view(), world.run, Some("a")).unwrap();
    let run = RunId::from_parts(world.now, 99);
    let create = Command::CreateRun { run, spec: Box::new(spec), started_by: "ada".to_owned(), legacy: Some(legacy) };
    let made = decide(&View::default(), &create, At { now: world.now, seed: 1 });
    assert!(made.is_ok(), "{:?}", made.map(|_| ()));
}

#[test]
fn what_a_flaky_gate_said_is_not_believed_when_a_change_is_let_in_again() {
    let mut world = World::new(&retried(OnFlaky::Fail), &[("a", &[Luck::GateFlickers])], 7);
    world.go();
    let patch = world.view().all::<Patch>().next().unwrap().id;
    assert_eq!(world.view().get::<Patch>(patch).unwrap().state, PatchState::Quarantined);
    let before = world.view().all::<GateRun>().count();
    on_patch(&mut world, patch, release());
    world.settle_effects();
    let after = world.view().all::<GateRun>().count();
    let patch = world.view().get::<Patch>(patch).unwrap();
    assert_ne!(patch.state, PatchState::Committed, "gate runs {before} -> {after}, doubt {:?}", patch.doubt);
}

#[test]
fn a_held_change_that_is_set_aside_asks_no_more() {
    let plan = RunSpec { land: LandMode::Hold, ..spec(vec![task("a", &[])], 2) };
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Waiting);
    let patch = world.task("a").patch.unwrap();
    on_patch(&mut world, patch, PatchWish::Quarantine);
    assert_ne!(world.state_of("a"), TaskState::Waiting, "{:?} {:?}", world.task("a").reason, world.run_record().state);
}

#[test]
fn a_doubted_change_that_is_let_in_again_is_doubted_again() {
    let mut world = World::new(&retried(OnFlaky::Hold), &[("a", &[Luck::GateFlickers])], 7);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    let patch = world.task("a").patch.unwrap();
    on_patch(&mut world, patch, PatchWish::Quarantine);
    world.execute(&Command::ResumeRun { run: world.run, reason: "x".to_owned() }).unwrap();
    on_patch(&mut world, patch, release());
    world.settle_effects();
    let patch = world.view().get::<Patch>(patch).unwrap();
    assert_ne!(patch.state, PatchState::Committed, "doubt {:?} approved {}", patch.doubt, patch.approved);
}

#[test]
fn a_word_on_one_candidate_answers_no_doubt_about_the_next() {
    let plan = RunSpec { land: LandMode::Hold, ..retried(OnFlaky::Hold) };
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    let patch = world.task("a").patch.unwrap();
    on_patch(&mut world, patch, PatchWish::Land);
    world.execute(&Command::ResumeRun { run: world.run, reason: "x".to_owned() }).unwrap();
    let effect = open(&world).pop().unwrap();
    assert!(matches!(effect.work, Work::Land { .. }));
    report(&mut world, &effect, Outcome::Lost { reason: "moved".to_owned() });
    let effect = open(&world).pop().unwrap();
    assert!(matches!(effect.work, Work::Apply { .. }));
    let candidate = Candidate { tree: "another".to_owned(), parent: "moved".to_owned() };
    report(&mut world, &effect, Outcome::Applied { candidate, facts: TreeFacts::default() });
    let mut unit = 0;
    while let Some(effect) = open(&world).pop() {
        let Work::Gate { gate_run } = effect.work else {
            break;
        };
        let name = world.view().get::<GateRun>(gate_run).unwrap().gate.name.clone();
        unit += u32::from(name == "unit");
        report(&mut world, &effect, gated(i32::from(name == "unit" && unit == 1)));
    }
    let patch = world.view().get::<Patch>(patch).unwrap();
    assert_eq!(patch.state, PatchState::Applied, "a person looks");
}

#[test]
fn who_mends_what_a_flaky_gate_refused_is_told_of_it() {
    let mut plan = mended();
    for gate in &mut plan.gates {
        gate.retries = 1;
    }
    let mut world = World::new(&plan, &[("gate:unit", &[Luck::GateFlickers])], 7);
    world.go_until(|world| has(world, "fix-1"));
    let prompt = &world.task("fix-1").spec.prompt;
    assert!(prompt.contains("unit"), "{prompt:?}");
}

#[test]
fn a_fork_keeps_what_was_added() {
    let mut plan = spec(vec![task("a", &[]), task("b", &["a"])], 4);
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Running);
    let tasks = vec![Addition { spec: task("c", &[]), needed_by: vec!["b".to_owned()] }];
    world.execute(&Command::AddTasks { run: world.run, tasks, added_by: "Ada".to_owned() }).unwrap();
    world.execute(&Command::CancelRun { run: world.run, reason: "x".to_owned() }).unwrap();
    world.go();
    let (spec, _) = fork_of(world.view(), world.run, None).unwrap();
    let b = spec.tasks.iter().find(|task| task.name == "b").unwrap();
    assert_eq!(b.needs, ["a", "c"]);
}

#[test]
fn how_far_a_run_is_counts_what_was_added() {
    let mut plan = spec(vec![task("a", &[]), task("b", &["a"])], 4);
    plan.gates = Vec::new();
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Running);
    let tasks = vec![Addition { spec: task("c", &["a"]), needed_by: vec!["b".to_owned()] }];
    world.execute(&Command::AddTasks { run: world.run, tasks, added_by: "Ada".to_owned() }).unwrap();
    let mut history = History::default();
    for seconds in [20, 40] {
        history.note("p", "t", "script", Span::from_secs(seconds));
    }
    let facts = ProgressFacts { history: Some(&history), seen: None };
    let progress = run_progress(world.view(), world.run, world.now, &facts).unwrap();
    assert_eq!(progress.critical_path.unwrap().tasks, ["a", "c", "b"]);
}

#[test]
fn what_an_agent_is_able_to_do_waits_for_no_worker() {
    let mut plan = spec(vec![task("a", &[]), task("b", &[])], 1);
    plan.agents[0].capabilities = ["rust".to_owned()].into();
    for task in &mut plan.tasks {
        task.capabilities = ["rust".to_owned()].into();
    }
    let mut world = World::new(&plan, &[], 7);
    world.go_until(|world| world.view().all::<Task>().any(|one| one.state == TaskState::Running));
    let progress = run_progress(world.view(), world.run, world.now, &ProgressFacts::default()).unwrap();
    assert_eq!((progress.waits.worker, progress.waits.room), (0, 1), "{:?}", progress.eta.unknown);
}

#[test]
fn an_old_answer_of_a_gate_makes_no_second_run_of_it() {
    let mut plan = spec(vec![task("a", &[])], 4);
    plan.gates = vec![gate("lint", &[]), gate("unit", &[])];
    plan.tasks[0].attempts = 1;
    let mut world = World::new(&plan, &[], 7);
    let gates = |world: &World| open(world).into_iter().filter(|one| matches!(one.work, Work::Gate { .. })).count();
    world.go_until(|world| gates(world) == 2);
    let name = |world: &World, effect: &Effect| match effect.work {
        Work::Gate { gate_run } => world.view().get::<GateRun>(gate_run).unwrap().gate.name.clone(),
        _ => String::new(),
    };
    for effect in open(&world) {
        let until = world.now.after(Span::from_secs(600));
        if effect.state == EffectState::Requested {
            world.execute(&Command::Claim { effect: effect.id, by: claimant(world.conductor), until }).unwrap();
        }
    }
    let lint = open(&world).into_iter().find(|one| name(&world, one) == "lint").unwrap();
    let unit = open(&world).into_iter().find(|one| name(&world, one) == "unit").unwrap();
    report(&mut world, &lint, gated(1));
    let patch = world.view().all::<Patch>().next().unwrap().id;
    let on = world.view().get::<Patch>(patch).unwrap().candidate.clone().unwrap();
    on_patch(&mut world, patch, release());
    let apply = open(&world).into_iter().find(|one| matches!(one.work, Work::Apply { .. })).unwrap();
    report(&mut world, &apply, Outcome::Applied { candidate: on, facts: TreeFacts::default() });
    // The switch of a quarantined patch's gate: it was stopped.
    report(&mut world, &unit, Outcome::Stopped { reason: "set aside".to_owned() });
    world.go();
    let left = world.view().all::<GateRun>().filter(|one| one.state == GateRunState::Pending).count();
    assert_eq!((left, world.run_record().state.is_finished()), (0, true), "{}", world.run_record().state);
}

#[test]
fn no_fix_is_made_without_money() {
    let mut plan = mended();
    plan.tasks[0].reserve = Some(Money::from_nanos(10));
    let per_run = Some(Money::from_nanos(10));
    plan.budget = Some(BudgetSpec { per_run, on_exhausted: OnExhausted::Stop, ..BudgetSpec::default() });
    let mut world = World::new(&plan, &[("gate:unit", &[Luck::GateSaysNo])], 7);
    world.go();
    assert!(world.run_record().reason.as_deref().unwrap_or_default().contains("gate unit"));
}

#[test]
fn a_run_waits_for_no_money_that_its_agents_abilities_hide() {
    let mut plan = spec(vec![task("a", &[])], 1);
    plan.agents[0].capabilities = ["rust".to_owned()].into();
    plan.tasks[0].capabilities = ["rust".to_owned()].into();
    plan.tasks[0].reserve = Some(Money::from_nanos(10));
    let per_run = Some(Money::from_nanos(5));
    plan.budget = Some(BudgetSpec { per_run, on_exhausted: OnExhausted::Pause, ..BudgetSpec::default() });
    let world = World::new(&plan, &[], 7);
    assert_eq!(world.run_record().state, RunState::Paused, "a person is asked for more");
}

#[test]
fn who_takes_back_what_landed_says_why() {
    let mut world = World::new(&spec(vec![task("a", &[])], 1), &[], 7);
    world.go();
    let patch = world.task("a").patch.unwrap();
    on_patch(&mut world, patch, PatchWish::RollBack { commit: "c0ffee".to_owned() });
    let events = world.engine.store().events(&Cursor::default()).unwrap();
    let told = events.iter().find(|event| event.event.name == "roll_back").unwrap();
    assert_eq!((told.event.reason.as_deref(), told.event.severity), (Some("because"), Severity::Warning));
}
