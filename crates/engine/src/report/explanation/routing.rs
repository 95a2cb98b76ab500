//! Which agents could have had an attempt, or could have a task now, and what speaks for and against each.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Breaker, CandidateOutcome, RoutingCandidate, RoutingDecision, Run, Task};
use tollhouse_core::spec::Crew;
use tollhouse_core::{BreakerId, Timestamp};

use super::Scene;
use crate::routing::Door;

/// How an attempt came to its agent: first who has it and why, then what became of each other that could have had it.
pub(super) fn told(decision: &RoutingDecision) -> Vec<String> {
    let RoutingDecision { chosen, strategy, reason, .. } = decision;
    let by = decision.rule.as_deref().unwrap_or("its task");
    let first = format!("{chosen} was chosen by `{strategy}`, as {by} says: {reason}");
    let others = decision.candidates.iter().filter(|one| one.agent != *chosen);
    std::iter::once(first).chain(others.map(of_another)).collect()
}

fn of_another(one: &RoutingCandidate) -> String {
    let agent = &one.agent;
    match (&one.outcome, &one.figures) {
        (CandidateOutcome::Chosen, _) => format!("{agent} was chosen"),
        (CandidateOutcome::Behind, Some(figures)) => {
            let (whole, part) = (figures.score / 10_000, figures.score % 10_000 / 100);
            let (accepted, refused) = (figures.record.accepted, figures.record.refused);
            format!("{agent} came after it: its score was {whole}.{part:02} %, {accepted} accepted, {refused} refused")
        }
        (CandidateOutcome::Behind, None) => format!("{agent} came after it"),
        (CandidateOutcome::GaveWay, _) => format!("{agent} gave way: it had tried this in vain more often"),
        (CandidateOutcome::Incapable { lacks }, _) => format!("{agent} is not capable of {}", lacks.join(", ")),
        (CandidateOutcome::Busy { max_parallel }, _) => format!("{agent} was busy: its max_parallel is {max_parallel}"),
        (CandidateOutcome::BreakerOpen { until: Some(until) }, _) => {
            format!("{agent} had failed too often: it got no work before {until}")
        }
        (CandidateOutcome::BreakerOpen { until: None }, _) => {
            format!("{agent} got no other work while its trial was out")
        }
    }
}

/// What turns down each agent that a task may go to; nothing where one of them may take it, or it has only the one and that is able.
pub(super) fn nobody_may(scene: Scene<'_>, run: &Run, task: &Task, under_way: &[&Task]) -> Option<Vec<String>> {
    // Nobody knows here what a worker that is to come is able to do.
    let alone = BTreeSet::new();
    let worker = if run.spec.crew == Crew::Own { &alone } else { &task.spec.capabilities };
    let breaker = |agent: &str| scene.view.get::<Breaker>(BreakerId::of_agent(agent));
    let door = Door { run, under_way, worker, breaker: &breaker, now: Timestamp::EPOCH };
    let asked = |agent: &str| door.turns_down(&task.spec.capabilities, agent).map(|why| (agent.to_owned(), why));
    let turned_down = task.candidates().map(asked).collect::<Option<Vec<_>>>()?;
    match turned_down.as_slice() {
        [(_, CandidateOutcome::BreakerOpen { .. } | CandidateOutcome::Busy { .. })] => None,
        all => Some(all.iter().map(|(agent, why)| now(agent, why)).collect()),
    }
}

fn now(agent: &str, why: &CandidateOutcome) -> String {
    match why {
        CandidateOutcome::Incapable { lacks } => format!("agent {agent} is not capable of {}", lacks.join(", ")),
        CandidateOutcome::Busy { max_parallel } => format!("agent {agent} is busy: its max_parallel is {max_parallel}"),
        CandidateOutcome::BreakerOpen { until: Some(until) } => {
            format!("agent {agent} gets no work now; one trial may go from {until}")
        }
        CandidateOutcome::BreakerOpen { until: None } => {
            format!("agent {agent} gets no other work while its trial is out")
        }
        CandidateOutcome::Chosen | CandidateOutcome::Behind | CandidateOutcome::GaveWay => {
            format!("agent {agent} may take it")
        }
    }
}
