//! Patches.

use tollhouse_core::entity::{Patch, RuleVerdict};
use tollhouse_core::lifecycle::{IllegalTransition, PatchEvent, PatchState};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Patch {
    type Event = PatchEvent;

    fn apply(current: Option<Self>, event: &PatchEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut patch = fold!(current, event, PatchState, PatchEvent::Created { patch } => patch);
        match event {
            PatchEvent::Created { .. } | PatchEvent::Enqueue | PatchEvent::Retry | PatchEvent::Verify => {}
            PatchEvent::Validate { verdicts } => patch.verdicts.clone_from(verdicts),
            PatchEvent::Quarantine { rule, reason, verdicts } => {
                add_verdicts(&mut patch, verdicts);
                patch.refused_by = Some(rule.clone());
                patch.reason = Some(reason.clone());
            }
            PatchEvent::Doubt { reason } => {
                patch.doubt = Some(reason.clone());
                // What a person said before they said of another candidate.
                patch.approved = false;
            }
            PatchEvent::Apply { candidate, verdicts } => {
                patch.doubt = None;
                patch.candidate = Some(candidate.clone());
                add_verdicts(&mut patch, verdicts);
            }
            PatchEvent::Conflict { reason, target } => {
                patch.conflicts += 1;
                patch.conflict_target = Some(target.clone());
                patch.reason = Some(reason.clone());
            }
            PatchEvent::Rebase { reason } => {
                patch.candidate = None;
                patch.rebases += 1;
                patch.reason = Some(reason.clone());
            }
            PatchEvent::Land { commit } => {
                patch.commit = Some(commit.clone());
                patch.reason = None;
            }
            PatchEvent::RollBack { commit, .. } => patch.reason = Some(format!("rolled back by {commit}")),
            PatchEvent::Approve { reason } => {
                patch.approved = true;
                patch.reason = Some(reason.clone());
            }
            PatchEvent::Release { reason, waive, allow } => {
                patch.verdicts.clear();
                patch.candidate = None;
                patch.refused_by = None;
                patch.doubt = None;
                patch.approved = false;
                patch.allowed.extend(allow.iter().cloned());
                patch.waived.extend(waive.iter().cloned());
                patch.reason = Some(reason.clone());
            }
            PatchEvent::Reject { reason } | PatchEvent::Drop { reason } => patch.reason = Some(reason.clone()),
        }
        patch.finished_at = patch.state.is_finished().then(|| patch.finished_at.unwrap_or(at));
        Ok(patch)
    }

    fn event_name(event: &PatchEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &PatchEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &PatchEvent) -> Severity {
        match event {
            PatchEvent::Quarantine { .. } | PatchEvent::Reject { .. } => Severity::Error,
            PatchEvent::Doubt { .. }
            | PatchEvent::Conflict { .. }
            | PatchEvent::Rebase { .. }
            | PatchEvent::Release { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

/// The newest verdict of each rule counts.
fn add_verdicts(patch: &mut Patch, verdicts: &[RuleVerdict]) {
    patch.verdicts.retain(|known| verdicts.iter().all(|new| new.rule != known.rule));
    patch.verdicts.extend(verdicts.iter().cloned());
}
