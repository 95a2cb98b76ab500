//! Money: what is set aside, what is spent, and what happens once it is gone. Amounts are nano-dollars, for who counts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tollhouse_core::entity::{Attempt, Budget, CostEntry, Effect, ErrorClass, Evidence, ExitStatus, Patch, Task, Work};
use tollhouse_core::lifecycle::{AttemptState, BudgetEvent, BudgetState, EffectState, PatchState, RunState, TaskState};
use tollhouse_core::spec::{BudgetSpec, OnExhausted, RunSpec, TaskSpec, Weight};
use tollhouse_core::{AttemptId, CostEntryId, Money, Span};
use tollhouse_engine::report::explain;
use tollhouse_engine::{AttemptFacts, Command, Cost, EngineError, Outcome, Refusal, View};
use tollhouse_state::{Cursor, Store};

use crate::world::{ALL_LUCK, Luck, World, claimant, spec, task};

fn nanos(nanos: i64) -> Money {
    Money::from_nanos(nanos)
}

fn limited(tasks: Vec<TaskSpec>, parallel: u32, per_run: i64, on_exhausted: OnExhausted) -> RunSpec {
    let budget = BudgetSpec { per_run: Some(nanos(per_run)), per_task: None, on_exhausted };
    RunSpec { budget: Some(budget), ..spec(tasks, parallel) }
}

/// A task that sets so much aside.
fn dear(name: &str, needs: &[&str], reserve: i64) -> TaskSpec {
    TaskSpec { reserve: Some(nanos(reserve)), ..task(name, needs) }
}

fn world(spec: &RunSpec, luck: &[(&str, &[Luck])], costs: &[(&str, &[Option<i64>])]) -> World {
    let mut world = World::new(spec, luck, 7);
    world.hands.costs = costs.iter().map(|(name, costs)| ((*name).to_owned(), costs.to_vec())).collect();
    world
}

fn refusal(result: Result<(), EngineError>) -> Refusal {
    match result {
        Err(EngineError::Refused(refusal)) => refusal,
        other => panic!("it must be refused: {other:?}"),
    }
}

fn entries(world: &World) -> Vec<&CostEntry> {
    world.view().all::<CostEntry>().collect()
}

/// Spent, and set aside.
fn figures(world: &World) -> (i64, i64) {
    (world.budget().spent.as_nanos(), world.budget().reserved_total().as_nanos())
}

fn raise(world: &World, limit: i64) -> Command {
    Command::ChangeBudget { budget: world.budget().id, limit: nanos(limit), reason: "it is worth it".to_owned() }
}

fn resume(world: &World) -> Command {
    Command::ResumeRun { run: world.run, reason: "go on".to_owned() }
}

/// Has the first attempt that is asked for begun.
fn begin(world: &mut World) -> Effect {
    let spawn = world
        .view()
        .all::<Effect>()
        .find(|effect| matches!(effect.work, Work::Spawn { .. }))
        .expect("one is asked for")
        .clone();
    let until = world.now.after(Span::from_secs(600));
    world
        .execute(&Command::Claim { effect: spawn.id, by: claimant(world.conductor), until })
        .expect("what is asked for can be begun");
    world.view().get::<Effect>(spawn.id).expect("it was just begun").clone()
}

fn report(effect: &Effect, exit: ExitStatus, cost: Option<(i64, Evidence)>) -> Command {
    let cost = cost.map(|(amount, evidence)| Cost { amount: Some(nanos(amount)), evidence });
    let facts = AttemptFacts { exit: Some(exit), cost, ..AttemptFacts::default() };
    Command::Report { effect: effect.id, epoch: effect.epoch, outcome: Box::new(Outcome::Spawned(facts)) }
}

#[test]
fn what_an_attempt_may_cost_is_set_aside_before_it_begins() {
    let world = world(&limited(vec![dear("a", &[], 3), dear("b", &[], 4)], 2, 10, OnExhausted::Pause), &[], &[]);
    assert_eq!(figures(&world), (0, 7));
}

#[test]
fn a_task_that_says_nothing_sets_aside_what_a_task_may_spend() {
    let mut plan = limited(vec![task("a", &[])], 2, 10, OnExhausted::Pause);
    plan.budget.as_mut().unwrap().per_task = Some(nanos(6));
    assert_eq!(figures(&world(&plan, &[], &[])), (0, 6));
}

#[test]
fn attempts_of_which_nothing_is_said_share_the_limit_evenly() {
    let tasks: Vec<TaskSpec> = (0..4).map(|n| task(&format!("t{n}"), &[])).collect();
    let world = world(&limited(tasks, 3, 10, OnExhausted::Pause), &[], &[]);
    assert_eq!(figures(&world), (0, 9));
}

#[test]
pub(crate) fn nothing_begins_that_cannot_be_paid_and_explain_says_so() {
    let costs: [(&str, &[Option<i64>]); 2] = [("a", &[Some(4)]), ("b", &[Some(4)])];
    let plan = limited(vec![dear("a", &[], 6), dear("b", &[], 6)], 2, 10, OnExhausted::Pause);
    let mut world = world(&plan, &[], &costs);
    let waits = world.view().all::<Task>().find(|task| task.state == TaskState::Queued).unwrap().id;
    let because = explain(world.view(), waits.into(), None).unwrap().because;
    assert_eq!(because[0], "$0.000000006 would be set aside for it, and $0.000000004 of its run's budget are free");
    world.go();
    assert_eq!((world.most_at_once, figures(&world)), (1, (8, 0)));
    assert_eq!(world.run_record().state, RunState::Succeeded);
}

#[test]
fn a_cheap_task_that_nobody_can_do_does_not_hide_that_the_others_are_too_dear() {
    let mut tasks = vec![dear("cheap", &[], 1), dear("dear", &[], 20)];
    tasks[0].capabilities.insert("gpu".to_owned());
    let world = world(&limited(tasks, 1, 10, OnExhausted::Pause), &[], &[]);
    assert_eq!(world.run_record().state, RunState::Paused);
}

#[test]
fn a_cheap_task_begins_where_a_dear_one_of_its_kind_cannot() {
    let mut tasks = vec![dear("dear", &[], 20), dear("cheap", &[], 1)];
    for task in &mut tasks {
        task.conflict_group = Some("db".to_owned());
    }
    let world = world(&limited(tasks, 1, 10, OnExhausted::Pause), &[], &[]);
    assert_eq!(["dear", "cheap"].map(|name| world.state_of(name)), [TaskState::Queued, TaskState::Running]);
}

#[test]
pub(crate) fn what_nobody_knows_counts_as_what_was_set_aside() {
    let mut world = world(&limited(vec![dear("a", &[], 3)], 1, 10, OnExhausted::Pause), &[], &[]);
    world.go();
    assert_eq!(figures(&world), (3, 0));
    let entry = entries(&world)[0];
    assert_eq!((entry.amount, entry.evidence, entry.settled_at), (None, Evidence::Unknown, nanos(3)));
}

#[test]
fn a_cost_below_zero_is_no_cost_that_anybody_knows() {
    let costs: [(&str, &[Option<i64>]); 1] = [("a", &[Some(-1000)])];
    let mut world = world(&limited(vec![dear("a", &[], 3)], 1, 10, OnExhausted::Pause), &[], &costs);
    world.go();
    assert_eq!((figures(&world), entries(&world)[0].evidence), ((3, 0), Evidence::Unknown));
}

#[test]
fn what_nobody_began_cost_nothing() {
    let mut world = world(&limited(vec![dear("a", &[], 3)], 1, 10, OnExhausted::Pause), &[], &[]);
    world.execute(&Command::CancelRun { run: world.run, reason: "enough".to_owned() }).unwrap();
    assert_eq!((figures(&world), entries(&world)[0].amount), ((0, 0), Some(nanos(0))));
}

#[test]
fn of_what_was_killed_more_may_come() {
    let mut world = world(&limited(vec![dear("a", &[], 3)], 1, 10, OnExhausted::Pause), &[], &[]);
    let spawn = begin(&mut world);
    world.execute(&report(&spawn, ExitStatus::Signal(9), Some((1, Evidence::Reported)))).unwrap();
    assert_eq!((figures(&world), entries(&world)[0].evidence), ((1, 0), Evidence::LowerBound));
}

#[test]
fn a_late_cost_stands_in_for_what_was_set_aside_and_moves_nothing_else() {
    let mut world = world(&limited(vec![dear("a", &[], 6)], 1, 10, OnExhausted::Pause), &[], &[]);
    let spawn = begin(&mut world);
    world.execute(&Command::PauseRun { run: world.run, reason: "lunch".to_owned() }).unwrap();
    assert_eq!(figures(&world), (6, 0));
    let before = world.task("a").clone();
    world.execute(&report(&spawn, ExitStatus::Code(0), Some((2, Evidence::Reported)))).unwrap();
    assert_eq!((figures(&world), world.task("a")), ((2, 0), &before));
    let first: CostEntryId = entries(&world)[0].id;
    assert_eq!(entries(&world)[1].corrects.or(entries(&world)[0].corrects), Some(first.min(entries(&world)[1].id)));
}

#[test]
pub(crate) fn an_attempt_that_cost_more_than_its_task_may_has_failed_and_is_not_tried_again() {
    let mut plan = limited(vec![dear("a", &[], 2)], 1, 100, OnExhausted::Pause);
    plan.tasks[0].attempts = 9;
    plan.budget.as_mut().unwrap().per_task = Some(nanos(5));
    let costs: [(&str, &[Option<i64>]); 1] = [("a", &[Some(3), Some(3)])];
    let mut world = world(&plan, &[("a", &[Luck::AgentFails, Luck::Good])], &costs);
    world.go();
    let failed = world.task("a");
    assert_eq!(
        (failed.state, failed.error_class, failed.attempts_used),
        (TaskState::Failed, Some(ErrorClass::Budget), 2)
    );
    assert_eq!(failed.reason.as_deref(), Some("$0.000000006 were spent on it, and a task may spend $0.000000005"));
    assert!(world.view().all::<Patch>().all(|patch| patch.state == PatchState::Dropped));
}

#[test]
pub(crate) fn a_task_whose_money_is_spent_is_not_tried_again() {
    let mut plan = spec(vec![task("a", &[])], 1);
    plan.tasks[0].attempts = 9;
    plan.budget = Some(BudgetSpec { per_task: Some(nanos(5)), ..BudgetSpec::default() });
    let mut world = world(&plan, &[("a", &[Luck::AgentFails; 9])], &[]);
    world.go();
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Failed, 1));
}

/// Two tasks, of which the first uses up the budget while the second is at work.
fn used_up(on_exhausted: OnExhausted) -> World {
    let mut plan = limited(vec![dear("a", &[], 5), dear("b", &[], 5), dear("c", &["a"], 5)], 2, 10, on_exhausted);
    plan.gates.clear();
    let costs: [(&str, &[Option<i64>]); 2] = [("a", &[Some(11)]), ("b", &[Some(1); 3])];
    let mut world = world(&plan, &[("b", &[Luck::Hangs])], &costs);
    world.go_until(|world| world.budget().spent >= nanos(11) && world.state_of("a") != TaskState::Running);
    world
}

#[test]
pub(crate) fn a_run_without_money_pauses_and_goes_on_once_a_person_raises_its_limit() {
    let mut world = used_up(OnExhausted::Pause);
    assert_eq!((world.run_record().state, world.budget().state), (RunState::Paused, BudgetState::Exhausted));
    let reason = world.run_record().reason.clone().unwrap();
    let raises = "`toll resume --budget USD --reason TEXT` lets it go on with a larger one";
    let figures = "its budget is used up, $0.000000011 of $0.00000001 were spent";
    assert_eq!(reason, format!("{figures}: {raises}"));
    assert!(world.view().all::<Attempt>().all(|attempt| attempt.state != AttemptState::Running), "what was alive ends");
    assert_eq!(refusal(world.execute(&resume(&world))).code(), "budget_spent");
    world.execute(&raise(&world, 12)).unwrap();
    assert_eq!(refusal(world.execute(&resume(&world))).code(), "budget_spent", "that pays for no attempt");
    world.execute(&raise(&world, 100)).unwrap();
    world.execute(&resume(&world)).unwrap();
    world.go();
    assert_eq!((world.run_record().state, world.branch().len()), (RunState::Succeeded, 3));
}

#[test]
pub(crate) fn a_run_that_stops_without_money_ends_what_is_at_work_and_fails() {
    let mut world = used_up(OnExhausted::Stop);
    assert_eq!(world.state_of("b"), TaskState::Running, "it ends by itself");
    world.go();
    assert_eq!(world.run_record().state, RunState::Failed);
    let states = ["a", "b", "c"].map(|name| world.state_of(name));
    assert_eq!(states, [TaskState::Completed, TaskState::Failed, TaskState::Canceled]);
    assert_eq!(world.task("b").attempts_used, 1, "nothing is tried again");
    let reason = world.run_record().reason.clone().unwrap();
    assert!(reason.starts_with("its budget is used up, "), "{reason}");
}

#[test]
fn a_run_that_only_warns_goes_on_without_money() {
    let mut world = used_up(OnExhausted::Warn);
    assert_eq!(world.budget().state, BudgetState::Exhausted);
    world.go();
    assert_eq!((world.run_record().state, world.branch().len()), (RunState::Succeeded, 3));
}

#[test]
fn a_run_whose_last_money_was_well_spent_succeeds() {
    for on_exhausted in [OnExhausted::Pause, OnExhausted::Stop] {
        let plan = limited(vec![TaskSpec { weight: Weight::Critical, ..dear("a", &[], 5) }], 1, 5, on_exhausted);
        let mut world = world(&plan, &[], &[("a", &[Some(5)])]);
        world.go_until(|world| world.run_record().state.is_finished() || world.run_record().state == RunState::Paused);
        assert_eq!((world.run_record().state, world.budget().state), (RunState::Succeeded, BudgetState::Exhausted));
    }
}

#[test]
fn a_run_that_cannot_pay_for_what_is_left_pauses_though_it_has_some() {
    let plan = limited(vec![dear("a", &[], 6), dear("b", &["a"], 6)], 1, 10, OnExhausted::Pause);
    let mut world = world(&plan, &[], &[("a", &[Some(5)])]);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    assert_eq!((world.state_of("a"), world.state_of("b")), (TaskState::Completed, TaskState::Queued));
    assert!(world.run_record().reason.as_ref().unwrap().starts_with("its budget is too small for another attempt"));
}

#[test]
pub(crate) fn a_run_that_may_spend_nothing_does_not_begin() {
    let plan = limited(vec![task("a", &[])], 1, 0, OnExhausted::Pause);
    let run = tollhouse_core::RunId::from_parts(tollhouse_core::Timestamp::from_micros(1_700_000_000_000_000), 7);
    let mut world = World::made(run, &plan, 7);
    world.drive();
    let start = Command::StartRun { run, base: "base".to_owned() };
    assert_eq!(refusal(world.execute(&start)).code(), "budget_spent");
}

#[test]
fn a_budget_warns_and_follows_its_figures_back() {
    let plan = limited(vec![dear("a", &[], 1), dear("b", &["a"], 1)], 1, 10, OnExhausted::Pause);
    let mut world = world(&plan, &[("b", &[Luck::Hangs])], &[("a", &[Some(8)])]);
    world.go_until(|world| world.state_of("b") == TaskState::Running);
    assert_eq!(world.budget().state, BudgetState::Warning);
    world.execute(&raise(&world, 100)).unwrap();
    assert_eq!(world.budget().state, BudgetState::Ok);
    let events = world.engine.store().events(&Cursor::default()).unwrap().len();
    world.execute(&raise(&world, 100)).unwrap();
    assert_eq!(world.engine.store().events(&Cursor::default()).unwrap().len(), events, "said again, nothing changes");
}

#[test]
fn the_budget_of_a_run_that_is_over_is_not_raised() {
    let mut world = world(&limited(vec![dear("a", &[], 1)], 1, 10, OnExhausted::Pause), &[], &[]);
    world.go();
    assert_eq!(refusal(world.execute(&raise(&world, 100))).code(), "run_over");
}

#[test]
fn a_run_without_a_budget_writes_down_what_is_known_and_nothing_else() {
    let mut world = world(&spec(vec![task("a", &[]), task("b", &[])], 2), &[], &[("a", &[Some(4)])]);
    world.go();
    let amounts: Vec<_> = entries(&world).iter().map(|entry| entry.amount).collect();
    assert_eq!(amounts, [Some(nanos(4))]);
}

/// What was set aside for each attempt, and every moment's figures, from the events of the budget.
struct Books {
    set_aside: BTreeMap<AttemptId, i64>,
    /// After each event: spent, set aside, limit.
    moments: Vec<(i64, i64, i64)>,
}

fn books(world: &World) -> Books {
    let mut books = Books { set_aside: BTreeMap::new(), moments: Vec::new() };
    let mut view = View::default();
    for event in world.engine.store().events(&Cursor::default()).expect("a store in memory is read") {
        view.apply(&event).expect("what the engine writes can be followed");
        let Some(budget) = view.get::<Budget>(event.record) else { continue };
        if let Ok(BudgetEvent::Reserve { attempt, amount, .. }) = serde_json::from_str(&event.event.body) {
            books.set_aside.insert(attempt, amount.as_nanos());
        }
        let reserved = budget.reserved_total().as_nanos();
        books.moments.push((budget.spent.as_nanos(), reserved, budget.limit.as_nanos()));
    }
    books
}

proptest! {
    /// Whatever attempts in parallel cost and however they end: nothing is set aside that is not alive, what was spent is the sum of
    /// the entries, each attempt that ended has one first entry, and no more is committed than was allowed, but for what attempts
    /// overran their own reservation.
    #[test]
    fn money_is_conserved(
        seed: u64,
        parallel in 1_u32..5,
        chaos in 0_u64..25,
        limit in 1_i64..60,
        per_task in proptest::option::of(1_i64..30),
        on_exhausted in proptest::sample::select(vec![OnExhausted::Pause, OnExhausted::Stop]),
        tasks in proptest::collection::vec((
            proptest::option::of(0_i64..15),
            proptest::collection::vec(proptest::option::of(0_i64..20), 0..5),
            proptest::collection::vec(proptest::sample::select(ALL_LUCK.to_vec()), 0..4),
        ), 1..7),
    ) {
        let names: Vec<String> = (0..tasks.len()).map(|n| format!("t{n}")).collect();
        let specs = names.iter().zip(&tasks).map(|(name, (reserve, ..))| TaskSpec {
            reserve: reserve.map(nanos),
            attempts: 4,
            ..task(name, &[])
        });
        let mut plan = limited(specs.collect(), parallel, limit, on_exhausted);
        plan.budget.as_mut().unwrap().per_task = per_task.map(nanos);
        let luck: Vec<(&str, &[Luck])> =
            names.iter().zip(&tasks).map(|(name, (_, _, luck))| (name.as_str(), luck.as_slice())).collect();
        let mut world = World::new(&plan, &luck, seed);
        world.hands.costs = names.iter().cloned().zip(tasks.iter().map(|(_, costs, _)| costs.clone())).collect();
        world.chaos = chaos;
        world.go();

        let books = books(&world);
        prop_assert!(world.budget().reserved.is_empty(), "nothing is alive");
        let all = entries(&world);
        let corrected: BTreeSet<CostEntryId> = all.iter().filter_map(|entry| entry.corrects).collect();
        let counted = || all.iter().filter(|entry| !corrected.contains(&entry.id));
        let sum: i64 = counted().map(|entry| entry.settled_at.as_nanos()).sum();
        prop_assert_eq!(world.budget().spent.as_nanos(), sum);
        for attempt in world.view().all::<Attempt>() {
            let first = all.iter().filter(|entry| entry.attempt == Some(attempt.id) && entry.corrects.is_none());
            prop_assert_eq!(first.count(), 1, "{:?}", attempt.state);
        }
        let overrun: i64 = all
            .iter()
            .map(|entry| (entry.settled_at.as_nanos() - books.set_aside[&entry.attempt.unwrap()]).max(0))
            .sum();
        for (spent, reserved, limit) in books.moments {
            prop_assert!(spent + reserved <= limit + overrun, "{spent} + {reserved} of {limit}, overrun by {overrun}");
        }
        let open = world.view().all::<Effect>().filter(|effect| effect.state != EffectState::Done);
        prop_assert!(open.into_iter().all(|effect| effect.state.is_finished()));
    }
}
