//! Figures add up, and are those that folding the events by hand gives: at every moment of days on which things go wrong.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use tollhouse_core::entity::{Attempt, CostEntry, ErrorClass};
use tollhouse_core::lifecycle::{AttemptEvent, AttemptState, CostEntryEvent, RunState, TaskState, WorkerState};
use tollhouse_core::spec::{BudgetSpec, OnExhausted, RunSpec, TaskSpec, WorkstreamSpec};
use tollhouse_core::{Event, Kind, Money, RecordId, Span, Timestamp};
use tollhouse_engine::report::{
    AttemptCounts, ProgressFacts, RunProgress, TaskCounts, WorkerFigures, WorkerRow, run_progress,
};
use tollhouse_engine::{Command, Liveness, TaskWish, WorkerWish};
use tollhouse_state::{Cursor, Store};

use super::progress;
use crate::world::{ALL_LUCK, Luck, World, spec, task};
use crate::yard::{Yard, done, newcomer, shared};

/// Four tasks of two agents in two workstreams and in none, some of which spend more than anybody knows.
pub(super) fn plan(budget: Option<i64>) -> RunSpec {
    let stream = |name: &str, needs: &[&str]| WorkstreamSpec {
        name: name.to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        ..WorkstreamSpec::default()
    };
    let of = |stream: &str, task: TaskSpec| TaskSpec { workstream: Some(stream.to_owned()), ..task };
    let other = |task: TaskSpec| TaskSpec { agent: "other".to_owned(), ..task };
    let tasks = vec![
        of("parser", task("a", &[])),
        of("parser", other(task("b", &["a"]))),
        of("docs", task("c", &[])),
        other(task("d", &[])),
    ];
    let budget = budget.map(|limit| BudgetSpec {
        per_run: Some(Money::from_nanos(limit)),
        per_task: Some(Money::from_nanos(9)),
        on_exhausted: OnExhausted::Pause,
    });
    RunSpec { workstreams: vec![stream("parser", &[]), stream("docs", &["parser"])], budget, ..spec(tasks, 2) }
}

/// A day on which each task meets this luck at its tries.
pub(super) fn day(luck: &[[usize; 2]; 4], chaos: u64, budget: Option<i64>, seed: u64) -> World {
    day_of(&plan(budget), luck, chaos, seed)
}

/// The same of a plan of tasks with these names.
pub(super) fn day_of(plan: &RunSpec, luck: &[[usize; 2]; 4], chaos: u64, seed: u64) -> World {
    let luck = luck.map(|tries| tries.map(|at| ALL_LUCK[at % ALL_LUCK.len()]));
    let luck: Vec<(&str, &[Luck])> =
        ["a", "b", "c", "d"].into_iter().zip(luck.iter().map(|tries| &tries[..])).collect();
    let mut world = World::new(plan, &luck, seed);
    world.chaos = chaos;
    let costs = [("a", vec![Some(3), Some(4)]), ("b", vec![None]), ("c", vec![Some(1)])];
    world.hands.costs = costs.into_iter().map(|(name, costs)| (name.to_owned(), costs)).collect();
    world
}

fn events(world: &World) -> Vec<Event> {
    world.engine.store().events(&Cursor::default()).expect("a store in memory can be read")
}

/// What holds of the counts of any picture.
fn assert_adds_up(progress: &RunProgress) {
    let adds_up = |counts: &TaskCounts| {
        assert_eq!(
            counts.done + counts.missed + counts.running + counts.validating + counts.waiting,
            counts.tasks,
            "{counts:?}"
        );
        assert_eq!(counts.completed + counts.left_out, counts.done, "{counts:?}");
        assert_eq!(counts.failed + counts.canceled + counts.given_up, counts.missed, "{counts:?}");
    };
    adds_up(&progress.counts);
    assert_eq!(progress.waits.all(), progress.counts.waiting, "{:?}", progress.waits);
    let attempts = |counts: &AttemptCounts| {
        assert_eq!(counts.running + counts.succeeded + counts.failed + counts.lost + counts.stopped, counts.made);
        assert_eq!(counts.failures.iter().map(|failure| failure.attempts).sum::<u64>(), counts.failed + counts.lost);
    };
    attempts(&progress.attempts);
    attempts(&progress.rates.attempts);
    assert_eq!(progress.agents.iter().map(|agent| agent.attempts.made).sum::<u64>(), progress.attempts.made);
    assert_eq!(progress.workers.iter().map(|worker| worker.attempts_here).sum::<u64>(), progress.attempts.made);
    if !progress.workstreams.is_empty() {
        for own in &progress.workstreams {
            adds_up(&own.counts);
        }
        assert_eq!(progress.workstreams.iter().map(|own| own.counts.tasks).sum::<u64>(), progress.counts.tasks);
    }
}

/// What the estimate says and what it does not say agree.
fn assert_honest(progress: &RunProgress) {
    let eta = &progress.eta;
    assert_eq!(eta.remaining.is_some(), eta.unknown.is_none(), "{eta:?}");
    assert_eq!((eta.finish.is_some(), eta.because.is_some()), (eta.remaining.is_some(), eta.unknown.is_some()));
    if let (Some(range), Some(finish)) = (eta.remaining, eta.finish) {
        assert!(range.least <= range.most && finish.earliest <= finish.latest, "{eta:?}");
        assert!(finish.earliest >= progress.at, "{eta:?}");
        assert!(eta.observations > 0, "what nobody saw is not told: {eta:?}");
        assert!(matches!(progress.state, RunState::Running | RunState::Pending), "{progress:#?}");
    }
    let rests = matches!(progress.state, RunState::Paused | RunState::Verifying | RunState::Canceling);
    assert!(!rests && !progress.state.is_finished() || eta.unknown.is_some(), "{eta:?}");
    assert!(!progress.state.is_finished() || progress.quiet.is_none());
}

/// The tasks in each state, as the newest event of each says; skipped ones apart by what happened.
fn fold_tasks(events: &[Event]) -> BTreeMap<&str, u64> {
    let newest: BTreeMap<RecordId, &Event> =
        events.iter().filter(|event| event.record.kind() == Kind::Task).map(|event| (event.record, event)).collect();
    let mut counts = BTreeMap::new();
    for event in newest.into_values() {
        let given_up = event.state == "skipped" && event.event.name == "dependency_failed";
        *counts.entry(if given_up { "given_up" } else { event.state.as_str() }).or_default() += 1;
    }
    counts
}

/// What the events say of an agent's attempts.
#[derive(Debug, Default, PartialEq)]
struct Folded {
    made: u64,
    retries: u64,
    by_state: BTreeMap<AttemptState, u64>,
    failures: BTreeMap<ErrorClass, u64>,
    busy: Span,
    cost: Option<i64>,
    unknown_costs: u64,
}

fn fold_agents(events: &[Event], at: Timestamp) -> BTreeMap<String, Folded> {
    let mut attempts: BTreeMap<RecordId, (Attempt, Timestamp)> = BTreeMap::new();
    let mut costs: BTreeMap<RecordId, CostEntry> = BTreeMap::new();
    for event in events {
        match event.record.kind() {
            Kind::Attempt => {
                let end = match serde_json::from_str(&event.event.body).expect("an event of ours is readable") {
                    AttemptEvent::Created { attempt } => {
                        attempts.insert(event.record, (*attempt, at));
                        continue;
                    }
                    AttemptEvent::Record { .. } => continue,
                    AttemptEvent::Succeed { end }
                    | AttemptEvent::Fail { end }
                    | AttemptEvent::TimeOut { end }
                    | AttemptEvent::Interrupt { end }
                    | AttemptEvent::Lose { end }
                    | AttemptEvent::Cancel { end } => *end,
                };
                let (attempt, ended_at) = attempts.get_mut(&event.record).expect("it was made");
                attempt.state =
                    *AttemptState::ALL.iter().find(|state| state.as_str() == event.state).expect("a state has a name");
                (attempt.end, *ended_at) = (Some(end), event.at);
            }
            Kind::CostEntry => {
                let CostEntryEvent::Created { entry } =
                    serde_json::from_str(&event.event.body).expect("an event of ours is readable");
                costs.insert(event.record, *entry);
            }
            _ => {}
        }
    }
    let mut folded: BTreeMap<String, Folded> = BTreeMap::new();
    for (attempt, ended_at) in attempts.into_values() {
        let own = folded.entry(attempt.agent.clone()).or_default();
        own.made += 1;
        own.retries += u64::from(attempt.number > 1);
        *own.by_state.entry(attempt.state).or_default() += 1;
        own.busy = Span::from_millis(own.busy.as_millis() + ended_at.since(attempt.started_at).as_millis());
        if matches!(attempt.state, AttemptState::Failed | AttemptState::TimedOut | AttemptState::Lost) {
            let class = attempt.end.and_then(|end| end.error_class).expect("who fails says how");
            *own.failures.entry(class).or_default() += 1;
        }
    }
    let corrected: Vec<RecordId> = costs.values().filter_map(|entry| entry.corrects).map(RecordId::from).collect();
    for (_, entry) in costs.into_iter().filter(|(id, _)| !corrected.contains(id)) {
        let own = folded.entry(entry.agent.expect("an attempt has an agent")).or_default();
        match entry.amount {
            Some(amount) => own.cost = Some(own.cost.unwrap_or_default() + amount.as_nanos()),
            None => own.unknown_costs += 1,
        }
    }
    folded
}

fn assert_folds(world: &World) {
    let (progress, events) = (progress(world), events(world));
    let tasks = fold_tasks(&events);
    let count = |names: &[&str]| names.iter().filter_map(|name| tasks.get(name)).sum::<u64>();
    let counts = progress.counts;
    let shown = [counts.completed, counts.left_out, counts.given_up, counts.failed, counts.canceled, counts.running];
    let folded = ["completed", "skipped", "given_up", "failed", "canceled", "running"].map(|name| count(&[name]));
    assert_eq!(shown, folded, "{tasks:?}");
    assert_eq!(counts.waiting, count(&["pending", "blocked", "queued", "retrying", "waiting"]), "{tasks:?}");
    let folded = fold_agents(&events, progress.at);
    for agent in &progress.agents {
        let of = |states: &[AttemptState]| {
            let own = folded.get(&agent.agent);
            own.map_or(0, |own| states.iter().filter_map(|state| own.by_state.get(state)).sum::<u64>())
        };
        let Some(own) = folded.get(&agent.agent) else {
            assert_eq!(agent.attempts.made, 0);
            continue;
        };
        let attempts = &agent.attempts;
        assert_eq!((attempts.made, attempts.retries), (own.made, own.retries));
        assert_eq!(attempts.succeeded, of(&[AttemptState::Succeeded]));
        assert_eq!(attempts.failed, of(&[AttemptState::Failed, AttemptState::TimedOut]));
        assert_eq!(attempts.lost, of(&[AttemptState::Lost]));
        assert_eq!(attempts.stopped, of(&[AttemptState::Interrupted, AttemptState::Canceled]));
        let failures: BTreeMap<ErrorClass, u64> =
            attempts.failures.iter().map(|failure| (failure.class, failure.attempts)).collect();
        assert_eq!(failures, own.failures);
        assert_eq!((agent.busy, agent.cost.map(Money::as_nanos)), (own.busy, own.cost));
        assert_eq!(agent.unknown_costs, own.unknown_costs);
    }
}

proptest! {
    #[test]
    fn figures_add_up_and_are_what_the_events_come_to(
        luck in proptest::array::uniform4(proptest::array::uniform2(0_usize..13)),
        chaos in prop_oneof![Just(0_u64), Just(5), Just(15)],
        budget in proptest::option::of(20_i64..60),
        seed: u64,
    ) {
        let mut world = day(&luck, chaos, budget, seed);
        // Nobody requeues anything here, so whatever is finished stays so.
        let before = Cell::new((0.0, 0.0));
        world.go_until(|world| {
            let progress = progress(world);
            assert_adds_up(&progress);
            assert_honest(&progress);
            assert_folds(world);
            let now = (progress.finished.unwrap(), progress.done.unwrap());
            assert!(now.0 >= before.get().0 && now.1 >= before.get().1, "seed {seed}: {now:?} after {:?}", before.get());
            assert!((0.0..=1.0).contains(&now.0) && now.1 <= now.0);
            before.set(now);
            world.run_record().state.is_finished()
        });
        prop_assert!(before.get().0 > 0.999, "all of it is finished");
    }
}

#[test]
fn a_run_without_tasks_has_no_part_that_is_done() {
    let world = World::made(any_run(), &spec(Vec::new(), 1), 7);
    let progress = progress(&world);
    assert_eq!((progress.finished, progress.done, progress.critical_path), (None, None, None));
}

/// The id of a run that a test makes itself.
pub(super) fn any_run() -> tollhouse_core::RunId {
    tollhouse_core::RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), 9)
}

#[test]
fn what_a_person_leaves_out_is_done_and_not_failed() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 1), &[], 7);
    let skip =
        Command::OverrideTask { task: world.task("b").id, wish: TaskWish::Skip, reason: "not needed".to_owned() };
    world.execute(&skip).unwrap();
    let progress = progress(&world);
    assert_eq!((progress.counts.left_out, progress.counts.done, progress.counts.missed), (1, 1, 0));
    assert_eq!((progress.done, progress.finished), (Some(0.5), Some(0.5)));
}

#[test]
fn what_is_given_up_for_a_miss_is_missed_and_all_of_a_failed_run_is_finished() {
    let fails = [Luck::AgentFails; 2];
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 1), &[("a", &fails)], 7);
    world.go();
    let progress = progress(&world);
    assert_eq!((progress.counts.failed, progress.counts.given_up, progress.counts.done), (1, 1, 0));
    assert_eq!((progress.finished, progress.done), (Some(1.0), Some(0.0)));
    assert_eq!(progress.attempts.retries, 1);
}

#[test]
fn what_an_earlier_run_did_is_done_and_no_rate() {
    let fails = [Luck::AgentFails; 2];
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 1), &[("b", &fails)], 7);
    world.go();
    let (spec, legacy) = tollhouse_engine::fork_of(world.view(), world.run, None).unwrap();
    let run = any_run();
    let create = Command::CreateRun { run, spec: Box::new(spec), started_by: "ada".to_owned(), legacy: Some(legacy) };
    let forked = World::from_command(run, &create, 8);
    let progress = progress(&forked);
    assert_eq!((progress.counts.completed, progress.rates.completed), (1, 0));
}

#[test]
fn a_rate_is_of_the_last_hour_and_of_no_less_than_a_minute() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &[])], 2), &[("b", &[Luck::Hangs])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Completed);
    assert_eq!(progress(&world).rates.completed_per_hour, None);
    let at = |minutes: u64| {
        let now = world.now.after(Span::from_secs(60 * minutes));
        run_progress(world.view(), world.run, now, &ProgressFacts::default()).unwrap().rates
    };
    let (soon, later) = (at(30), at(90));
    assert_eq!((soon.completed, soon.completed_per_hour.map(f64::round)), (1, Some(2.0)));
    assert_eq!((later.completed, later.completed_per_hour, later.window), (0, Some(0.0), Span::from_secs(3600)));
}

#[test]
fn median_and_mean_are_of_what_ended_well() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &[])], 2), &[("a", &[Luck::AgentFails])], 7);
    world.go();
    let progress = progress(&world);
    let [agent] = progress.agents.as_slice() else { panic!("one agent: {:?}", progress.agents) };
    let mut well: Vec<Span> = world
        .view()
        .all::<Attempt>()
        .filter(|attempt| attempt.state == AttemptState::Succeeded)
        .map(|attempt| attempt.finished_at.unwrap().since(attempt.started_at))
        .collect();
    well.sort_unstable();
    assert_eq!((agent.attempts.failed, agent.median), (1, Some(well[0])));
    assert_eq!(agent.mean, Some(Span::from_millis(well[0].as_millis().midpoint(well[1].as_millis()))));
}

#[test]
fn a_shared_worker_tells_what_it_did_here_and_in_all_its_life() {
    let mut yard = Yard::new();
    let first = yard.begin(&shared(vec![task("a", &[])], 1));
    let second = yard.begin(&shared(vec![task("b", &[])], 1));
    let worker = yard.register("mill");
    for content in ["one", "two"] {
        let (_, effect) = yard.give(worker);
        yard.pass(30);
        yard.report(effect, done(content)).unwrap();
        yard.pass(10);
    }
    let of = |run| run_progress(yard.view(), run, yard.now, &ProgressFacts::default()).unwrap();
    for run in [first, second] {
        let progress = of(run);
        let [row] = progress.workers.as_slice() else { panic!("one worker: {:?}", progress.workers) };
        assert!(row.shared);
        assert_eq!((row.attempts_here, row.life.attempts, row.life.busy), (1, 2, Span::from_secs(60)));
        assert!((row.life.utilisation - 0.75).abs() < 0.01, "{row:?}");
    }
}

#[test]
fn a_row_of_a_worker_shows_what_it_holds_and_counts_the_time() {
    let mut yard = Yard::new();
    let run = yard.begin(&shared(vec![task("a", &[])], 1));
    let worker = yard.try_register(&newcomer("mill", 2, &["docker"])).unwrap();
    let (attempt, _) = yard.give(worker);
    yard.pass(20);
    yard.wish(worker, WorkerWish::Pause).unwrap();
    let row = WorkerRow::of(yard.worker(worker), yard.now);
    assert_eq!(row.holds.map(|held| (held.run, held.attempt)), Some((run, attempt)));
    assert_eq!((row.state, row.host.as_str(), row.capabilities.len()), (WorkerState::Paused, "here", 1));
    let WorkerFigures { attempts, busy, .. } = row.figures;
    assert_eq!((attempts, busy), (1, Span::from_secs(20)));
    yard.look(worker, Liveness::Gone).unwrap();
    assert_eq!(WorkerRow::of(yard.worker(worker), yard.now).figures.lost, 1);
}
