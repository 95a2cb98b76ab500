//! What there is: the records, the branch, the clock, and how much of each kind of trouble is left.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Patch, Run, Task, Work};
use tollhouse_core::{Change, PatchId, RecordId, RunId, Span, Timestamp};
use tollhouse_engine::{At, Command, Decision, Refusal, View, decide};

use super::settings::{Allowance, Setting};

/// What stands on the branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commit {
    Ours(PatchId),
    Foreign,
}

/// One moment of the world.
#[derive(Clone)]
pub(super) struct World {
    pub(super) view: View,
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
        let empty = Self {
            view: View::default(),
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
        begun
    }

    /// What the engine says to a command. Backoffs are drawn so that none is over before the clock is moved to its end.
    pub(super) fn ask(&self, command: &Command, now: Timestamp) -> Result<Decision, Refusal> {
        (0..64)
            .map(|draw| decide(&self.view, command, At { now, seed: self.steps * 64 + draw }))
            .find(|answer| answer.as_ref().map_or(true, |decision| !has_short_backoff(decision, now)))
            .expect("a backoff is longer than the steps until its end take")
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
        }
    }

    pub(super) fn run(&self) -> &Run {
        self.view.get::<Run>(self.run).expect("the run was made")
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
        use tollhouse_core::entity::{Attempt, Effect, GateRun};
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
            let patch = gate_run.patch.map_or_else(String::new, |patch| self.name_of(patch.into()));
            return format!("gate {} (run {}) on {patch}", gate_run.gate.name, gate_run.number);
        }
        match self.view.get::<Effect>(id) {
            Some(effect) => format!("{} {}", work_name(&effect.work), self.name_of(effect.work.subject())),
            None => "the run".to_owned(),
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
