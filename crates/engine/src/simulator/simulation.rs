//! A whole day, made up by a seed: the loop over virtual time, and what is told of it.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};
use thiserror::Error;
use tollhouse_core::entity::{Effect, Patch, Run};
use tollhouse_core::lifecycle::RunState;
use tollhouse_core::spec::{LandMode, OnDependencyFailure, Requirement, RunSpec, Weight};
use tollhouse_core::{RunId, Timestamp};
use tollhouse_state::MemoryStore;

use super::actor::{Acting, Bystander, Conductor, Machine, Outside, Person};
use super::coverage::Coverage;
use super::hands::Hands;
use super::invariants::Broken;
use super::luck::Luck;
use super::plan::{gate, spec, task};
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
    /// How the run ended.
    pub state: RunState,
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
/// and die, a person who changes their mind, a clock that is set both ways and a store that fails. In the end the weather
/// turns fair, and the run must come to its end.
///
/// # Errors
/// A promise of the lifecycles is not kept.
///
/// ```
/// let report = tollhouse_engine::simulator::simulate(7)?;
/// assert!(report.state.is_finished());
/// assert_eq!(report.trace_hash, tollhouse_engine::simulator::simulate(7)?.trace_hash);
/// # Ok::<(), tollhouse_engine::simulator::Violation>(())
/// ```
pub fn simulate(seed: u64) -> Result<Report, Violation> {
    let mut random = fastrand::Rng::with_seed(seed);
    let begin = Timestamp::from_micros(1_700_000_000_000_000);
    let run = RunId::from_parts(begin, u128::from(seed));
    let store = Ledger::new(MemoryStore::new());
    let plan = any_plan(&mut random);
    let hands = Hands::with_luck(any_luck(&mut random, &plan));
    let mut stage = Stage::new(&store, run, random, hands, begin);
    let ended = live_through(&mut stage, plan).map_err(|broken| {
        let hidden = stage.trace.len().saturating_sub(LINES_SHOWN);
        Violation { seed, broken, trace: stage.trace.split_off(hidden) }
    })?;
    let Stage { trace, coverage, events, .. } = stage;
    Ok(Report { seed, state: ended, events, trace_hash: hash(&trace), trace, coverage })
}

/// Lets everybody act in the order of virtual time, until nothing is left to be done.
fn live_through(stage: &mut Stage<'_>, plan: RunSpec) -> Result<RunState, Broken> {
    let mut actors = cast(stage, plan);
    let mut agenda: BTreeSet<(Timestamp, usize)> = BTreeSet::new();
    for place in 0..actors.len() {
        agenda.insert((stage.in_seconds(0, 20), place));
    }
    for _ in 0..ACTS_MAX {
        if let Some(ended) = is_over(stage) {
            return stage.check_the_fold().map(|()| ended);
        }
        let Some((at, place)) = agenda.pop_first() else { break };
        stage.clock.go_on_to(at);
        if let Some(next) = actors[place].act(stage)? {
            agenda.insert((next, place));
        }
    }
    let stands = stage.truth().get::<Run>(stage.run).map(|run| run.state);
    Err(Broken { claim: "nothing waits forever", what: format!("the run is {stands:?}") })
}

/// Who takes part. A new kind of actor is one line here, and a file in `actor/`.
fn cast<'s>(stage: &mut Stage<'s>, plan: RunSpec) -> Vec<Box<dyn Acting<'s> + 's>> {
    let second = if stage.random.bool() { Machine::Same } else { Machine::Another };
    vec![
        Box::new(Person::with_plan(stage, plan)),
        Box::new(Conductor::new(stage, Machine::Same)),
        Box::new(Conductor::new(stage, second)),
        Box::new(Bystander::new(stage)),
        Box::new(Outside::new(stage)),
    ]
}

/// How the run ended, once nothing is open any more and nobody changes their mind.
fn is_over(stage: &Stage<'_>) -> Option<RunState> {
    let view = stage.truth();
    let ended = view.get::<Run>(stage.run).map(|run| run.state).filter(|stands| stands.is_finished())?;
    let settled = view.all::<Effect>().all(|effect| effect.state.is_finished())
        && view.all::<Patch>().all(|patch| patch.state.is_finished());
    (stage.sky == Sky::Calm && settled).then_some(ended)
}

fn any_plan(random: &mut fastrand::Rng) -> RunSpec {
    let names: Vec<String> = (0..random.usize(1..6)).map(|n| format!("t{n}")).collect();
    let mut tasks = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let mut one = task(name, &[]);
        one.needs = names[..place].iter().filter(|_| random.u8(0..4) == 0).cloned().collect();
        one.attempts = random.u32(1..4);
        one.weight = if random.u8(0..4) == 0 { Weight::Critical } else { Weight::Optional };
        one.conflict_group = (random.u8(0..3) == 0).then(|| "db".to_owned());
        if random.u8(0..3) == 0 {
            one.on_dependency_failure = OnDependencyFailure::Fail;
        }
        tasks.push(one);
    }
    let mut plan = spec(tasks, random.u32(1..4));
    if random.u8(0..3) == 0 {
        plan.land = LandMode::Hold;
    }
    if random.u8(0..3) == 0 {
        let mut advice = gate("advice", &["unit"]);
        advice.requirement = Requirement::Advisory;
        plan.gates.push(advice);
    }
    plan
}

fn any_luck(random: &mut fastrand::Rng, plan: &RunSpec) -> BTreeMap<String, Vec<Luck>> {
    let mut luck = BTreeMap::new();
    for task in &plan.tasks {
        let tries = (0..random.usize(1..4)).map(|_| Luck::ALL[random.usize(0..Luck::ALL.len())]).collect();
        luck.insert(task.name.clone(), tries);
    }
    luck
}

fn hash(trace: &[String]) -> String {
    let mut digest = Sha256::new();
    for line in trace {
        digest.update(line.as_bytes());
        digest.update(b"\n");
    }
    digest.finalize().iter().fold(String::with_capacity(64), |text, byte| format!("{text}{byte:02x}"))
}
