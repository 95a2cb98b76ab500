//! Gate runs.

use tollhouse_core::entity::GateRun;
use tollhouse_core::lifecycle::{GateRunEvent, GateRunState, IllegalTransition};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for GateRun {
    type Event = GateRunEvent;

    fn apply(current: Option<Self>, event: &GateRunEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut gate_run = fold!(current, event, GateRunState, GateRunEvent::Created { gate_run } => gate_run);
        match event {
            GateRunEvent::Created { .. } => {}
            GateRunEvent::Start => gate_run.started_at = Some(at),
            GateRunEvent::Hold { blocked_by } => gate_run.blocked_by.clone_from(blocked_by),
            GateRunEvent::Release => gate_run.blocked_by.clear(),
            GateRunEvent::Skip { reason } => gate_run.reason = Some(reason.clone()),
            GateRunEvent::Pass { end } | GateRunEvent::Fail { end } | GateRunEvent::Break { end } => {
                gate_run.reason.clone_from(&end.reason);
                gate_run.end = Some((**end).clone());
            }
        }
        gate_run.finished_at = gate_run.state.is_finished().then_some(at);
        Ok(gate_run)
    }

    fn event_name(event: &GateRunEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &GateRunEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &GateRunEvent) -> Severity {
        match event {
            GateRunEvent::Fail { .. } | GateRunEvent::Break { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}
