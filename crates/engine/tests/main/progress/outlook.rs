//! How long a run may still take, and why nobody can say; since when nothing in it is alive, and what it waits for.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Effect, Run};
use tollhouse_core::lifecycle::{BreakerState, EffectState, RunState, TaskState, WorkstreamState};
use tollhouse_core::spec::{AgentSpec, LandMode, RouteSpec, RunSpec, TaskSpec, WorkstreamSpec};
use tollhouse_core::{RunId, Span, Timestamp};
use tollhouse_engine::analysis::History;
use tollhouse_engine::report::{
    EtaOmission, EtaUnknown, ProgressFacts, RunProgress, TimeRange, WaitsFor, run_progress,
};
use tollhouse_engine::{Command, Engine, Liveness, Seen, next_deadline};

use super::{progress, progress_with};
use crate::world::{Luck, World, claimant, spec, task};
use crate::yard::{Yard, shared};

/// Attempts of the agent of all tasks took so many seconds.
fn history(seconds: &[u64]) -> History {
    let mut history = History::default();
    for seconds in seconds {
        history.note("another plan", "another task", "script", Span::from_secs(*seconds));
    }
    history
}

/// How far a world is, where attempts took so long before.
fn after(world: &World, seconds: &[u64]) -> RunProgress {
    progress_with(world, &ProgressFacts { history: Some(&history(seconds)), seen: None })
}

fn without_gates(tasks: Vec<TaskSpec>, parallel: u32) -> RunSpec {
    RunSpec { gates: Vec::new(), ..spec(tasks, parallel) }
}

fn world(tasks: Vec<TaskSpec>, parallel: u32) -> World {
    World::new(&without_gates(tasks, parallel), &[], 7)
}

/// From so many seconds to so many.
fn seconds(range: Option<TimeRange>) -> Option<(u64, u64)> {
    range.map(|range| (range.least.as_millis() / 1000, range.most.as_millis() / 1000))
}

fn unknown(progress: &RunProgress) -> Option<EtaUnknown> {
    assert_eq!((progress.eta.remaining, progress.eta.finish), (None, None));
    progress.eta.unknown
}

fn waits_for(progress: &RunProgress) -> Option<WaitsFor> {
    progress.quiet.as_ref().map(|quiet| quiet.waits_for)
}

#[test]
fn what_is_left_is_rehearsed_with_what_was_seen() {
    let chain = || vec![task("a", &[]), task("b", &["a"]), task("c", &[])];
    let (two, one) = (after(&world(chain(), 2), &[20, 40]), after(&world(chain(), 1), &[20, 40]));
    assert_eq!((seconds(two.eta.remaining), seconds(one.eta.remaining)), (Some((40, 80)), Some((60, 120))));
    assert_eq!((two.eta.observations, &two.eta.leaves_out[..]), (2, &[EtaOmission::Retries, EtaOmission::Gates][..]));
    let path = two.critical_path.unwrap();
    assert_eq!((path.tasks, seconds(path.length)), (vec!["a".to_owned(), "b".to_owned()], Some((40, 80))));
}

#[test]
fn an_estimate_leaves_the_fastest_and_the_slowest_out() {
    let seen = after(&world(vec![task("a", &[])], 1), &[1, 20, 30, 40, 59]);
    assert_eq!(seconds(seen.eta.remaining), Some((20, 40)));
}

#[test]
fn what_is_at_work_has_less_left_and_once_it_is_slow_until_its_deadline() {
    let mut world = world(vec![task("a", &[])], 1);
    let began = world.now;
    let mut left = |gone: u64| {
        world.now = began.after(Span::from_secs(gone));
        seconds(after(&world, &[20, 40]).eta.remaining)
    };
    // A try may take a minute.
    assert_eq!([left(5), left(30), left(45)], [Some((15, 35)), Some((0, 10)), Some((0, 15))]);
}

#[test]
fn what_ended_well_in_this_run_counts_and_so_do_its_gates() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 1), &[], 7);
    assert_eq!(unknown(&progress(&world)), Some(EtaUnknown::NoDurations));
    world.go_until(|world| world.state_of("b") == TaskState::Running);
    let progress = progress(&world);
    let eta = progress.eta;
    assert_eq!((eta.observations, eta.leaves_out), (1, vec![EtaOmission::Retries]));
    let a = world.task("a");
    let began = a.started_at.unwrap();
    assert!(eta.remaining.unwrap().most <= a.finished_at.unwrap().since(began), "no more than the one before took");
}

#[test]
fn a_workstream_begins_once_those_that_it_needs_are_over() {
    let stream = |name: &str, needs: &[&str]| WorkstreamSpec {
        name: name.to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        ..WorkstreamSpec::default()
    };
    let of = |stream: &str, name: &str| TaskSpec { workstream: Some(stream.to_owned()), ..task(name, &[]) };
    let tasks = vec![of("docs", "d"), of("parser", "a"), of("parser", "b"), of("site", "s")];
    let workstreams = vec![stream("docs", &["site"]), stream("parser", &[]), stream("site", &["parser"])];
    let world = World::new(&RunSpec { workstreams, ..without_gates(tasks, 4) }, &[], 7);
    let seen = after(&world, &[10]);
    assert_eq!(seconds(seen.eta.remaining), Some((30, 30)));
    assert_eq!(seen.critical_path.unwrap().tasks, ["a", "s", "d"]);
    let states: Vec<_> = seen.workstreams.iter().filter_map(|own| own.state).collect();
    assert_eq!(states[0], WorkstreamState::Blocked);
}

#[test]
fn tasks_that_clash_are_not_rehearsed_beside_each_other() {
    let group = |name: &str| TaskSpec { conflict_group: Some("g".to_owned()), ..task(name, &[]) };
    let world = world(vec![group("a"), group("b"), group("c")], 3);
    assert_eq!(seconds(after(&world, &[10]).eta.remaining), Some((30, 30)));
}

#[test]
fn what_nobody_saw_is_unknown_and_the_chain_is_counted() {
    let world = world(vec![task("a", &[]), task("b", &["a"]), task("c", &[])], 2);
    let progress = progress(&world);
    assert_eq!(unknown(&progress), Some(EtaUnknown::NoDurations));
    assert_eq!(progress.eta.because.as_deref(), Some("nobody saw yet how long a takes, nor 2 tasks more"));
    let path = progress.critical_path.unwrap();
    assert_eq!((path.tasks, path.length), (vec!["a".to_owned(), "b".to_owned()], None));
}

#[test]
fn a_paused_run_waits_for_a_person_and_nobody_knows_how_long() {
    let mut world = world(vec![task("a", &[])], 1);
    world.execute(&Command::PauseRun { run: world.run, reason: "lunch".to_owned() }).unwrap();
    world.settle_effects();
    world.now = world.now.after(Span::from_secs(600));
    let progress = after(&world, &[10]);
    assert_eq!((unknown(&progress), waits_for(&progress)), (Some(EtaUnknown::Paused), Some(WaitsFor::Person)));
    assert_eq!(progress.eta.because.as_deref(), Some("it is paused: lunch"));
    let quiet = progress.quiet.unwrap();
    assert!(quiet.time >= Span::from_secs(600) && quiet.time < Span::from_secs(660), "{quiet:?}");
    assert_eq!((progress.waits.run, progress.counts.waiting), (1, 1));
}

#[test]
fn what_is_held_is_said_to_wait_for_a_person() {
    let plan = RunSpec { land: LandMode::Hold, ..without_gates(vec![task("a", &[]), task("b", &[])], 2) };
    let mut world = World::new(&plan, &[("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Waiting);
    let progress = after(&world, &[10]);
    assert_eq!((unknown(&progress), progress.waits.person), (Some(EtaUnknown::WaitsForPerson), 1));
    assert_eq!(progress.quiet, None, "b is at work");
}

#[test]
fn a_run_that_nothing_drives_waits_for_a_program() {
    let mut world = world(vec![task("a", &[])], 1);
    let seen = Some(Seen { epoch: world.conductor, liveness: Liveness::Gone });
    let gone = progress_with(&world, &ProgressFacts { history: Some(&history(&[10])), seen });
    world.execute(&Command::StepDown { run: world.run, epoch: world.conductor }).unwrap();
    for progress in [gone, after(&world, &[10])] {
        assert_eq!(
            (unknown(&progress), waits_for(&progress)),
            (Some(EtaUnknown::NotDriven), Some(WaitsFor::Conductor))
        );
    }
}

#[test]
fn a_run_is_stuck_when_the_engine_says_so_and_not_before() {
    let able = TaskSpec { capabilities: BTreeSet::from(["gpu".to_owned()]), ..task("a", &[]) };
    let mut world = world(vec![able], 1);
    let until = next_deadline(world.view(), world.run).expect("it is stuck some day");
    let before = after(&world, &[10]);
    let quiet = before.quiet.clone().unwrap();
    assert_eq!((unknown(&before), before.waits.worker), (Some(EtaUnknown::NoWorker), 1));
    assert_eq!((quiet.waits_for, quiet.until, quiet.is_stuck), (WaitsFor::Worker, Some(until), false));
    world.now = until;
    assert!(after(&world, &[10]).quiet.unwrap().is_stuck);
    world.execute(&Command::Tick { run: world.run }).unwrap();
    assert_eq!(world.run_record().state, RunState::Failed);
    let over = progress(&world);
    assert_eq!((unknown(&over), over.quiet), (Some(EtaUnknown::Over), None));
}

#[test]
fn an_agent_that_failed_too_often_makes_it_unknown() {
    let names: Vec<String> = (0..6).map(|at| format!("t{at}")).collect();
    let tasks = names.iter().map(|name| TaskSpec { attempts: 1, ..task(name, &[]) }).collect();
    let luck: Vec<(&str, &[Luck])> =
        names.iter().take(5).map(|name| (name.as_str(), &[Luck::AgentFails][..])).collect();
    let alone = without_gates(tasks, 1);
    // That another one is in its route, too, who is not able to do it, is no help.
    let mut beside = alone.clone();
    beside.agents[0].capabilities = BTreeSet::from(["rust".to_owned()]);
    let weak = AgentSpec { name: "weak".to_owned(), capabilities: BTreeSet::new(), ..beside.agents[0].clone() };
    beside.agents.push(weak);
    for task in &mut beside.tasks {
        task.capabilities = BTreeSet::from(["rust".to_owned()]);
        let agents = vec!["weak".to_owned(), task.agent.clone()];
        task.route = Some(RouteSpec { agents, ..RouteSpec::default() });
    }
    for spec in [alone, beside] {
        let mut world = World::new(&spec, &luck, 7);
        world.go_until(|world| {
            let mut breakers = progress(world).agents.into_iter().filter_map(|agent| agent.breaker);
            breakers.any(|breaker| breaker.state == BreakerState::Open)
        });
        let progress = after(&world, &[10]);
        assert_eq!((unknown(&progress), progress.waits.agent), (Some(EtaUnknown::AgentKeptOut), 1));
        assert_eq!(waits_for(&progress), Some(WaitsFor::Time));
    }
}

#[test]
fn a_pause_before_another_try_is_part_of_it() {
    let mut world = World::new(&without_gates(vec![task("a", &[])], 1), &[("a", &[Luck::AgentFails])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Retrying);
    let progress = after(&world, &[10]);
    let quiet = progress.quiet.unwrap();
    assert_eq!((quiet.waits_for, quiet.until, progress.waits.backoff), (WaitsFor::Time, world.task("a").due_at, 1));
    let pause = world.task("a").due_at.unwrap().since(world.now);
    assert_eq!(progress.eta.remaining.unwrap().least.as_millis(), 10_000 + pause.as_millis());
}

#[test]
fn who_does_not_know_the_workers_says_so() {
    let mut yard = Yard::new();
    let run = yard.begin(&shared(vec![task("a", &[])], 1));
    let history = history(&[10]);
    let facts = ProgressFacts { history: Some(&history), seen: None };
    let engine = Engine::open(yard.store, run).unwrap();
    let blind = run_progress(engine.view(), run, yard.now, &facts).unwrap();
    assert_eq!((unknown(&blind), waits_for(&blind)), (Some(EtaUnknown::WorkersUnknown), Some(WaitsFor::Unknown)));
    let none = run_progress(yard.view(), run, yard.now, &facts).unwrap();
    assert_eq!((unknown(&none), waits_for(&none)), (Some(EtaUnknown::NoWorker), Some(WaitsFor::Worker)));
    yard.register("mill");
    let one = run_progress(yard.view(), run, yard.now, &facts).unwrap();
    assert_eq!(seconds(one.eta.remaining), Some((10, 10)));
}

#[test]
fn more_is_never_rehearsed_at_once_than_there_are_shared_workers() {
    let mut yard = Yard::new();
    let run = yard.begin(&shared(vec![task("a", &[]), task("b", &[]), task("c", &[])], 3));
    let history = history(&[10]);
    yard.register("mill");
    let facts = ProgressFacts { history: Some(&history), seen: None };
    let progress = run_progress(yard.view(), run, yard.now, &facts).unwrap();
    assert_eq!(seconds(progress.eta.remaining), Some((30, 30)));
}

/// How many tasks make a long chain.
const DEPTH: usize = 10_000;

#[test]
fn a_long_chain_is_followed_to_its_end() {
    let names: Vec<String> = (0..DEPTH).map(|at| format!("t{at}")).collect();
    let needs = |at: usize| at.checked_sub(1).map(|before| names[before].as_str());
    let tasks = (0..DEPTH).map(|at| task(&names[at], needs(at).as_slice())).collect();
    let run = RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), 9);
    let mut world = World::made(run, &without_gates(tasks, 4), 7);
    assert_eq!(unknown(&after(&world, &[10])), Some(EtaUnknown::NotDriven));
    world.drive();
    let progress = after(&world, &[10]);
    assert_eq!(seconds(progress.eta.remaining), Some((10 * DEPTH as u64, 10 * DEPTH as u64)));
    assert_eq!(progress.critical_path.map(|path| path.tasks.len()), Some(DEPTH));
}

#[test]
fn nothing_is_quiet_while_something_was_begun() {
    let mut world = world(vec![task("a", &[])], 1);
    let spawn = world.view().all::<Effect>().find(|effect| effect.state == EffectState::Requested).unwrap().id;
    let until = world.now.after(Span::from_secs(60));
    world.execute(&Command::Claim { effect: spawn, by: claimant(world.conductor), until }).unwrap();
    assert_eq!(progress(&world).quiet, None);
    assert!(world.view().get::<Run>(world.run).unwrap().conductor.is_some());
}
