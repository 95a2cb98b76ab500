//! Tasks: dependencies, leases, retries, deadlines.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Attempt, AttemptEnd, ErrorClass, Lease, Run, Task, Work};
use tollhouse_core::lifecycle::{
    AttemptEvent, AttemptState, DecideTo, MissedTo, RetryOr, RunEvent, TaskEvent, TaskState,
};
use tollhouse_core::spec::OnDependencyFailure;
use tollhouse_core::{AttemptId, RunId, TaskId, limits};

use super::draft::Draft;
use super::run::critical_miss;
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;
use crate::room::{Obstacle, obstacle};

/// Looks at the clock: backoffs that are over, attempts past their deadline.
pub(super) fn tick(draft: &mut Draft<'_>, run: RunId) -> Result<(), Refusal> {
    draft.run(run)?;
    let now = draft.now;
    let tasks: Vec<Task> = draft.of_run::<Task>(run).into_iter().cloned().collect();
    for task in tasks {
        match (&task.lease, task.due_at) {
            (None, Some(due)) if task.state == TaskState::Retrying && lets(Guard::BackoffIsOver, due <= now) => {
                draft.emit::<Task>(task.id, &TaskEvent::Due)?;
            }
            (None, Some(due)) if task.state == TaskState::Waiting && lets(Guard::QuestionTimeIsOver, due <= now) => {
                expire(draft, &task)?;
            }
            (Some(lease), _) if lets(Guard::DeadlineHasPassed, lease.deadline <= now) => {
                overdue(draft, &task, lease.attempt)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn overdue(draft: &mut Draft<'_>, task: &Task, attempt: AttemptId) -> Result<(), Refusal> {
    let reason = format!("the attempt took longer than its {}", task.spec.timeout);
    let then = retry_or_fail(draft, task, ErrorClass::Timeout);
    draft.emit::<Task>(task.id, &TaskEvent::Overdue { then, reason: reason.clone() })?;
    let end =
        AttemptEnd { error_class: Some(ErrorClass::Timeout), reason: Some(reason.clone()), ..AttemptEnd::default() };
    draft.emit::<Attempt>(attempt, &AttemptEvent::TimeOut { end: Box::new(end) })?;
    stop(draft, task.run, attempt, &reason)
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
        draft.emit::<Attempt>(lease.attempt, &AttemptEvent::Cancel { end })?;
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
    if stops(Guard::BegunIsKilled, begun) { draft.request(Some(run), Work::Kill { attempt }) } else { Ok(()) }
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
    lets(Guard::NoRetryWhenWindingDown, critical_miss(draft, task.run).is_none())
}

/// Sends a validating task back or ends it, with the reason as the next attempt's feedback.
pub(super) fn refuse(draft: &mut Draft<'_>, id: TaskId, class: ErrorClass, reason: String) -> Result<(), Refusal> {
    let task = draft.get::<Task>(id)?;
    if stops(Guard::RefusalNeedsValidating, task.state != TaskState::Validating) {
        return Ok(());
    }
    let then = retry_or_fail(draft, &task, class);
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
        .of_run::<Task>(run)
        .into_iter()
        .filter_map(|task| Some((task.id, task.lease.as_ref()?.attempt)))
        .collect();
    for (task, attempt) in leased {
        draft.emit::<Task>(task, &TaskEvent::Interrupt { reason: reason.to_owned() })?;
        let end = Box::new(AttemptEnd { reason: Some(reason.to_owned()), ..AttemptEnd::default() });
        draft.emit::<Attempt>(attempt, &AttemptEvent::Interrupt { end })?;
        stop(draft, run, attempt, reason)?;
    }
    Ok(())
}

/// Moves tasks whose dependencies moved.
pub(super) fn unblock(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let tasks = draft.of_run::<Task>(run);
    if !tasks.iter().any(|task| matches!(task.state, TaskState::Pending | TaskState::Blocked)) {
        return Ok(false);
    }
    let by_name: BTreeMap<&str, &Task> = tasks.iter().map(|task| (task.spec.name.as_str(), *task)).collect();
    let moves: Vec<(TaskId, TaskEvent)> =
        tasks.iter().filter_map(|task| dependency_event(task, &by_name).map(|event| (task.id, event))).collect();
    for (id, event) in &moves {
        draft.emit::<Task>(*id, event)?;
    }
    Ok(!moves.is_empty())
}

/// What a task's dependencies do to it, if anything.
fn dependency_event(task: &Task, by_name: &BTreeMap<&str, &Task>) -> Option<TaskEvent> {
    if !matches!(task.state, TaskState::Pending | TaskState::Blocked) {
        return None;
    }
    let needed = || task.spec.needs.iter().filter_map(|name| by_name.get(name.as_str()).copied());
    if let Some(missed) = needed().find(|needed| stops(Guard::MissedGivesUp, needed.is_missed())) {
        let to = match task.spec.on_dependency_failure {
            OnDependencyFailure::Skip => MissedTo::Skipped,
            OnDependencyFailure::Fail => MissedTo::Failed,
        };
        let reason = format!("it needs {}, which is {}", missed.spec.name, missed.state);
        return Some(TaskEvent::DependencyFailed { to, reason });
    }
    let is_open = |needed: &&Task| stops(Guard::QueuedNeedsDependenciesDone, !needed.is_done());
    let unfinished: Vec<String> = needed().filter(is_open).map(|needed| needed.spec.name.clone()).collect();
    match (task.state, unfinished.is_empty()) {
        (TaskState::Pending, true) => Some(TaskEvent::Release),
        (TaskState::Pending, false) => Some(TaskEvent::Hold { blocked_by: unfinished }),
        (_, true) => Some(TaskEvent::Unblock),
        (_, false) => None,
    }
}

/// Gives leases to queued tasks, in the order of the plan, as far as there is room.
pub(super) fn lease(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    if stops(Guard::NoLeaseWhenWindingDown, critical_miss(draft, run).is_some()) {
        return Ok(false);
    }
    let mut queued: Vec<(u32, TaskId)> = draft
        .of_run::<Task>(run)
        .into_iter()
        .filter(|task| task.state == TaskState::Queued)
        .map(|task| (task.place, task.id))
        .collect();
    queued.sort_unstable();
    let mut leased = false;
    for (_, id) in queued {
        let task = draft.get::<Task>(id)?;
        match in_the_way(draft, &task) {
            Some(Obstacle::Full { .. }) => break,
            Some(_) => {}
            None => {
                grant(draft, &task)?;
                leased = true;
            }
        }
    }
    Ok(leased)
}

fn in_the_way<'d>(draft: &'d Draft<'_>, task: &Task) -> Option<Obstacle<'d>> {
    let run = draft.peek::<Run>(task.run)?;
    let alive = draft.unsettled(task.run).filter(|effect| matches!(effect.work, Work::Spawn { .. })).count();
    obstacle(run, task, &draft.of_run::<Task>(task.run), alive)
}

fn grant(draft: &mut Draft<'_>, task: &Task) -> Result<(), Refusal> {
    let run = draft.run(task.run)?;
    let epoch = run.epoch + 1;
    draft.emit::<Run>(run.id, &RunEvent::Grant { task: task.id, epoch })?;
    let attempt = AttemptId::from_parts(draft.now, draft.random_id_bits());
    let deadline = draft.now.after(task.spec.timeout);
    let number = u32::try_from(draft.under::<Attempt>(task.id).len()).unwrap_or(u32::MAX).saturating_add(1);
    // One worker for now: the machine that drives the run.
    let worker = "local".to_owned();
    let lease = Lease { attempt, worker: worker.clone(), epoch, deadline };
    draft.emit::<Task>(task.id, &TaskEvent::Lease { lease })?;
    let record = Box::new(Attempt {
        id: attempt,
        run: task.run,
        task: task.id,
        number,
        agent: task.spec.agent.clone(),
        worker,
        epoch,
        state: AttemptState::Running,
        prompt: prompt(task),
        feedback: task.feedback.clone(),
        deadline,
        end: None,
        started_at: draft.now,
        finished_at: None,
    });
    draft.emit::<Attempt>(attempt, &AttemptEvent::Created { attempt: record })?;
    draft.request(Some(task.run), Work::Spawn { attempt })
}

/// What the agent is told: the task, and why its last try was refused.
fn prompt(task: &Task) -> String {
    match &task.feedback {
        None => task.spec.prompt.clone(),
        Some(feedback) => format!(
            "{}\n\nThis was tried before, and the change was not accepted:\n{feedback}\n",
            task.spec.prompt.trim_end()
        ),
    }
}
