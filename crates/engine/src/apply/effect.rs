//! Effects.

use tollhouse_core::entity::Effect;
use tollhouse_core::lifecycle::{EffectEvent, EffectState, IllegalTransition};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Effect {
    type Event = EffectEvent;

    fn apply(current: Option<Self>, event: &EffectEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut effect = fold!(current, event, EffectState, EffectEvent::Created { effect } => effect);
        match event {
            EffectEvent::Created { .. } => {}
            EffectEvent::Finish { left } => effect.left.clone_from(left),
            EffectEvent::Start { owner, epoch, until, process } => {
                effect.owner = Some(owner.clone());
                effect.process.clone_from(process);
                effect.epoch = *epoch;
                effect.until = Some(*until);
                effect.started_at = Some(at);
            }
            EffectEvent::Withdraw { reason } | EffectEvent::Fail { reason } | EffectEvent::Lose { reason } => {
                effect.reason = Some(reason.clone());
            }
            EffectEvent::Retry { reason } => {
                effect.owner = None;
                effect.process = None;
                effect.until = None;
                effect.started_at = None;
                effect.reason = Some(reason.clone());
            }
        }
        effect.finished_at = effect.state.is_finished().then_some(at);
        Ok(effect)
    }

    fn event_name(event: &EffectEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &EffectEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &EffectEvent) -> Severity {
        match event {
            EffectEvent::Fail { .. } | EffectEvent::Lose { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}
