//! Who may take a task now.

use std::collections::BTreeSet;

use tollhouse_core::Timestamp;
use tollhouse_core::entity::{Breaker, CandidateOutcome, Run, Task};

use super::ability::{is_able, lacks};
use crate::schedule::{Obstacle, agent_is_full, breaker_obstacle};

/// What decides whether an agent may take a task now.
#[derive(Clone, Copy)]
pub(crate) struct Door<'d> {
    /// The run of the task.
    pub(crate) run: &'d Run,
    /// The tasks that are under way beside it.
    pub(crate) under_way: &'d [&'d Task],
    /// What whoever executes the attempt is able to do by itself.
    pub(crate) worker: &'d BTreeSet<String>,
    /// The circuit breakers, by agent.
    pub(crate) breaker: &'d dyn Fn(&str) -> Option<&'d Breaker>,
    /// The time. Where nobody knows it, the beginning of time: what is open counts as open.
    pub(crate) now: Timestamp,
}

impl Door<'_> {
    /// What turns an agent down, if anything does.
    pub(crate) fn turns_down(&self, asked: &BTreeSet<String>, agent: &str) -> Option<CandidateOutcome> {
        if !is_able(self.run, asked, agent, self.worker) {
            let lacks = lacks(self.run, asked, agent, self.worker);
            return Some(CandidateOutcome::Incapable { lacks: lacks.into_iter().map(str::to_owned).collect() });
        }
        if let Some(Obstacle::BreakerOpen { until }) = breaker_obstacle((self.breaker)(agent), self.now) {
            return Some(CandidateOutcome::BreakerOpen { until });
        }
        agent_is_full(self.run, agent, self.under_way).map(|max_parallel| CandidateOutcome::Busy { max_parallel })
    }
}
