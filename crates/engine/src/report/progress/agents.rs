//! What each agent of a run did.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{Attempt, Breaker};
use tollhouse_core::lifecycle::{AttemptState, BreakerState, PatchState};
use tollhouse_core::{AttemptId, BreakerId, CostEntryId, Money, Span, Timestamp};

use super::attempts::AttemptCounts;
use super::plus;
use super::scene::Scene;

/// What an agent did in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgentProgress {
    /// Its name.
    pub agent: String,
    /// Its attempts.
    pub attempts: AttemptCounts,
    /// Its patches that landed.
    pub landed: u64,
    /// Its patches that were set aside or dropped: the attempt may have ended well.
    pub refused: u64,
    /// How long it worked, all in all and on several things at once counted for each, in seconds.
    pub busy: Span,
    /// How long an attempt of it takes that ends well, on average, in seconds; null where none did.
    pub mean: Option<Span>,
    /// The one in the middle, the shorter of two; null where none did.
    pub median: Option<Span>,
    /// What is known of its cost, in US dollars; null where nothing is.
    pub cost: Option<Money>,
    /// Of how many attempts nobody knows what they cost.
    pub unknown_costs: u64,
    /// Its circuit breaker, for all runs of the project; null where it never failed or ended well.
    pub breaker: Option<BreakerProgress>,
}

/// Where the circuit breaker of an agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BreakerProgress {
    /// Its id.
    pub id: BreakerId,
    /// Where it is.
    pub state: BreakerState,
    /// How many attempts failed since one last ended well.
    pub failures_in_a_row: u32,
    /// From when a trial may go; null where none is waited for.
    pub until: Option<Timestamp>,
}

impl From<&Breaker> for BreakerProgress {
    fn from(breaker: &Breaker) -> Self {
        let Breaker { id, state, failures_in_a_row, until, .. } = *breaker;
        Self { id, state, failures_in_a_row, until }
    }
}

/// What came of an agent's patches and what it cost.
#[derive(Default)]
struct Came {
    landed: u64,
    refused: u64,
    cost: Option<Money>,
    unknown_costs: u64,
}

pub(super) fn of(scene: &Scene<'_>) -> Vec<AgentProgress> {
    let mut attempts: BTreeMap<&str, Vec<&Attempt>> =
        scene.run.spec.agents.iter().map(|agent| (agent.name.as_str(), Vec::new())).collect();
    for attempt in &scene.attempts {
        attempts.entry(attempt.agent.as_str()).or_default().push(attempt);
    }
    let mut came = came(scene);
    let agent = |(agent, attempts): (&str, Vec<&Attempt>)| {
        let Came { landed, refused, cost, unknown_costs } = came.remove(agent).unwrap_or_default();
        let breaker = scene.view.get::<Breaker>(BreakerId::of_agent(agent));
        let (mean, median) = lengths(&attempts);
        AgentProgress {
            agent: agent.to_owned(),
            busy: attempts.iter().map(|attempt| length(attempt, scene.at)).fold(Span::default(), plus),
            attempts: AttemptCounts::of(attempts),
            landed,
            refused,
            mean,
            median,
            cost,
            unknown_costs,
            breaker: breaker.map(BreakerProgress::from),
        }
    };
    attempts.into_iter().map(agent).collect()
}

fn came<'v>(scene: &Scene<'v>) -> BTreeMap<&'v str, Came> {
    let agents: BTreeMap<AttemptId, &str> =
        scene.attempts.iter().map(|attempt| (attempt.id, attempt.agent.as_str())).collect();
    let mut came: BTreeMap<&str, Came> = BTreeMap::new();
    for patch in &scene.patches {
        let Some(agent) = patch.attempt.and_then(|attempt| agents.get(&attempt)) else { continue };
        let came = came.entry(agent).or_default();
        match patch.state {
            PatchState::Committed | PatchState::RolledBack => came.landed += 1,
            PatchState::Quarantined | PatchState::Dropped => came.refused += 1,
            _ => {}
        }
    }
    let corrected: BTreeSet<CostEntryId> = scene.costs.iter().filter_map(|entry| entry.corrects).collect();
    for entry in scene.costs.iter().filter(|entry| !corrected.contains(&entry.id)) {
        let Some(agent) = entry.agent.as_deref() else { continue };
        let came = came.entry(agent).or_default();
        match entry.amount {
            Some(amount) => came.cost = Some(came.cost.unwrap_or_default().saturating_add(amount)),
            None => came.unknown_costs += 1,
        }
    }
    came
}

/// How long an attempt took, or has taken so far.
pub(super) fn length(attempt: &Attempt, at: Timestamp) -> Span {
    attempt.finished_at.unwrap_or(at).since(attempt.started_at)
}

/// Mean and median of those that ended well.
fn lengths(attempts: &[&Attempt]) -> (Option<Span>, Option<Span>) {
    let well = attempts.iter().filter(|attempt| attempt.state == AttemptState::Succeeded);
    let mut lengths: Vec<Span> =
        well.filter_map(|attempt| Some(attempt.finished_at?.since(attempt.started_at))).collect();
    lengths.sort_unstable();
    let all = lengths.iter().copied().fold(Span::default(), plus).as_millis();
    let mean = all.checked_div(lengths.len() as u64).map(Span::from_millis);
    (mean, lengths.get(lengths.len().saturating_sub(1) / 2).copied())
}
