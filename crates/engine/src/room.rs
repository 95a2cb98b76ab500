//! Whether a queued task may begin beside what is under way, and what is in its way where it may not.

use tollhouse_core::entity::{Run, Task};
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

/// What is in the way of a queued task, if anything is. `alive` counts the attempts of the run whose processes may still be
/// there: one whose task is already overdue occupies the machine until they are gone.
pub(crate) fn obstacle<'t>(run: &Run, task: &Task, others: &[&'t Task], alive: usize) -> Option<Obstacle<'t>> {
    let limit = |most: u32| usize::try_from(most).unwrap_or(usize::MAX);
    if stops(Guard::RoomInTheRun, alive >= limit(run.spec.max_parallel)) {
        return Some(Obstacle::Full { most: run.spec.max_parallel });
    }
    let agent = run.spec.agents.iter().find(|agent| agent.name == task.spec.agent);
    if let Some(most) = agent.and_then(|agent| agent.max_parallel) {
        let same = |other: &&&Task| other.state == TaskState::Running && other.spec.agent == task.spec.agent;
        let with: Vec<&Task> = others.iter().filter(same).copied().collect();
        if stops(Guard::RoomAtTheAgent, with.len() >= limit(most)) {
            return Some(Obstacle::AgentBusy { most, with });
        }
    }
    let validates = |other: &Task| stops(Guard::ValidatingClashes, other.state == TaskState::Validating);
    let under_way = others.iter().filter(|other| other.state == TaskState::Running || validates(other));
    under_way.filter(|other| other.id != task.id).find_map(|other| {
        let clash = clash(&task.spec, &other.spec).filter(|_| stops(Guard::NoClash, true))?;
        Some(Obstacle::Clash { with: other, clash })
    })
}
