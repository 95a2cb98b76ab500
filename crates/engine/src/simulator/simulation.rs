//! A whole day, made up by a seed: the loop over virtual time, and what is told of it.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use thiserror::Error;
use tollhouse_core::entity::{Budget, Effect, GateRun, Patch, Run, Task, Worker};
use tollhouse_core::lifecycle::RunState;
use tollhouse_core::spec::{Crew, RunSpec};
use tollhouse_core::{RunId, Timestamp};
use tollhouse_state::{FaultStore, MemoryStore};

use super::actor::{Acting, Bystander, Conductor, Machine, Outside, Overseer, Person, SharedWorker};
use super::coverage::Coverage;
use super::draw::{any_costs, any_luck, any_plans, any_slow_downs};
use super::hands::Hands;
use super::invariants::Broken;
use super::stage::{Ledger, Sky, Stage};

/// So often somebody does something, at most: a run that takes longer never ends.
const ACTS_MAX: u32 = 20_000;

/// So much of a trace is shown where a promise is not kept.
const LINES_SHOWN: usize = 60;

/// What happened in a simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// How each run ended.
    pub ended: Vec<RunState>,
    /// How many events the ledger holds.
    pub events: u64,
    /// What happened, a line each: virtual time, then the weather, the event and the record; or what no event tells.
    pub trace: Vec<String>,
    /// The SHA-256 of the trace. The same seed gives the same, on every machine.
    pub trace_hash: String,
    /// Which transitions met which faults.
    pub coverage: Coverage,
}

/// A simulation in which a promise was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("seed {seed}: {broken}\n{}", trace.join("\n"))]
pub struct Violation {
    /// The seed: given again, it happens again.
    pub seed: u64,
    /// The promise.
    pub broken: Broken,
    /// The end of the trace.
    pub trace: Vec<String>,
}

/// Makes up a day from a seed, and lives through it: a run with any plan, agents with any luck, two programs that drive it
/// and die, a person who changes their mind, a clock that is set both ways and a store that fails. On some days there are two
/// runs, and shared workers that die, fall silent and are paused. In the end the weather turns fair, and every run must come to
/// its end.
///
/// # Errors
/// A promise of the lifecycles is not kept.
///
/// ```
/// let report = tollhouse_engine::simulator::simulate(7)?;
/// assert!(report.ended.iter().all(|state| state.is_finished()));
/// assert_eq!(report.trace_hash, tollhouse_engine::simulator::simulate(7)?.trace_hash);
/// # Ok::<(), tollhouse_engine::simulator::Violation>(())
/// ```
pub fn simulate(seed: u64) -> Result<Report, Violation> {
    simulate_on(&Ledger::new(MemoryStore::new()), seed)
}

/// What the ledger holds after the day of a seed, on which nothing goes wrong any more.
///
/// # Errors
/// As [`simulate`].
pub fn history_of(seed: u64) -> Result<FaultStore<MemoryStore>, Violation> {
    let store = Ledger::new(MemoryStore::new());
    simulate_on(&store, seed)?;
    store.heal();
    Ok(store)
}

fn simulate_on(store: &Ledger, seed: u64) -> Result<Report, Violation> {
    let mut random = fastrand::Rng::with_seed(seed);
    let begin = Timestamp::from_micros(1_700_000_000_000_000);
    let mut plans = any_plans(&mut random);
    let mut hands = Hands::with_luck(any_luck(&mut random, &mut plans));
    hands.costs = any_costs(&mut random, &plans);
    hands.slow_downs = any_slow_downs(&mut random);
    let mut stage = Stage::new(store, random, hands, begin);
    stage.runs =
        (0..).zip(&plans).map(|(place, _)| RunId::from_parts(begin, u128::from(seed) + (place << 64))).collect();
    let ended = live_through(&mut stage, plans).map_err(|broken| {
        let hidden = stage.trace.len().saturating_sub(LINES_SHOWN);
        Violation { seed, broken, trace: stage.trace.split_off(hidden) }
    })?;
    let Stage { trace, coverage, events, .. } = stage;
    Ok(Report { seed, ended, events, trace_hash: hash(&trace), trace, coverage })
}

/// Lets everybody act in the order of virtual time, until nothing is left to be done.
fn live_through(stage: &mut Stage<'_>, plans: Vec<RunSpec>) -> Result<Vec<RunState>, Broken> {
    let mut actors = cast(stage, plans);
    let mut agenda: BTreeSet<(Timestamp, usize)> = BTreeSet::new();
    for place in 0..actors.len() {
        agenda.insert((stage.in_seconds(0, 20), place));
    }
    for _ in 0..ACTS_MAX {
        if let Some(ended) = are_over(stage) {
            return stage.check_the_fold().map(|()| ended);
        }
        let Some((at, place)) = agenda.pop_first() else { break };
        stage.clock.go_on_to(at);
        if let Some(next) = actors[place].act(stage)? {
            agenda.insert((next, place));
        }
    }
    Err(Broken { claim: "nothing waits forever", what: what_is_open(stage).join(", ") })
}

/// What is left open, by name and state.
fn what_is_open(stage: &Stage<'_>) -> Vec<String> {
    let view = stage.truth();
    let runs = stage.runs.iter().map(|id| {
        let stands = view.get::<Run>(*id).map_or("not made", |run| run.state.as_str());
        format!("{id} {stands}")
    });
    let tasks = view.all::<Task>().filter(|task| !task.state.is_finished());
    let tasks = tasks.map(|task| {
        let (able, aside) = (&task.spec.capabilities, task.spec.reserve);
        format!("{} {} (needs {able:?}, sets {aside:?} aside)", task.spec.name, task.state)
    });
    let budgets = view.all::<Budget>();
    let budgets = budgets.map(|budget| format!("${} of ${} {}", budget.spent, budget.limit, budget.state));
    let patches = view.all::<Patch>().filter(|patch| !patch.state.is_finished());
    let patches = patches.map(|patch| format!("{} {}", patch.id, patch.state));
    let effects = view.all::<Effect>().filter(|effect| !effect.state.is_finished());
    let effects = effects.map(|effect| format!("{} of {} {}", effect.work.name(), effect.work.subject(), effect.state));
    let gates = view.all::<GateRun>().filter(|gate| !gate.state.is_finished());
    let gates = gates.map(|gate| format!("gate {} {}", gate.gate.name, gate.state));
    let workers = view.all::<Worker>().filter(|worker| !worker.state.is_finished());
    let workers = workers.map(|worker| format!("{} {}", worker.name, worker.state));
    runs.chain(tasks)
        .chain(patches)
        .chain(effects)
        .chain(gates)
        .chain(workers)
        .chain(budgets)
        .chain([format!("{:?}", stage.sky)])
        .collect()
}

/// Who takes part. A new kind of actor is one line here, and a file in `actor/`.
fn cast<'s>(stage: &mut Stage<'s>, plans: Vec<RunSpec>) -> Vec<Box<dyn Acting<'s> + 's>> {
    let shared = plans.iter().any(|plan| plan.crew == Crew::Shared);
    let mut actors: Vec<Box<dyn Acting<'s> + 's>> =
        vec![Box::new(Bystander::new(stage)), Box::new(Outside::new(stage))];
    for (run, plan) in stage.runs.clone().into_iter().zip(plans) {
        let second = if stage.random.bool() { Machine::Same } else { Machine::Another };
        actors.push(Box::new(Person::with_plan(stage, run, plan)));
        actors.push(Box::new(Conductor::new(stage, run, Machine::Same)));
        actors.push(Box::new(Conductor::new(stage, run, second)));
    }
    if shared {
        actors.push(Box::new(Overseer::new(stage)));
        for name in &["ann", "ben", "cem"][..stage.random.usize(1..4)] {
            actors.push(Box::new(SharedWorker::new(stage, name)));
        }
    }
    actors
}

/// How the runs ended, once nothing is open any more and nobody changes their mind.
fn are_over(stage: &Stage<'_>) -> Option<Vec<RunState>> {
    if stage.sky != Sky::Calm {
        return None;
    }
    let view = stage.truth();
    let end = |run: &RunId| view.get::<Run>(*run).map(|run| run.state).filter(|stands| stands.is_finished());
    let ended = stage.runs.iter().map(end).collect::<Option<_>>()?;
    let settled = view.all::<Effect>().all(|effect| effect.state.is_finished())
        && view.all::<Patch>().all(|patch| patch.state.is_finished())
        && view.all::<Task>().all(|task| task.state.is_finished())
        && view.all::<GateRun>().all(|gate_run| gate_run.state.is_finished());
    settled.then_some(ended)
}

fn hash(trace: &[String]) -> String {
    let mut digest = Sha256::new();
    for line in trace {
        digest.update(line.as_bytes());
        digest.update(b"\n");
    }
    digest.finalize().iter().fold(String::with_capacity(64), |text, byte| format!("{text}{byte:02x}"))
}
