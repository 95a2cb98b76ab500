//! Effects: claimed, reported, and what their outcomes mean.

use tollhouse_core::entity::{
    Attempt, AttemptEnd, Effect, ErrorClass, ExitStatus, GateRun, Output, Patch, Task, Work, end_of,
};
use tollhouse_core::lifecycle::{
    AttemptEvent, EffectEvent, EffectState, GateRunEvent, PatchEvent, RunState, TaskEvent, TaskState,
};
use tollhouse_core::{AttemptId, EffectId, PatchId, RunId, Timestamp, limits};

use super::draft::Draft;
use super::{budget, conductor, ending, gate, patch, retry, task, worker};
use crate::command::Claimant;
use crate::guard::{Guard, lets, stops};
use crate::outcome::{AttemptFacts, NewPatch, Outcome};
use crate::refusal::Refusal;

/// Gives an effect to a runner.
pub(super) fn claim(draft: &mut Draft<'_>, id: EffectId, by: &Claimant, until: Timestamp) -> Result<(), Refusal> {
    let effect = draft.get::<Effect>(id)?;
    if stops(Guard::FinishedIsNotClaimed, effect.state.is_finished()) {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: effect.state.as_str() });
    }
    if let Some(run) = effect.run {
        match by.worker {
            Some(shared) => worker::must_hold(draft, shared, &effect)?,
            None if stops(Guard::ClaimNeedsTheLease, worker::is_for_shared(draft, &effect)) => {
                return Err(Refusal::StaleLease { id: id.into(), given: by.conductor, current: effect.epoch });
            }
            None => conductor::must_drive(draft, run, by.conductor, Guard::ClaimNeedsTheRun)?,
        }
        let state = draft.run(run)?.state;
        let ends = matches!(state, RunState::Paused | RunState::Canceling | RunState::Quarantined);
        let rests = stops(Guard::NothingBeginsAtRest, ends);
        if rests && !matches!(effect.work, Work::Kill { .. }) {
            return Err(Refusal::RunRests { id: id.into(), state: state.as_str() });
        }
    }
    let Claimant { owner, process, .. } = by.clone();
    let start = EffectEvent::Start { owner, epoch: effect.epoch + 1, until, process };
    draft.emit::<Effect>(id, &start)?;
    if let Work::Gate { gate_run } = effect.work {
        draft.emit::<GateRun>(gate_run, &GateRunEvent::Start)?;
    }
    Ok(())
}

/// Takes in how an effect went; the answer is the run in which something may follow.
pub(super) fn report(
    draft: &mut Draft<'_>,
    id: EffectId,
    epoch: u64,
    outcome: &Outcome,
) -> Result<Option<RunId>, Refusal> {
    let effect = draft.get::<Effect>(id)?;
    if stops(Guard::FinishedIsNotReported, effect.state.is_finished()) {
        return Err(Refusal::AlreadyFinished { id: id.into(), state: effect.state.as_str() });
    }
    // Once it is unknown, only who looked at the world may say what became of it; asked for again, whoever had it is too late.
    let is_old = stops(Guard::ReportNeedsTheEpoch, epoch != effect.epoch);
    let asked_again = effect.state == EffectState::Requested && effect.epoch > 0;
    if is_old || asked_again || stops(Guard::LostIsNotReported, effect.state == EffectState::Unknown) {
        return Err(Refusal::StaleLease { id: id.into(), given: epoch, current: effect.epoch });
    }
    if effect.state == EffectState::Requested {
        // Not claimed, so nobody can have done it: the table says no.
        draft.emit::<Effect>(id, &EffectEvent::Finish { left: None })?;
    }
    if let Some(run) = effect.run {
        draft.run(run)?;
    }
    take_in(draft, &effect, outcome)?;
    Ok(effect.run)
}

/// Ends an effect, and lets happen what follows from how it went.
pub(super) fn take_in(draft: &mut Draft<'_>, effect: &Effect, outcome: &Outcome) -> Result<(), Refusal> {
    match outcome {
        Outcome::Failed { reason, .. } | Outcome::Vanished { reason, .. } | Outcome::Stopped { reason } => {
            draft.emit::<Effect>(effect.id, &EffectEvent::Fail { reason: reason.clone() })?;
        }
        Outcome::Purged { left } => {
            draft.emit::<Effect>(effect.id, &EffectEvent::Finish { left: Some(left.clone()) })?;
        }
        _ => draft.emit::<Effect>(effect.id, &EffectEvent::Finish { left: None })?,
    }
    follow(draft, effect, outcome)?;
    match effect.work {
        Work::Spawn { attempt } => worker::let_go(draft, attempt),
        // Of one of its own, a run hears when it is over.
        Work::Kill { attempt } if worker::is_for_shared(draft, effect) => worker::let_go(draft, attempt),
        _ => Ok(()),
    }
}

fn follow(draft: &mut Draft<'_>, effect: &Effect, outcome: &Outcome) -> Result<(), Refusal> {
    match (&effect.work, outcome) {
        (Work::Spawn { attempt }, Outcome::Spawned(facts)) => attempt_ended(draft, *attempt, facts),
        (Work::Spawn { attempt }, Outcome::Failed { class, reason }) => {
            attempt_failed(draft, *attempt, AttemptEnd::default(), (*class, reason), None)
        }
        (Work::Spawn { attempt }, Outcome::Vanished { facts, reason }) => {
            attempt_vanished(draft, *attempt, facts, reason)
        }
        (Work::Gate { gate_run }, Outcome::Stopped { reason }) => gate::stopped(draft, *gate_run, reason),
        (Work::Kill { .. }, Outcome::Killed | Outcome::Failed { .. }) => Ok(()),
        (Work::Apply { patch }, Outcome::Applied { candidate, facts }) => {
            patch::applied(draft, *patch, candidate, facts)
        }
        (Work::Apply { patch }, Outcome::Conflicted { target, files }) => {
            patch::conflicted(draft, *patch, target, files)
        }
        (Work::Apply { patch } | Work::Land { patch }, Outcome::Failed { class, reason }) => {
            patch::could_not(draft, *patch, &effect.work, *class, reason)
        }
        (Work::Gate { gate_run }, Outcome::Gated(facts)) => gate::ended(draft, *gate_run, facts),
        (Work::Gate { gate_run }, Outcome::Failed { reason, .. }) => gate::broken(draft, *gate_run, reason),
        // Where it could not be done, what was not removed is still there.
        (Work::Purge { .. }, Outcome::Purged { .. } | Outcome::Failed { .. })
        | (Work::Archive { .. }, Outcome::Archived | Outcome::Failed { .. }) => Ok(()),
        (Work::Land { patch }, Outcome::Landed { commit }) => landed(draft, *patch, commit),
        (Work::Land { patch }, Outcome::Lost { reason }) => {
            draft.emit::<Patch>(*patch, &PatchEvent::Rebase { reason: reason.clone() })
        }
        (work, outcome) => {
            let outcome = outcome_name(outcome);
            Err(Refusal::WrongOutcome { id: effect.id.into(), work: work.name(), outcome })
        }
    }
}

const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Spawned(_) => "spawned",
        Outcome::Killed => "killed",
        Outcome::Applied { .. } => "applied",
        Outcome::Conflicted { .. } => "conflicted",
        Outcome::Gated(_) => "gated",
        Outcome::Landed { .. } => "landed",
        Outcome::Lost { .. } => "lost",
        Outcome::Purged { .. } => "purged",
        Outcome::Archived => "archived",
        Outcome::Vanished { .. } => "vanished",
        Outcome::Stopped { .. } => "stopped",
        Outcome::Failed { .. } => "failed",
    }
}

/// An agent's program ended, and what it changed was read.
fn attempt_ended(draft: &mut Draft<'_>, id: AttemptId, facts: &AttemptFacts) -> Result<(), Refusal> {
    let attempt = draft.get::<Attempt>(id)?;
    let patch = facts.change.as_ref().map(|change| create_patch(draft, &attempt, change)).transpose()?;
    let end = AttemptEnd {
        base: facts.base.clone(),
        workspace: facts.workspace.clone(),
        exit: facts.exit,
        output: facts.output.clone(),
        patch,
        error_class: None,
        reason: None,
    };
    if stops(Guard::LateAttemptIsRecorded, attempt.state.is_finished()) {
        return record_late(draft, attempt, end, facts);
    }
    if let Some(reason) = budget::over_task_limit(draft, &attempt, facts) {
        drop_evidence(draft, patch, "its attempt cost more than its task may")?;
        return attempt_failed(draft, id, end, (ErrorClass::Budget, &reason), Some(facts));
    }
    if let Some(trouble) = &facts.trouble {
        let reason = with_tail(trouble, facts.output.as_ref());
        drop_evidence(draft, patch, "its attempt did not end well")?;
        return attempt_failed(draft, id, end, (class_of(facts), &reason), Some(facts));
    }
    match facts.exit {
        exit if lets(Guard::SuccessNeedsExitZero, exit == Some(ExitStatus::Code(0))) => {
            ending::end(draft, id, &AttemptEvent::Succeed { end: Box::new(end) }, Some(facts))?;
            draft.emit::<Task>(attempt.task, &TaskEvent::ReportSuccess { patch })?;
            if patch.is_none() {
                let reason = "the agent ended well, but changed nothing that git would see".to_owned();
                task::refuse(draft, attempt.task, ErrorClass::ToolFailure, reason)?;
            }
            Ok(())
        }
        exit => {
            let how = exit.map_or("without an exit status".to_owned(), |exit| exit.to_string());
            let reason = with_tail(&format!("the agent ended with {how}"), facts.output.as_ref());
            drop_evidence(draft, patch, "its attempt did not end well")?;
            attempt_failed(draft, id, end, (class_of(facts), &reason), Some(facts))
        }
    }
}

/// What kind of failure the end of an agent is, where it did not end well.
const fn class_of(facts: &AttemptFacts) -> ErrorClass {
    if facts.rate_limit.is_some() { ErrorClass::RateLimited } else { ErrorClass::ToolFailure }
}

/// Too late: the task went on without it. What it did stays readable as evidence.
fn record_late(draft: &mut Draft<'_>, attempt: Attempt, end: AttemptEnd, facts: &AttemptFacts) -> Result<(), Refusal> {
    budget::correct(draft, &attempt, facts)?;
    let (patch, known) = (end.patch, attempt.end.unwrap_or_default());
    let end = Box::new(AttemptEnd { error_class: known.error_class, reason: known.reason, ..end });
    draft.emit::<Attempt>(attempt.id, &AttemptEvent::Record { end })?;
    drop_evidence(draft, patch, "its attempt was over before it came")
}

/// An attempt's runner is gone. What was left of its work is evidence, and never lands.
fn attempt_vanished(draft: &mut Draft<'_>, id: AttemptId, facts: &AttemptFacts, reason: &str) -> Result<(), Refusal> {
    let attempt = draft.get::<Attempt>(id)?;
    let patch = facts.change.as_ref().map(|change| create_patch(draft, &attempt, change)).transpose()?;
    let end = AttemptEnd {
        base: facts.base.clone(),
        workspace: facts.workspace.clone(),
        patch,
        error_class: Some(ErrorClass::WorkerLost),
        reason: Some(reason.to_owned()),
        ..AttemptEnd::default()
    };
    if stops(Guard::LateLossIsRecorded, attempt.state.is_finished()) {
        return record_late(draft, attempt, end, facts);
    }
    drop_evidence(draft, patch, "its attempt was lost")?;
    ending::end(draft, id, &AttemptEvent::Lose { end: Box::new(end) }, Some(facts))?;
    let task = draft.get::<Task>(attempt.task)?;
    let then = task::retry_lost_or_fail(draft, &task);
    draft.emit::<Task>(task.id, &TaskEvent::Lose { then, reason: reason.to_owned() })
}

fn attempt_failed(
    draft: &mut Draft<'_>,
    id: AttemptId,
    end: AttemptEnd,
    (class, reason): (ErrorClass, &str),
    facts: Option<&AttemptFacts>,
) -> Result<(), Refusal> {
    let attempt = draft.get::<Attempt>(id)?;
    if stops(Guard::LateFailureMovesNothing, attempt.state.is_finished()) {
        return Ok(());
    }
    let end = AttemptEnd { error_class: Some(class), reason: Some(reason.to_owned()), ..end };
    ending::end(draft, id, &AttemptEvent::Fail { end: Box::new(end) }, facts)?;
    let task = draft.get::<Task>(attempt.task)?;
    let rate_limit = facts.and_then(|facts| facts.rate_limit);
    let (then, reason) = retry::judge(draft, &task, class, reason.to_owned(), rate_limit);
    draft.emit::<Task>(task.id, &TaskEvent::ReportFailure { then, class, reason })
}

fn drop_evidence(draft: &mut Draft<'_>, patch: Option<PatchId>, reason: &str) -> Result<(), Refusal> {
    match patch.filter(|_| stops(Guard::BadEndDropsPatch, true)) {
        Some(patch) => draft.emit::<Patch>(patch, &PatchEvent::Drop { reason: reason.to_owned() }),
        None => Ok(()),
    }
}

fn create_patch(draft: &mut Draft<'_>, attempt: &Attempt, change: &NewPatch) -> Result<PatchId, Refusal> {
    let task = draft.get::<Task>(attempt.task)?;
    let id = PatchId::from_parts(draft.now, draft.random_id_bits());
    let patch = Box::new(Patch {
        run: Some(attempt.run),
        task: Some(attempt.task),
        attempt: Some(attempt.id),
        ..patch::new(draft, id, patch::title(&task.spec), change)
    });
    draft.emit::<Patch>(id, &PatchEvent::Created { patch })?;
    Ok(id)
}

/// The branch moved to a patch: in the same commit its task is completed.
fn landed(draft: &mut Draft<'_>, id: PatchId, commit: &str) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    draft.emit::<Patch>(id, &PatchEvent::Land { commit: commit.to_owned() })?;
    gate::skip_rest(draft, id.into(), "its patch landed")?;
    // One that was let in again after its task had ended lands for itself.
    let waiting = patch.task.and_then(|task| draft.peek::<Task>(task)).filter(|task| task.patch == Some(id));
    let validates = |task: &&Task| lets(Guard::LandingCompletesWhatValidates, task.state == TaskState::Validating);
    match waiting.filter(validates).map(|task| task.id) {
        Some(task) => draft.emit::<Task>(task, &TaskEvent::Pass),
        None => Ok(()),
    }
}

/// A reason with the end of what was printed, where a failure stands.
pub(super) fn with_tail(reason: &str, output: Option<&Output>) -> String {
    match output.map(|output| end_of(&output.text, limits::FEEDBACK_BYTES_MAX)).filter(|end| !end.is_empty()) {
        Some(end) => format!("{reason}\n{end}"),
        None => reason.to_owned(),
    }
}
