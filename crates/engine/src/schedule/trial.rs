//! When an agent whose circuit breaker is open may be tried again.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Breaker, Effect, Patch, Run, Task, Work};
use tollhouse_core::lifecycle::{EffectState, RunState, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{BreakerId, RunId, Timestamp};

use super::room::{MAY_BE_UNDER_WAY, agent_is_full, is_under_way, money_obstacle, obstacle, trial_from};
use crate::routing::is_able;
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
    let alone = BTreeSet::new();
    for task in view.in_states::<Task>(id, &[TaskState::Queued]) {
        let may = |agent: &&str| {
            is_able(run, &task.spec.capabilities, agent, &alone) && agent_is_full(run, agent, &others).is_none()
        };
        let breakers = task.candidates().filter(may).map(BreakerId::of_agent);
        let waits_for: Vec<BreakerId> = breakers.filter(|breaker| open.contains_key(breaker)).collect();
        if waits_for.is_empty() || obstacle(run, task, &others, alive).is_some() {
            continue;
        }
        if money_obstacle(run, budget, task).is_none() {
            let until = waits_for.iter().filter_map(|breaker| open.remove(breaker)).min();
            next = [next, until].into_iter().flatten().min();
        }
        if open.is_empty() {
            break;
        }
    }
    next
}
