//! What holds of routed tasks, in the order of the ledger: each attempt says how it came to its agent, and that is so.
//!
//! It counts by itself what a decision rests on. It must never ask how one of those that may take a task is chosen.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Attempt, CandidateOutcome, ErrorClass, RoutingCandidate, RoutingDecision, Run};
use tollhouse_core::lifecycle::{AttemptEvent, AttemptState, PatchEvent, PatchState, TaskEvent, WorkerEvent};
use tollhouse_core::spec::{Strategy, TaskSpec};
use tollhouse_core::{AttemptId, Event, Kind, PatchId, RecordId, RunId, TaskId, WorkerId};

use super::breakers::Breakers;
use super::invariants::{Broken, claim};
use crate::view::View;

/// What routing rests on, as far as the ledger was read.
#[derive(Debug, Default)]
pub(super) struct Routing {
    tasks: BTreeMap<TaskId, Wanted>,
    tries: BTreeMap<AttemptId, Try>,
    patches: BTreeMap<PatchId, Made>,
    /// What each worker is able to do.
    workers: BTreeMap<WorkerId, BTreeSet<String>>,
}

/// A task: what it asks for, and how many of its attempts count.
#[derive(Debug)]
struct Wanted {
    spec: TaskSpec,
    used: u32,
}

/// A try at a task.
#[derive(Debug)]
struct Try {
    task: TaskId,
    run: RunId,
    agent: String,
    state: String,
    class: Option<ErrorClass>,
    patch: Option<PatchId>,
}

/// A patch: where it is, and which rule refused it.
#[derive(Debug)]
struct Made {
    state: String,
    rule: Option<String>,
}

impl Routing {
    /// Takes in an event; `breakers` and `view` are as before it.
    pub(super) fn event(&mut self, event: &Event, breakers: &Breakers, view: &View) -> Result<(), Broken> {
        let (body, name) = (&event.event.body, event.event.name.as_str());
        match event.record.kind() {
            Kind::Task if matches!(name, "created" | "inherited" | "lease" | "lose" | "interrupt") => {
                if let Ok(read) = serde_json::from_str(body) {
                    self.task(event.record, read);
                }
            }
            Kind::Patch => {
                let read = (name == "quarantine").then(|| serde_json::from_str(body).ok()).flatten();
                let rule = match read {
                    Some(PatchEvent::Quarantine { rule, .. }) => Some(rule),
                    _ => None,
                };
                if let Ok(id) = PatchId::try_from(event.record) {
                    self.patches.insert(id, Made { state: event.state.clone(), rule });
                }
            }
            Kind::Worker if name == "created" => {
                if let Ok(WorkerEvent::Created { worker }) = serde_json::from_str(body) {
                    self.workers.insert(worker.id, worker.capabilities);
                }
            }
            Kind::Attempt => match serde_json::from_str(body) {
                Ok(AttemptEvent::Created { attempt }) => {
                    let run = view.get::<Run>(attempt.run);
                    let seen = run.map(|run| Seen { run, breakers, event, attempt: &attempt, known: self });
                    seen.map_or(Ok(()), |seen| seen.holds())?;
                    let Attempt { task, run, agent, .. } = *attempt;
                    let state = event.state.clone();
                    self.tries.insert(attempt.id, Try { task, run, agent, state, class: None, patch: None });
                }
                Ok(read) => self.ended(event, &read),
                Err(_) => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn task(&mut self, id: RecordId, event: TaskEvent) {
        let used = |known: &mut Self, by: i64| {
            if let Some(task) = TaskId::try_from(id).ok().and_then(|id| known.tasks.get_mut(&id)) {
                task.used = u32::try_from(i64::from(task.used) + by).unwrap_or_default();
            }
        };
        match event {
            TaskEvent::Created { task } | TaskEvent::Inherited { task } => {
                self.tasks.insert(task.id, Wanted { spec: task.spec, used: 0 });
            }
            TaskEvent::Lease { .. } => used(self, 1),
            TaskEvent::Lose { .. } | TaskEvent::Interrupt { .. } => used(self, -1),
            _ => {}
        }
    }

    fn ended(&mut self, event: &Event, read: &AttemptEvent) {
        let known = AttemptId::try_from(event.record).ok().and_then(|id| self.tries.get_mut(&id));
        if let (Some(known), Some(end)) = (known, read.end()) {
            known.state.clone_from(&event.state);
            (known.class, known.patch) = (end.error_class, end.patch);
        }
    }

    /// Whether a try was in vain by its agent's own doing.
    fn was_in_vain(&self, one: &Try) -> bool {
        let nobodys =
            [ErrorClass::RateLimited, ErrorClass::Conflict, ErrorClass::WorkerLost, ErrorClass::ResourceLimit];
        let its_own = |class: ErrorClass| {
            !nobodys.contains(&class) && !matches!(class, ErrorClass::PlanInconsistent | ErrorClass::DependencyMissed)
        };
        let is = |state: AttemptState| one.state == state.as_str();
        if is(AttemptState::Failed) || is(AttemptState::TimedOut) {
            return one.class.is_none_or(its_own);
        }
        if !is(AttemptState::Succeeded) {
            return false;
        }
        let Some(made) = one.patch.and_then(|patch| self.patches.get(&patch)) else { return one.patch.is_none() };
        let refused = made.state == PatchState::Quarantined.as_str()
            && made.rule.as_deref().is_some_and(|rule| !["fits", "person", "run", "apply", "land"].contains(&rule));
        refused || made.state == PatchState::RolledBack.as_str()
    }
}

/// An attempt that begins, and what is known at that moment.
struct Seen<'s> {
    run: &'s Run,
    breakers: &'s Breakers,
    event: &'s Event,
    attempt: &'s Attempt,
    known: &'s Routing,
}

impl Seen<'_> {
    fn holds(&self) -> Result<(), Broken> {
        let told = || format!("{} at {}: {:?}", self.attempt.id, self.event.position, self.attempt.routing);
        let Some(task) = self.known.tasks.get(&self.attempt.task) else { return Ok(()) };
        // This one counts already.
        let used = task.used.saturating_sub(1);
        let due = task.spec.escalate.iter().filter(|step| step.after <= used).max_by_key(|step| step.after);
        let one = due.map_or(&task.spec.agent, |step| &step.agent);
        let Some(route) = &task.spec.route else {
            let own = self.attempt.agent == *one && self.attempt.routing.is_none();
            return claim(own, "a task goes to its own agent, or to whom it was handed on", told);
        };
        let Some(decision) = &self.attempt.routing else {
            return claim(false, "an attempt at a routed task says how it came to its agent", told);
        };
        let asked = if due.is_some() { std::slice::from_ref(one) } else { route.agents.as_slice() };
        let rows = &decision.candidates;
        let all = rows.iter().map(|row| &row.agent).eq(asked) && decision.rule == route.rule;
        claim(all, "what is looked at are the agents of the route, or whom it was handed on to", told)?;
        for row in rows {
            let figures = row.tries == self.tries(&row.agent) && row.leases == self.leases(&row.agent);
            claim(figures, "what was tried and given is what is on the ledger", told)?;
            claim(self.is_turned_down_rightly(task, row), "who is turned down may not take it, and only they", told)?;
        }
        self.choice_holds(decision)
    }

    /// Of those that may take it, who tried it in vain more often gives way; among the rest the strategy chooses.
    fn choice_holds(&self, decision: &RoutingDecision) -> Result<(), Broken> {
        let told = || format!("{} at {}: {decision:?}", self.attempt.id, self.event.position);
        let may = decision.candidates.iter().filter(|row| is_free(row));
        let least = may.clone().map(|row| row.tries).min().unwrap_or_default();
        let left: Vec<&RoutingCandidate> = may.clone().filter(|row| row.tries == least).collect();
        let chosen: Vec<&RoutingCandidate> =
            may.clone().filter(|row| row.outcome == CandidateOutcome::Chosen).collect();
        let [chosen] = chosen.as_slice() else { return claim(false, "one agent is chosen", told) };
        let named = chosen.agent == decision.chosen && chosen.agent == self.attempt.agent;
        claim(named, "who was chosen has the attempt", told)?;
        let gave_way = may.clone().all(|row| (row.tries > least) == (row.outcome == CandidateOutcome::GaveWay));
        claim(gave_way, "who tried it in vain more often gives way", told)?;
        let first = left.first().map(|row| &row.agent);
        let fewest = left.iter().min_by_key(|row| row.leases).map(|row| &row.agent);
        let by_rule = match decision.strategy {
            Strategy::Fixed => Some(&chosen.agent) == first,
            Strategy::RoundRobin => Some(&chosen.agent) == fewest,
            Strategy::Best => Some(&chosen.agent) == self.best_of(&left),
        };
        claim(by_rule, "a strategy chooses as it says", told)
    }

    /// Whoever was asked less than log2(1 + all their attempts) times, rounded down, else the first of the best scores; nobody where
    /// the figures are not those of before the run and of the run.
    fn best_of<'r>(&self, left: &[&'r RoutingCandidate]) -> Option<&'r String> {
        let scored: Vec<_> = left.iter().map(|row| Some((&row.agent, row.figures?))).collect::<Option<_>>()?;
        let before = |agent: &String| self.run.spec.records.get(agent).map_or(0, |record| record.leases);
        if left.iter().zip(&scored).any(|(row, (_, of))| of.record.leases != before(&row.agent) + row.leases) {
            return None;
        }
        let all: u64 = scored.iter().map(|(_, of)| of.record.leases).sum();
        let (rare, least) =
            scored.iter().map(|(agent, of)| (*agent, of.record.leases)).min_by_key(|(_, asked)| *asked)?;
        if 2_u128.pow(u32::try_from(least + 1).unwrap_or(u32::MAX).min(100)) <= 1 + u128::from(all) {
            return Some(rare);
        }
        let highest = scored.iter().map(|(_, of)| of.score).max()?;
        scored.iter().find(|(_, of)| of.score == highest).map(|(agent, _)| *agent)
    }

    /// Who may not take it: who is not able to, who is left alone, who has no room, in this order.
    fn is_turned_down_rightly(&self, task: &Wanted, row: &RoutingCandidate) -> bool {
        let Some(agent) = self.run.spec.agents.iter().find(|agent| agent.name == row.agent) else { return false };
        let worker = self.attempt.by.and_then(|by| self.known.workers.get(&by));
        let able = |word: &&String| agent.capabilities.contains(*word) || worker.is_some_and(|can| can.contains(*word));
        let lacks: Vec<&String> = task.spec.capabilities.iter().filter(|word| !able(word)).collect();
        let left_alone = !self.breakers.lets(&row.agent, self.event.at);
        let at_work = self.known.tries.values().filter(|one| {
            one.run == self.run.id && one.agent == row.agent && one.state == AttemptState::Running.as_str()
        });
        let full =
            agent.max_parallel.is_some_and(|most| at_work.count() >= usize::try_from(most).unwrap_or(usize::MAX));
        match &row.outcome {
            CandidateOutcome::Incapable { lacks: told } => {
                !lacks.is_empty() && lacks == told.iter().collect::<Vec<_>>()
            }
            CandidateOutcome::BreakerOpen { .. } => lacks.is_empty() && left_alone,
            CandidateOutcome::Busy { .. } => lacks.is_empty() && !left_alone && full,
            CandidateOutcome::Chosen | CandidateOutcome::Behind | CandidateOutcome::GaveWay => {
                lacks.is_empty() && !left_alone && !full
            }
        }
    }

    /// How many attempts of an agent at this task were in vain.
    fn tries(&self, agent: &str) -> u32 {
        let own = |one: &&Try| one.task == self.attempt.task && one.agent == agent && self.known.was_in_vain(one);
        u32::try_from(self.known.tries.values().filter(own).count()).unwrap_or(u32::MAX)
    }

    /// How many attempts an agent was given in this run.
    fn leases(&self, agent: &str) -> u64 {
        self.known.tries.values().filter(|one| one.run == self.run.id && one.agent == agent).count() as u64
    }
}

const fn is_free(row: &RoutingCandidate) -> bool {
    matches!(row.outcome, CandidateOutcome::Chosen | CandidateOutcome::Behind | CandidateOutcome::GaveWay)
}
