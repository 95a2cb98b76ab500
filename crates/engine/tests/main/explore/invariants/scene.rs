//! A state's records, at hand, with the words that the lifecycles use of them.

use tollhouse_core::entity::{Attempt, Effect, ErrorClass, GateRun, Patch, Run, Task, Work, Worker, Workstream};
use tollhouse_core::lifecycle::{
    AttemptState, EffectState, GateRunState, PatchState, RunState, TaskState, WorkerState, WorkstreamState,
};
use tollhouse_core::spec::{LandMode, Weight};
use tollhouse_core::{AttemptId, PatchId, WorkerId};

use crate::explore::world::World;

/// A state's records, at hand.
pub(in crate::explore) struct Scene<'w> {
    pub(in crate::explore) world: &'w World,
    pub(super) run: &'w Run,
    pub(super) tasks: Vec<&'w Task>,
    pub(super) attempts: Vec<&'w Attempt>,
    pub(super) patches: Vec<&'w Patch>,
    pub(super) gate_runs: Vec<&'w GateRun>,
    pub(super) effects: Vec<&'w Effect>,
    /// Those that any run may use.
    pub(super) workers: Vec<&'w Worker>,
    pub(super) streams: Vec<&'w Workstream>,
}

pub(super) const fn run_is_over(state: RunState) -> bool {
    matches!(state, RunState::Succeeded | RunState::Failed | RunState::Quarantined | RunState::Canceled)
}

pub(super) const fn task_is_over(state: TaskState) -> bool {
    matches!(state, TaskState::Completed | TaskState::Failed | TaskState::Canceled | TaskState::Skipped)
}

pub(super) fn attempt_is_over(state: AttemptState) -> bool {
    state != AttemptState::Running
}

pub(super) const fn patch_is_over(state: PatchState) -> bool {
    use PatchState as S;
    matches!(state, S::Committed | S::RolledBack | S::Quarantined | S::Dropped)
}

pub(super) const fn gate_run_is_over(state: GateRunState) -> bool {
    use GateRunState as S;
    matches!(state, S::Passed | S::Failed | S::Error | S::Skipped)
}

pub(super) const fn worker_is_over(state: WorkerState) -> bool {
    matches!(state, WorkerState::Terminated | WorkerState::Crashed)
}

pub(super) const fn stream_is_over(state: WorkstreamState) -> bool {
    use WorkstreamState as S;
    matches!(state, S::Completed | S::Failed | S::Canceled | S::Skipped)
}

/// Failed, canceled, or skipped because something needed was missed.
pub(super) fn stream_is_missed(stream: &Workstream) -> bool {
    match stream.state {
        WorkstreamState::Failed | WorkstreamState::Canceled => true,
        WorkstreamState::Skipped => stream.error_class == Some(ErrorClass::DependencyMissed),
        _ => false,
    }
}

pub(super) const fn is_settled(state: EffectState) -> bool {
    matches!(state, EffectState::Done | EffectState::Failed)
}

/// Claimed, and nobody knows yet how it went.
pub(super) const fn is_begun(state: EffectState) -> bool {
    matches!(state, EffectState::Started | EffectState::Unknown)
}

/// Failed, canceled, or skipped because something needed was missed.
pub(super) fn is_missed(task: &Task) -> bool {
    match task.state {
        TaskState::Failed | TaskState::Canceled => true,
        TaskState::Skipped => task.error_class == Some(ErrorClass::DependencyMissed),
        _ => false,
    }
}

/// Skipped by a person counts as done for what needs it.
pub(super) fn is_done(task: &Task) -> bool {
    task.state == TaskState::Completed || (task.state == TaskState::Skipped && !is_missed(task))
}

pub(super) fn is_critical(task: &Task) -> bool {
    task.spec.weight == Weight::Critical
}

/// Whether two tasks declare the same write scope (the explored ones have equal scopes, or none that meet) or share a group.
pub(super) fn clash(one: &Task, other: &Task) -> bool {
    let scope = |task: &Task| task.spec.policy.as_ref().and_then(|policy| policy.write.clone()).unwrap_or_default();
    let group = |task: &Task| task.spec.conflict_group.clone();
    let shares_scope = scope(one).iter().any(|glob| scope(other).contains(glob));
    one.id != other.id && (shares_scope || (group(one).is_some() && group(one) == group(other)))
}

impl<'w> Scene<'w> {
    pub(in crate::explore) fn of(world: &'w World) -> Self {
        Self {
            world,
            run: world.run(),
            tasks: world.view.all().collect(),
            attempts: world.view.all().collect(),
            patches: world.view.all().collect(),
            gate_runs: world.view.all().collect(),
            effects: world.view.all().collect(),
            workers: world.shared_workers().collect(),
            streams: world.view.all().collect(),
        }
    }

    pub(super) fn task_of(&self, patch: &Patch) -> Option<&'w Task> {
        self.tasks.iter().find(|task| patch.task == Some(task.id)).copied()
    }

    pub(super) fn patch_of(&self, task: &Task) -> Option<&'w Patch> {
        self.patches.iter().find(|patch| task.patch == Some(patch.id)).copied()
    }

    pub(super) fn attempt_of(&self, task: &Task) -> Option<&'w Attempt> {
        self.attempts.iter().find(|attempt| task.attempt == Some(attempt.id)).copied()
    }

    pub(super) fn worker(&self, id: WorkerId) -> Option<&'w Worker> {
        self.workers.iter().find(|worker| worker.id == id).copied()
    }

    pub(super) fn attempt(&self, id: AttemptId) -> Option<&'w Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == id).copied()
    }

    pub(super) fn needed_by(&self, task: &'w Task) -> impl Iterator<Item = &'w Task> + '_ {
        self.tasks.iter().copied().filter(|other| task.spec.needs.contains(&other.spec.name))
    }

    /// Whether a person let a patch in again: it lands for itself.
    pub(super) fn is_released(&self, patch: &Patch) -> bool {
        self.world.released.contains(&patch.id)
    }

    /// Whether a patch is ready, and a person has to say that it lands.
    pub(super) fn is_held(&self, patch: &Patch) -> bool {
        let why = match patch.state {
            PatchState::Applied => patch.doubt.is_some(),
            state => self.run.spec.land == LandMode::Hold && state == PatchState::Verified,
        };
        why && !patch.approved
    }

    pub(super) fn critical_missed(&self) -> bool {
        // A task in no workstream is in the run's own, which is critical.
        let of_run = |task: &Task| task.spec.workstream.is_none() && is_critical(task) && is_missed(task);
        let streams = || self.streams.iter().filter(|stream| stream.spec.weight == Weight::Critical);
        self.tasks.iter().any(|task| of_run(task)) || streams().any(|stream| stream_is_missed(stream))
    }

    /// Whether the branch may be moving to a patch.
    pub(super) fn is_landing(&self, patch: PatchId) -> bool {
        self.effects.iter().any(|effect| effect.work == Work::Land { patch } && is_begun(effect.state))
    }

    /// The runs of gates on a patch's present candidate.
    pub(super) fn gate_runs_on(&self, patch: &Patch) -> Vec<&'w GateRun> {
        let Some(on) = &patch.candidate else { return Vec::new() };
        let is_on = |one: &&&GateRun| one.patch == Some(patch.id) && one.tree == on.tree && one.parent == on.parent;
        self.gate_runs.iter().filter(is_on).copied().collect()
    }

    /// Whether something of this run that is no more than a patch let in again is still under way.
    pub(super) fn unsettled(&self) -> impl Iterator<Item = &'w Effect> + '_ {
        self.effects.iter().copied().filter(|effect| !is_settled(effect.state))
    }

    /// The patch that an effect is for.
    pub(super) fn patch_behind(&self, work: &Work) -> Option<&'w Patch> {
        let id = match *work {
            Work::Apply { patch } | Work::Land { patch } => Some(patch),
            Work::Gate { gate_run } => self.gate_runs.iter().find(|one| one.id == gate_run).and_then(|one| one.patch),
            Work::Spawn { .. } | Work::Kill { .. } | Work::Purge { .. } | Work::Archive { .. } => None,
        };
        self.patches.iter().find(|patch| Some(patch.id) == id).copied()
    }
}
