//! The agent that an attempt goes to.

use tollhouse_core::entity::{Attempt, Breaker, Patch, RoutingDecision, Run, Task, Worker};
use tollhouse_core::lifecycle::{AttemptState, TaskState};
use tollhouse_core::{BreakerId, RunId};

use super::draft::Draft;
use crate::routing::{Candidate, Door, Verdict, choose, merged, verdict};

/// The agent that the next attempt at a task goes to, and how it was chosen, where there was a choice. The decision rests on the
/// circuit breakers of all that were looked at.
pub(super) fn agent_for(
    draft: &mut Draft<'_>,
    run: &Run,
    task: &Task,
    worker: &Worker,
) -> (String, Option<RoutingDecision>) {
    let route = task.spec.route.as_ref();
    let Some(route) = route else { return (task.agent().to_owned(), None) };
    for agent in task.candidates() {
        draft.rely_on::<Breaker>(BreakerId::of_agent(agent).into());
    }
    let candidates = candidates(draft, run, task, worker);
    let decision = choose(route.rule.clone(), route.strategy, &candidates, || draft.random_u32());
    let chosen = decision.as_ref().map_or_else(|| task.agent(), |decision| &decision.chosen);
    (chosen.to_owned(), decision)
}

fn candidates(draft: &Draft<'_>, run: &Run, task: &Task, worker: &Worker) -> Vec<Candidate> {
    let running = draft.in_states::<Task>(run.id, &[TaskState::Running]);
    let door = Door {
        run,
        under_way: &running,
        worker: &worker.capabilities,
        breaker: &|agent| draft.peek::<Breaker>(BreakerId::of_agent(agent)),
        now: draft.now,
    };
    let attempts = draft.under::<Attempt>(task.id);
    let in_vain = |agent: &str| {
        let own = attempts.iter().filter(|attempt| attempt.agent == agent);
        let patch_of = |attempt: &Attempt| draft.peek::<Patch>(attempt.end.as_ref()?.patch?);
        let own = own.filter(|attempt| verdict(attempt, patch_of(attempt)) == Some(Verdict::Refused));
        u32::try_from(own.count()).unwrap_or(u32::MAX)
    };
    let candidate = |agent: &str| {
        let begun = begun_now(draft, run.id, agent);
        let mut here = draft.view().record(run.id, agent);
        here.leases = here.leases.saturating_add(begun);
        let before = run.spec.records.get(agent).copied().unwrap_or_default();
        Candidate {
            agent: agent.to_owned(),
            turned_down: door.turns_down(&task.spec.capabilities, agent),
            tries: in_vain(agent),
            leases: here.leases,
            record: merged(before, here),
        }
    };
    task.candidates().map(candidate).collect()
}

/// How many attempts this very decision gave to an agent so far.
fn begun_now(draft: &Draft<'_>, run: RunId, agent: &str) -> u64 {
    let touched = draft.over().in_states::<Attempt>(run, AttemptState::ALL);
    let new = touched.filter(|attempt| attempt.agent == agent && !draft.view().knows(attempt.id.into()));
    new.count() as u64
}
