//! How long agents took before and what they cost, and what that says about how long they will take and what they will cost.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::spec::{RunSpec, TaskSpec};
use tollhouse_core::{Money, Span};

/// How long attempts took that ended well, and what they cost: given by whoever reads a ledger.
///
/// ```
/// # use tollhouse_core::Span;
/// # use tollhouse_engine::analysis::History;
/// let mut history = History::default();
/// history.note("nightly", "fix", "script", Span::from_secs(60));
/// assert_eq!(history.len(), 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// By plan, task and agent: what another agent takes for the same says little.
    tasks: BTreeMap<(String, String, String), Seen>,
    agents: BTreeMap<String, Seen>,
}

/// What was seen of some attempts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    times: Vec<Span>,
    /// Of those of which it is known.
    costs: Vec<Money>,
}

/// Where an estimate comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EstimateFrom {
    /// What its agent took for the same task of the same plan.
    Task,
    /// What its agent took for other tasks.
    Agent,
    /// Nothing is known.
    #[default]
    None,
}

/// How long one try of a task will take and what it will cost, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Estimate {
    /// The median of what was seen, in seconds; null: unknown.
    pub time: Option<Span>,
    /// Where it comes from.
    pub from: EstimateFrom,
    /// How many attempts were seen.
    pub observations: u64,
    /// The median of what was spent, in US dollars, for the same task where that is known, else by its agent; null: unknown.
    pub cost: Option<Money>,
}

/// From how fast to how slow one try of a task goes: the middle half of what was seen, all of it where that is little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// A quarter was faster.
    pub fast: Span,
    /// A quarter was slower.
    pub slow: Span,
    /// How many attempts were seen.
    pub observations: u64,
}

impl History {
    /// Takes in an attempt that ended well.
    pub fn note(&mut self, plan: &str, task: &str, agent: &str, took: Span) {
        self.tasks.entry((plan.to_owned(), task.to_owned(), agent.to_owned())).or_default().times.push(took);
        self.agents.entry(agent.to_owned()).or_default().times.push(took);
    }

    /// Takes in what an attempt cost that ended well, where that is known.
    pub fn note_cost(&mut self, plan: &str, task: &str, agent: &str, cost: Money) {
        self.tasks.entry((plan.to_owned(), task.to_owned(), agent.to_owned())).or_default().costs.push(cost);
        self.agents.entry(agent.to_owned()).or_default().costs.push(cost);
    }

    /// How many attempts were taken in.
    pub fn len(&self) -> usize {
        self.agents.values().map(|seen| seen.times.len()).sum()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// From how fast to how slow each task of a run goes, in the order of the plan; `None` where nothing is known of it.
    pub fn spreads(&self, spec: &RunSpec) -> Vec<Option<Spread>> {
        let agents: BTreeMap<&str, Option<Spread>> =
            self.agents.iter().map(|(agent, seen)| (agent.as_str(), spread(&seen.times))).collect();
        let of_task = |task: &TaskSpec| {
            let key = (spec.plan.clone(), task.name.clone(), task.agent.clone());
            let own = self.tasks.get(&key).and_then(|seen| spread(&seen.times));
            own.or_else(|| agents.get(task.agent.as_str()).copied().flatten())
        };
        spec.tasks.iter().map(of_task).collect()
    }

    /// What is known of each task of a run, in the order of the plan.
    pub fn estimates(&self, spec: &RunSpec) -> Vec<Estimate> {
        let agents: BTreeMap<&str, Estimate> =
            self.agents.iter().map(|(agent, seen)| (agent.as_str(), estimate(seen, EstimateFrom::Agent))).collect();
        let by_task = spec.tasks.iter().map(|task| {
            let key = (spec.plan.clone(), task.name.clone(), task.agent.clone());
            let own = self.tasks.get(&key).map(|seen| estimate(seen, EstimateFrom::Task)).unwrap_or_default();
            let others = agents.get(task.agent.as_str()).copied().unwrap_or_default();
            let known = if own.time.is_some() { own } else { others };
            Estimate { cost: own.cost.or(others.cost), ..known }
        });
        if self.is_empty() { vec![Estimate::default(); spec.tasks.len()] } else { by_task.collect() }
    }
}

/// The middle half; all of them, where they are four or fewer.
pub(crate) fn spread(seen: &[Span]) -> Option<Spread> {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    Some(Spread { fast: sorted[last / 4], slow: sorted[last - last / 4], observations: seen.len() as u64 })
}

fn estimate(seen: &Seen, from: EstimateFrom) -> Estimate {
    let time = median(&seen.times);
    let from = if time.is_some() { from } else { EstimateFrom::None };
    Estimate { time, from, observations: seen.times.len() as u64, cost: median(&seen.costs) }
}

/// The one in the middle; the smaller of two.
fn median<T: Copy + Ord>(seen: &[T]) -> Option<T> {
    let mut sorted = seen.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::super::examples::run;
    use super::*;

    #[test]
    fn a_task_takes_what_it_took_before_and_else_what_its_agent_takes() {
        let spec = run("", &[("known", ""), ("new", "")]);
        let mut history = History::default();
        for (plan, task, seconds) in
            [("plan", "known", 60), ("plan", "known", 90), ("plan", "known", 600), ("x", "x", 9)]
        {
            history.note(plan, task, "a", Span::from_secs(seconds));
        }
        let told: Vec<_> =
            history.estimates(&spec).iter().map(|known| (known.time, known.from, known.observations)).collect();
        assert_eq!(
            told,
            [(Some(Span::from_secs(90)), EstimateFrom::Task, 3), (Some(Span::from_secs(60)), EstimateFrom::Agent, 4)]
        );
    }

    #[test]
    fn a_task_costs_what_it_cost_before_and_else_what_its_agent_spends() {
        let spec = run("", &[("known", ""), ("new", "")]);
        let mut history = History::default();
        let dollars = |whole: i64| Money::from_nanos(whole * 1_000_000_000);
        history.note("plan", "known", "a", Span::from_secs(60));
        let costs = |history: &History| history.estimates(&spec).iter().map(|known| known.cost).collect::<Vec<_>>();
        assert_eq!(costs(&history), [None, None]);
        for (plan, task, cost) in [("plan", "known", 7), ("plan", "known", 9), ("x", "x", 1), ("x", "x", 2)] {
            history.note_cost(plan, task, "a", dollars(cost));
        }
        assert_eq!(costs(&history), [Some(dollars(7)), Some(dollars(2))]);
        assert_eq!(history.len(), 1);
    }

    #[test]
    fn a_spread_leaves_the_fastest_and_the_slowest_quarter_out() {
        let seconds = |seconds: &[u64]| seconds.iter().copied().map(Span::from_secs).collect::<Vec<_>>();
        let ends = |seen: &[u64]| spread(&seconds(seen)).map(|spread| (spread.fast, spread.slow, spread.observations));
        let of = |fast, slow, count| Some((Span::from_secs(fast), Span::from_secs(slow), count));
        assert_eq!([ends(&[]), ends(&[7]), ends(&[9, 5])], [None, of(7, 7, 1), of(5, 9, 2)]);
        assert_eq!(ends(&[900, 3, 1, 2, 4]), of(2, 4, 5));
    }

    #[test]
    fn what_nobody_saw_is_unknown_and_not_nothing() {
        let spec = run("", &[("one", "")]);
        let mut history = History::default();
        assert_eq!(history.estimates(&spec), [Estimate::default()]);
        history.note("plan", "one", "another", Span::from_secs(1));
        assert_eq!(history.estimates(&spec), [Estimate::default()]);
    }
}
