//! When an agent whose circuit breaker is open may be tried again.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Breaker, Effect, Patch, Run, Task, Work};
use tollhouse_core::lifecycle::{EffectState, RunState, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{BreakerId, RunId, Timestamp};

use super::room::{MAY_BE_UNDER_WAY, is_under_way, money_obstacle, obstacle, trial_from};
use crate::view::View;

/// The next time from which a trial may go for which something waits in a run, and which alone it waits for: what else is in its way
/// ends with an event of its own, and whoever waited for a time that is over would wait for nothing. Shared workers ask by
/// themselves.
pub(crate) fn next_trial(view: &View, id: RunId) -> Option<Timestamp> {
    let run = view.get::<Run>(id).filter(|run| run.state == RunState::Running && run.spec.crew == Crew::Own)?;
    let mut open: BTreeMap<BreakerId, Timestamp> =
        view.all::<Breaker>().filter_map(|breaker| Some((breaker.id, trial_from(breaker)?))).collect();
    if open.is_empty() {
        return None;
    }
    let of_task = |task: &Task| task.patch.and_then(|patch| view.get::<Patch>(patch));
    let others = view.in_states::<Task>(id, MAY_BE_UNDER_WAY).filter(|task| is_under_way(task, of_task(task)));
    let others: Vec<&Task> = others.collect();
    let is_alive = |effect: &&Effect| matches!(effect.work, Work::Spawn { .. });
    let unsettled = [EffectState::Requested, EffectState::Started, EffectState::Unknown];
    let alive = view.in_states::<Effect>(id, &unsettled).filter(is_alive).count();
    let budget = view.budget(id);
    let mut next: Option<Timestamp> = None;
    let fits = |task: &&Task| task.spec.capabilities.is_empty();
    for task in view.in_states::<Task>(id, &[TaskState::Queued]).filter(fits) {
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
