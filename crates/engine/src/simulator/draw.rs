//! What a seed makes up before a day begins: plans, the luck of each try, and what each is said to cost.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::spec::{
    AgentSpec, BudgetSpec, Crew, Escalation, LandMode, OnDependencyFailure, OnExhausted, OnFlaky, Priority,
    Requirement, RouteSpec, RunSpec, Strategy, TaskSpec, TrackRecord, Weight, WorkstreamSpec,
};
use tollhouse_core::{Money, Span};

use super::luck::Luck;
use super::plan::{gate, spec, task};

/// What the first tasks are named that a person adds to a run that goes on.
const ADDED_NAMES: [&str; 6] = ["x0", "x1", "x2", "x3", "x4", "x5"];

/// The plans of a day: mostly one, whose run has workers of its own; or up to two that share workers.
pub(super) fn any_plans(random: &mut fastrand::Rng) -> Vec<RunSpec> {
    let mut plans = vec![any_plan(random, 't')];
    if random.u8(0..3) > 0 {
        return plans;
    }
    if random.bool() {
        plans.push(any_plan(random, 'u'));
    }
    plans[0].crew = Crew::Shared;
    for plan in &mut plans[1..] {
        plan.crew = if random.u8(0..4) == 0 { Crew::Own } else { Crew::Shared };
    }
    plans
}

/// Any plan whose tasks and workstreams are named after this letter.
fn any_plan(random: &mut fastrand::Rng, letter: char) -> RunSpec {
    let workstreams = if random.bool() { any_workstreams(random, letter) } else { Vec::new() };
    let tasks = any_tasks(random, letter, &workstreams);
    let mut plan = spec(tasks, random.u32(1..4));
    plan.workstreams = workstreams;
    draw_agents(random, &mut plan);
    if random.u8(0..3) == 0 {
        plan.land = LandMode::Hold;
    }
    if random.u8(0..3) == 0 {
        let mut advice = gate("advice", &["unit"]);
        advice.requirement = Requirement::Advisory;
        plan.gates.push(advice);
    }
    if random.u8(0..3) == 0 {
        plan.acceptance = any_gates(random, &plan);
    }
    plan.budget = (random.u8(0..5) < 2).then(|| any_budget(random));
    if random.u8(0..4) == 0 {
        plan.stall_timeout = Span::from_secs(random.u64(15..90));
    }
    plan.deadline = (random.u8(0..8) == 0).then(|| Span::from_secs(random.u64(120..7_200)));
    if random.u8(0..3) == 0 {
        let flaky = [OnFlaky::Hold, OnFlaky::Hold, OnFlaky::Fail, OnFlaky::Pass][random.usize(0..4)];
        for gate in &mut plan.gates {
            (gate.retries, gate.flaky) = (1, flaky);
        }
    }
    if !plan.acceptance.is_empty() && random.u8(0..3) > 0 {
        plan.fixer = Some(plan.agents[0].name.clone());
    }
    plan
}

/// Three agents, of which one can do what the others cannot, and what is known of them from earlier runs.
fn draw_agents(random: &mut fastrand::Rng, plan: &mut RunSpec) {
    let able = BTreeSet::from(["gpu".to_owned()]);
    plan.agents.push(AgentSpec { name: "other".to_owned(), ..plan.agents[0].clone() });
    plan.agents.push(AgentSpec { name: "able".to_owned(), capabilities: able, ..plan.agents[0].clone() });
    for agent in &mut plan.agents {
        agent.max_parallel = (random.u8(0..8) == 0).then_some(1);
    }
    for agent in &plan.agents {
        let (accepted, refused) = (random.u64(0..4), random.u64(0..4));
        let record = TrackRecord { leases: accepted + refused, accepted, refused, ..TrackRecord::default() };
        plan.records.extend(random.bool().then(|| (agent.name.clone(), record)));
    }
}

/// Some of the agents in any order, and how one of them is chosen.
fn any_route(random: &mut fastrand::Rng) -> RouteSpec {
    let mut agents = ["script", "other", "able"].map(str::to_owned).to_vec();
    random.shuffle(&mut agents);
    agents.truncate(random.usize(1..4));
    let strategy = [Strategy::Fixed, Strategy::RoundRobin, Strategy::Best][random.usize(0..3)];
    RouteSpec { rule: random.bool().then(|| "route 1 (tollhouse.toml:14)".to_owned()), strategy, agents }
}

fn any_gates(random: &mut fastrand::Rng, plan: &RunSpec) -> Vec<String> {
    plan.gates[random.usize(0..plan.gates.len())..].iter().map(|gate| gate.name.clone()).collect()
}

fn any_workstreams(random: &mut fastrand::Rng, letter: char) -> Vec<WorkstreamSpec> {
    let names: Vec<String> = (0..random.usize(1..4)).map(|n| format!("{letter}w{n}")).collect();
    let one = |place: usize, name: &String, random: &mut fastrand::Rng| WorkstreamSpec {
        name: name.clone(),
        needs: names[..place].iter().filter(|_| random.u8(0..3) == 0).cloned().collect(),
        weight: any_weight(random),
        gates: [Vec::new(), vec!["lint".to_owned()], vec!["unit".to_owned()]][random.usize(0..3)].clone(),
        on_dependency_failure: any_failure(random),
        skip: random.u8(0..10) == 0,
    };
    names.iter().enumerate().map(|(place, name)| one(place, name, random)).collect()
}

/// Tasks that need earlier ones; their workstreams come in order, so that none waits for its own.
fn any_tasks(random: &mut fastrand::Rng, letter: char, workstreams: &[WorkstreamSpec]) -> Vec<TaskSpec> {
    let names: Vec<String> = (0..random.usize(1..6)).map(|n| format!("{letter}{n}")).collect();
    let (mut tasks, mut place) = (Vec::new(), 0);
    for (at, name) in names.iter().enumerate() {
        let mut one = any_task(random, name);
        one.needs = names[..at].iter().filter(|_| random.u8(0..4) == 0).cloned().collect();
        place += usize::from(random.bool());
        // Between two tasks of workstreams, one of the run's own may wait for the first and hold up the second.
        one.workstream = workstreams.get(place).filter(|_| random.u8(0..5) > 0).map(|own| own.name.clone());
        tasks.push(one);
    }
    tasks
}

/// Any task with this name that needs nothing and is in no workstream.
pub(super) fn any_task(random: &mut fastrand::Rng, name: &str) -> TaskSpec {
    let mut one = task(name, &[]);
    one.attempts = random.u32(1..4);
    one.weight = any_weight(random);
    one.conflict_group = (random.u8(0..3) == 0).then(|| "db".to_owned());
    one.on_dependency_failure = any_failure(random);
    one.priority = [Priority::Low, Priority::Normal, Priority::High, Priority::Urgent][random.usize(0..4)];
    one.reserve = random.bool().then(|| Money::from_nanos(random.i64(0..12)));
    one.capabilities.extend((random.u8(0..20) == 0).then(|| "gpu".to_owned()));
    match random.u8(0..8) {
        0 => "other".clone_into(&mut one.agent),
        1 => one.escalate.push(Escalation { after: 1, agent: "other".to_owned() }),
        2 | 3 => {
            let route = any_route(random);
            one.agent.clone_from(&route.agents[0]);
            one.route = Some(route);
            let after = random.u32(1..6);
            one.escalate.extend((after < 3).then(|| Escalation { after, agent: "able".to_owned() }));
        }
        _ => {}
    }
    one
}

fn any_weight(random: &mut fastrand::Rng) -> Weight {
    if random.u8(0..4) == 0 { Weight::Critical } else { Weight::Optional }
}

fn any_failure(random: &mut fastrand::Rng) -> OnDependencyFailure {
    if random.u8(0..3) == 0 { OnDependencyFailure::Fail } else { OnDependencyFailure::Skip }
}

fn any_budget(random: &mut fastrand::Rng) -> BudgetSpec {
    let on_exhausted = [OnExhausted::Pause, OnExhausted::Stop, OnExhausted::Warn][random.usize(0..3)];
    let per_run = (random.u8(0..8) > 0).then(|| Money::from_nanos(random.i64(1..60)));
    let per_task = (random.u8(0..3) == 0).then(|| Money::from_nanos(random.i64(1..30)));
    BudgetSpec { per_run, per_task, on_exhausted }
}

/// What each try of a task meets, and each run of a gate that judges what landed as a whole.
pub(super) fn any_luck(random: &mut fastrand::Rng, plans: &mut [RunSpec]) -> BTreeMap<String, Vec<Luck>> {
    // On some days a provider has enough of us, or an agent fails whatever it tries.
    let usual = match random.u8(0..8) {
        0 => vec![Luck::AgentFails, Luck::AgentFails, Luck::AgentFails, Luck::RateLimited, Luck::Good],
        1 | 2 => {
            plans.iter_mut().for_each(begin_all_at_once);
            [vec![Luck::RateLimited; 8], vec![Luck::AgentFails, Luck::Good]].concat()
        }
        // Where a gate that fails is run again, it says something else oftener.
        _ if plans.iter().flat_map(|plan| &plan.gates).any(|gate| gate.retries > 0) => {
            [Luck::ALL.to_vec(), vec![Luck::GateFlickers; 10]].concat()
        }
        _ => Luck::ALL.to_vec(),
    };
    let mut luck = BTreeMap::new();
    let planned = plans.iter().flat_map(|plan| &plan.tasks).map(|task| task.name.clone());
    for name in planned.chain(ADDED_NAMES.map(str::to_owned)) {
        let tries = (0..random.usize(1..4)).map(|_| usual[random.usize(0..usual.len())]).collect();
        luck.insert(name, tries);
    }
    let refused = if plans.iter().any(|plan| !plan.acceptance.is_empty()) { 5 } else { 1 };
    let of_whole = [vec![Luck::Good; 3], vec![Luck::GateBreaks], vec![Luck::GateSaysNo; refused]].concat();
    for name in ["lint", "unit", "advice"] {
        let tries = (0..random.usize(0..4)).map(|_| of_whole[random.usize(0..of_whole.len())]).collect();
        luck.insert(format!("gate:{name}"), tries);
    }
    luck
}

/// Several are at work when a provider has enough of one of them: a breaker that is open is extended by the others.
fn begin_all_at_once(plan: &mut RunSpec) {
    plan.max_parallel = 4;
    plan.agents[0].max_parallel = None;
    for task in &mut plan.tasks {
        // A clock that is set forward by less ends none of them.
        task.timeout = Span::from_secs(2 * 60 * 60);
        task.agent.clone_from(&plan.agents[0].name);
        task.route = None;
        task.needs.clear();
        task.conflict_group = None;
    }
}

/// For how long providers ask to be left alone, one after another.
pub(super) fn any_slow_downs(random: &mut fastrand::Rng) -> Vec<Span> {
    (0..random.usize(0..20)).map(|_| Span::from_secs(random.u64(10..600))).collect()
}

/// What each try is said to cost. Of some nobody says it.
pub(super) fn any_costs(random: &mut fastrand::Rng, plans: &[RunSpec]) -> BTreeMap<String, Vec<Option<i64>>> {
    let mut costs = BTreeMap::new();
    for task in plans.iter().flat_map(|plan| &plan.tasks) {
        let tries = (0..random.usize(0..5)).map(|_| (random.u8(0..4) > 0).then(|| random.i64(0..16))).collect();
        costs.insert(task.name.clone(), tries);
    }
    costs
}
