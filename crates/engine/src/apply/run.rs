//! Runs.

use tollhouse_core::entity::Run;
use tollhouse_core::lifecycle::{IllegalTransition, RunEvent, RunState};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Run {
    type Event = RunEvent;

    fn apply(current: Option<Self>, event: &RunEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut run = fold!(current, event, RunState, RunEvent::Created { run } => run);
        match event {
            RunEvent::Start { base } => {
                run.base = Some(base.clone());
                run.started_at = Some(at);
            }
            RunEvent::Grant { epoch, .. } => run.epoch = *epoch,
            RunEvent::Drive { conductor } => {
                run.conductors = conductor.epoch;
                run.conductor = Some(conductor.clone());
            }
            RunEvent::StepDown { .. } => run.conductor = None,
            RunEvent::TasksDone { commit } => run.verified_commit.clone_from(commit),
            RunEvent::Accept { outcome } => {
                run.outcome = Some(*outcome);
                // Why it went on after a pause says nothing of how it ended.
                run.reason = None;
            }
            RunEvent::Created { .. } | RunEvent::Drained => {}
            RunEvent::Resume { reason } => {
                run.resumed_at = Some(at);
                run.reason = Some(reason.clone());
            }
            RunEvent::Fix { reason } => {
                run.fixes += 1;
                run.reason = Some(reason.clone());
            }
            RunEvent::Pause { reason }
            | RunEvent::Cancel { reason }
            | RunEvent::Reject { reason }
            | RunEvent::Fail { reason }
            | RunEvent::Quarantine { reason } => run.reason = Some(reason.clone()),
        }
        run.finished_at = run.state.is_finished().then(|| run.finished_at.unwrap_or(at));
        Ok(run)
    }

    fn event_name(event: &RunEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &RunEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &RunEvent) -> Severity {
        match event {
            RunEvent::Fail { .. } | RunEvent::Reject { .. } | RunEvent::Quarantine { .. } => Severity::Error,
            RunEvent::Pause { .. } | RunEvent::Cancel { .. } | RunEvent::Fix { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}
