//! When an agent whose circuit breaker is open may be tried again.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Breaker, Effect, Run, Task, Work};
use tollhouse_core::lifecycle::{EffectState, RunState, TaskState};
use tollhouse_core::{BreakerId, RunId, Timestamp};

use super::room::{money_obstacle, obstacle, trial_from};
use crate::view::View;

/// The next time from which a trial may go for which something waits in a run, and which alone it waits for: what else is in its way
/// ends with an event of its own, and whoever waited for a time that is over would wait for nothing.
pub(crate) fn next_trial(view: &View, id: RunId) -> Option<Timestamp> {
    let run = view.get::<Run>(id).filter(|run| run.state == RunState::Running)?;
    let mut open: BTreeMap<BreakerId, Timestamp> =
        view.all::<Breaker>().filter_map(|breaker| Some((breaker.id, trial_from(breaker)?))).collect();
    if open.is_empty() {
        return None;
    }
    let others: Vec<&Task> = view.in_states::<Task>(id, &[TaskState::Running, TaskState::Validating]).collect();
    let is_alive = |effect: &&Effect| matches!(effect.work, Work::Spawn { .. });
    let unsettled = [EffectState::Requested, EffectState::Started, EffectState::Unknown];
    let alive = view.in_states::<Effect>(id, &unsettled).filter(is_alive).count();
    let budget = view.budget(id);
    let mut next: Option<Timestamp> = None;
    for task in view.in_states::<Task>(id, &[TaskState::Queued]) {
        let breaker = BreakerId::of_agent(task.agent());
        let Some(until) = open.get(&breaker).copied() else { continue };
        if obstacle(run, task, &others, alive).is_none() && money_obstacle(run, budget, task).is_none() {
            next = Some(next.map_or(until, |next| next.min(until)));
            open.remove(&breaker);
        }
        if open.is_empty() {
            break;
        }
    }
    next
}
