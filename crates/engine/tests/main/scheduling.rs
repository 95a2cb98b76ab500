//! Which task goes next, and to whom: fair between runs, never beside what it clashes with, in order, and nothing starves.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tollhouse_core::entity::{Attempt, Candidate, Effect, ErrorClass, Patch, Run, Task, Work, Worker};
use tollhouse_core::lifecycle::{EffectState, RunState, TaskState, WorkerState};
use tollhouse_core::spec::{AgentSpec, LandMode, PolicySpec, Priority, RunSpec, TaskSpec, Weight};
use tollhouse_core::{AttemptId, EffectId, RunId, Span, TaskId, Timestamp, TreeFacts, WorkerId, limits};
use tollhouse_engine::plan::scopes_may_overlap;
use tollhouse_engine::report::explain;
use tollhouse_engine::{At, Command, Liveness, Outcome, PatchWish, TaskWish, View, WorkerWish, decide, next_deadline};

use crate::world::{World, claimant, process, task};
use crate::yard::{Yard, done, done_in, newcomer, own, shared};

fn writing(globs: &[&str], spec: TaskSpec) -> TaskSpec {
    let policy = PolicySpec {
        source: "plan".to_owned(),
        write: Some(globs.iter().map(|glob| (*glob).to_owned()).collect()),
        forbid: Vec::new(),
        max_files_changed: None,
        max_lines_changed: None,
    };
    TaskSpec { policy: Some(policy), ..spec }
}

/// Said anew, so that a mistake there is not made here: whether two tasks may not be under way together.
fn clash(one: &TaskSpec, other: &TaskSpec) -> bool {
    let scope = |task: &TaskSpec| task.policy.as_ref().and_then(|policy| policy.write.clone()).unwrap_or_default();
    let same_group = one.conflict_group.is_some() && one.conflict_group == other.conflict_group;
    same_group || scopes_may_overlap(&scope(one), &scope(other))
}

fn is_held(view: &View, task: &Task) -> bool {
    let patch = task.patch.and_then(|patch| view.get::<Patch>(patch));
    task.state == TaskState::Waiting && patch.is_some_and(|patch| !patch.state.is_finished())
}

/// What keeps others from beginning beside it: in its own run also what is judged or held.
fn under_way(view: &View, run: RunId) -> Vec<&Task> {
    let in_run = |task: &Task| task.state == TaskState::Validating || is_held(view, task);
    let counts = |task: &&Task| task.state == TaskState::Running || task.run == run && in_run(task);
    view.all::<Task>().filter(counts).collect()
}

fn running(view: &View, run: RunId) -> Vec<&Task> {
    view.all::<Task>().filter(|task| task.run == run && task.state == TaskState::Running).collect()
}

fn alive(view: &View, run: RunId) -> usize {
    let is_alive = |effect: &&Effect| {
        effect.run == Some(run) && matches!(effect.work, Work::Spawn { .. }) && !effect.state.is_finished()
    };
    view.all::<Effect>().filter(is_alive).count()
}

/// Whether a queued task may begin with a worker, said anew.
fn may_begin(view: &View, task: &Task, worker: &Worker) -> bool {
    let run = view.get::<Run>(task.run).expect("a task has a run");
    let most = run.spec.agents.iter().find(|agent| agent.name == task.spec.agent).and_then(|agent| agent.max_parallel);
    let of_agent = running(view, run.id).iter().filter(|other| other.spec.agent == task.spec.agent).count();
    run.state == RunState::Running
        && task.state == TaskState::Queued
        && task.spec.capabilities.is_subset(&worker.capabilities)
        && alive(view, run.id) < usize::try_from(run.spec.max_parallel).expect("a small number")
        && most.is_none_or(|most| of_agent < usize::try_from(most).expect("a small number"))
        && under_way(view, run.id).iter().all(|other| !clash(&task.spec, &other.spec))
}

fn chain(view: &View, task: &Task) -> usize {
    let needs_it = |other: &&Task| other.run == task.run && other.spec.needs.contains(&task.spec.name);
    1 + view.all::<Task>().filter(needs_it).map(|other| chain(view, other)).max().unwrap_or(0)
}

/// Whether the choice that a lease made is right: of the run with the fewest under way, and in it the first by rank, but every
/// so often the oldest. `before` is the view before it, in which nobody has waited long enough to keep others out.
fn judge(before: &View, chosen: TaskId, worker: &Worker) -> Result<(), TestCaseError> {
    let chosen = before.get::<Task>(chosen).expect("it was queued");
    prop_assert!(may_begin(before, chosen, worker), "{} may not begin", chosen.spec.name);
    let able: Vec<&Task> = before.all::<Task>().filter(|task| may_begin(before, task, worker)).collect();
    let load = running(before, chosen.run).len();
    for task in &able {
        let other = running(before, task.run).len();
        prop_assert!(load <= other, "{load} are under way in its run, {other} in another that has work");
    }
    let run = before.get::<Run>(chosen.run).expect("a task has a run");
    let rivals = able.iter().filter(|task| task.run == chosen.run);
    if run.epoch % limits::LEASES_PER_TURN_OF_THE_OLDEST == limits::LEASES_PER_TURN_OF_THE_OLDEST - 1 {
        prop_assert_eq!(rivals.map(|task| task.queued_at).min(), Some(chosen.queued_at), "the oldest goes");
    } else {
        let rank = |task: &Task| (task.spec.priority, chain(before, task));
        let best = rivals.map(|task| rank(task)).max();
        prop_assert_eq!(best, Some(rank(chosen)), "the first goes");
    }
    Ok(())
}

/// What holds at every moment.
fn check(view: &View) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.stale_index(), None);
    let tasks: Vec<&Task> = view.all::<Task>().collect();
    let counts =
        |task: &&&Task| matches!(task.state, TaskState::Running | TaskState::Validating) || is_held(view, task);
    let busy: Vec<&&Task> = tasks.iter().filter(counts).collect();
    for (at, one) in busy.iter().enumerate() {
        for other in &busy[at + 1..] {
            let both_run = one.state == TaskState::Running && other.state == TaskState::Running;
            let apart = !clash(&one.spec, &other.spec);
            prop_assert!(apart || one.run != other.run && !both_run, "{} and {}", one.spec.name, other.spec.name);
        }
    }
    for run in view.all::<Run>() {
        prop_assert!(alive(view, run.id) <= usize::try_from(run.spec.max_parallel).expect("a small number"));
        for agent in &run.spec.agents {
            let at_work = running(view, run.id).iter().filter(|task| task.spec.agent == agent.name).count();
            let most = agent.max_parallel.map_or(usize::MAX, |most| usize::try_from(most).expect("a small number"));
            prop_assert!(at_work <= most, "{} of agent {}", at_work, agent.name);
        }
    }
    Ok(())
}

fn any_task(number: usize) -> impl Strategy<Value = TaskSpec> {
    let scopes: &[&[&str]] = &[&[], &["src/a/**"], &["src/b/**"], &["src/**"], &["docs/*", "src/b/x"]];
    let needs = proptest::collection::vec(0..number.max(1), 0..2);
    let group = prop_oneof![4 => Just(None), 1 => Just(Some("g".to_owned())), 1 => Just(Some("h".to_owned()))];
    let able = prop_oneof![5 => Just(BTreeSet::new()), 1 => Just(BTreeSet::from(["gpu".to_owned()]))];
    let weight = prop_oneof![9 => Just(Weight::Optional), 1 => Just(Weight::Critical)];
    let priority = prop_oneof![6 => Just(Priority::Normal), 1 => Just(Priority::Low), 1 => Just(Priority::Urgent)];
    (0..scopes.len(), needs, group, able, (priority, weight), any::<bool>()).prop_map(
        move |(scope, needs, conflict_group, capabilities, (priority, weight), other)| {
            let needs: Vec<String> =
                needs.into_iter().filter(|need| *need < number).map(|need| format!("t{need}")).collect();
            let agent = if other { "other" } else { "script" }.to_owned();
            let spec = task(&format!("t{number}"), &[]);
            let spec = TaskSpec { needs, conflict_group, capabilities, priority, weight, agent, ..spec };
            writing(scopes[scope], spec)
        },
    )
}

fn any_run() -> impl Strategy<Value = RunSpec> {
    let tasks: Vec<_> = (0..7).map(any_task).collect();
    (tasks, 1..4_u32, proptest::option::weighted(0.8, 1..3_u32), any::<bool>()).prop_map(
        |(tasks, max_parallel, most, hold)| {
            let mut spec = shared(tasks, max_parallel);
            let other = AgentSpec { name: "other".to_owned(), max_parallel: most, ..spec.agents[0].clone() };
            spec.agents.push(other);
            spec.land = if hold { LandMode::Hold } else { LandMode::Auto };
            spec
        },
    )
}

/// Something that happens to workers and runs.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Work(usize),
    Ends(usize),
    Fails(usize),
    Drives(usize),
    Dies(usize),
    Passes(u64),
    Retries(usize),
    Lands(usize),
    Resumes(usize),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (0..4_usize).prop_map(Deed::Work),
        4 => (0..4_usize).prop_map(Deed::Ends),
        2 => (0..4_usize).prop_map(Deed::Fails),
        4 => (0..3_usize).prop_map(Deed::Drives),
        1 => (0..4_usize).prop_map(Deed::Dies),
        2 => (1..4_u64).prop_map(Deed::Passes),
        1 => (0..21_usize).prop_map(Deed::Retries),
        1 => (0..21_usize).prop_map(Deed::Lands),
        1 => (0..3_usize).prop_map(Deed::Resumes),
    ]
}

struct Scene {
    yard: Yard,
    runs: Vec<RunId>,
    workers: Vec<WorkerId>,
    registered: u32,
}

impl Scene {
    fn new(specs: &[RunSpec]) -> Self {
        let mut yard = Yard::new();
        let runs = specs.iter().map(|spec| yard.begin(spec)).collect();
        let mut scene = Self { yard, runs, workers: Vec::new(), registered: 0 };
        for at in 0..4 {
            let worker = scene.hire(at);
            scene.workers.push(worker);
        }
        scene
    }

    fn hire(&mut self, at: usize) -> WorkerId {
        self.registered += 1;
        let able: &[&str] = if at == 0 { &["gpu"] } else { &[] };
        self.yard.try_register(&newcomer(&format!("w{}", self.registered), 2, able)).expect("a new name is free")
    }

    fn held(&self, worker: WorkerId) -> Option<EffectId> {
        self.yard.worker(worker).holds.as_ref().map(|held| self.yard.spawn_of(held.attempt).id)
    }

    /// What a worker's agent gives that ends well: something within its task's scope.
    fn done(&self, worker: WorkerId) -> Outcome {
        let held = self.yard.worker(worker).holds.as_ref().and_then(|held| self.yard.view().get::<Task>(held.task));
        let scope = held.and_then(|task| task.spec.policy.as_ref()).and_then(|policy| policy.write.as_ref());
        let glob = scope.and_then(|globs| globs.first()).map_or("src/lib.rs", String::as_str);
        done_in(&glob.replace("**", "x").replace('*', "x"), "x")
    }

    fn end(&mut self, worker: WorkerId, outcome: Outcome) {
        if let Some(effect) = self.held(worker) {
            self.yard.report(effect, outcome).expect("who holds it may say how it went");
        }
    }

    fn act(&mut self, deed: Deed) -> Result<(), TestCaseError> {
        let reason = || "because".to_owned();
        match deed {
            Deed::Work(n) => return self.work(self.workers[n]),
            Deed::Ends(n) => self.end(self.workers[n], self.done(self.workers[n])),
            // Not the agent's doing, so that its breaker stays closed.
            Deed::Fails(n) => {
                self.end(self.workers[n], Outcome::Failed { class: ErrorClass::ResourceLimit, reason: reason() });
            }
            Deed::Drives(n) => {
                let run = self.runs[n % self.runs.len()];
                if self.yard.run(run).state == RunState::Running {
                    self.yard.land_all(run);
                }
            }
            Deed::Dies(n) => {
                self.yard.look(self.workers[n], Liveness::Gone).expect("a living one is looked at");
                self.workers[n] = self.hire(n);
            }
            Deed::Passes(seconds) => {
                self.yard.pass(seconds);
                for run in self.runs.clone() {
                    self.yard.ask(&Command::Tick { run }).expect("a look at the clock is never refused");
                }
            }
            Deed::Retries(n) => {
                let wish = TaskWish::Retry { say: None };
                let task = self.yard.view().all::<Task>().nth(n).map(|task| (task.id, task.run));
                if let Some((task, run)) = task {
                    drop(self.yard.conduct(run, &Command::OverrideTask { task, wish, reason: reason() }));
                }
            }
            Deed::Lands(n) => {
                let patch = self.yard.view().all::<Patch>().nth(n).map(|patch| (patch.id, patch.run));
                if let Some((patch, Some(run))) = patch {
                    let land = Command::OverridePatch { patch, wish: PatchWish::Land, reason: reason() };
                    drop(self.yard.conduct(run, &land));
                }
            }
            Deed::Resumes(n) => {
                let run = self.runs[n % self.runs.len()];
                drop(self.yard.conduct(run, &Command::ResumeRun { run, reason: reason() }));
            }
        }
        Ok(())
    }

    fn work(&mut self, worker: WorkerId) -> Result<(), TestCaseError> {
        if self.yard.state(worker) != WorkerState::Idle {
            return Ok(());
        }
        let before = self.yard.view().clone();
        if let Some(attempt) = self.yard.work(worker) {
            judge(&before, self.yard.attempt(attempt).task, self.yard.worker(worker))?;
            self.yard.start(worker);
        } else {
            let worker = self.yard.worker(worker);
            let able = before.all::<Task>().find(|task| may_begin(&before, task, worker));
            prop_assert!(able.is_none(), "{:?} was not given", able.map(|task| &task.spec.name));
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    /// Of several runs the one with the fewest under way is given something, so a run with work that fits has never two fewer
    /// than another that was given something after it; in a run the first by rank or, at its turn, the oldest; and no limit is
    /// exceeded, nor do two that clash work beside each other, and the indexes are those of the records.
    #[test]
    fn workers_are_given_work_by_fairness_and_rank_and_never_beyond_a_limit(
        specs in proptest::collection::vec(any_run(), 1..4),
        deeds in proptest::collection::vec(any_deed(), 1..120),
    ) {
        let mut scene = Scene::new(&specs);
        for deed in deeds {
            scene.act(deed)?;
            check(scene.yard.view())?;
        }
    }
}

/// A run with workers of its own over bare decisions, where each attempt takes as long as a seed says, and all else no
/// time: who begins when is all that matters.
struct Line {
    view: View,
    now: Timestamp,
    seed: u64,
    random: fastrand::Rng,
    ends: BTreeMap<EffectId, Timestamp>,
    /// How each attempt ends.
    outcome: Outcome,
    /// When each task was leased.
    leased: BTreeMap<String, (Timestamp, u64)>,
}

const LONGEST: u64 = 300;

impl Line {
    fn new(tasks: Vec<TaskSpec>, max_parallel: u32, outcome: Outcome, seed: u64) -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let run = RunId::from_parts(now, 1);
        let tasks = tasks.into_iter().map(|task| TaskSpec { attempts: 1, ..task }).collect();
        let spec = Box::new(own(tasks, max_parallel));
        let random = fastrand::Rng::with_seed(seed);
        let (ends, leased) = (BTreeMap::new(), BTreeMap::new());
        let mut line = Self { view: View::default(), now, seed: 0, random, ends, outcome, leased };
        line.take(&Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None });
        line.take(&Command::Drive { run, process: process(1), seen: None });
        line.take(&Command::StartRun { run, base: "base".to_owned() });
        line
    }

    fn say(&mut self, command: &Command) {
        self.seed += 1;
        let decision = decide(&self.view, command, At { now: self.now, seed: self.seed }).expect("it is taken");
        for change in &decision.changes {
            self.view.take(&change.record).expect("what the engine writes can be read");
        }
    }

    /// Says something, and does what is asked for then.
    fn take(&mut self, command: &Command) {
        self.say(command);
        loop {
            let is_asked = |effect: &&Effect| effect.state == EffectState::Requested;
            let Some(effect) = self.view.all::<Effect>().find(is_asked).cloned() else { return };
            let until = self.now.after(Span::from_secs(6000));
            self.say(&Command::Claim { effect: effect.id, by: claimant(1), until });
            let outcome = match effect.work {
                Work::Spawn { attempt } => {
                    self.begin(effect.id, attempt);
                    continue;
                }
                Work::Apply { patch } => {
                    let candidate = Candidate { tree: patch.to_string(), parent: "head".to_owned() };
                    Outcome::Applied { candidate, facts: TreeFacts::default() }
                }
                _ => Outcome::Landed { commit: effect.id.to_string() },
            };
            self.say(&Command::Report { effect: effect.id, epoch: 1, outcome: Box::new(outcome) });
        }
    }

    fn begin(&mut self, effect: EffectId, attempt: AttemptId) {
        let attempt = self.view.get::<Attempt>(attempt).expect("an effect has a subject");
        let name = self.view.get::<Task>(attempt.task).expect("it has a task").spec.name.clone();
        self.leased.insert(name, (self.now, attempt.epoch));
        self.ends.insert(effect, self.now.after(Span::from_secs(self.random.u64(1..=LONGEST))));
    }

    /// Until nothing is left to be done.
    fn go(&mut self) {
        while let Some((effect, at)) = self.ends.iter().map(|(effect, at)| (*effect, *at)).min_by_key(|(_, at)| *at) {
            self.ends.remove(&effect);
            self.now = at;
            let outcome = Box::new(self.outcome.clone());
            self.take(&Command::Report { effect, epoch: 1, outcome });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Tasks that clash with everything stand last, behind chains of others of which each comes once the one before it is over. After
    /// `QUEUE_RESERVES_AFTER` nothing that clashes with the oldest of them begins beside others; from then on each lease
    /// waits for all that is under way, at most `LONGEST`, and of `LEASES_PER_TURN_OF_THE_OLDEST` of them one is the turn
    /// of the oldest.
    #[test]
    fn what_clashes_with_everything_is_leased_in_time(max_parallel in 2..4_u32, wide in 1..4_usize, seed: u64) {
        let link = |chain: u32, n: u32| {
            let before = n.checked_sub(1).map(|before| format!("s{chain}-{before}"));
            let spec = task(&format!("s{chain}-{n}"), before.as_deref().as_slice());
            writing(&[&format!("src/{chain}/**")], TaskSpec { priority: Priority::High, ..spec })
        };
        let stream = (0..max_parallel).flat_map(|chain| (0..60).map(move |n| link(chain, n)));
        let wide_ones = (0..wide).map(|n| writing(&["**"], task(&format!("w{n}"), &[])));
        let mut line = Line::new(stream.chain(wide_ones).collect(), max_parallel, done("x"), seed);
        let begun = line.now;
        line.go();
        for n in 0..wide {
            let (at, _) = line.leased[&format!("w{n}")];
            let turns = limits::LEASES_PER_TURN_OF_THE_OLDEST * (u64::try_from(n).expect("a small number") + 1);
            let bound = begun.after(limits::QUEUE_RESERVES_AFTER).after(Span::from_secs(LONGEST * (turns + 1)));
            prop_assert!(at <= bound, "w{} after {}", n, at.since(begun));
        }
    }

    /// With one at a time, a task behind which others come that go first is leased with the next turn of the oldest.
    #[test]
    fn what_stands_last_is_leased_with_the_next_turn_of_the_oldest(last in 1..4_usize, seed: u64) {
        let stream = (0..60).map(|n| TaskSpec { priority: Priority::High, ..task(&format!("s{n}"), &[]) });
        let low = (0..last).map(|n| task(&format!("l{n}"), &[]));
        let mut tasks: Vec<TaskSpec> = low.collect();
        // Each comes only once the one before it is over, so the others are always older.
        tasks.extend(stream.enumerate().map(|(n, spec)| {
            let needs = if n == 0 { Vec::new() } else { vec![format!("s{}", n - 1)] };
            TaskSpec { needs, ..spec }
        }));
        let mut line = Line::new(tasks, 1, done("x"), seed);
        line.go();
        for n in 0..last {
            let (_, epoch) = line.leased[&format!("l{n}")];
            // The first of the stream is as old.
            let turn = limits::LEASES_PER_TURN_OF_THE_OLDEST * (u64::try_from(n).expect("a small number") + 1);
            prop_assert!(epoch <= turn, "l{} was the {}th", n, epoch);
        }
    }
}

#[test]
fn of_two_tasks_that_both_may_begin_the_one_with_the_longer_chain_goes_first() {
    let mut yard = Yard::new();
    let tasks = vec![task("a", &[]), task("b", &[]), task("c", &["b"]), task("d", &["c"]), task("e", &["a"])];
    let run = yard.begin(&shared(tasks, 1));
    let worker = yard.register("one");
    yard.work(worker).unwrap();
    assert_eq!((yard.task_state(run, "a"), yard.task_state(run, "b")), (TaskState::Queued, TaskState::Running));
}

#[test]
fn a_task_behind_one_that_a_worker_cannot_do_is_not_hidden_by_it() {
    let able = BTreeSet::from(["gpu".to_owned()]);
    let mut yard = Yard::new();
    let first = TaskSpec { capabilities: able, ..writing(&["src/**"], task("first", &[])) };
    let run = yard.begin(&shared(vec![first, writing(&["src/**"], task("second", &[]))], 4));
    let worker = yard.register("one");
    yard.work(worker).unwrap();
    assert_eq!(yard.task_state(run, "second"), TaskState::Running);
}

fn held() -> World {
    let tasks = vec![writing(&["src/**"], task("a", &[])), writing(&["src/lib.rs"], task("b", &[]))];
    let mut world = World::new(&RunSpec { land: LandMode::Hold, ..own(tasks, 2) }, &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Waiting);
    world
}

#[test]
fn nothing_begins_that_clashes_with_a_change_that_waits_for_a_person() {
    let world = held();
    assert_eq!(world.state_of("b"), TaskState::Queued);
}

#[test]
fn a_run_rests_while_all_that_is_queued_waits_for_a_held_change() {
    let world = held();
    assert_eq!(world.run_record().state, RunState::Paused);
    assert_eq!(next_deadline(world.view(), world.run), world.task("a").due_at);
}

#[test]
fn what_clashed_with_a_held_change_begins_once_that_has_landed() {
    let mut world = held();
    world.go();
    assert_eq!(["a", "b"].map(|name| world.state_of(name)), [TaskState::Completed; 2]);
}

#[test]
fn what_does_not_clash_with_a_held_change_goes_on_beside_it() {
    let of = |group: &str, name: &str| TaskSpec { conflict_group: Some(group.to_owned()), ..task(name, &[]) };
    let tasks = vec![of("one", "a"), of("one", "b"), of("other", "c"), of("other", "d")];
    let mut world = World::new(&RunSpec { land: LandMode::Hold, ..own(tasks, 1) }, &[], 7);
    world.go_until(|world| world.run_record().state == RunState::Paused);
    let states = ["a", "b", "c", "d"].map(|name| world.state_of(name));
    assert_eq!(states, [TaskState::Waiting, TaskState::Queued, TaskState::Waiting, TaskState::Queued]);
}

#[test]
fn what_waits_for_a_held_change_says_so() {
    let world = held();
    let told = explain(world.view(), world.task("b").id.into(), None).unwrap();
    let line = "it waits for a, whose change is ready and waits for a person: both may write src/lib.rs, where \
                src/lib.rs and src/** meet";
    assert!(told.because.iter().any(|because| because == line), "{:?}", told.because);
}

#[test]
fn what_waits_for_a_worker_says_what_that_has_to_be_able_to_do() {
    let capabilities = BTreeSet::from(["gpu".to_owned(), "rust".to_owned()]);
    let mut yard = Yard::new();
    let run = yard.begin(&shared(vec![TaskSpec { capabilities, ..task("a", &[]) }], 4));
    let told = explain(yard.view(), yard.task(run, "a").id.into(), None).unwrap();
    assert_eq!(told.because[0], "it waits for a worker that is idle and can do gpu, rust");
}

#[test]
fn what_waits_for_a_held_change_keeps_nothing_else_from_beginning() {
    // `wide` waits for `b`, which goes on, and for `a`, which waits for a person for a week: `c`, which clashes with `wide`
    // only, does not wait for that.
    let tasks = vec![
        writing(&["src/**"], task("a", &[])),
        writing(&["tests/**"], TaskSpec { timeout: Span::from_secs(9000), ..task("b", &[]) }),
        writing(&["**"], task("wide", &[])),
        writing(&["docs/**"], task("c", &["late"])),
        writing(&["tests/**"], TaskSpec { priority: Priority::Low, ..task("late", &[]) }),
    ];
    let mut yard = Yard::new();
    let mut spec = shared(tasks, 4);
    spec.land = LandMode::Hold;
    let run = yard.begin(&spec);
    let (one, two) = (yard.register("one"), yard.register("two"));
    let ((_, a), _) = (yard.give(one), yard.give(two));
    assert_eq!(["a", "b"].map(|name| yard.task_state(run, name)), [TaskState::Running; 2]);
    yard.report(a, done("x")).unwrap();
    yard.land_all(run);
    assert_eq!(yard.task_state(run, "a"), TaskState::Waiting);
    let late = yard.task(run, "late").id;
    let skip = Command::OverrideTask { task: late, wish: TaskWish::Skip, reason: "not now".to_owned() };
    yard.conduct(run, &skip).unwrap();
    yard.pass(601);
    yard.work(one).unwrap();
    assert_eq!(yard.task_state(run, "c"), TaskState::Running);
}

#[test]
fn what_waits_for_long_for_another_run_keeps_that_from_going_on_without_it() {
    let mut yard = Yard::new();
    let narrow = |n: u32| {
        let spec = TaskSpec { timeout: Span::from_secs(9000), attempts: 1, ..task(&format!("s{n}"), &[]) };
        writing(&[&format!("src/{n}")], spec)
    };
    let stream = yard.begin(&shared((0..20).map(narrow).collect(), 4));
    let (one, two) = (yard.register("one"), yard.register("two"));
    let (_, first) = yard.give(one);
    let wide = yard.begin(&shared(vec![writing(&["**"], task("wide", &[]))], 4));
    let (_, second) = yard.give(two);
    let failed = || Outcome::Failed { class: ErrorClass::Budget, reason: "no".to_owned() };
    yard.pass(601);
    yard.report(first, failed()).unwrap();
    // It would clash with what the other run has left, too.
    assert_eq!(yard.work(one), None);
    yard.report(second, failed()).unwrap();
    yard.work(one).unwrap();
    assert_eq!(yard.task_state(wide, "wide"), TaskState::Running);
    assert_eq!(running(yard.view(), stream).len(), 0);
    yard.wish(two, WorkerWish::Drain).unwrap();
}
