//! How many tasks are where.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::Task;
use tollhouse_core::lifecycle::TaskState;

/// How many tasks are where. Done, missed, running, validating and waiting add up to all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TaskCounts {
    /// All.
    pub tasks: u64,
    /// What needs them may go on: completed, or left out.
    pub done: u64,
    /// Of those done: their patches landed, there was nothing to change, or an earlier run did them.
    pub completed: u64,
    /// Of those done: left out by a person or by configuration.
    pub left_out: u64,
    /// They will not be done: failed, canceled, or given up.
    pub missed: u64,
    /// Of those missed: no try was left, or none could help.
    pub failed: u64,
    /// Of those missed: ended by a person, or with their run.
    pub canceled: u64,
    /// Of those missed: given up because something that they need was missed.
    pub given_up: u64,
    /// An agent is at them.
    pub running: u64,
    /// On their way through the gate.
    pub validating: u64,
    /// Not begun, or waiting for another try or a person.
    pub waiting: u64,
}

impl TaskCounts {
    pub(super) fn of<'t>(tasks: impl IntoIterator<Item = &'t &'t Task>) -> Self {
        let mut counts = Self::default();
        for task in tasks {
            counts.count(task);
        }
        counts
    }

    pub(super) fn count(&mut self, task: &Task) {
        self.tasks += 1;
        let (whole, part) = match task.state {
            TaskState::Completed => (&mut self.done, Some(&mut self.completed)),
            TaskState::Skipped if !task.is_missed() => (&mut self.done, Some(&mut self.left_out)),
            TaskState::Skipped => (&mut self.missed, Some(&mut self.given_up)),
            TaskState::Failed => (&mut self.missed, Some(&mut self.failed)),
            TaskState::Canceled => (&mut self.missed, Some(&mut self.canceled)),
            TaskState::Running => (&mut self.running, None),
            TaskState::Validating => (&mut self.validating, None),
            TaskState::Pending | TaskState::Blocked | TaskState::Queued | TaskState::Retrying | TaskState::Waiting => {
                (&mut self.waiting, None)
            }
        };
        *whole += 1;
        if let Some(part) = part {
            *part += 1;
        }
    }

    /// Which part of all tasks so many are, with four decimals; `None` without tasks.
    #[expect(clippy::cast_precision_loss, reason = "four decimals are kept of it")]
    pub(super) fn part(&self, some: u64) -> Option<f64> {
        // Only all are all, and only none is none.
        let share = |some: u64| (some as f64 / self.tasks as f64 * 10_000.0).round() / 10_000.0;
        match some {
            _ if self.tasks == 0 => None,
            0 => Some(0.0),
            some if some >= self.tasks => Some(1.0),
            some => Some(share(some).clamp(0.0001, 0.9999)),
        }
    }
}
