//! What can be asked of the engine: a closed set.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Archive, Fork, Process};
use tollhouse_core::spec::{GateSpec, RunSpec, TaskSpec};
use tollhouse_core::{
    BudgetId, EffectId, GateRunId, Money, PatchId, RecordId, RunId, TaskId, Timestamp, WorkerId, WorkstreamId,
};

use crate::outcome::{Found, NewPatch, Outcome};

/// The time and the randomness of a decision. The same view, command and `At` give the same decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// The time.
    pub now: Timestamp,
    /// Where new ids and jitter are drawn from. Never use one twice.
    pub seed: u64,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Make a run, its workstreams and its tasks. Given again with the same id and the same content, nothing changes.
    CreateRun {
        /// The id it gets.
        run: RunId,
        /// What it is asked for.
        spec: Box<RunSpec>,
        /// Who starts it.
        started_by: String,
        /// What it takes over from another run.
        legacy: Option<Legacy>,
    },
    /// Make a run of one patch that no run made.
    SubmitPatch {
        /// The id that the run gets.
        run: RunId,
        /// What holds for it: gates, policy, branches. It has no tasks.
        spec: Box<RunSpec>,
        /// Who hands it in.
        started_by: String,
        /// The commit that the landing branch stands at.
        base: String,
        /// The patch.
        patch: Box<Submission>,
    },
    /// Add tasks to a run that goes on. Said again with the same tasks, nothing changes.
    AddTasks {
        /// Which run.
        run: RunId,
        /// The tasks, in order.
        tasks: Vec<Addition>,
        /// Who adds them.
        added_by: String,
    },
    /// Drive a run: be the one that claims its effects.
    Drive {
        /// Which run.
        run: RunId,
        /// The program that asks.
        process: Process,
        /// What is known of the program that drives it now.
        seen: Option<Seen>,
    },
    /// Stop driving.
    StepDown {
        /// Which run.
        run: RunId,
        /// The epoch of the conductor that stops.
        epoch: u64,
    },
    /// Begin: the target exists.
    StartRun {
        /// Which run.
        run: RunId,
        /// The commit that it starts from.
        base: String,
    },
    /// Look at the clock: what is due, what is overdue.
    Tick {
        /// Of which run.
        run: RunId,
    },
    /// Nothing new starts; what agents do is stopped and does not count. Said again of a paused run, nothing changes.
    PauseRun {
        /// Which run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// Let a paused run go on. Said of a running one, nothing changes.
    ResumeRun {
        /// Which run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// End a run: what is alive is stopped, what did not land will not. Said again, nothing changes.
    CancelRun {
        /// Which run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// Stop a run for safety: as canceled, at once, and nothing of it is let in again. Said again, nothing changes.
    QuarantineRun {
        /// Which run.
        run: RunId,
        /// Why.
        reason: String,
    },
    /// A person sets how much may be spent. Said again, nothing changes. A run that paused for it is let go on with
    /// [`ResumeRun`](Self::ResumeRun).
    ChangeBudget {
        /// Which budget.
        budget: BudgetId,
        /// How much may be spent, all in all.
        limit: Money,
        /// Why.
        reason: String,
    },
    /// A person's word on a task.
    OverrideTask {
        /// Which task.
        task: TaskId,
        /// What they want.
        wish: TaskWish,
        /// Why.
        reason: String,
    },
    /// A person's word on a patch.
    OverridePatch {
        /// Which patch.
        patch: PatchId,
        /// What they want.
        wish: PatchWish,
        /// Why.
        reason: String,
    },
    /// A person's word on a workstream.
    OverrideWorkstream {
        /// Which workstream.
        workstream: WorkstreamId,
        /// What they want.
        wish: WorkstreamWish,
        /// Why.
        reason: String,
    },
    /// Forget what a record and all that hangs on it say. Nothing is removed by this: it asks for that, and says why.
    /// Said again while that is asked for, nothing changes.
    Purge {
        /// Which record: a run, or a task, an attempt, a patch or a gate run.
        record: RecordId,
        /// Why.
        reason: String,
    },
    /// Take runs that are over out of the ledger; all of them are in an archive already. Nothing is removed by this: it asks for
    /// that.
    Archive {
        /// Which runs, and where they are.
        archive: Box<Archive>,
    },
    /// Run a gate by hand, on a tree of one's choice.
    CreateGateRun {
        /// The id it gets.
        gate_run: GateRunId,
        /// The gate.
        gate: Box<GateSpec>,
        /// The tree to run on.
        tree: String,
        /// The commit that the tree is of.
        parent: String,
    },
    /// Take a worker in that any run with a shared crew may use.
    RegisterWorker {
        /// The id it gets.
        worker: WorkerId,
        /// What it is.
        newcomer: Box<Newcomer>,
    },
    /// Say what was seen of a worker: the only place where its heartbeats count.
    LookAtWorker {
        /// Which worker.
        worker: WorkerId,
        /// What was seen.
        seen: WorkerSeen,
    },
    /// A person's word on a worker.
    OverrideWorker {
        /// Which worker.
        worker: WorkerId,
        /// What they want.
        wish: WorkerWish,
        /// Why.
        reason: String,
    },
    /// Give an idle worker something to do, of whichever run has a claim to it. Where there is nothing, nothing changes.
    Work {
        /// Which worker.
        worker: WorkerId,
    },
    /// Begin an effect.
    Claim {
        /// Which effect.
        effect: EffectId,
        /// Who begins.
        by: Claimant,
        /// By when it must have ended.
        until: Timestamp,
    },
    /// Say what became of an effect whose runner is gone, after looking at the world.
    Settle {
        /// Which effect.
        effect: EffectId,
        /// Who looked.
        by: Witness,
        /// What was seen.
        found: Found,
    },
    /// Say how an effect went.
    Report {
        /// Which effect.
        effect: EffectId,
        /// The epoch that it was claimed with.
        epoch: u64,
        /// How it went.
        outcome: Box<Outcome>,
    },
}

impl Command {
    /// The person's own key for the run that it makes, if it makes one and has one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::CreateRun { spec, .. } | Self::SubmitPatch { spec, .. } => spec.key.as_deref(),
            _ => None,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CreateRun { .. } => "create_run",
            Self::SubmitPatch { .. } => "submit_patch",
            Self::AddTasks { .. } => "add_tasks",
            Self::Drive { .. } => "drive",
            Self::StepDown { .. } => "step_down",
            Self::StartRun { .. } => "start_run",
            Self::Tick { .. } => "tick",
            Self::PauseRun { .. } => "pause_run",
            Self::ResumeRun { .. } => "resume_run",
            Self::CancelRun { .. } => "cancel_run",
            Self::QuarantineRun { .. } => "quarantine_run",
            Self::ChangeBudget { .. } => "change_budget",
            Self::OverrideTask { .. } => "override_task",
            Self::OverridePatch { .. } => "override_patch",
            Self::OverrideWorkstream { .. } => "override_workstream",
            Self::Purge { .. } => "purge",
            Self::Archive { .. } => "archive",
            Self::CreateGateRun { .. } => "create_gate_run",
            Self::RegisterWorker { .. } => "register_worker",
            Self::LookAtWorker { .. } => "look_at_worker",
            Self::OverrideWorker { .. } => "override_worker",
            Self::Work { .. } => "work",
            Self::Claim { .. } => "claim",
            Self::Settle { .. } => "settle",
            Self::Report { .. } => "report",
        }
    }

    /// Whether a person goes before the rules with it: it needs a reason, and what it does is told as a warning.
    pub const fn is_override(&self) -> bool {
        matches!(
            self,
            Self::PauseRun { .. }
                | Self::ResumeRun { .. }
                | Self::CancelRun { .. }
                | Self::QuarantineRun { .. }
                | Self::ChangeBudget { .. }
                | Self::OverrideTask { .. }
                | Self::OverridePatch { .. }
                | Self::OverrideWorkstream { .. }
                | Self::OverrideWorker { .. }
        )
    }

    /// The effect that it is about, if it is about one.
    pub const fn effect(&self) -> Option<EffectId> {
        match self {
            Self::Claim { effect, .. } | Self::Settle { effect, .. } | Self::Report { effect, .. } => Some(*effect),
            _ => None,
        }
    }
}

/// What a run takes over from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// Which run, and from where on it is done again.
    pub fork: Fork,
    /// The tasks that were completed there, by plan id.
    pub done: BTreeMap<String, TaskId>,
}

/// A task that is added to a run that goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addition {
    /// What is to be done. What it asks for (agents, gates, policy, workstream) is what the run began with.
    pub spec: TaskSpec,
    /// Tasks of the run, by plan id, that wait for it from now on: they wait for something already.
    pub needed_by: Vec<String>,
}

/// A patch that is handed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The id it gets.
    pub id: PatchId,
    /// What it changes.
    pub change: NewPatch,
    /// The first line of what lands.
    pub title: String,
    /// Whose change it is, as in `Ada <ada@example.org>`.
    pub author: Option<String>,
    /// The patch that it is handed in for.
    pub replaces: Option<PatchId>,
}

/// What is known of the program that drives a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The epoch of the conductor that was looked at.
    pub epoch: u64,
    /// What was seen of it.
    pub liveness: Liveness,
}

/// What was seen of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It does not run any more.
    Gone,
    /// It is on a machine that cannot be looked at.
    OutOfSight {
        /// When it last said that it is alive, if it ever did. Who notes that notes it for no earlier than the newest event that
        /// they know: by a clock that was set back, whoever speaks all the time would seem silent.
        last_seen: Option<Timestamp>,
    },
}

/// A worker that registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newcomer {
    /// The name that it works under.
    pub name: String,
    /// The program that it is: machine, start of the machine, process and its start.
    pub process: Process,
    /// What it can do: a task goes only to a worker that can do all that it asks for.
    pub capabilities: BTreeSet<String>,
}

/// What was seen of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerSeen {
    /// Whether it lives.
    pub liveness: Liveness,
    /// When something last came from what it runs, if that is known.
    pub last_output: Option<Timestamp>,
}

/// What a person wants of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerWish {
    /// It takes nothing new.
    Pause,
    /// It goes on.
    Resume,
    /// It finishes what it holds, and ends.
    Drain,
    /// It ends; it holds nothing.
    Terminate,
}

/// Who begins an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimant {
    /// The name that it works under.
    pub owner: String,
    /// The epoch of the conductor; 0 for what belongs to no run.
    pub conductor: u64,
    /// The program, where no conductor answers for it.
    pub process: Option<Process>,
    /// The shared worker that it is, where it begins what it was given.
    pub worker: Option<WorkerId>,
}

/// Who looked at what became of an effect, and by what right they say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// The conductor of its run, by its epoch.
    Conductor(u64),
    /// Anybody, of what belongs to no run: what they saw of the program that did it.
    Anybody(Liveness),
}

/// What a person wants of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskWish {
    /// One more attempt, with some words more.
    Retry {
        /// What the attempt is told on top.
        say: Option<String>,
    },
    /// Leave it out: what needs it may go on.
    Skip,
    /// End it: what needs it is missed.
    Cancel,
}

/// What a person wants of a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchWish {
    /// Land it: it was held.
    Land,
    /// Set it aside.
    Quarantine,
    /// Its revert landed as this commit.
    RollBack {
        /// The commit.
        commit: String,
    },
    /// Never apply it again.
    Drop,
    /// Let it in again, from the start.
    Release {
        /// The rules that it may break.
        waive: Vec<String>,
        /// The paths that it may change, whatever the rules on paths say.
        allow: Vec<String>,
    },
}

/// What a person wants of a workstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkstreamWish {
    /// Leave it out: what needs it may go on. Nobody may be at work on it.
    Skip,
    /// End it: what needs it is missed.
    Cancel,
}
