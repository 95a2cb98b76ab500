//! Attempts.

use tollhouse_core::entity::Attempt;
use tollhouse_core::lifecycle::{AttemptEvent, AttemptState, IllegalTransition};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Attempt {
    type Event = AttemptEvent;

    fn apply(current: Option<Self>, event: &AttemptEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut attempt = fold!(current, event, AttemptState, AttemptEvent::Created { attempt } => attempt);
        if let Some(end) = event.end() {
            attempt.end = Some(end.clone());
            attempt.finished_at = attempt.finished_at.or(Some(at));
        }
        Ok(attempt)
    }

    fn event_name(event: &AttemptEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &AttemptEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &AttemptEvent) -> Severity {
        match event {
            AttemptEvent::Created { .. } | AttemptEvent::Succeed { .. } | AttemptEvent::Record { .. } => Severity::Info,
            _ => Severity::Warning,
        }
    }
}
