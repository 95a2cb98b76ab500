//! Which agent an attempt goes to, and what the ledger says of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use tollhouse_core::entity::{
    Attempt, Breaker, Candidate, CandidateOutcome, Effect, ExitStatus, RoutingDecision, Run, Task, Work,
};
use tollhouse_core::lifecycle::{BreakerState, EffectState, RunState, TaskState};
use tollhouse_core::spec::{AgentSpec, RouteSpec, RunSpec, Strategy as By, TaskSpec, TrackRecord};
use tollhouse_core::{Actor, BreakerId, RunId, Span, Timestamp, TreeFacts};
use tollhouse_engine::report::explain;
use tollhouse_engine::{
    At, AttemptFacts, Command, Engine, Guard, Outcome, RateLimit, View, next_deadline, next_task, track_records,
    without,
};
use tollhouse_state::MemoryStore;

use crate::world::{claimant, new_patch, process, spec, task};
use crate::yard::{Yard, newcomer, shared};

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Lands,
    Fails,
    Limited,
}

/// A run at a time that the test says, whose agents end as the test says.
struct Course {
    engine: Engine<MemoryStore>,
    run: RunId,
    now: Timestamp,
    seed: u64,
}

impl Course {
    fn new(plan: &RunSpec, seed: u64) -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let run = RunId::from_parts(now, 1);
        let engine = Engine::open(MemoryStore::new(), run).expect("a store in memory opens");
        let mut course = Self { engine, run, now, seed: seed << 32 };
        let spec = Box::new(plan.clone());
        course.ask(&Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None });
        course.ask(&Command::Drive { run, process: process(1), seen: None });
        course.ask(&Command::StartRun { run, base: "base".to_owned() });
        course
    }

    fn ask(&mut self, command: &Command) {
        self.seed += 1;
        let at = At { now: self.now, seed: self.seed };
        self.engine.execute(command, &Actor::Engine, at).expect("it may be said");
    }

    fn view(&self) -> &View {
        self.engine.view()
    }

    fn attempts(&self) -> Vec<&Attempt> {
        let mut attempts: Vec<&Attempt> = self.view().all().collect();
        attempts.sort_by_key(|attempt| attempt.epoch);
        attempts
    }

    /// The agents of all attempts, in their order.
    fn agents(&self) -> Vec<&str> {
        self.attempts().into_iter().map(|attempt| attempt.agent.as_str()).collect()
    }

    fn newest(&self) -> &RoutingDecision {
        let attempts = self.attempts();
        attempts.last().expect("one began").routing.as_ref().expect("its task is routed")
    }

    fn task(&self, name: &str) -> &Task {
        self.view().all::<Task>().find(|task| task.spec.name == name).expect("the plan has it")
    }

    /// Attempts that are asked for and did not begin, with their agents.
    fn asked(&self) -> Vec<(Effect, String)> {
        let spawns = self.view().all::<Effect>().filter(|effect| effect.state == EffectState::Requested);
        let agent = |effect: &Effect| match effect.work {
            Work::Spawn { attempt } => Some(self.view().get::<Attempt>(attempt)?.agent.clone()),
            _ => None,
        };
        let mut asked: Vec<_> = spawns.filter_map(|effect| Some((effect.clone(), agent(effect)?))).collect();
        asked.sort_by_key(|(effect, _)| effect.id);
        asked
    }

    fn settle(&mut self, effect: &Effect, outcome: Outcome) {
        let until = self.now.after(Span::from_secs(600));
        self.ask(&Command::Claim { effect: effect.id, by: claimant(1), until });
        self.ask(&Command::Report { effect: effect.id, epoch: 1, outcome: Box::new(outcome) });
    }

    /// Has one attempt begin and end like this, and what follows from it done.
    fn end(&mut self, effect: &Effect, end: End) {
        let bad = AttemptFacts { exit: Some(ExitStatus::Code(3)), ..AttemptFacts::default() };
        let content = self.seed.to_string();
        let outcome = Outcome::Spawned(match end {
            End::Fails => bad,
            End::Limited => {
                AttemptFacts { rate_limit: Some(RateLimit { retry_after: Some(Span::from_secs(300)) }), ..bad }
            }
            End::Lands => AttemptFacts {
                exit: Some(ExitStatus::Code(0)),
                change: Some(new_patch("src/lib.rs", &content, "base")),
                ..AttemptFacts::default()
            },
        });
        self.settle(effect, outcome);
        loop {
            let others = self.view().all::<Effect>().filter(|effect| effect.state == EffectState::Requested);
            let other = others.filter(|effect| !matches!(effect.work, Work::Spawn { .. })).min_by_key(|one| one.id);
            let Some(effect) = other.cloned() else { return };
            let outcome = match &effect.work {
                Work::Apply { patch } => Outcome::Applied {
                    candidate: Candidate { tree: format!("tree of {patch}"), parent: "head".to_owned() },
                    facts: TreeFacts::default(),
                },
                Work::Land { patch } => Outcome::Landed { commit: format!("commit of {patch}") },
                _ => Outcome::Killed,
            };
            self.settle(&effect, outcome);
        }
    }

    /// Has all that is asked for end, one after the other, as is said of the agent; time passes where nothing can begin.
    fn go(&mut self, mut ends: impl FnMut(&str) -> End) {
        for _ in 0..5000 {
            if self.is_over() {
                return;
            }
            self.step(&mut ends);
        }
        panic!("it never ends");
    }

    fn is_over(&self) -> bool {
        self.view().get::<Run>(self.run).is_some_and(|run| run.state.is_finished())
    }

    fn step(&mut self, ends: &mut impl FnMut(&str) -> End) {
        match self.asked().into_iter().next() {
            Some((effect, agent)) => {
                self.now = self.now.after(Span::from_secs(1));
                let end = ends(&agent);
                self.end(&effect, end);
            }
            None => self.wait(),
        }
    }

    /// Until the clock changes something.
    fn wait(&mut self) {
        let due = next_deadline(self.view(), self.run).expect("a run that waits for nothing is over");
        self.now = self.now.max(due);
        self.ask(&Command::Tick { run: self.run });
    }
}

fn agent(name: &str, max_parallel: Option<u32>, able: &[&str]) -> AgentSpec {
    AgentSpec {
        name: name.to_owned(),
        command: vec!["agent".to_owned()],
        max_parallel,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        capabilities: words(able),
    }
}

fn words(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn routed(name: &str, strategy: By, agents: &[&str]) -> TaskSpec {
    let agents: Vec<String> = agents.iter().map(|agent| (*agent).to_owned()).collect();
    let route = RouteSpec { rule: Some("route 1 (tollhouse.toml:9)".to_owned()), strategy, agents };
    TaskSpec { agent: route.agents[0].clone(), route: Some(route), attempts: 3, ..task(name, &[]) }
}

fn many(count: usize, strategy: By, agents: &[&str]) -> Vec<TaskSpec> {
    (0..count).map(|at| TaskSpec { attempts: 1, ..routed(&format!("t{at}"), strategy, agents) }).collect()
}

fn plan(agents: Vec<AgentSpec>, tasks: Vec<TaskSpec>, max_parallel: u32) -> RunSpec {
    RunSpec { agents, gates: Vec::new(), ..spec(tasks, max_parallel) }
}

fn two(tasks: Vec<TaskSpec>, max_parallel: u32) -> RunSpec {
    plan(vec![agent("a", None, &[]), agent("b", None, &[])], tasks, max_parallel)
}

fn outcomes(decision: &RoutingDecision) -> Vec<(&str, &CandidateOutcome)> {
    decision.candidates.iter().map(|one| (one.agent.as_str(), &one.outcome)).collect()
}

#[test]
fn a_fixed_route_goes_to_the_first_that_may_and_says_what_became_of_each() {
    let agents = vec![agent("weak", None, &[]), agent("busy", Some(1), &["rust"]), agent("free", None, &["rust"])];
    let all = ["weak", "busy", "free"];
    let able = |name| TaskSpec { capabilities: words(&["rust"]), ..routed(name, By::Fixed, &all) };
    let course = Course::new(&plan(agents, vec![able("one"), able("two")], 2), 1);
    assert_eq!(course.agents(), ["busy", "free"]);
    let decision = course.newest();
    assert_eq!(
        outcomes(decision),
        [
            ("weak", &CandidateOutcome::Incapable { lacks: vec!["rust".to_owned()] }),
            ("busy", &CandidateOutcome::Busy { max_parallel: 1 }),
            ("free", &CandidateOutcome::Chosen)
        ]
    );
    assert_eq!((decision.chosen.as_str(), decision.reason.as_str()), ("free", "no other may take it now"));
    assert_eq!(decision.rule.as_deref(), Some("route 1 (tollhouse.toml:9)"));
}

#[test]
pub(crate) fn who_tried_in_vain_gives_way_to_the_next_of_the_chain() {
    let mut course = Course::new(&two(vec![routed("t", By::Fixed, &["a", "b"])], 1), 1);
    course.go(|agent| if agent == "a" { End::Fails } else { End::Lands });
    assert_eq!(course.agents(), ["a", "b"]);
    assert_eq!(course.task("t").state, TaskState::Completed);
    assert_eq!(course.task("t").agent(), "b");
    assert_eq!(outcomes(course.newest()), [("a", &CandidateOutcome::GaveWay), ("b", &CandidateOutcome::Chosen)]);
}

#[test]
fn once_all_of_the_chain_tried_in_vain_it_begins_again() {
    let mut course = Course::new(&two(vec![routed("t", By::Fixed, &["a", "b"])], 1), 1);
    let mut tries = 0;
    course.go(|_| {
        tries += 1;
        if tries < 3 { End::Fails } else { End::Lands }
    });
    assert_eq!(course.agents(), ["a", "b", "a"]);
}

#[test]
fn a_provider_that_asks_to_slow_down_does_not_hold_up_what_another_may_take() {
    let mut course = Course::new(&two(vec![routed("t", By::Fixed, &["a", "b"])], 1), 1);
    let begun = course.now;
    course.go(|agent| if agent == "a" { End::Limited } else { End::Lands });
    assert_eq!(course.agents(), ["a", "b"]);
    let open = &course.newest().candidates[0].outcome;
    assert!(matches!(open, CandidateOutcome::BreakerOpen { until: Some(_) }), "{open:?}");
    assert!(course.now.since(begun) < Span::from_secs(60), "it waited for nobody");
}

#[test]
fn what_waits_for_breakers_alone_is_looked_at_when_the_first_trial_may_go() {
    let mut course = Course::new(&two(vec![routed("t", By::Fixed, &["b", "a"])], 1), 1);
    for _ in 0..2 {
        let (effect, _) = course.asked().remove(0);
        course.now = course.now.after(Span::from_secs(5));
        course.end(&effect, End::Limited);
        course.wait();
    }
    assert_eq!(course.task("t").state, TaskState::Queued);
    let until =
        |agent: &str| course.view().get::<Breaker>(BreakerId::of_agent(agent)).and_then(|breaker| breaker.until);
    assert!(until("b") < until("a"));
    assert_eq!(next_deadline(course.view(), course.run), until("b"));
    course.wait();
    assert_eq!(course.agents(), ["b", "a", "b"]);
}

#[test]
fn the_agents_of_a_round_take_turns() {
    let agents = ["a", "b", "c"];
    let all = agents.map(|name| agent(name, None, &[])).to_vec();
    let mut course = Course::new(&plan(all, many(20, By::RoundRobin, &agents), 4), 1);
    let mut given: BTreeMap<String, usize> = agents.iter().map(|agent| ((*agent).to_owned(), 0)).collect();
    let mut count = |course: &Course| {
        for agent in agents {
            given.insert(agent.to_owned(), course.agents().iter().filter(|other| **other == agent).count());
        }
        let (least, most) = (given.values().min().unwrap(), given.values().max().unwrap());
        assert!(most - least <= 1, "{given:?}");
    };
    count(&course);
    while !course.is_over() {
        course.step(&mut |_| End::Lands);
        count(&course);
    }
}

fn record(accepted: u64, refused: u64) -> TrackRecord {
    TrackRecord { leases: accepted + refused, accepted, refused, ..TrackRecord::default() }
}

#[test]
pub(crate) fn an_agent_of_which_too_little_is_known_is_tried_however_unlucky_it_was() {
    for seed in 0..20 {
        let mut plan = two(many(3, By::Best, &["a", "b"]), 1);
        plan.records = BTreeMap::from([("a".to_owned(), record(1000, 0)), ("b".to_owned(), record(0, 3))]);
        let course = Course::new(&plan, seed);
        assert_eq!(course.agents(), ["b"], "seed {seed}");
        assert_eq!(course.newest().reason, "too little is known of it: it was given 3 of 1003 attempts");
    }
}

#[test]
fn an_agent_that_was_only_unlucky_makes_up_for_it() {
    for seed in 0..5 {
        let mut plan = two(many(120, By::Best, &["good", "fair"]), 1);
        plan.agents = vec![agent("good", None, &[]), agent("fair", None, &[])];
        plan.records = BTreeMap::from([("good".to_owned(), record(0, 3)), ("fair".to_owned(), record(60, 40))]);
        let mut course = Course::new(&plan, seed);
        let mut random = fastrand::Rng::with_seed(seed);
        course.go(|agent| if agent == "good" || random.u8(0..10) < 6 { End::Lands } else { End::Fails });
        let good = course.agents().iter().filter(|agent| **agent == "good").count();
        assert!(good > 60, "seed {seed}: {good} of 120");
    }
}

#[test]
fn what_is_slow_is_asked_less_where_it_is_no_better() {
    let mut plan = two(many(60, By::Best, &["a", "b"]), 1);
    let timed = |seconds| TrackRecord { timed: 50, time: Span::from_secs(seconds), ..record(50, 0) };
    plan.records = BTreeMap::from([("a".to_owned(), timed(50_000)), ("b".to_owned(), timed(500))]);
    let mut course = Course::new(&plan, 1);
    course.go(|_| End::Lands);
    let slow = course.agents().iter().filter(|agent| **agent == "a").count();
    assert!(slow < 5, "{slow} of 60");
}

#[test]
fn figures_of_a_run_are_what_its_records_come_to_however_they_are_read() {
    let plan = two(many(12, By::Best, &["a", "b"]), 2);
    let mut course = Course::new(&plan, 3);
    let mut tries = 0;
    course.go(|_| {
        tries += 1;
        if tries % 3 == 0 { End::Fails } else { End::Lands }
    });
    let all = course.view().track_records();
    let sum = all.values().fold((0, 0, 0), |(leases, accepted, refused), one| {
        (leases + one.leases, accepted + one.accepted, refused + one.refused)
    });
    assert_eq!(sum, (12, 8, 4));
    assert_eq!(course.view().stale_index(), None);
    let read = track_records(course.engine.store(), &plan).expect("a store in memory can be read");
    assert_eq!(read, all);
}

#[test]
fn an_agent_and_its_worker_are_able_to_do_what_both_bring() {
    let mut yard = Yard::new();
    let task = TaskSpec { capabilities: words(&["gpu", "rust"]), ..routed("t", By::Fixed, &["a", "b"]) };
    let mut plan = shared(vec![task], 4);
    plan.agents = vec![agent("a", None, &["gpu"]), agent("b", None, &["rust"])];
    yard.begin(&plan);
    let weak = yard.try_register(&newcomer("weak", 2, &[])).expect("its name is free");
    assert_eq!(yard.work(weak), None);
    let able = yard.try_register(&newcomer("able", 3, &["gpu"])).expect("its name is free");
    let attempt = yard.work(able).expect("both together are able");
    assert_eq!(yard.attempt(attempt).agent, "b");
}

#[test]
fn explain_says_of_each_agent_why_it_does_not_take_what_waits() {
    let agents = vec![agent("weak", None, &[]), agent("busy", Some(1), &["rust"]), agent("limited", None, &["rust"])];
    let all = ["weak", "busy", "limited"];
    let able = |name| TaskSpec { capabilities: words(&["rust"]), ..routed(name, By::Fixed, &all) };
    let mut course = Course::new(&plan(agents, vec![able("one"), able("two"), able("three")], 2), 1);
    let limited = course.asked().into_iter().find(|(_, agent)| agent == "limited").expect("it was asked").0;
    course.end(&limited, End::Limited);
    let waits = course.view().all::<Task>().find(|task| task.state == TaskState::Queued).expect("one waits");
    let explanation = explain(course.view(), waits.id.into(), None).expect("it is there");
    let because = explanation.because.join("\n");
    assert!(because.contains("agent weak is not capable of rust"), "{because}");
    assert!(because.contains("agent busy is busy: its max_parallel is 1"), "{because}");
    assert!(because.contains("agent limited gets no work now; one trial may go from"), "{because}");
}

#[test]
fn explain_says_of_an_attempt_who_could_have_had_it_and_why_it_went_where_it_went() {
    let mut course = Course::new(&two(vec![routed("t", By::Fixed, &["a", "b"])], 1), 1);
    course.go(|agent| if agent == "a" { End::Fails } else { End::Lands });
    let second = course.attempts()[1].id;
    for id in [second.into(), course.task("t").id.into()] {
        let because = explain(course.view(), id, None).expect("it is there").because.join("\n");
        let chosen = "b was chosen by `fixed`, as route 1 (tollhouse.toml:9) says: all others that may take it tried it in \
                      vain more often";
        assert!(because.contains(chosen), "{because}");
        assert!(because.contains("a gave way: it had tried this in vain more often"), "{because}");
    }
}

#[test]
fn a_run_whose_routes_name_nobody_or_unknown_agents_is_not_made() {
    let mut nobody = routed("t", By::Fixed, &["a"]);
    nobody.route.as_mut().unwrap().agents.clear();
    let spec = Box::new(two(vec![nobody, routed("u", By::Best, &["a", "who"])], 1));
    let run = RunId::from_parts(Timestamp::EPOCH, 1);
    let mut engine = Engine::open(MemoryStore::new(), run).expect("a store in memory opens");
    let create = Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None };
    let refused = engine.execute(&create, &Actor::Engine, At { now: Timestamp::EPOCH, seed: 1 }).unwrap_err();
    let said = refused.to_string();
    assert!(said.contains("the route of task `t` names no agent"), "{said}");
    assert!(said.contains("the route of task `u` names unknown agent `who`"), "{said}");
}

/// What any plan of three agents may hold.
fn any_plan() -> impl Strategy<Value = RunSpec> {
    let able = || proptest::collection::btree_set(prop_oneof![Just("rust".to_owned()), Just("gpu".to_owned())], 0..2);
    let agents = proptest::collection::vec((proptest::option::of(1_u32..3), able()), 3);
    let strategy = prop_oneof![Just(By::Fixed), Just(By::RoundRobin), Just(By::Best)];
    let order = Just(["a", "b", "c"]).prop_shuffle();
    let one = (strategy, order, 1_usize..4, able(), 1_u32..4, proptest::option::of(0_u8..2));
    let tasks = proptest::collection::vec(one, 1..10);
    (agents, tasks, 1_u32..5).prop_map(|(agents, tasks, max_parallel)| {
        let agents = ["a", "b", "c"]
            .into_iter()
            .zip(agents)
            .map(|(name, (max_parallel, capabilities))| AgentSpec { capabilities, ..agent(name, max_parallel, &[]) });
        let tasks =
            tasks.into_iter().enumerate().map(|(at, (strategy, order, count, capabilities, attempts, write))| {
                let policy = write.map(|folder| tollhouse_core::spec::PolicySpec {
                    source: "task".to_owned(),
                    write: Some(vec![["src/**", "docs/**"][usize::from(folder)].to_owned()]),
                    forbid: Vec::new(),
                    max_files_changed: None,
                    max_lines_changed: None,
                });
                TaskSpec { capabilities, attempts, policy, ..routed(&format!("t{at}"), strategy, &order[..count]) }
            });
        plan(agents.collect(), tasks.collect(), max_parallel)
    })
}

/// Whether an agent may take a task, looked at without any index.
fn may_take(course: &Course, run: &Run, task: &Task, name: &str) -> bool {
    let agent = run.spec.agents.iter().find(|agent| agent.name == name).expect("it is configured");
    let running = course.view().all::<Task>().filter(|task| task.state == TaskState::Running);
    let at_work = running.filter(|task| task.asked.as_deref() == Some(name)).count();
    let breaker = course.view().get::<Breaker>(BreakerId::of_agent(name));
    let is_open = breaker.is_some_and(|breaker| match breaker.state {
        BreakerState::Closed => false,
        BreakerState::Open => breaker.until.is_some_and(|until| until > course.now),
        BreakerState::HalfOpen => true,
    });
    task.spec.capabilities.is_subset(&agent.capabilities)
        && agent.max_parallel.is_none_or(|most| at_work < most as usize)
        && !is_open
}

/// What holds of each decision, and of what waits.
fn check(course: &Course, known: &mut BTreeSet<u64>) {
    let run = course.view().get::<Run>(course.run).expect("it was made");
    for agent in &run.spec.agents {
        let running = course.view().all::<Task>().filter(|task| task.state == TaskState::Running);
        let at_work = running.filter(|task| task.asked.as_ref() == Some(&agent.name)).count();
        assert!(agent.max_parallel.is_none_or(|most| at_work <= most as usize), "{} is at {at_work}", agent.name);
    }
    for attempt in course.attempts().into_iter().filter(|attempt| known.insert(attempt.epoch)) {
        let task = course.view().get::<Task>(attempt.task).expect("it is there");
        let decision = attempt.routing.as_ref().expect("each task is routed");
        let route = task.spec.route.as_ref().expect("each task is routed");
        let agent = run.spec.agents.iter().find(|agent| agent.name == attempt.agent).expect("it is configured");
        assert!(route.agents.contains(&attempt.agent), "{attempt:?}");
        assert!(task.spec.capabilities.is_subset(&agent.capabilities), "{attempt:?}");
        let breaker = course.view().get::<Breaker>(BreakerId::of_agent(&attempt.agent));
        let is_let_in = breaker.is_none_or(|breaker| match breaker.state {
            BreakerState::Closed => true,
            BreakerState::Open => false,
            BreakerState::HalfOpen => breaker.trial == Some(attempt.id),
        });
        assert!(is_let_in, "{breaker:?} {attempt:?}");
        let names: Vec<&str> = decision.candidates.iter().map(|one| one.agent.as_str()).collect();
        assert_eq!(names, route.agents);
        assert_eq!((&decision.chosen, decision.strategy), (&attempt.agent, route.strategy));
        let chosen: Vec<_> = decision.candidates.iter().filter(|one| one.outcome == CandidateOutcome::Chosen).collect();
        assert_eq!(chosen.len(), 1, "{decision:?}");
        let before = decision.candidates.iter().take_while(|one| one.agent != attempt.agent);
        for one in before.filter(|_| route.strategy == By::Fixed) {
            assert_ne!(one.outcome, CandidateOutcome::Behind, "the first that may: {decision:?}");
        }
        for one in decision.candidates.iter().filter(|one| one.outcome == CandidateOutcome::GaveWay) {
            assert!(one.tries > chosen[0].tries, "{decision:?}");
        }
    }
    let spawns = course.view().all::<Effect>().filter(|effect| matches!(effect.work, Work::Spawn { .. }));
    let alive = spawns.filter(|effect| !effect.state.is_finished()).count();
    if run.state == RunState::Running && alive < run.spec.max_parallel as usize {
        let under_way = [TaskState::Running, TaskState::Validating, TaskState::Waiting];
        let others = || course.view().all::<Task>().filter(|task| under_way.contains(&task.state));
        let clashes = |task: &Task| {
            let scope = |task: &Task| task.spec.policy.as_ref().and_then(|policy| policy.write.clone());
            scope(task).is_some_and(|own| others().any(|other| scope(other).as_ref() == Some(&own)))
        };
        let queued = course.view().all::<Task>().filter(|task| task.state == TaskState::Queued);
        for task in queued.filter(|task| !clashes(task)) {
            let able = task.candidates().find(|agent| may_take(course, run, task, agent));
            assert_eq!(able, None, "{} waits, though nothing is in its way", task.spec.name);
        }
    }
    let at = At { now: course.now, seed: 1 };
    assert_eq!(next_task(course.view(), course.run, at), None, "what may begin has begun");
    assert_eq!(course.view().stale_index(), None);
}

/// A run of a plan with ends that a seed draws, checked at every step; the answer is every decision in its order.
fn driven(plan: &RunSpec, seed: u64) -> Vec<RoutingDecision> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut course = Course::new(plan, seed);
    let mut known = BTreeSet::new();
    check(&course, &mut known);
    for _ in 0..60 {
        if course.is_over() || course.asked().is_empty() && next_deadline(course.view(), course.run).is_none() {
            break;
        }
        // Not always the oldest first.
        let asked = course.asked();
        if asked.is_empty() {
            course.wait();
        } else {
            let (effect, agent) = asked[random.usize(0..asked.len())].clone();
            course.now = course.now.after(Span::from_secs(random.u64(0..20)));
            let end = match (agent.as_str(), random.u8(0..10)) {
                ("a", 0..7) | (_, 0..2) => End::Fails,
                (_, 7) => End::Limited,
                _ => End::Lands,
            };
            course.end(&effect, end);
        }
        check(&course, &mut known);
    }
    course.attempts().into_iter().filter_map(|attempt| attempt.routing.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_given_what_they_may_not_take_and_nothing_waits_that_somebody_may_take(plan in any_plan(), seed: u32) {
        driven(&plan, u64::from(seed));
    }

    #[test]
    fn the_same_seeds_choose_the_same_agents(plan in any_plan(), seed: u32) {
        prop_assert_eq!(driven(&plan, u64::from(seed)), driven(&plan, u64::from(seed)));
    }
}

#[test]
fn without_the_guards_of_agents_what_holds_of_each_decision_breaks() {
    let agents = vec![agent("a", Some(1), &["rust"]), agent("b", None, &[]), agent("c", Some(2), &["rust"])];
    let tasks = (0..8).map(|at| {
        let capabilities = if at % 2 == 0 { words(&["rust"]) } else { BTreeSet::new() };
        TaskSpec { capabilities, ..routed(&format!("t{at}"), By::RoundRobin, &["a", "b", "c"]) }
    });
    let plan = plan(agents, tasks.collect(), 6);
    let breaks = |guard| {
        let broken = |seed| without(guard, || std::panic::catch_unwind(|| driven(&plan, seed)).is_err());
        (0..10).any(broken)
    };
    assert_eq!([Guard::RoomAtTheAgent, Guard::CapabilitiesFit].map(breaks), [true, true]);
    (0..10).for_each(|seed| drop(driven(&plan, seed)));
}
