//! Why an effect is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Effect, Work};
use tollhouse_core::lifecycle::EffectState;

use super::{Explanation, Scene};

pub(super) fn explain(scene: Scene<'_>, effect: &Effect) -> Explanation {
    let subject = effect.work.subject();
    let what = match effect.work {
        Work::Spawn { .. } => "it has an agent work on",
        Work::Kill { .. } => "it ends the agent of",
        Work::Apply { .. } => "it makes the candidate tree of",
        Work::Gate { .. } => "it runs the gate of",
        Work::Land { .. } => "it moves the branch to",
        Work::Purge { .. } => "it forgets the contents of",
        Work::Archive { .. } => "it takes runs that are in an archive out of the ledger, the oldest of them",
    };
    let mut because = vec![format!("{what} {subject}")];
    let held_up = effect.run.and_then(|run| scene.held_up(run)).filter(|_| !effect.state.is_finished());
    because.extend(held_up.iter().map(super::held_up::HeldUp::of_its_run));
    match effect.state {
        EffectState::Requested => because.push("nobody has begun it".to_owned()),
        EffectState::Started => {
            let owner = effect.owner.as_deref().unwrap_or("somebody");
            because.push(format!(
                "{owner} is at it{}",
                effect.until.map_or_else(String::new, |until| format!(", until {until}"))
            ));
        }
        EffectState::Unknown => because.push("nobody knows yet how it went: the world is looked at first".to_owned()),
        EffectState::Done | EffectState::Failed => {}
    }
    because.extend(effect.work.reason().map(str::to_owned));
    because.extend(effect.reason.clone());
    let next = match (held_up, effect.run, effect.state) {
        (Some(held_up), ..) => Some(held_up.next),
        (None, _, EffectState::Done) => None,
        (None, Some(run), EffectState::Requested | EffectState::Started | EffectState::Unknown) => {
            Some(format!("toll status {}", run.random_part()))
        }
        (None, ..) => Some(format!("toll explain {}", subject.random_part())),
    };
    let (name, state) = (effect.work.name().to_owned(), effect.state.to_string());
    Explanation { id: effect.id.into(), kind: Kind::Effect, name, state, because, next }
}
