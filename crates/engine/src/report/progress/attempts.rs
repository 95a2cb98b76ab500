//! How many attempts ended how.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{Attempt, ErrorClass};
use tollhouse_core::lifecycle::AttemptState;

/// How many attempts ended how. Running, succeeded, failed, lost and stopped add up to those made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AttemptCounts {
    /// Those that were begun.
    pub made: u64,
    /// Of those made: not the first at their task.
    pub retries: u64,
    /// Alive.
    pub running: u64,
    /// Ended well, whatever became of their patches.
    pub succeeded: u64,
    /// Ended badly, or overdue.
    pub failed: u64,
    /// Gone with what executed them.
    pub lost: u64,
    /// Stopped by a pause, or ended with their task; they count against nobody.
    pub stopped: u64,
    /// Those that failed or were lost, by kind of failure; only kinds that there were.
    pub failures: Vec<FailureCount>,
}

/// How many attempts failed in one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FailureCount {
    /// In which.
    pub class: ErrorClass,
    /// How many.
    pub attempts: u64,
}

impl AttemptCounts {
    pub(super) fn of<'a>(attempts: impl IntoIterator<Item = &'a Attempt>) -> Self {
        let (mut counts, mut failures) = (Self::default(), BTreeMap::<ErrorClass, u64>::new());
        for attempt in attempts {
            counts.made += 1;
            counts.retries += u64::from(attempt.number > 1);
            *match attempt.state {
                AttemptState::Running => &mut counts.running,
                AttemptState::Succeeded => &mut counts.succeeded,
                AttemptState::Failed | AttemptState::TimedOut => &mut counts.failed,
                AttemptState::Lost => &mut counts.lost,
                AttemptState::Interrupted | AttemptState::Canceled => &mut counts.stopped,
            } += 1;
            if let Some(class) = failure(attempt) {
                *failures.entry(class).or_default() += 1;
            }
        }
        counts.failures = failures.into_iter().map(|(class, attempts)| FailureCount { class, attempts }).collect();
        counts
    }
}

/// In which way an attempt failed, if it did.
fn failure(attempt: &Attempt) -> Option<ErrorClass> {
    let said = attempt.end.as_ref().and_then(|end| end.error_class);
    match attempt.state {
        AttemptState::Failed => Some(said.unwrap_or(ErrorClass::Unknown)),
        AttemptState::TimedOut => Some(said.unwrap_or(ErrorClass::Timeout)),
        AttemptState::Lost => Some(said.unwrap_or(ErrorClass::WorkerLost)),
        _ => None,
    }
}
