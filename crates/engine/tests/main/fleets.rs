//! The engine over all shared workers: what it takes in, what its commits rest on, and two of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use proptest::prelude::*;
use tollhouse_core::entity::{Attempt, Effect, Run, Task, Work, Worker, Workstream};
use tollhouse_core::lifecycle::{AttemptState, EffectState, RunState, TaskState, WorkerState, WorkstreamState};
use tollhouse_core::spec::{BudgetSpec, RunSpec, TaskSpec, WorkstreamSpec};
use tollhouse_core::{Actor, Commit, Event, Money, Record, RecordId, RunId, Stream, Timestamp, WorkerId};
use tollhouse_engine::{Command, Engine, EngineError, Liveness, View, WorkerSeen, WorkerWish, decide};
use tollhouse_state::{CommitError, Committed, Cursor, Find, Rewrite, Store, StoreError, Tally};

use crate::world::task;
use crate::yard::{Ledger, Yard, done, newcomer, own, shared};

#[test]
fn a_shared_run_that_is_made_later_is_taken_in_and_another_is_not() {
    let mut yard = Yard::new();
    let (shares, owns) = (yard.begin(&shared(vec![task("a", &[])], 4)), yard.begin(&own(vec![task("a", &[])], 4)));
    assert!(yard.view().get::<Run>(shares).is_some());
    assert!(yard.view().get::<Run>(owns).is_none());
    assert!(yard.view().all::<Task>().all(|task| task.run == shares));
}

#[test]
fn a_fleet_that_is_opened_holds_unfinished_shared_runs_and_the_workers_that_count() {
    let mut yard = Yard::new();
    let long_ago = yard.register("long ago");
    yard.look(long_ago, Liveness::Gone).unwrap();
    let over = yard.begin(&shared(vec![task("a", &[])], 4));
    yard.conduct(over, &Command::CancelRun { run: over, reason: "enough".to_owned() }).unwrap();
    yard.pass(24 * 60 * 60);
    let lately = yard.register("lately");
    yard.look(lately, Liveness::Gone).unwrap();
    yard.pass(1);
    let shares = yard.begin(&shared(vec![task("a", &[])], 4));
    yard.begin(&own(vec![task("a", &[])], 4));
    let worker = yard.register("one");
    yard.give(worker);
    let fleet = Engine::open_fleet(yard.store).unwrap();
    assert_eq!(fleet.view().all::<Run>().map(|run| run.id).collect::<Vec<_>>(), [shares]);
    let workers: Vec<WorkerId> = fleet.view().all::<Worker>().map(|worker| worker.id).collect();
    assert_eq!(workers, [lately, worker]);
    assert_eq!(fleet.view().get::<Task>(yard.task(shares, "a").id), Some(yard.task(shares, "a")));
}

/// What a decision of the fleet follows.
fn followed(yard: &mut Yard, command: &Command) -> Option<Stream> {
    let at = yard.at();
    let decision = decide(yard.view(), command, at).expect("it is taken");
    assert!(!decision.changes.is_empty(), "{command:?}");
    decision.follows
}

#[test]
fn a_decision_of_the_fleet_follows_what_it_rests_on_as_a_set() {
    let mut yard = Yard::new();
    let run = yard.begin(&shared(vec![task("a", &[])], 4));
    let id = WorkerId::from_parts(yard.now, 99);
    let register = Command::RegisterWorker { worker: id, newcomer: Box::new(newcomer("other", 2, &[])) };
    assert_eq!(followed(&mut yard, &register), Some(Stream::Project));
    let worker = yard.register("one");
    assert_eq!(followed(&mut yard, &Command::Work { worker }), None);
    let (_, spawn) = yard.give(worker);
    let gone = WorkerSeen { liveness: Liveness::Gone, last_output: None };
    assert_eq!(followed(&mut yard, &Command::LookAtWorker { worker, seen: gone }), Some(Stream::Run(run)));
    let report = Command::Report { effect: spawn, epoch: 1, outcome: Box::new(done("x")) };
    assert_eq!(followed(&mut yard, &report), Some(Stream::Run(run)));
    let pause = Command::OverrideWorker { worker, wish: WorkerWish::Pause, reason: "because".to_owned() };
    assert_eq!(followed(&mut yard, &pause), None);
}

#[test]
fn a_lease_rests_on_every_run_that_shares_workers() {
    let mut yard = Yard::new();
    let runs = [yard.begin(&shared(vec![task("a", &[])], 4)), yard.begin(&shared(vec![task("b", &[])], 4))];
    let worker = yard.register("one");
    let at = yard.at();
    let decision = decide(yard.view(), &Command::Work { worker }, at).unwrap();
    for run in runs {
        assert!(decision.relies_on.iter().any(|(id, _)| *id == RecordId::from(run)), "{run}");
    }
}

#[test]
fn a_workstream_executes_from_its_first_lease_to_a_shared_worker_on() {
    let mut yard = Yard::new();
    let stream = WorkstreamSpec { name: "s".to_owned(), ..WorkstreamSpec::default() };
    let task = TaskSpec { workstream: Some("s".to_owned()), ..task("a", &[]) };
    let run = yard.begin(&RunSpec { workstreams: vec![stream], ..shared(vec![task], 4) });
    let state = |yard: &Yard| yard.view().all::<Workstream>().find(|one| one.run == run).map(|one| one.state);
    assert_eq!(state(&yard), Some(WorkstreamState::Ready));
    let worker = yard.register("one");
    yard.work(worker);
    assert_eq!(state(&yard), Some(WorkstreamState::Executing));
}

#[test]
fn an_agent_that_ends_before_it_is_ended_leaves_nothing_to_be_ended() {
    let mut yard = Yard::new();
    let run = yard.begin(&shared(vec![task("a", &[])], 4));
    let worker = yard.register("one");
    let (attempt, spawn) = yard.give(worker);
    yard.conduct(run, &Command::CancelRun { run, reason: "enough".to_owned() }).unwrap();
    let kill = |yard: &Yard| {
        let kill = yard.view().all::<Effect>().find(|effect| effect.work == Work::Kill { attempt });
        kill.expect("its agent is to be ended").state
    };
    assert_eq!(kill(&yard), EffectState::Requested);
    yard.report(spawn, done("x")).unwrap();
    assert_eq!((kill(&yard), yard.state(worker)), (EffectState::Failed, WorkerState::Idle));
    assert_eq!(yard.run(run).state, RunState::Canceled);
}

#[test]
fn a_shared_run_is_stuck_where_only_what_nobody_can_do_can_be_paid() {
    let mut yard = Yard::new();
    let priced = |name: &str, nanos: i64| TaskSpec { reserve: Some(Money::from_nanos(nanos)), ..task(name, &[]) };
    let mut tasks = vec![priced("cheap", 1), priced("dear", 20)];
    tasks[0].capabilities.insert("gpu".to_owned());
    let budget = BudgetSpec { per_run: Some(Money::from_nanos(10)), ..BudgetSpec::default() };
    let run = yard.begin(&RunSpec { budget: Some(budget), ..shared(tasks, 4) });
    let worker = yard.register("one");
    assert_eq!((yard.work(worker), yard.run(run).state), (None, RunState::Running));
    yard.pass(10 * 60);
    yard.ask(&Command::Tick { run }).unwrap();
    assert_eq!(yard.run(run).state, RunState::Failed);
}

/// A store that lets something happen just before the next commit.
struct Racing {
    store: Ledger,
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Store for &Racing {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let meanwhile = self.meanwhile.lock().expect("nobody panics with it").take();
        if let Some(act) = meanwhile {
            act();
        }
        self.store.commit(commit)
    }
    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        self.store.get(ids)
    }
    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        self.store.find(find)
    }
    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        self.store.tally(find)
    }
    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        self.store.events(cursor)
    }
    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.store.wait_for(position, timeout)
    }
    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        self.store.pulse(id, at)
    }
    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        self.store.last_pulse(id)
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        self.store.rewrite(rewrite)
    }
}

type Answer = Result<Vec<Event>, EngineError>;

/// One fleet does something, and just before its commit another does something else.
fn race(yard: &mut Yard, first: &Command, meanwhile: Command) -> Answer {
    let (at, other_at, store) = (yard.at(), yard.at(), yard.store);
    let act = move || {
        let mut other = Engine::open_fleet(store).expect("a store in memory opens");
        drop(other.execute(&meanwhile, &Actor::Engine, other_at));
    };
    let racing: &'static Racing = Box::leak(Box::new(Racing { store, meanwhile: Mutex::new(Some(Box::new(act))) }));
    let mut fleet = Engine::open_fleet(racing).expect("a store in memory opens");
    let answer = fleet.execute(first, &Actor::Engine, at);
    yard.fleet.catch_up().expect("what is on the ledger can be followed");
    answer
}

/// What must hold however fleets race.
fn check(view: &View) -> Result<(), TestCaseError> {
    let mut of_task: BTreeMap<RecordId, u32> = BTreeMap::new();
    let mut of_worker: BTreeMap<Option<WorkerId>, u32> = BTreeMap::new();
    for attempt in view.all::<Attempt>().filter(|attempt| attempt.state == AttemptState::Running) {
        *of_task.entry(attempt.task.into()).or_default() += 1;
        *of_worker.entry(attempt.by).or_default() += 1;
        let holds = attempt.by.and_then(|by| view.get::<Worker>(by)).and_then(|worker| worker.holds.as_ref());
        prop_assert_eq!(holds.map(|holding| holding.attempt), Some(attempt.id));
    }
    prop_assert!(of_task.values().all(|count| *count == 1), "a task was given to two workers");
    prop_assert!(of_worker.values().all(|count| *count == 1), "a worker was given two tasks");
    for run in view.all::<Run>() {
        let running: Vec<&Task> =
            view.all::<Task>().filter(|task| task.run == run.id && task.state == TaskState::Running).collect();
        prop_assert!(running.len() <= usize::try_from(run.spec.max_parallel).expect("a small number"));
        prop_assert!(running.is_empty() || run.state == RunState::Running);
        prop_assert!(running.iter().all(|task| task.finished_at.is_none()));
    }
    let groups: Vec<&String> = view
        .all::<Task>()
        .filter(|task| task.state == TaskState::Running)
        .filter_map(|task| task.spec.conflict_group.as_ref())
        .collect();
    prop_assert!(groups.len() <= 1, "two of a group run: {groups:?}");
    let names: Vec<&String> = view
        .all::<Worker>()
        .filter(|worker| worker.run.is_none() && !worker.state.is_finished())
        .map(|worker| &worker.name)
        .collect();
    let unique: BTreeSet<_> = names.iter().collect();
    prop_assert_eq!(unique.len(), names.len());
    Ok(())
}

/// Something that a fleet may do.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Work(usize),
    Register(u128),
    Pause(usize),
    Cancel(usize),
    Lose(usize),
    End(usize),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        6 => (0..4_usize).prop_map(Deed::Work),
        1 => any::<u128>().prop_map(Deed::Register),
        1 => (0..2_usize).prop_map(Deed::Pause),
        1 => (0..2_usize).prop_map(Deed::Cancel),
        1 => (0..4_usize).prop_map(Deed::Lose),
        2 => (0..4_usize).prop_map(Deed::End),
    ]
}

fn command(yard: &Yard, workers: &[WorkerId], runs: &[RunId], deed: Deed) -> Command {
    let reason = "because".to_owned();
    match deed {
        Deed::Work(n) => Command::Work { worker: workers[n] },
        Deed::Register(id) => Command::RegisterWorker {
            worker: WorkerId::from_parts(yard.now, id),
            newcomer: Box::new(newcomer("same", 9, &[])),
        },
        Deed::Pause(n) => Command::PauseRun { run: runs[n], reason },
        Deed::Cancel(n) => Command::CancelRun { run: runs[n], reason },
        Deed::Lose(n) => {
            let seen = WorkerSeen { liveness: Liveness::Gone, last_output: None };
            Command::LookAtWorker { worker: workers[n], seen }
        }
        Deed::End(n) => {
            let held = yard.worker(workers[n]).holds.as_ref().map(|holding| yard.spawn_of(holding.attempt).id);
            match held {
                Some(effect) => Command::Report { effect, epoch: 1, outcome: Box::new(done("x")) },
                None => Command::Work { worker: workers[n] },
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn however_two_fleets_race_a_task_and_a_worker_are_given_once(
        deeds in proptest::collection::vec((any_deed(), any_deed()), 1..12)
    ) {
        let mut yard = Yard::new();
        let grouped = |name: &str| TaskSpec { conflict_group: Some("one".to_owned()), ..task(name, &[]) };
        let tasks = || vec![task("a", &[]), grouped("b"), task("c", &[]), task("d", &["a"])];
        let runs = [yard.begin(&shared(tasks(), 2)), yard.begin(&shared(tasks(), 2))];
        let workers = ["1", "2", "3", "4"].map(|name| yard.register(name));
        for (first, meanwhile) in deeds {
            // What was given is begun, so that it can end.
            for worker in workers {
                let held = yard.worker(worker).holds.as_ref().map(|holding| yard.spawn_of(holding.attempt).id);
                if let Some(effect) = held {
                    drop(yard.claim(effect, crate::yard::claimant(worker)));
                }
            }
            let (first, meanwhile) =
                (command(&yard, &workers, &runs, first), command(&yard, &workers, &runs, meanwhile));
            if let Err(error) = race(&mut yard, &first, meanwhile) {
                prop_assert!(matches!(error, EngineError::Refused(_)), "{error}");
            }
            check(yard.view())?;
            prop_assert_eq!(yard.view().stale_index(), None);
        }
        yard.store.check();
    }
}

#[test]
fn two_fleets_do_not_give_one_name_twice() {
    let mut yard = Yard::new();
    let [one, two] = [1, 2].map(|id| {
        let worker = WorkerId::from_parts(yard.now, id);
        Command::RegisterWorker { worker, newcomer: Box::new(newcomer("same", 2, &[])) }
    });
    assert_eq!(crate::yard::code(race(&mut yard, &one, two)), "name_taken");
}

#[test]
fn two_fleets_do_not_give_one_task_twice() {
    let mut yard = Yard::new();
    yard.begin(&shared(vec![task("a", &[])], 4));
    let (one, two) = (yard.register("one"), yard.register("two"));
    race(&mut yard, &Command::Work { worker: one }, Command::Work { worker: two }).unwrap();
    assert!(yard.worker(one).holds.is_none() && yard.worker(two).holds.is_some());
}

#[test]
fn what_runs_in_another_run_keeps_what_clashes_with_it_away_though_given_meanwhile() {
    let able = |word: &str| BTreeSet::from([word.to_owned()]);
    let grouped =
        |word: &str| TaskSpec { conflict_group: Some("one".to_owned()), capabilities: able(word), ..task("a", &[]) };
    let mut yard = Yard::new();
    let runs = ["cpu", "gpu"].map(|word| yard.begin(&shared(vec![grouped(word)], 4)));
    let [one, two] = ["cpu", "gpu"].map(|word| yard.try_register(&newcomer(word, 2, &[word])).unwrap());
    race(&mut yard, &Command::Work { worker: one }, Command::Work { worker: two }).unwrap();
    assert_eq!(runs.map(|run| yard.task_state(run, "a")), [TaskState::Queued, TaskState::Running]);
}
