//! Why an attempt is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Attempt, Patch, Task};
use tollhouse_core::lifecycle::AttemptState;

use super::{Explanation, Scene};

pub(super) fn explain(scene: Scene<'_>, attempt: &Attempt) -> Explanation {
    let mut because = Vec::new();
    let held_up = scene.held_up(attempt.run).filter(|_| !attempt.state.is_finished());
    because.extend(held_up.iter().map(super::held_up::HeldUp::of_its_run));
    if attempt.state == AttemptState::Running {
        because.push(format!("{} has been at it since {}", attempt.agent, attempt.started_at));
        because.push(format!("it has time until {}", attempt.deadline));
    }
    because.extend(attempt.routing.iter().flat_map(super::routing::told));
    if let Some(end) = &attempt.end {
        because.extend(end.reason.clone());
        let said = |exit: &String| end.reason.as_ref().is_some_and(|reason| reason.contains(exit));
        let exit = end.exit.map(|exit| exit.to_string()).filter(|exit| !said(exit));
        because.extend(exit.map(|exit| format!("its agent ended with {exit}")));
        let patch = end.patch.and_then(|patch| scene.view.get::<Patch>(patch));
        because.extend(patch.map(|patch| format!("its patch {} is {}", patch.id.random_part(), patch.state)));
    }
    if attempt.state == AttemptState::Interrupted {
        because.push("it does not count as a try".to_owned());
    }
    let task = scene.view.get::<Task>(attempt.task);
    let name = task.map_or_else(|| attempt.task.to_string(), |task| task.spec.name.clone());
    because.push(format!(
        "it is try {} at {name}{}",
        attempt.number,
        task.map_or_else(String::new, |task| format!(", which is {}", task.state))
    ));
    let status = || format!("toll status {}", attempt.run.random_part());
    let next = match (held_up, attempt.state) {
        (Some(held_up), _) => held_up.next,
        (None, AttemptState::Running) => status(),
        (None, _) => more(attempt).unwrap_or_else(|| format!("toll explain {}", attempt.task.random_part())),
    };
    let state = attempt.state.to_string();
    Explanation { id: attempt.id.into(), kind: Kind::Attempt, name, state, because, next: Some(next) }
}

/// The command that shows what an attempt's agent printed, where it printed anything.
pub(super) fn more(attempt: &Attempt) -> Option<String> {
    let printed = attempt.end.as_ref().and_then(|end| end.output.as_ref()).is_some();
    printed.then(|| format!("toll log {} --output", attempt.id.random_part()))
}
