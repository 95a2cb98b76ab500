//! What an attempt says of its agent.

use tollhouse_core::entity::{Attempt, ErrorClass, Patch};
use tollhouse_core::lifecycle::{AttemptState, PatchState};

use crate::guard::{Guard, lets};

/// What an attempt says of its agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its change landed.
    Accepted,
    /// It failed, changed nothing, or made a change that was refused or taken back.
    Refused,
}

/// What an attempt says of its agent, with its patch where it made one; nothing while that is open, and where it was not the agent's
/// doing.
pub(crate) fn verdict(attempt: &Attempt, patch: Option<&Patch>) -> Option<Verdict> {
    let end = attempt.end.as_ref()?;
    match attempt.state {
        AttemptState::Failed | AttemptState::TimedOut => {
            let class = end.error_class.unwrap_or(ErrorClass::Unknown);
            lets(Guard::OnlyOwnTriesCount, is_its_own(class)).then_some(Verdict::Refused)
        }
        AttemptState::Succeeded if end.patch.is_none() => Some(Verdict::Refused),
        AttemptState::Succeeded => of_patch(patch?),
        AttemptState::Running | AttemptState::Interrupted | AttemptState::Lost | AttemptState::Canceled => None,
    }
}

fn of_patch(patch: &Patch) -> Option<Verdict> {
    match patch.state {
        PatchState::Committed => Some(Verdict::Accepted),
        PatchState::RolledBack => Some(Verdict::Refused),
        // One that does not fit met another branch, and what a person set aside, or we could not bring on its way, broke no rule.
        PatchState::Quarantined => {
            let broke = |rule: &str| !matches!(rule, "fits" | "person" | "run" | "apply" | "land");
            patch.refused_by.as_deref().is_some_and(broke).then_some(Verdict::Refused)
        }
        _ => None,
    }
}

const fn is_its_own(class: ErrorClass) -> bool {
    match class {
        ErrorClass::ToolFailure
        | ErrorClass::Timeout
        | ErrorClass::GateFailure
        | ErrorClass::Policy
        | ErrorClass::Budget
        | ErrorClass::Unknown => true,
        ErrorClass::RateLimited
        | ErrorClass::Conflict
        | ErrorClass::WorkerLost
        | ErrorClass::ResourceLimit
        | ErrorClass::PlanInconsistent
        | ErrorClass::DependencyMissed => false,
    }
}
