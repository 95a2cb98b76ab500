//! Tasks: deadlines, retries, ends.

use tollhouse_core::entity::{AttemptEnd, ErrorClass, Task, Work};
use tollhouse_core::lifecycle::{AttemptEvent, DecideTo, RetryOr, TaskEvent, TaskState};
use tollhouse_core::{AttemptId, RunId, TaskId, limits};

use super::draft::Draft;
use super::{budget, ending, retry, winding, worker};
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;

/// Looks at the clock: backoffs that are over, attempts past their deadline, a run that stood still for too long.
pub(super) fn tick(draft: &mut Draft<'_>, run: RunId) -> Result<(), Refusal> {
    draft.run(run)?;
    let now = draft.now;
    let due = draft.view().schedule(run).into_iter().flat_map(|tasks| {
        tasks.by_deadline().take_while(|(at, _)| {
            let guards = [Guard::BackoffIsOver, Guard::QuestionTimeIsOver, Guard::DeadlineHasPassed];
            guards.iter().any(|guard| lets(*guard, *at <= now))
        })
    });
    let tasks: Vec<Task> = due.filter_map(|(_, id)| draft.peek::<Task>(id)).cloned().collect();
    for task in tasks {
        match (&task.lease, task.due_at) {
            (None, Some(due)) if task.state == TaskState::Retrying && lets(Guard::BackoffIsOver, due <= now) => {
                draft.emit::<Task>(task.id, &TaskEvent::Due)?;
            }
            (None, Some(due)) if task.state == TaskState::Waiting && lets(Guard::QuestionTimeIsOver, due <= now) => {
                expire(draft, &task)?;
            }
            (Some(lease), _) if lets(Guard::DeadlineHasPassed, lease.deadline <= now) => {
                let reason = format!("the attempt took longer than its {}", task.spec.timeout);
                overdue(draft, &task, lease.attempt, &reason)?;
            }
            _ => {}
        }
    }
    if draft.changes.is_empty() {
        let stuck = winding::stuck(draft.view(), run, now);
        draft.note_stuck(stuck);
    }
    Ok(())
}

/// Ends an attempt that took too long, or of which nothing comes any more.
pub(super) fn overdue(draft: &mut Draft<'_>, task: &Task, attempt: AttemptId, reason: &str) -> Result<(), Refusal> {
    let end =
        AttemptEnd { error_class: Some(ErrorClass::Timeout), reason: Some(reason.to_owned()), ..AttemptEnd::default() };
    ending::end(draft, attempt, &AttemptEvent::TimeOut { end: Box::new(end) }, None)?;
    let (then, why) = retry::judge(draft, task, ErrorClass::Timeout, reason.to_owned(), None);
    draft.emit::<Task>(task.id, &TaskEvent::Overdue { then, reason: why })?;
    // Where nobody began it, or it was asked for again after its runner was gone, nobody will begin it.
    stop(draft, task.run, attempt, reason)
}

/// Nobody answered in time.
fn expire(draft: &mut Draft<'_>, task: &Task) -> Result<(), Refusal> {
    let reason =
        format!("nobody decided within {}: {}", limits::QUESTION_WAITS, task.reason.as_deref().unwrap_or_default());
    end(draft, task.id, &TaskEvent::Expire { to: DecideTo::Failed, reason })
}

/// Ends what a task has under way, then lets an event happen to it: its attempt is stopped, its patch dropped. A patch that is
/// landing must have been ruled out before.
pub(super) fn end(draft: &mut Draft<'_>, id: TaskId, event: &TaskEvent) -> Result<(), Refusal> {
    let task = draft.get::<Task>(id)?;
    let reason = event.reason().unwrap_or_default().to_owned();
    if let Some(lease) = &task.lease {
        let end = Box::new(AttemptEnd { reason: Some(reason.clone()), ..AttemptEnd::default() });
        ending::end(draft, lease.attempt, &AttemptEvent::Cancel { end }, None)?;
        stop(draft, task.run, lease.attempt, &reason)?;
    }
    if let Some(patch) = task.patch {
        super::patch::drop_unfinished(draft, patch, &reason)?;
    }
    draft.emit::<Task>(id, event)
}

/// Has an attempt's processes ended; where nobody began it, nobody will.
fn stop(draft: &mut Draft<'_>, run: RunId, attempt: AttemptId, reason: &str) -> Result<(), Refusal> {
    draft.withdraw(run, attempt.into(), reason)?;
    let begun = draft.unsettled(run).any(|effect| effect.work == Work::Spawn { attempt });
    if stops(Guard::BegunIsKilled, begun) {
        draft.request(Some(run), Work::Kill { attempt })
    } else {
        worker::let_go(draft, attempt)
    }
}

/// Whether another try may follow the loss of one: counted apart, with the same limit.
pub(super) fn retry_lost_or_fail(draft: &mut Draft<'_>, task: &Task) -> RetryOr {
    let lost = task.attempts_lost.saturating_add(1);
    let left = lets(Guard::RetryNeedsLossesLeft, lost < task.attempts_limit());
    if left && may_try(draft, task) { RetryOr::Retrying { due: draft.backoff_due(lost) } } else { RetryOr::Failed }
}

/// Whether another try may follow a failure of this class, and when.
pub(super) fn retry_or_fail(draft: &mut Draft<'_>, task: &Task, class: ErrorClass) -> RetryOr {
    let left = lets(Guard::RetryNeedsAttemptsLeft, task.attempts_used < task.attempts_limit());
    if left && lets(Guard::RetryNeedsRetryableClass, class.is_retryable()) && may_try(draft, task) {
        RetryOr::Retrying { due: draft.backoff_due(task.attempts_used) }
    } else {
        RetryOr::Failed
    }
}

/// Whether the run of a task tries anything again.
fn may_try(draft: &Draft<'_>, task: &Task) -> bool {
    lets(Guard::NoRetryWhenWindingDown, winding::winding_down(draft, task.run).is_none())
        && lets(Guard::NoRetryInEndedWorkstream, !super::workstream::is_over(draft, task))
        && budget::may_try_again(draft, task)
}

/// Sends a validating task back or ends it, with the reason as the next attempt's feedback.
pub(super) fn refuse(draft: &mut Draft<'_>, id: TaskId, class: ErrorClass, reason: String) -> Result<(), Refusal> {
    let task = draft.get::<Task>(id)?;
    if stops(Guard::RefusalNeedsValidating, task.state != TaskState::Validating) {
        return Ok(());
    }
    let (then, reason) = retry::judge(draft, &task, class, reason, None);
    draft.emit::<Task>(id, &TaskEvent::Refuse { then, class, reason })
}

/// Ends a validating task: no other attempt could help.
pub(super) fn refuse_for_good(
    draft: &mut Draft<'_>,
    id: TaskId,
    class: ErrorClass,
    reason: String,
) -> Result<(), Refusal> {
    if draft.get::<Task>(id)?.state != TaskState::Validating {
        return Ok(());
    }
    draft.emit::<Task>(id, &TaskEvent::Refuse { then: RetryOr::Failed, class, reason })
}

/// Stops every attempt of a run; none of them counts.
pub(super) fn interrupt_all(draft: &mut Draft<'_>, run: RunId, reason: &str) -> Result<(), Refusal> {
    let leased: Vec<(TaskId, AttemptId)> = draft
        .in_states::<Task>(run, &[TaskState::Running])
        .into_iter()
        .filter_map(|task| Some((task.id, task.lease.as_ref()?.attempt)))
        .collect();
    for (task, attempt) in leased {
        draft.emit::<Task>(task, &TaskEvent::Interrupt { reason: reason.to_owned() })?;
        let end = Box::new(AttemptEnd { reason: Some(reason.to_owned()), ..AttemptEnd::default() });
        ending::end(draft, attempt, &AttemptEvent::Interrupt { end }, None)?;
        stop(draft, run, attempt, reason)?;
    }
    Ok(())
}
