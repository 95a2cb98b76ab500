//! What holds of routed tasks, in the sentences of `docs/design/0004-routing.md`: who may, who is asked, and what is kept of it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use tollhouse_core::entity::{Attempt, Breaker, ErrorClass, Patch, Run, Task};
use tollhouse_core::lifecycle::{AttemptState, BreakerState, PatchState, RunState, TaskState};
use tollhouse_core::spec::Strategy;
use tollhouse_core::{AttemptId, Change, Kind, PatchId, Span, Timestamp};

use super::scene::{Scene, clash, patch_is_over};
use super::{OfState, OfStep, Step, at_step, in_state};

/// What holds of them in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[in_state(
    "who may have it has it",
    "A task waits only while all are turned down.",
    nothing_waits_for_who_is_free,
)];

/// What holds of them at each step.
pub(super) const AT_EACH_STEP: &[OfStep] = &[
    at_step(
        "an attempt says how it came to its agent",
        "Each attempt at a routed task has a `routing`: rule, strategy, who was chosen, and of every candidate what became of it.",
        |s| at_each_lease(s, says_how),
    ),
    at_step(
        "who is asked may take it",
        "Is it capable, together with whoever executes the attempt; does its circuit breaker let it; has it room.",
        |s| at_each_lease(s, may_take_it),
    ),
    at_step(
        "who tried in vain gives way",
        "Of those that may, whoever tried this task in vain more often than another gives way. What was nobody's fault does not count.",
        |s| at_each_lease(s, gives_way),
    ),
    at_step(
        "the strategy chooses",
        "Of those that are left, `fixed` takes the first and `round_robin` whoever was given least in this run.",
        |s| at_each_lease(s, strategy_chooses),
    ),
];

/// What is known at the moment at which an attempt begins.
struct Moment<'s> {
    run: &'s Run,
    at: Timestamp,
    attempts: BTreeMap<AttemptId, Attempt>,
    patches: BTreeMap<PatchId, Patch>,
    breakers: BTreeMap<String, Breaker>,
}

impl<'s> Moment<'s> {
    fn of(s: &Scene<'s>, at: Timestamp) -> Self {
        Self {
            run: s.run,
            at,
            attempts: s.attempts.iter().map(|one| (one.id, (*one).clone())).collect(),
            patches: s.patches.iter().map(|one| (one.id, (*one).clone())).collect(),
            breakers: s.world.view.all::<Breaker>().map(|one| (one.agent.clone(), one.clone())).collect(),
        }
    }

    fn take(&mut self, change: &Change) {
        fn read<T: DeserializeOwned>(change: &Change) -> T {
            serde_json::from_str(&change.record.body).expect("what the engine writes can be read")
        }
        match change.record.kind() {
            Kind::Attempt => {
                let attempt: Attempt = read(change);
                self.attempts.insert(attempt.id, attempt);
            }
            Kind::Patch => {
                let patch: Patch = read(change);
                self.patches.insert(patch.id, patch);
            }
            Kind::Breaker => {
                let breaker: Breaker = read(change);
                self.breakers.insert(breaker.agent.clone(), breaker);
            }
            _ => {}
        }
    }

    /// Whether an agent may take a task now: where one is executed by the run itself, it has to be able to do all of it.
    fn may(&self, agent: &str, task: &Task) -> bool {
        let Some(known) = self.run.spec.agents.iter().find(|known| known.name == agent) else { return false };
        let at_work = |one: &&Attempt| one.state == AttemptState::Running && one.agent == agent;
        let running = u32::try_from(self.attempts.values().filter(at_work).count()).expect("a small number");
        let lets = self.breakers.get(agent).is_none_or(|breaker| match breaker.state {
            BreakerState::Closed => true,
            BreakerState::Open => breaker.until.is_some_and(|until| until <= self.at),
            BreakerState::HalfOpen => self.at.since(breaker.changed_at) >= Span::from_secs(3600),
        });
        let able = task.spec.capabilities.is_subset(&known.capabilities);
        able && lets && known.max_parallel.is_none_or(|most| running < most)
    }

    fn attempts_of(&self, task: &Task, agent: &str) -> impl Iterator<Item = &Attempt> {
        let (task, agent) = (task.id, agent.to_owned());
        self.attempts.values().filter(move |one| one.task == task && one.agent == agent)
    }

    /// How often an agent tried a task in vain, by its own fault.
    fn in_vain(&self, task: &Task, agent: &str) -> usize {
        use ErrorClass as C;
        let nobodys = [C::RateLimited, C::Conflict, C::WorkerLost, C::ResourceLimit];
        let own = |class: C| !nobodys.contains(&class) && class != C::PlanInconsistent;
        let is_in_vain = |one: &&Attempt| {
            let end = one.end.as_ref();
            let class = end.and_then(|end| end.error_class);
            let patch = end.and_then(|end| end.patch).and_then(|patch| self.patches.get(&patch));
            match (one.state, patch) {
                (AttemptState::Failed | AttemptState::TimedOut, _) => class.is_none_or(own),
                (AttemptState::Succeeded, None) => true,
                (AttemptState::Succeeded, Some(patch)) => was_refused(patch),
                _ => false,
            }
        };
        self.attempts_of(task, agent).filter(is_in_vain).count()
    }

    /// How many attempts of the run an agent was given.
    fn given(&self, agent: &str) -> usize {
        self.attempts.values().filter(|one| one.agent == agent).count()
    }

    /// The agents that a task may go to: those of its route, until so many attempts were used that another takes over.
    fn asked<'t>(&self, task: &'t Task) -> Vec<&'t str> {
        // A lost attempt counts apart, and an interrupted one does not count.
        let counts = |one: &&Attempt| !matches!(one.state, AttemptState::Lost | AttemptState::Interrupted);
        let used = self.attempts.values().filter(|one| one.task == task.id).filter(counts).count();
        let due = task.spec.escalate.iter().filter(|step| usize::try_from(step.after).expect("small") <= used);
        match (due.max_by_key(|step| step.after), &task.spec.route) {
            (Some(step), _) => vec![&step.agent],
            (None, Some(route)) => route.agents.iter().map(String::as_str).collect(),
            (None, None) => vec![&task.spec.agent],
        }
    }

    /// Of those that may take a task, who tried it in vain least often.
    fn left<'t>(&self, task: &'t Task) -> Vec<&'t str> {
        let mut may = self.asked(task);
        may.retain(|agent| self.may(agent, task));
        let least = may.iter().map(|agent| self.in_vain(task, agent)).min();
        may.retain(|agent| Some(self.in_vain(task, agent)) == least);
        may
    }
}

/// A rule or a gate said no, or it was taken back; what a person set aside, or did not fit, broke no rule.
fn was_refused(patch: &Patch) -> bool {
    let nobodys = ["fits", "person", "run", "apply", "land"];
    let broke = patch.refused_by.as_deref().is_some_and(|rule| !nobodys.contains(&rule));
    patch.state == PatchState::RolledBack || (patch.state == PatchState::Quarantined && broke)
}

/// Walks through the changes in their order, and looks at each attempt at a routed task as it begins.
fn at_each_lease(s: &Step<'_>, holds: fn(&Moment<'_>, &Task, &Attempt) -> bool) -> bool {
    let routed = |id| s.after.tasks.iter().find(|task| task.id == id && task.spec.route.is_some());
    if !s.changes.iter().any(|change| change.record.kind() == Kind::Attempt && change.event.name == "created") {
        return true;
    }
    let mut moment = Moment::of(s.before, s.done.at);
    s.changes.iter().all(|change| {
        let begins = change.record.kind() == Kind::Attempt && change.event.name == "created";
        let attempt: Option<Attempt> = begins.then(|| serde_json::from_str(&change.record.body).ok()).flatten();
        let held = attempt.is_none_or(|attempt| routed(attempt.task).is_none_or(|task| holds(&moment, task, &attempt)));
        moment.take(change);
        held
    })
}

fn says_how(moment: &Moment<'_>, task: &Task, attempt: &Attempt) -> bool {
    let Some((routing, route)) = attempt.routing.as_ref().zip(task.spec.route.as_ref()) else { return false };
    let told = routing.candidates.iter().map(|row| row.agent.as_str());
    let tries = routing.candidates.iter().all(|row| row.tries as usize == moment.in_vain(task, &row.agent));
    let same = (&routing.rule, routing.strategy, &routing.chosen) == (&route.rule, route.strategy, &attempt.agent);
    same && tries && told.eq(moment.asked(task))
}

fn may_take_it(moment: &Moment<'_>, task: &Task, attempt: &Attempt) -> bool {
    moment.asked(task).contains(&attempt.agent.as_str()) && moment.may(&attempt.agent, task)
}

fn gives_way(moment: &Moment<'_>, task: &Task, attempt: &Attempt) -> bool {
    moment.left(task).contains(&attempt.agent.as_str())
}

fn strategy_chooses(moment: &Moment<'_>, task: &Task, attempt: &Attempt) -> bool {
    let left = moment.left(task);
    let chosen = match task.spec.route.as_ref().map(|route| route.strategy) {
        Some(Strategy::Fixed) => left.first().copied(),
        Some(Strategy::RoundRobin) => left.iter().min_by_key(|agent| moment.given(agent)).copied(),
        _ => return true,
    };
    chosen == Some(attempt.agent.as_str())
}

/// Of what is queued where the run has room, and nothing that clashes with it is under way.
fn nothing_waits_for_who_is_free(s: &Scene<'_>) -> bool {
    let goes_on = s.run.state == RunState::Running && s.run.conductor.is_some() && s.run.spec.budget.is_none();
    if !goes_on || s.critical_missed() || s.tasks.iter().all(|task| task.spec.route.is_none()) {
        return true;
    }
    let alive =
        s.unsettled().filter(|effect| matches!(effect.work, tollhouse_core::entity::Work::Spawn { .. })).count();
    let full = alive >= usize::try_from(s.run.spec.max_parallel).expect("a small number");
    let moment = Moment::of(s, s.world.now);
    let under_way = |other: &Task| match other.state {
        TaskState::Running | TaskState::Validating => true,
        TaskState::Waiting => s.patch_of(other).is_some_and(|patch| !patch_is_over(patch.state)),
        _ => false,
    };
    let mut waiting = s.tasks.iter().filter(|task| task.state == TaskState::Queued && task.spec.route.is_some());
    full || waiting.all(|task| {
        let clashes = s.tasks.iter().any(|other| under_way(other) && clash(task, other));
        clashes || !moment.asked(task).iter().any(|agent| moment.may(agent, task))
    })
}
