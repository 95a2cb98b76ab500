//! Workers, workstreams, circuit breakers and money: each way in which they can be, made in a world of its own.

use tollhouse_core::entity::{Breaker, Budget, CostEntry, Evidence, Run, Worker, Workstream};
use tollhouse_core::lifecycle::{BreakerState, BudgetState, RunState, WorkerState, WorkstreamState};
use tollhouse_core::spec::{BudgetSpec, OnExhausted, RunSpec, TaskSpec, Weight, WorkstreamSpec};
use tollhouse_core::{Money, Span};
use tollhouse_engine::{Command, Liveness, WorkerSeen, WorkerWish, WorkstreamWish};

use super::scenes::{Scene, begun, cancel, done, find, gone, has, not_begun, once, one_try, scene, told, until};
use crate::world::{Luck, World, spec, task};

pub(super) fn workers() -> Vec<Scene> {
    let of_worker = |title: &'static str, state: WorkerState, world: World| {
        let id = find::<Worker>(&world, |worker| worker.state == state);
        scene(title, world, id)
    };
    let busy = || begun(one_try(|_| {}), "spawn");
    let stepped_down = |world: &World| Command::StepDown { run: world.run, epoch: world.conductor };
    let crashed = {
        let mut world = busy();
        world.drive();
        world
    };
    vec![
        of_worker("at work", WorkerState::Busy, busy()),
        of_worker("with nothing in hand", WorkerState::Idle, until(one_try(|_| {}), is_in(WorkerState::Idle))),
        of_worker("paused, with something in hand", WorkerState::Paused, told(busy(), on_worker(WorkerWish::Pause))),
        of_worker("to end once it has done that", WorkerState::Draining, told(busy(), on_worker(WorkerWish::Drain))),
        of_worker("not heard of", WorkerState::Unresponsive, silent(busy())),
        of_worker("sent home", WorkerState::Terminated, told(done(one_try(|_| {})), stepped_down)),
        of_worker("its program is gone", WorkerState::Crashed, crashed),
    ]
}

fn is_in(state: WorkerState) -> impl Fn(&World) -> bool {
    has::<Worker>(move |worker| worker.state == state)
}

fn on_worker(wish: WorkerWish) -> impl FnOnce(&World) -> Command {
    move |world| {
        let worker = world.view().all::<Worker>().next().expect("there is one").id;
        Command::OverrideWorker { worker, wish, reason: "the machine is needed".to_owned() }
    }
}

/// A world in which a worker has missed its heartbeats, and still has its lease.
fn silent(mut world: World) -> World {
    let last_seen = Some(world.now);
    world.now = world.now.after(Span::from_secs(20));
    told(world, |world| {
        let worker = world.view().all::<Worker>().next().expect("there is one").id;
        let seen = WorkerSeen { liveness: Liveness::OutOfSight { last_seen }, last_output: None };
        Command::LookAtWorker { worker, seen }
    })
}

fn stream(name: &str, needs: &[&str]) -> WorkstreamSpec {
    let needs = needs.iter().map(|need| (*need).to_owned()).collect();
    WorkstreamSpec { name: name.to_owned(), needs, weight: Weight::Optional, ..WorkstreamSpec::default() }
}

/// A workstream with a critical task, and one after it.
fn two_streams() -> RunSpec {
    let of = |stream: &str, name: &str| TaskSpec { workstream: Some(stream.to_owned()), ..once(name, &[]) };
    let first = TaskSpec { weight: Weight::Critical, ..of("parser", "a") };
    let gates = vec!["lint".to_owned()];
    let streams = vec![WorkstreamSpec { gates, ..stream("parser", &[]) }, stream("docs", &["parser"])];
    RunSpec { workstreams: streams, ..spec(vec![first, of("docs", "b")], 4) }
}

pub(super) fn workstreams() -> Vec<Scene> {
    let of_stream = |title: &'static str, name: &str, world: World| {
        let id = find::<Workstream>(&world, |workstream| workstream.spec.name == name);
        scene(title, world, id)
    };
    let begins = |luck: &[(&str, &[Luck])]| World::new(&two_streams(), luck, 7);
    let one_at_a_time = || {
        let streams = vec![stream("parser", &[]), stream("docs", &[])];
        let plan = RunSpec { workstreams: streams, max_parallel: 1, ..two_streams() };
        World::new(&plan, &[], 7)
    };
    let wish = |name: &'static str, wish: WorkstreamWish| {
        move |world: &World| {
            let mut all = world.view().all::<Workstream>();
            let workstream = all.find(|workstream| workstream.spec.name == name).expect("the plan has it").id;
            Command::OverrideWorkstream { workstream, wish, reason: "not needed".to_owned() }
        }
    };
    let is = |state: WorkstreamState| has::<Workstream>(move |workstream| workstream.state == state);
    let fails: &[(&str, &[Luck])] = &[("a", &[Luck::AgentFails])];
    vec![
        of_stream("its run has not begun", "parser", not_begun(&two_streams())),
        of_stream("it waits for another", "docs", begins(&[])),
        of_stream("it may begin", "docs", one_at_a_time()),
        of_stream("its tasks are under way", "parser", begins(&[])),
        gone(of_stream("the program that drives its run is gone", "parser", begins(&[]))),
        of_stream("its own gates are asked", "parser", until(begins(&[]), is(WorkstreamState::Validating))),
        of_stream("all of it is done", "parser", done(begins(&[]))),
        of_stream("a critical task of it failed", "parser", done(begins(fails))),
        of_stream("what it needs failed", "docs", done(begins(fails))),
        of_stream("ended by a person", "docs", told(begins(&[]), wish("docs", WorkstreamWish::Cancel))),
        of_stream("left out by a person", "docs", told(begins(&[]), wish("docs", WorkstreamWish::Skip))),
        of_stream("canceled with its run", "parser", done(told(begins(&[]), cancel))),
    ]
}

pub(super) fn breakers() -> Vec<Scene> {
    let of_breaker = |title: &'static str, is: fn(&Breaker) -> bool| {
        let names: Vec<String> = (0..8).map(|at| format!("t{at}")).collect();
        let plan = spec(names.iter().map(|name| once(name, &[])).collect(), 1);
        let luck: Vec<(&str, &[Luck])> =
            names.iter().take(5).map(|name| (name.as_str(), &[Luck::AgentFails][..])).collect();
        let world = until(World::new(&plan, &luck, 7), has::<Breaker>(is));
        let id = find::<Breaker>(&world, is);
        scene(title, world, id)
    };
    vec![
        of_breaker("its agent failed, and goes on", |breaker| breaker.failures_in_a_row == 2),
        of_breaker("its agent failed too often", |breaker| breaker.state == BreakerState::Open),
        of_breaker("one trial is out", |breaker| breaker.state == BreakerState::HalfOpen),
        of_breaker("its agent does well", |breaker| breaker.state == BreakerState::Closed && breaker.reason.is_none()),
    ]
}

/// A world of two tasks after each other that spend so much each, of so much.
fn spending(costs: [Option<i64>; 2], limit: i64, on_exhausted: OnExhausted) -> World {
    let dear = |name: &str, needs: &[&str]| TaskSpec { reserve: Some(amount(5)), ..task(name, needs) };
    let budget = BudgetSpec { per_run: Some(amount(limit)), per_task: None, on_exhausted };
    let plan = RunSpec { budget: Some(budget), ..spec(vec![dear("a", &[]), dear("b", &["a"])], 2) };
    let mut world = World::new(&plan, &[], 7);
    world.hands.costs = ["a", "b"].into_iter().zip(costs.map(|cost| vec![cost])).map(named).collect();
    world
}

fn named((name, costs): (&str, Vec<Option<i64>>)) -> (String, Vec<Option<i64>>) {
    (name.to_owned(), costs)
}

/// Dollars, so that they can be read.
const fn amount(whole: i64) -> Money {
    Money::from_nanos(dollars(whole))
}

/// In nano-dollars.
const fn dollars(whole: i64) -> i64 {
    whole * 1_000_000_000
}

pub(super) fn budgets() -> Vec<Scene> {
    let of_budget = |title: &'static str, world: World| {
        let id = world.budget().id;
        scene(title, world, id)
    };
    let is = |state: BudgetState| has::<Budget>(move |budget| budget.state == state);
    let cheap = || spending([Some(dollars(1)), Some(dollars(1))], 20, OnExhausted::Pause);
    let dear = |on_exhausted| spending([Some(dollars(9)), Some(dollars(1))], 10, on_exhausted);
    let is_paused = has::<Run>(|run| run.state == RunState::Paused);
    vec![
        of_budget("enough is left, and something is at work", cheap()),
        of_budget(
            "most of it is spent",
            until(spending([Some(dollars(17)), Some(dollars(1))], 20, OnExhausted::Warn), is(BudgetState::Warning)),
        ),
        of_budget("its run paused for it", until(dear(OnExhausted::Pause), is_paused)),
        of_budget("its run ended for it", done(dear(OnExhausted::Stop))),
        of_budget(
            "it is used up, and its run goes on",
            until(spending([Some(dollars(20)), Some(dollars(1))], 20, OnExhausted::Warn), is(BudgetState::Exhausted)),
        ),
    ]
}

pub(super) fn cost_entries() -> Vec<Scene> {
    let of_entry = |title: &'static str, world: World, is: fn(&CostEntry) -> bool| {
        let id = find::<CostEntry>(&world, is);
        scene(title, world, id)
    };
    let spent = |costs| done(spending(costs, 20, OnExhausted::Pause));
    vec![
        of_entry("told by the agent", spent([Some(dollars(3)), Some(dollars(1))]), |entry| {
            entry.evidence != Evidence::Unknown
        }),
        of_entry("known by nobody", spent([None, Some(dollars(1))]), |entry| entry.evidence == Evidence::Unknown),
    ]
}
