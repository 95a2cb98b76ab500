//! What holds of agents that fail again and again: their circuit breakers, and what is tried again.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Attempt, Breaker, ErrorClass, Task};
use tollhouse_core::lifecycle::{AttemptState, BreakerState, PatchState, TaskState};
use tollhouse_core::{Kind, Span};

use super::scene::Scene;
use super::{OfState, OfStep, Step, at_step, in_state};
use crate::world::SLOW_DOWN;

/// What holds of them in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[
    in_state(
        "five failures open a breaker",
        "trip: closed → open at 5 failures of the agent's own in a row.",
        five_trip,
    ),
    in_state(
        "what a rule refused is tried again to learn",
        "`policy` only with a refused patch to learn from.",
        policy_teaches,
    ),
    in_state(
        "who asked to slow down is left alone",
        "trip: for as long as a rate limit asks.",
        slow_down_is_waited_for,
    ),
    in_state(
        "the same end thrice is enough",
        "What ends in the same way three times in a row is not tried again.",
        same_ends_stop,
    ),
];

/// What holds of them at each step.
pub(super) const AT_EACH_STEP: &[OfStep] = &[
    at_step(
        "an open breaker lets one trial through",
        "lease: the agent's breaker lets it; probe: open → half_open after 60 s, with the lease of one trial.",
        open_lets_one_through,
    ),
    at_step("only an agent's own failures count", "5 failures of the agent's own in a row.", own_failures_count),
    at_step("a rate limit opens at once", "trip: for as long as a rate limit asks.", rate_limit_trips),
    at_step(
        "the trial alone decides",
        "That trial alone decides: ended well, `close`; in any other way, `reopen`.",
        trial_decides,
    ),
];

fn breakers<'s>(s: &'s Scene<'_>) -> impl Iterator<Item = &'s Breaker> {
    s.world.view.all::<Breaker>()
}

fn breaker_of<'s>(s: &'s Scene<'_>, agent: &str) -> Option<&'s Breaker> {
    breakers(s).find(|breaker| breaker.agent == agent)
}

fn five_trip(s: &Scene<'_>) -> bool {
    breakers(s).all(|breaker| breaker.state != BreakerState::Closed || breaker.failures_in_a_row < 5)
}

fn retrying<'s>(s: &'s Scene<'_>, class: ErrorClass) -> impl Iterator<Item = &'s Task> {
    let is_tried_again = move |task: &&Task| task.state == TaskState::Retrying && task.error_class == Some(class);
    s.tasks.iter().copied().filter(is_tried_again)
}

fn policy_teaches(s: &Scene<'_>) -> bool {
    retrying(s, ErrorClass::Policy).all(|task| {
        let patch = s.patch_of(task);
        patch.is_some_and(|patch| matches!(patch.state, PatchState::Quarantined | PatchState::Dropped))
    })
}

fn slow_down_is_waited_for(s: &Scene<'_>) -> bool {
    retrying(s, ErrorClass::RateLimited).all(|task| {
        let ended = s.attempt_of(task).and_then(|attempt| attempt.finished_at);
        ended.is_none_or(|ended| task.due_at >= Some(ended.after(SLOW_DOWN)))
    })
}

/// Three in a row of those who may take the task that ended in the same way by a fault of the agent's own, everybody having tried, and
/// yet another.
fn same_ends_stop(s: &Scene<'_>) -> bool {
    let how = |attempt: &Attempt| {
        let end = attempt.end.as_ref()?;
        let class = end.error_class.filter(|_| attempt.state == AttemptState::Failed)?;
        let passes = matches!(class, ErrorClass::RateLimited | ErrorClass::ResourceLimit | ErrorClass::Conflict);
        (!passes).then(|| (class, end.reason.clone()))
    };
    s.tasks.iter().all(|task| {
        let mut attempts: Vec<&Attempt> = s.attempts.iter().copied().filter(|one| one.task == task.id).collect();
        attempts.sort_unstable_by_key(|attempt| attempt.number);
        let same = |three: &[&Attempt]| how(three[0]).is_some() && three.iter().all(|one| how(one) == how(three[0]));
        // Who may take each: those of its route, else its own, until it was handed on.
        let may = |at: usize| {
            let used = u32::try_from(at).expect("a small number");
            let step = task.spec.escalate.iter().filter(|step| step.after <= used).max_by_key(|step| step.after);
            let routed = task.spec.route.as_ref().map_or(vec![task.spec.agent.clone()], |route| route.agents.clone());
            step.map_or(routed, |step| vec![step.agent.clone()])
        };
        (3..attempts.len()).all(|at| {
            let may = may(at);
            let theirs: Vec<&Attempt> = attempts[..at].iter().copied().filter(|one| may.contains(&one.agent)).collect();
            let all_tried = may.iter().all(|agent| theirs.iter().any(|one| one.agent == *agent));
            !all_tried || theirs.len() < 3 || !same(&theirs[theirs.len() - 3..])
        })
    })
}

/// Walks through the changes in their order: whether the breaker of its agent lets each attempt begin that begins.
fn open_lets_one_through(s: &Step<'_>) -> bool {
    let mut now: BTreeMap<String, Breaker> =
        breakers(s.before).map(|breaker| (breaker.agent.clone(), breaker.clone())).collect();
    for change in s.changes {
        let body = &change.record.body;
        match change.record.kind() {
            Kind::Breaker => {
                let breaker: Breaker = serde_json::from_str(body).expect("a breaker's record is a breaker");
                now.insert(breaker.agent.clone(), breaker);
            }
            Kind::Attempt if change.event.name == "created" => {
                let attempt: Attempt = serde_json::from_str(body).expect("an attempt's record is an attempt");
                let lets = now.get(&attempt.agent).is_none_or(|breaker| match breaker.state {
                    BreakerState::Closed => true,
                    BreakerState::Open => breaker.until.is_some_and(|until| until <= s.done.at),
                    BreakerState::HalfOpen => s.done.at.since(breaker.changed_at) >= Span::from_secs(3600),
                });
                if !lets {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// The attempts that ended at this step, as they are now.
fn ended<'s>(s: &'s Step<'_>) -> impl Iterator<Item = &'s Attempt> {
    s.after.attempts.iter().copied().filter(|after| {
        let before = s.before.attempt(after.id);
        after.state != AttemptState::Running && before.is_some_and(|before| before.state == AttemptState::Running)
    })
}

fn class(attempt: &Attempt) -> Option<ErrorClass> {
    attempt.end.as_ref().and_then(|end| end.error_class)
}

fn own_failures_count(s: &Step<'_>) -> bool {
    let counted =
        s.changes.iter().filter(|change| change.record.kind() == Kind::Breaker && change.event.name == "fail");
    let is_own = |attempt: &&Attempt| {
        let own = [ErrorClass::ToolFailure, ErrorClass::Timeout, ErrorClass::Unknown];
        matches!(attempt.state, AttemptState::Failed | AttemptState::TimedOut)
            && class(attempt).is_some_and(|class| own.contains(&class))
    };
    counted.count() <= ended(s).filter(is_own).count()
}

fn rate_limit_trips(s: &Step<'_>) -> bool {
    let mut limited = ended(s).filter(|attempt| class(attempt) == Some(ErrorClass::RateLimited));
    limited
        .all(|attempt| breaker_of(s.after, &attempt.agent).is_some_and(|breaker| breaker.state != BreakerState::Closed))
}

fn trial_decides(s: &Step<'_>) -> bool {
    breakers(s.before).filter(|breaker| breaker.state == BreakerState::HalfOpen).all(|before| {
        let decided = breaker_of(s.after, &before.agent)
            .is_none_or(|after| after.state != BreakerState::HalfOpen || after.trial != before.trial);
        let trial = ended(s).any(|attempt| Some(attempt.id) == before.trial);
        let forgotten = s.done.at.since(before.changed_at) >= Span::from_secs(3600);
        decided == trial || forgotten
    })
}
