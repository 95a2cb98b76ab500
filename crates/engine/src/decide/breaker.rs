//! Circuit breakers: an agent that fails again and again, or whose provider asks to slow down, is left alone for a while.
//!
//! A breaker is of all runs of a project. Whoever leases to its agent relies on its version, so that no two take the one trial.

use tollhouse_core::entity::{Attempt, Breaker, ErrorClass};
use tollhouse_core::lifecycle::{AttemptEvent, BreakerEvent, BreakerState};
use tollhouse_core::{AttemptId, BreakerId, Span, Timestamp, limits};

use super::draft::Draft;
use crate::guard::{Guard, stops};
use crate::outcome::RateLimit;
use crate::refusal::Refusal;

/// Lets an attempt go to its agent: where the breaker is open and its time over, as the trial.
pub(super) fn admit(draft: &mut Draft<'_>, agent: &str, attempt: AttemptId) -> Result<(), Refusal> {
    let id = BreakerId::of_agent(agent);
    draft.rely_on::<Breaker>(id.into());
    match draft.peek::<Breaker>(id).map(|breaker| breaker.state) {
        None | Some(BreakerState::Closed) => return Ok(()),
        Some(BreakerState::Open) => {}
        Some(BreakerState::HalfOpen) => {
            let reason = "nobody heard of its trial for too long".to_owned();
            draft.emit::<Breaker>(id, &BreakerEvent::Reopen { until: draft.now, reason })?;
        }
    }
    draft.emit::<Breaker>(id, &BreakerEvent::Probe { attempt })
}

/// How an attempt ended, as far as its agent is concerned.
enum Ending {
    Well,
    /// By a fault of the agent's own.
    Badly {
        reason: String,
    },
    /// Its provider asks to slow down.
    Limited {
        pause: Span,
        reason: String,
    },
    /// Otherwise: nothing that the agent did.
    Otherwise {
        reason: String,
    },
}

impl Ending {
    fn of(event: &AttemptEvent, rate_limit: Option<RateLimit>) -> Self {
        let reason = event.reason().and_then(|reason| reason.lines().next()).unwrap_or(event.name()).to_owned();
        let class = event.end().and_then(|end| end.error_class);
        match (event, class) {
            (AttemptEvent::Succeed { .. }, _) => Self::Well,
            (AttemptEvent::Fail { .. }, Some(ErrorClass::RateLimited)) => {
                Self::Limited { pause: pause_of(rate_limit), reason }
            }
            (
                AttemptEvent::Fail { .. } | AttemptEvent::TimeOut { .. },
                Some(ErrorClass::ToolFailure | ErrorClass::Timeout | ErrorClass::Unknown),
            ) => Self::Badly { reason },
            _ if stops(Guard::OnlyOwnFailuresCount, true) => Self::Otherwise { reason },
            _ => Self::Badly { reason },
        }
    }
}

/// For how long a provider asks to be left alone.
pub(super) fn pause_of(rate_limit: Option<RateLimit>) -> Span {
    let asked = rate_limit.and_then(|limit| limit.retry_after).unwrap_or(limits::RATE_LIMIT_DEFAULT);
    asked.min(limits::RATE_LIMIT_MAX)
}

/// Notes how an attempt of an agent ended. Where nothing changes, nothing is written.
pub(super) fn note(
    draft: &mut Draft<'_>,
    attempt: &Attempt,
    event: &AttemptEvent,
    rate_limit: Option<RateLimit>,
) -> Result<(), Refusal> {
    let ending = Ending::of(event, rate_limit);
    let id = BreakerId::of_agent(&attempt.agent);
    draft.rely_on::<Breaker>(id.into());
    let known = draft.peek::<Breaker>(id).cloned();
    match known.as_ref().map_or(BreakerState::Closed, |breaker| breaker.state) {
        BreakerState::Closed => closed(draft, attempt, known, ending),
        BreakerState::Open => match (known.and_then(|breaker| breaker.until), ending) {
            (Some(until), Ending::Limited { pause, reason }) if draft.now.after(pause) > until => {
                let until = draft.now.after(pause);
                draft.emit::<Breaker>(id, &BreakerEvent::Extend { until, reason })
            }
            _ => Ok(()),
        },
        BreakerState::HalfOpen => {
            let is_trial = known.as_ref().is_some_and(|breaker| breaker.trial == Some(attempt.id));
            if stops(Guard::TrialDecides, !is_trial) {
                return Ok(());
            }
            let reopened = known.map_or(0, |breaker| breaker.reopened);
            let event = match ending {
                Ending::Well => BreakerEvent::Close,
                Ending::Limited { pause, reason } => reopen(draft.now, reopened, pause, &reason),
                Ending::Badly { reason } | Ending::Otherwise { reason } => {
                    reopen(draft.now, reopened, Span::default(), &reason)
                }
            };
            draft.emit::<Breaker>(id, &event)
        }
    }
}

/// A breaker is open for a minute at first, and twice as long after each trial that did not end well, but for no more than ten minutes;
/// longer only where the provider asks for it.
fn reopen(now: Timestamp, reopened: u32, at_least: Span, reason: &str) -> BreakerEvent {
    let longest = limits::BREAKER_OPEN_MAX.as_millis();
    let wait = limits::BREAKER_OPEN.as_millis().saturating_mul(1 << (reopened + 1).min(16)).min(longest);
    let until = now.after(Span::from_millis(wait).max(at_least));
    BreakerEvent::Reopen { until, reason: format!("its trial did not end well: {reason}") }
}

fn closed(draft: &mut Draft<'_>, attempt: &Attempt, known: Option<Breaker>, ending: Ending) -> Result<(), Refusal> {
    let id = BreakerId::of_agent(&attempt.agent);
    match ending {
        Ending::Otherwise { .. } => Ok(()),
        Ending::Well => match known {
            Some(breaker) if breaker.failures_in_a_row > 0 => draft.emit::<Breaker>(id, &BreakerEvent::Succeed),
            _ => Ok(()),
        },
        Ending::Badly { reason } => {
            make(draft, attempt, known.is_some())?;
            draft.emit::<Breaker>(id, &BreakerEvent::Fail { reason: reason.clone() })?;
            let failures = draft.peek::<Breaker>(id).map_or(0, |breaker| breaker.failures_in_a_row);
            if stops(Guard::FailuresInARowTrip, failures >= limits::BREAKER_TRIPS_AFTER) {
                let until = draft.now.after(limits::BREAKER_OPEN);
                let reason = format!("{failures} failures in a row, the last: {reason}");
                draft.emit::<Breaker>(id, &BreakerEvent::Trip { until, reason })?;
            }
            Ok(())
        }
        Ending::Limited { pause, reason } if stops(Guard::RateLimitTrips, true) => {
            make(draft, attempt, known.is_some())?;
            let until = draft.now.after(pause);
            let reason = format!("its provider asks to slow down: {reason}");
            draft.emit::<Breaker>(id, &BreakerEvent::Trip { until, reason })
        }
        Ending::Limited { .. } => Ok(()),
    }
}

/// Makes the breaker of an agent that has none yet.
fn make(draft: &mut Draft<'_>, attempt: &Attempt, is_there: bool) -> Result<(), Refusal> {
    if is_there {
        return Ok(());
    }
    let id = BreakerId::of_agent(&attempt.agent);
    let breaker = Box::new(Breaker {
        id,
        agent: attempt.agent.clone(),
        state: BreakerState::Closed,
        failures_in_a_row: 0,
        reopened: 0,
        until: None,
        trial: None,
        reason: None,
        changed_at: draft.now,
        created_at: draft.now,
    });
    draft.emit::<Breaker>(id, &BreakerEvent::Created { breaker })
}
