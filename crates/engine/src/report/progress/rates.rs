//! What was done lately.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::Task;
use tollhouse_core::lifecycle::TaskState;
use tollhouse_core::{Span, Timestamp};

use super::attempts::AttemptCounts;
use super::scene::Scene;

/// What was done longer ago says little about now.
const WINDOW: Span = Span::from_secs(3600);

/// What was done in a shorter time gives no rate.
const WINDOW_MIN: Span = Span::from_secs(60);

/// What was done in the last hour of a run, or since it began where that was later.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Rates {
    /// From when on it was done.
    pub since: Timestamp,
    /// For how long, in seconds. Pauses are part of it.
    pub window: Span,
    /// The tasks that were completed in it; what an earlier run did is not.
    pub completed: u64,
    /// How many an hour that is; null where the window is shorter than a minute.
    pub completed_per_hour: Option<f64>,
    /// The attempts that were begun in it.
    pub attempts: AttemptCounts,
    /// How many an hour that is; null where the window is shorter than a minute.
    pub attempts_per_hour: Option<f64>,
}

impl Rates {
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let ago = i64::try_from(WINDOW.as_duration().as_micros()).unwrap_or(i64::MAX);
        let since = Timestamp::from_micros(scene.at.as_micros().saturating_sub(ago)).max(scene.from());
        let window = scene.at.since(since);
        let is_new = |task: &&&Task| {
            let is_own = task.state == TaskState::Completed && task.source.is_none();
            is_own && task.finished_at.is_some_and(|at| at >= since)
        };
        let completed = scene.tasks.iter().filter(is_new).count() as u64;
        let begun = scene.attempts.iter().copied().filter(|attempt| attempt.started_at >= since);
        let attempts = AttemptCounts::of(begun);
        Self {
            since,
            window,
            completed,
            completed_per_hour: per_hour(completed, window),
            attempts_per_hour: per_hour(attempts.made, window),
            attempts,
        }
    }
}

/// With two decimals.
#[expect(clippy::cast_precision_loss, reason = "two decimals are kept of it")]
fn per_hour(count: u64, window: Span) -> Option<f64> {
    let hours = window.as_duration().as_secs_f64() / 3600.0;
    (window >= WINDOW_MIN).then(|| (count as f64 / hours * 100.0).round() / 100.0)
}
