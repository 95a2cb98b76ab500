//! What there is: the records, the branch, the clock, and how much of each kind of trouble is left.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Breaker, Budget, CostEntry, Effect, Entity, Patch, Run, Task, Work, Worker, Workstream};
use tollhouse_core::lifecycle::BreakerState;
use tollhouse_core::spec::Crew;
use tollhouse_core::{AttemptId, BreakerId, Change, Kind, PatchId, RecordId, RunId, Span, TaskId, Timestamp, WorkerId};
use tollhouse_engine::{At, Command, Decision, Engine, Newcomer, Refusal, View, decide, next_deadline};
use tollhouse_state::MemoryStore;

use super::settings::{Allowance, Setting};
use crate::world::process;

/// What stands on the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    Ours(PatchId),
    Foreign,
}

/// One moment of the world.
#[derive(Clone)]
pub(super) struct World {
    /// All of it.
    pub(super) view: View,
    /// What who drives the run sees, where its tasks are done by shared workers: not them.
    of_run: Option<View>,
    pub(super) run: RunId,
    pub(super) now: Timestamp,
    /// How many commands were carried out: each decision has its own seed.
    steps: u64,
    pub(super) branch: Vec<Commit>,
    pub(super) left: Allowance,
    /// The patches that a person let in again: they land for themselves.
    pub(super) released: BTreeSet<PatchId>,
}

/// Who does something, and so whether they must be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Who drives the run, or takes it over: what they may say is never refused.
    Conductor,
    /// A shared worker, or who looks after it: never refused.
    Worker,
    /// The clock: never refused.
    Clock,
    /// A person, whom something waits for: never refused.
    Awaited,
    /// A person of their own accord: may be refused, and nothing may have to wait for them.
    Person,
}

/// What something does to the world beside the records.
#[derive(Debug, Clone, Copy)]
pub(super) enum Then {
    Nothing,
    /// The branch moved to a patch.
    Landed(PatchId),
    /// Somebody else moved the branch.
    BranchMoved,
    /// A person let a patch in again.
    Released(PatchId),
}

/// Something that may happen.
pub(super) struct Move {
    pub(super) what: &'static str,
    pub(super) about: Option<RecordId>,
    pub(super) by: By,
    pub(super) command: Command,
    /// When: as a rule now.
    pub(super) at: Timestamp,
    pub(super) then: Then,
    /// What of the allowance it takes.
    pub(super) takes: fn(&mut Allowance),
}

/// Something that must be refused.
pub(super) struct Probe {
    pub(super) what: &'static str,
    pub(super) about: Option<RecordId>,
    pub(super) command: Command,
    /// The codes that are a right answer; none: the answer is that nothing changes.
    pub(super) codes: &'static [&'static str],
}

impl World {
    /// A run was made; nothing began.
    pub(super) fn begin(setting: &Setting) -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let run = RunId::from_parts(now, 1);
        let spec = Box::new(setting.spec.clone());
        let create = Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None };
        let shares = setting.spec.crew == Crew::Shared;
        let empty = Self {
            view: if shares { fleet() } else { View::default() },
            of_run: shares.then(View::default),
            run,
            now,
            steps: 0,
            branch: Vec::new(),
            left: setting.allowance,
            released: BTreeSet::new(),
        };
        let made = empty.ask(&create, now).expect("a new run is made");
        let mut begun = empty;
        begun.take(&made.changes);
        if setting.failures_before > 0 {
            begun.remember_failures(setting);
        }
        for (name, able) in setting.crew {
            let registered = begun.ask(&begun.registration(name, able), now).expect("a new worker registers");
            begun.take(&registered.changes);
        }
        begun
    }

    /// What earlier runs left: an agent that failed so often.
    fn remember_failures(&mut self, setting: &Setting) {
        let agent = setting.spec.agents[0].name.clone();
        let breaker = Breaker {
            id: BreakerId::of_agent(&agent),
            agent,
            state: BreakerState::Closed,
            failures_in_a_row: setting.failures_before,
            reopened: 0,
            until: None,
            trial: None,
            reason: None,
            changed_at: self.now,
            created_at: self.now,
        };
        self.view.take(&breaker.to_record(1)).expect("a breaker's record is a breaker");
    }

    /// What a shared worker says that registers.
    pub(super) fn registration(&self, name: &str, able: &[&str]) -> Command {
        let known = self.view.all::<Worker>().count();
        let newcomer = Box::new(Newcomer {
            name: name.to_owned(),
            process: process(100 + u32::try_from(known).expect("a small number")),
            capabilities: able.iter().map(|word| (*word).to_owned()).collect(),
        });
        let number = u128::try_from(known).expect("a small number");
        Command::RegisterWorker { worker: WorkerId::from_parts(self.now, number), newcomer }
    }

    /// What the engine says to a command. Backoffs are drawn so that none is over before the clock is moved to its end.
    pub(super) fn ask(&self, command: &Command, now: Timestamp) -> Result<Decision, Refusal> {
        (0..64)
            .map(|draw| decide(self.seen_by(command, now), command, At { now, seed: self.steps * 64 + draw }))
            .find(|answer| answer.as_ref().map_or(true, |decision| !has_short_backoff(decision, now)))
            .expect("a backoff is longer than the steps until its end take")
    }

    /// What is seen by who gives a command: who drives a run knows no shared worker, who looks after these knows the run, too.
    fn seen_by(&self, command: &Command, now: Timestamp) -> &View {
        let Some(of_run) = &self.of_run else { return &self.view };
        let is_workers = match command {
            Command::RegisterWorker { .. }
            | Command::LookAtWorker { .. }
            | Command::OverrideWorker { .. }
            | Command::Work { .. } => true,
            Command::Claim { by, .. } => by.worker.is_some(),
            Command::Report { effect, .. } => {
                let effect = self.view.get::<Effect>(*effect);
                effect.is_some_and(|effect| matches!(effect.work, Work::Spawn { .. } | Work::Kill { .. }))
            }
            // That nobody can do what is queued is seen only by who knows all workers.
            Command::Tick { run } => next_due(of_run, *run).is_none_or(|due| due > now),
            _ => false,
        };
        if is_workers { &self.view } else { of_run }
    }

    /// The next time at which the records say that something of the run is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        next_due(&self.view, self.run)
    }

    /// The workers that any run may use, by age.
    pub(super) fn shared_workers(&self) -> impl Iterator<Item = &Worker> {
        self.view.all::<Worker>().filter(|worker| worker.run.is_none())
    }

    /// Whether an effect is for the shared worker that holds its attempt.
    pub(super) fn is_for_worker(&self, effect: &Effect) -> bool {
        self.of_run.is_some() && matches!(effect.work, Work::Spawn { .. } | Work::Kill { .. })
    }

    /// The world after a move, with what changed.
    pub(super) fn after(&self, step: &Move) -> Result<(Self, Vec<Change>), Refusal> {
        let decision = self.ask(&step.command, step.at)?;
        let mut after = self.clone();
        after.now = step.at;
        after.take(&decision.changes);
        (step.takes)(&mut after.left);
        match step.then {
            Then::Nothing => {}
            Then::Landed(patch) => after.branch.push(Commit::Ours(patch)),
            Then::BranchMoved => after.branch.push(Commit::Foreign),
            Then::Released(patch) => {
                after.released.insert(patch);
            }
        }
        Ok((after, decision.changes))
    }

    fn take(&mut self, changes: &[Change]) {
        self.steps += 1;
        for change in changes {
            self.view.take(&change.record).expect("what the engine writes can be read");
            let of_run = change.record.run.is_some() || change.record.kind() == Kind::Breaker;
            if let Some(view) = self.of_run.as_mut().filter(|_| of_run) {
                view.take(&change.record).expect("what the engine writes can be read");
            }
        }
    }

    pub(super) fn run(&self) -> &Run {
        self.view.get::<Run>(self.run).expect("the run was made")
    }

    /// The run's budget, if it has one.
    pub(super) fn budget(&self) -> Option<&Budget> {
        self.view.all::<Budget>().next()
    }

    /// The entries of what an attempt cost that no other stands in for.
    fn counted(&self, attempt: AttemptId) -> Vec<&CostEntry> {
        let of = |entry: &&CostEntry| entry.attempt == Some(attempt);
        let entries: Vec<&CostEntry> = self.view.all::<CostEntry>().filter(of).collect();
        let stands = |entry: &&CostEntry| !entries.iter().any(|other| other.corrects == Some(entry.id));
        entries.iter().copied().filter(stands).collect()
    }

    /// What an attempt counts as, in nano-dollars, once it ended.
    pub(super) fn cost_of(&self, attempt: AttemptId) -> Option<i64> {
        self.counted(attempt).first().map(|entry| entry.settled_at.as_nanos())
    }

    /// What was spent on a task, in nano-dollars.
    pub(super) fn spent_on(&self, task: TaskId) -> i64 {
        use tollhouse_core::entity::Attempt;
        let attempts = self.view.all::<Attempt>().filter(|attempt| attempt.task == task);
        attempts.filter_map(|attempt| self.cost_of(attempt.id)).sum()
    }

    /// The commit that the branch stands at.
    pub(super) fn head(&self) -> String {
        format!("head{}", self.branch.len())
    }

    /// The moment after this one: what comes in now is younger than what came before.
    pub(super) fn next_moment(&self) -> Timestamp {
        self.now.after(Span::from_millis(1))
    }

    /// A record as a person would call it.
    pub(super) fn name_of(&self, id: RecordId) -> String {
        use tollhouse_core::entity::{Attempt, GateRun};
        if let Some(task) = self.view.get::<Task>(id) {
            return format!("task {}", task.spec.name);
        }
        if let Some(attempt) = self.view.get::<Attempt>(id) {
            return format!("attempt {} of {}", attempt.number, self.name_of(attempt.task.into()));
        }
        if let Some(patch) = self.view.get::<Patch>(id) {
            return format!("the patch of {}", patch.attempt.map_or_else(String::new, |one| self.name_of(one.into())));
        }
        if let Some(gate_run) = self.view.get::<GateRun>(id) {
            let judged = gate_run.patch.map(RecordId::from).or(gate_run.workstream.map(RecordId::from));
            let judged = judged.map_or_else(|| "the run".to_owned(), |judged| self.name_of(judged));
            return format!("gate {} (run {}) on {judged}", gate_run.gate.name, gate_run.number);
        }
        if let Some(worker) = self.view.get::<Worker>(id) {
            return format!("worker {}", worker.name);
        }
        if let Some(stream) = self.view.get::<Workstream>(id) {
            return format!("workstream {}", stream.spec.name);
        }
        match (self.view.get::<Effect>(id), id.kind()) {
            (Some(effect), _) => format!("{} {}", work_name(&effect.work), self.name_of(effect.work.subject())),
            (None, Kind::Run) => "the run".to_owned(),
            (None, kind) => format!("the {kind}"),
        }
    }
}

const fn work_name(work: &Work) -> &'static str {
    match work {
        Work::Spawn { .. } => "spawn",
        Work::Kill { .. } => "kill",
        Work::Apply { .. } => "apply",
        Work::Gate { .. } => "run",
        Work::Land { .. } => "land",
        Work::Purge { .. } => "purge",
        Work::Archive { .. } => "archive",
    }
}

/// Whether a task is to be tried again so soon that the few moments of other commands might reach it.
fn has_short_backoff(decision: &Decision, now: Timestamp) -> bool {
    let soon = now.after(Span::from_millis(200));
    decision.changes.iter().filter(|change| change.record.state == "retrying").any(|change| {
        let task: Task = serde_json::from_str(&change.record.body).expect("a task's record is a task");
        task.due_at.is_some_and(|due| due < soon)
    })
}

/// An empty view of who knows all shared workers.
fn fleet() -> View {
    Engine::open_fleet(MemoryStore::new()).expect("a store in memory opens").view().clone()
}

fn next_due(view: &View, run: RunId) -> Option<Timestamp> {
    let of_tasks = view.all::<Task>().flat_map(|task| [task.due_at, task.lease.as_ref().map(|lease| lease.deadline)]);
    of_tasks.flatten().chain(next_deadline(view, run)).min()
}
