//! Whether a queued task may begin beside what is under way, and what is in its way where it may not.

use tollhouse_core::entity::{Patch, Run, Task};
use tollhouse_core::lifecycle::TaskState;

use crate::guard::{Guard, stops};
use crate::plan::{Clash, clash};

/// What a queued task waits for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Obstacle<'t> {
    /// As many attempts are alive as the run allows.
    Full {
        /// So many.
        most: u32,
    },
    /// Its agent is at as many tasks as it may be.
    AgentBusy {
        /// So many.
        most: u32,
        /// At these.
        with: Vec<&'t Task>,
    },
    /// It may not be under way together with another task.
    Clash {
        /// Which one.
        with: &'t Task,
        /// Why.
        clash: Clash,
    },
}

/// The states of tasks that may be under way.
pub(crate) const MAY_BE_UNDER_WAY: &[TaskState] = &[TaskState::Running, TaskState::Validating, TaskState::Waiting];

/// Whether what a task changes is not settled yet, so that nothing which clashes with it begins: it is worked on, its change is
/// judged, or its change is ready and waits for a person. `patch` is the task's own.
pub(crate) fn is_under_way(task: &Task, patch: Option<&Patch>) -> bool {
    match task.state {
        TaskState::Running => true,
        TaskState::Validating => stops(Guard::ValidatingClashes, true),
        TaskState::Waiting => stops(Guard::ValidatingClashes, patch.is_some_and(|patch| !patch.state.is_finished())),
        _ => false,
    }
}

/// Whether a run has as many attempts alive as it allows.
pub(crate) fn is_full(run: &Run, alive: usize) -> bool {
    stops(Guard::RoomInTheRun, alive >= limit(run.spec.max_parallel))
}

/// The limit of an agent that is at as many tasks of a run as it may be.
pub(crate) fn agent_is_full(run: &Run, agent: &str, others: &[&Task]) -> Option<u32> {
    let most = run.spec.agents.iter().find(|known| known.name == agent)?.max_parallel?;
    let at_work = others.iter().filter(|other| is_at_work(run, agent, other)).count();
    stops(Guard::RoomAtTheAgent, at_work >= limit(most)).then_some(most)
}

fn is_at_work(run: &Run, agent: &str, task: &Task) -> bool {
    task.run == run.id && task.state == TaskState::Running && task.spec.agent == agent
}

fn limit(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// What is in the way of a queued task beside others, if anything is: those under way, or that are to be. `alive` counts the attempts of the run whose processes may still be
/// there: one whose task is already overdue occupies the machine until they are gone.
pub(crate) fn obstacle<'t>(run: &Run, task: &Task, others: &[&'t Task], alive: usize) -> Option<Obstacle<'t>> {
    if is_full(run, alive) {
        return Some(Obstacle::Full { most: run.spec.max_parallel });
    }
    if let Some(most) = agent_is_full(run, &task.spec.agent, others) {
        let with = others.iter().filter(|other| is_at_work(run, &task.spec.agent, other)).copied().collect();
        return Some(Obstacle::AgentBusy { most, with });
    }
    others.iter().filter(|other| other.id != task.id).find_map(|other| {
        let clash = clash(&task.spec, &other.spec).filter(|_| stops(Guard::NoClash, true))?;
        Some(Obstacle::Clash { with: other, clash })
    })
}
