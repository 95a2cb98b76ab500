//! Circuit breakers.

use tollhouse_core::entity::Breaker;
use tollhouse_core::lifecycle::{BreakerEvent, BreakerState, IllegalTransition};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Breaker {
    type Event = BreakerEvent;

    fn apply(current: Option<Self>, event: &BreakerEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let before = current.as_ref().map(|before| before.state);
        let mut breaker = fold!(current, event, BreakerState, BreakerEvent::Created { breaker } => breaker);
        match event {
            BreakerEvent::Created { .. } => {}
            BreakerEvent::Fail { reason } => {
                breaker.failures_in_a_row = breaker.failures_in_a_row.saturating_add(1);
                breaker.reason = Some(reason.clone());
            }
            BreakerEvent::Succeed | BreakerEvent::Close => {
                breaker.failures_in_a_row = 0;
                breaker.reopened = 0;
                breaker.trial = None;
                breaker.reason = None;
            }
            BreakerEvent::Probe { attempt } => {
                breaker.until = None;
                breaker.trial = Some(*attempt);
            }
            BreakerEvent::Trip { until, reason }
            | BreakerEvent::Reopen { until, reason }
            | BreakerEvent::Extend { until, reason } => {
                if matches!(event, BreakerEvent::Reopen { .. }) {
                    breaker.reopened = breaker.reopened.saturating_add(1);
                }
                breaker.until = Some(*until);
                breaker.trial = None;
                breaker.reason = Some(reason.clone());
            }
        }
        if before.is_some_and(|before| before != breaker.state) {
            breaker.changed_at = at;
        }
        Ok(breaker)
    }

    fn event_name(event: &BreakerEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &BreakerEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &BreakerEvent) -> Severity {
        match event {
            BreakerEvent::Trip { .. } | BreakerEvent::Reopen { .. } | BreakerEvent::Extend { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use tollhouse_core::{AttemptId, BreakerId};

    use super::*;

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// A breaker after these events, one a second.
    fn after(events: &[BreakerEvent]) -> Breaker {
        let breaker = Box::new(Breaker {
            id: BreakerId::of_agent("script"),
            agent: "script".to_owned(),
            state: BreakerState::Closed,
            failures_in_a_row: 0,
            reopened: 0,
            until: None,
            trial: None,
            reason: None,
            changed_at: second(0),
            created_at: second(0),
        });
        let mut now = Breaker::apply(None, &BreakerEvent::Created { breaker }, second(0)).unwrap();
        for (event, at) in events.iter().zip(1..) {
            now = Breaker::apply(Some(now), event, second(at)).unwrap();
        }
        now
    }

    fn fail() -> BreakerEvent {
        BreakerEvent::Fail { reason: "it failed".to_owned() }
    }

    fn trip(until: i64) -> BreakerEvent {
        BreakerEvent::Trip { until: second(until), reason: "too often".to_owned() }
    }

    fn probe() -> BreakerEvent {
        BreakerEvent::Probe { attempt: AttemptId::from_parts(second(0), 1) }
    }

    #[test]
    fn only_failures_in_a_row_add_up() {
        assert_eq!(after(&[fail(), fail()]).failures_in_a_row, 2);
        assert_eq!(after(&[fail(), fail(), BreakerEvent::Succeed, fail()]).failures_in_a_row, 1);
    }

    #[test]
    fn a_rate_limit_moves_when_a_trial_may_go_and_not_since_when_it_is_open() {
        let extend = BreakerEvent::Extend { until: second(300), reason: "slow down".to_owned() };
        let breaker = after(&[trip(60), extend]);
        assert_eq!((breaker.until, breaker.changed_at), (Some(second(300)), second(1)));
    }

    #[test]
    fn a_trial_is_known_until_it_has_decided() {
        let out = after(&[trip(60), probe()]);
        assert_eq!((out.trial.is_some(), out.until), (true, None));
        let closed = after(&[fail(), trip(60), probe(), BreakerEvent::Close]);
        assert_eq!((closed.trial, closed.until, closed.failures_in_a_row, closed.reason), (None, None, 0, None));
        let reopen = BreakerEvent::Reopen { until: second(90), reason: "lost".to_owned() };
        let open = after(&[trip(60), probe(), reopen]);
        assert_eq!((open.trial, open.until, open.state), (None, Some(second(90)), BreakerState::Open));
    }
}
