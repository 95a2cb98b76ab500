//! How far a run is, what keeps it, and how long it may still take: made from records, a time and what was seen elsewhere, and
//! from nothing else.
//!
//! Every figure says what it measures. What nobody knows is null, and the reason stands beside it. Everything here takes time in
//! proportion to the records of the run (times a logarithm), and nothing recurses.

mod agents;
mod attempts;
mod budget;
mod counts;
mod eta;
mod quiet;
mod rates;
mod remaining;
mod scene;
mod waits;
mod workers;
mod workstreams;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::lifecycle::RunState;
use tollhouse_core::{RunId, Span, Timestamp};

use crate::analysis::History;
use crate::command::Seen;
use crate::view::View;
use scene::Scene;

pub use agents::{AgentProgress, BreakerProgress};
pub use attempts::{AttemptCounts, FailureCount};
pub use budget::BudgetProgress;
pub use counts::TaskCounts;
pub use eta::{Eta, EtaOmission, EtaUnknown, FinishRange, RemainingPath, TimeRange};
pub use quiet::{Quiet, WaitsFor};
pub use rates::Rates;
pub use waits::WaitCounts;
pub use workers::{WorkerFigures, WorkerProgress};
pub use workstreams::WorkstreamProgress;

/// What is known beside the records of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProgressFacts<'f> {
    /// How long agents took in other runs; what they took in this one is in its records.
    pub history: Option<&'f History>,
    /// What was seen of the program that drives the run.
    pub seen: Option<Seen>,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunProgress {
    /// The run.
    pub run: RunId,
    /// Where it is.
    pub state: RunState,
    /// The moment that all figures are of: now, or the run's end where that was before.
    pub at: Timestamp,
    /// How many of its tasks are where.
    pub counts: TaskCounts,
    /// Which part of the tasks is finished, done or missed, from 0 to 1: each counts the same, however long it takes. Null
    /// without tasks.
    pub finished: Option<f64>,
    /// Which part of the tasks is done, from 0 to 1: each counts the same, however long it takes. Null without tasks.
    pub done: Option<f64>,
    /// What those wait for that have not begun, or wait for another try.
    pub waits: WaitCounts,
    /// How long it may still take.
    pub eta: Eta,
    /// The longest chain of what is left; null where nothing is.
    pub critical_path: Option<RemainingPath>,
    /// What was done lately.
    pub rates: Rates,
    /// All attempts that were ever made in it.
    pub attempts: AttemptCounts,
    /// Since when nothing in it is alive, and why; null while something is, and once it is over.
    pub quiet: Option<Quiet>,
    /// Its agents, by name.
    pub agents: Vec<AgentProgress>,
    /// The workers that had something of it in hand, as far as they are known here; in the order in which they registered.
    pub workers: Vec<WorkerProgress>,
    /// Its workstreams in the order of the plan, then the tasks that are in none; left out where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workstreams: Vec<WorkstreamProgress>,
    /// What it may spend and has spent; null where nobody limits it.
    pub budget: Option<BudgetProgress>,
}

/// How far a run is at a time; `None` where the view does not hold it. What shared workers do is told where the view is that of an
/// engine opened for the fleet.
pub fn run_progress(view: &View, id: RunId, now: Timestamp, facts: &ProgressFacts<'_>) -> Option<RunProgress> {
    let scene = Scene::new(view, id, now, facts.seen)?;
    let counts = TaskCounts::of(&scene.tasks);
    let waits = WaitCounts::of(&scene);
    let (eta, critical_path) = eta::look_ahead(&scene, facts.history, &waits);
    Some(RunProgress {
        run: id,
        state: scene.run.state,
        at: scene.at,
        counts,
        finished: counts.part(counts.done + counts.missed),
        done: counts.part(counts.done),
        waits,
        eta,
        critical_path,
        rates: Rates::of(&scene),
        attempts: AttemptCounts::of(scene.attempts.iter().copied()),
        quiet: quiet::quiet(&scene),
        agents: agents::of(&scene),
        workers: workers::of(&scene),
        workstreams: workstreams::of(&scene),
        budget: budget::of(&scene),
    })
}

/// What a run may spend and has spent.
pub(super) fn budget_of(view: &View, id: RunId, now: Timestamp) -> Option<BudgetProgress> {
    budget::of(&Scene::new(view, id, now, None)?)
}

/// Why nobody can say how long a run may still take, where its own state says so or as many tasks wait for a person; the view need
/// not hold all of it.
pub(super) fn why_unknown(view: &View, id: RunId, now: Timestamp, waiting: u64) -> Option<String> {
    let scene = Scene::new(view, id, now, None)?;
    let reason = eta::state_reason(&scene).or_else(|| eta::person_reason(waiting));
    reason.filter(|_| !scene.run.state.is_finished()).map(|(_, because)| because)
}

fn plus(one: Span, other: Span) -> Span {
    Span::from_millis(one.as_millis().saturating_add(other.as_millis()))
}

fn minus(one: Span, other: Span) -> Span {
    Span::from_millis(one.as_millis().saturating_sub(other.as_millis()))
}
