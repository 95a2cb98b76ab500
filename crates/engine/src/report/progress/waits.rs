//! What tasks wait for that have not begun, or wait for another try.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::BreakerId;
use tollhouse_core::entity::{Breaker, Budget, Effect, Task, Work};
use tollhouse_core::lifecycle::{EffectState, RunState, TaskState};
use tollhouse_core::spec::Crew;

use super::scene::Scene;
use crate::decide::{able, can_be_done, can_do};
use crate::schedule::{agent_is_full, breaker_obstacle, is_full, money_obstacle};

/// What tasks wait for: each is counted once, with what is in its way first. They add up to those that wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WaitCounts {
    /// For their run to begin, or to go on.
    pub run: u64,
    /// For tasks or workstreams that they need.
    pub needs: u64,
    /// For the end of the pause before another try.
    pub backoff: u64,
    /// For a person.
    pub person: u64,
    /// For a worker that can do them: none that is there can.
    pub worker: u64,
    /// For their agent: it failed too often, was asked to slow down, or is at as many tasks as it may be.
    pub agent: u64,
    /// For room: as many attempts are alive as the run allows.
    pub room: u64,
    /// For money: what they may cost is not free in the budget.
    pub money: u64,
    /// For their turn: for an idle worker, or for a task that they may not run beside.
    pub turn: u64,
}

impl WaitCounts {
    /// All of them.
    pub const fn all(&self) -> u64 {
        self.run
            + self.needs
            + self.backoff
            + self.person
            + self.worker
            + self.agent
            + self.room
            + self.money
            + self.turn
    }

    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let (mut counts, mut queue) = (Self::default(), Queue::of(scene));
        let runs = scene.run.state == RunState::Running;
        for task in &scene.tasks {
            *match task.state {
                TaskState::Pending | TaskState::Queued if !runs => &mut counts.run,
                TaskState::Pending | TaskState::Blocked => &mut counts.needs,
                TaskState::Retrying => &mut counts.backoff,
                TaskState::Waiting => &mut counts.person,
                TaskState::Queued => queue.place(task, &mut counts),
                _ => continue,
            } += 1;
        }
        counts
    }
}

/// What is asked about every queued task, answered once where the answer is the same.
struct Queue<'s, 'v> {
    scene: &'s Scene<'v>,
    is_full: bool,
    running: Vec<&'v Task>,
    budget: Option<&'v Budget>,
    agents: BTreeMap<&'v str, bool>,
    capabilities: BTreeMap<(Vec<&'v str>, &'v BTreeSet<String>), bool>,
}

impl<'s, 'v> Queue<'s, 'v> {
    fn of(scene: &'s Scene<'v>) -> Self {
        let unsettled = [EffectState::Requested, EffectState::Started, EffectState::Unknown];
        let is_spawn = |effect: &&Effect| matches!(effect.work, Work::Spawn { .. });
        let alive = scene.view.in_states::<Effect>(scene.run.id, &unsettled).filter(is_spawn).count();
        Self {
            scene,
            is_full: is_full(scene.run, alive),
            running: scene.tasks.iter().copied().filter(|task| task.state == TaskState::Running).collect(),
            budget: scene.view.budget(scene.run.id),
            agents: BTreeMap::new(),
            capabilities: BTreeMap::new(),
        }
    }

    fn place<'c>(&mut self, task: &'v Task, counts: &'c mut WaitCounts) -> &'c mut u64 {
        if !self.has_worker(task) {
            &mut counts.worker
        } else if able(self.scene.view, task.run, task).all(|agent| self.is_kept_out(agent)) {
            &mut counts.agent
        } else if self.is_full {
            &mut counts.room
        } else if money_obstacle(self.scene.run, self.budget, task).is_some() {
            &mut counts.money
        } else {
            &mut counts.turn
        }
    }

    fn has_worker(&mut self, task: &'v Task) -> bool {
        let scene = self.scene;
        let able = || match scene.run.spec.crew {
            Crew::Own => can_do(scene.run, &BTreeSet::new(), task),
            // Who does not know the shared workers cannot say that none of them fits.
            Crew::Shared => !scene.view.is_fleet() || can_be_done(scene.view, task),
        };
        let of = (task.candidates().collect(), &task.spec.capabilities);
        *self.capabilities.entry(of).or_insert_with(able)
    }

    fn is_kept_out(&mut self, agent: &'v str) -> bool {
        let (scene, running) = (self.scene, &self.running);
        let breaker = || scene.view.get::<Breaker>(BreakerId::of_agent(agent));
        *self.agents.entry(agent).or_insert_with(|| {
            breaker_obstacle(breaker(), scene.at).is_some() || agent_is_full(scene.run, agent, running).is_some()
        })
    }
}
