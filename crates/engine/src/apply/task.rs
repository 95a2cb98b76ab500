//! Tasks.

use tollhouse_core::entity::{ErrorClass, Task};
use tollhouse_core::lifecycle::{DecideTo, IllegalTransition, RetryOr, TaskEvent, TaskState};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Task {
    type Event = TaskEvent;

    fn apply(current: Option<Self>, event: &TaskEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut task =
            fold!(current, event, TaskState, TaskEvent::Created { task } | TaskEvent::Inherited { task } => task);
        // A lease exists exactly in `running`: whatever leaves it gives it back.
        task.lease = None;
        task.due_at = None;
        match event {
            TaskEvent::Created { .. } | TaskEvent::Inherited { .. } | TaskEvent::Release | TaskEvent::Due => {}
            TaskEvent::Hold { blocked_by } => task.blocked_by.clone_from(blocked_by),
            TaskEvent::Unblock => task.blocked_by.clear(),
            TaskEvent::Need { needs } => {
                task.also_needs.extend(needs.iter().cloned());
                if task.state == TaskState::Blocked {
                    task.blocked_by.extend(needs.iter().cloned());
                }
            }
            TaskEvent::DependencyFailed { reason, .. } => {
                task.blocked_by.clear();
                task.error_class = Some(ErrorClass::DependencyMissed);
                task.reason = Some(reason.clone());
            }
            TaskEvent::Lease { lease } => {
                task.attempts_used += 1;
                task.attempt = Some(lease.attempt);
                task.asked.clone_from(&lease.agent);
                task.patch = None;
                task.reason = None;
                task.started_at = task.started_at.or(Some(at));
                task.lease = Some(lease.clone());
            }
            TaskEvent::ReportSuccess { patch } => task.patch = *patch,
            TaskEvent::ReportFailure { then, class, reason } => missed_try(&mut task, *then, Some(*class), reason),
            TaskEvent::Overdue { then, reason } => missed_try(&mut task, *then, Some(ErrorClass::Timeout), reason),
            TaskEvent::Refuse { then, class, reason } => missed_try(&mut task, *then, Some(*class), reason),
            TaskEvent::Lose { then, reason } => {
                task.attempts_used = task.attempts_used.saturating_sub(1);
                task.attempts_lost += 1;
                missed_try(&mut task, *then, Some(ErrorClass::WorkerLost), reason);
            }
            TaskEvent::Interrupt { reason } => {
                task.attempts_used = task.attempts_used.saturating_sub(1);
                task.reason = Some(reason.clone());
            }
            TaskEvent::Pass => {
                task.reason = None;
                task.error_class = None;
            }
            TaskEvent::Requeue { reason, say } => {
                task.attempts_granted += 1;
                task.error_class = None;
                task.reason = Some(reason.clone());
                add_feedback(&mut task, say.as_deref());
            }
            TaskEvent::Ask { question, until } => {
                task.due_at = Some(*until);
                task.reason = Some(question.clone());
            }
            TaskEvent::Decide { to, reason, say } => {
                // Whoever wants another try grants it.
                if *to == DecideTo::Queued && task.attempts_used >= task.attempts_limit() {
                    task.attempts_granted += 1;
                }
                task.reason = Some(reason.clone());
                add_feedback(&mut task, say.as_deref());
            }
            TaskEvent::Expire { reason, .. } | TaskEvent::Cancel { reason } | TaskEvent::Skip { reason } => {
                task.reason = Some(reason.clone());
            }
        }
        task.queued_at = (task.state == TaskState::Queued).then(|| task.queued_at.unwrap_or(at));
        task.finished_at = task.state.is_finished().then(|| task.finished_at.unwrap_or(at));
        Ok(task)
    }

    fn event_name(event: &TaskEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &TaskEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &TaskEvent) -> Severity {
        match event {
            TaskEvent::ReportFailure { then: RetryOr::Failed, .. }
            | TaskEvent::Overdue { then: RetryOr::Failed, .. }
            | TaskEvent::Lose { then: RetryOr::Failed, .. }
            | TaskEvent::Refuse { then: RetryOr::Failed, .. } => Severity::Error,
            TaskEvent::ReportFailure { .. }
            | TaskEvent::Overdue { .. }
            | TaskEvent::Lose { .. }
            | TaskEvent::Refuse { .. }
            | TaskEvent::DependencyFailed { .. }
            | TaskEvent::Ask { .. }
            | TaskEvent::Requeue { .. }
            | TaskEvent::Cancel { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

/// What a person adds to what the next attempt is told.
fn add_feedback(task: &mut Task, say: Option<&str>) {
    let Some(say) = say else { return };
    let before = task.feedback.take().map(|before| format!("{before}\n\n")).unwrap_or_default();
    task.feedback = Some(format!("{before}A maintainer says: {say}"));
}

/// What a try that did not succeed leaves behind for the next one.
fn missed_try(task: &mut Task, then: RetryOr, class: Option<ErrorClass>, reason: &str) {
    task.error_class = class;
    task.reason = Some(reason.to_owned());
    task.feedback = Some(reason.to_owned());
    if let RetryOr::Retrying { due } = then {
        task.due_at = Some(due);
    }
}
