//! Why a workstream is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Ending, Workstream};
use tollhouse_core::lifecycle::WorkstreamState;

use super::{Explanation, Scene};

pub(super) fn explain(scene: Scene<'_>, workstream: &Workstream) -> Explanation {
    let mut because = match (&workstream.ended, workstream.state) {
        (Some(Ending::Canceled(_)), _) => vec!["a person ended it".to_owned()],
        (Some(Ending::Skipped(_)), _) => vec!["a person left it out".to_owned()],
        (None, WorkstreamState::Planned) => vec!["its run has not begun".to_owned()],
        (None, WorkstreamState::Blocked) => {
            vec![format!("a workstream that it needs is unfinished: {}", workstream.spec.needs.join(", "))]
        }
        (None, WorkstreamState::Ready) => vec!["no attempt at one of its tasks was made yet".to_owned()],
        (None, WorkstreamState::Executing) => vec!["its tasks are being worked on".to_owned()],
        (None, WorkstreamState::Validating) => {
            vec!["its tasks are finished; its own gates decide".to_owned()]
        }
        (None, WorkstreamState::Completed) => vec!["its tasks are finished, and its own gates passed".to_owned()],
        (None, WorkstreamState::Failed) => vec!["something critical in it, or that it needs, was missed".to_owned()],
        (None, WorkstreamState::Canceled) => vec!["its run was ended".to_owned()],
        (None, WorkstreamState::Skipped) if workstream.is_missed() => {
            vec!["something that it needs was missed".to_owned()]
        }
        (None, WorkstreamState::Skipped) => vec!["nothing in it was to be done".to_owned()],
    };
    let held_up = scene.held_up(workstream.run).filter(|_| !workstream.state.is_finished());
    because.extend(held_up.iter().map(super::held_up::HeldUp::of_its_run));
    because.extend(workstream.reason.clone());
    let status = format!("toll status {}", workstream.run.random_part());
    let next = Some(held_up.map_or(status, |held_up| held_up.next));
    let (name, state) = (workstream.spec.name.clone(), workstream.state.to_string());
    Explanation { id: workstream.id.into(), kind: Kind::Workstream, name, state, because, next }
}
