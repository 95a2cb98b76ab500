//! What becomes of an effect in the simulated world, by the luck of the try that it belongs to.
//!
//! It reports facts. It must never decide what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{
    Attempt, Candidate, Effect, ErrorClass, Evidence, ExitStatus, GateRun, Patch, Task, Work,
};
use tollhouse_core::lifecycle::{AttemptState, EffectState};
use tollhouse_core::{AttemptId, Money, PatchId, RepoPath, Span, TreeFacts};

use super::branch::Branch;
use super::luck::{Luck, SLOW_DOWN};
use super::plan::new_patch;
use crate::outcome::{AttemptFacts, Cost, Found, GateFacts, Outcome, RateLimit};
use crate::view::View;

/// The world outside of the ledger: a branch, and what luck has in store for each try.
#[derive(Debug, Clone, Default)]
pub struct Hands {
    /// The landing branch.
    pub branch: Branch,
    /// What each try of a task meets, by the task's name, and each run of a gate that judges no patch, by `gate:NAME`; beyond
    /// its end: good.
    luck: BTreeMap<String, Vec<Luck>>,
    /// What each try of a task is said to cost, in nano-dollars, by the task's name; beyond its end, and where there is nothing:
    /// unknown.
    pub costs: BTreeMap<String, Vec<Option<i64>>>,
    /// For how long providers ask to be left alone, the last first; beyond its end: for [`SLOW_DOWN`].
    pub slow_downs: Vec<Span>,
    /// What every patch adds and removes, where all are the same.
    pub same_patch: Option<String>,
    /// The patches whose landing met what happens only once.
    met: BTreeSet<PatchId>,
}

/// An effect as its runner understood it when it began: what changes on the ledger meanwhile does not reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    luck: Luck,
    what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Spawn { attempt: AttemptId, base: String, cost: Option<Cost> },
    Kill,
    Purge,
    Archive,
    Apply { patch: PatchId },
    Gate { name: String, of: Option<PatchId>, number: u32 },
    Land { patch: PatchId, candidate: Option<Candidate> },
}

impl Hands {
    /// A world with this luck, by the tasks' names.
    pub fn with_luck(luck: BTreeMap<String, Vec<Luck>>) -> Self {
        Self { luck, ..Self::default() }
    }

    /// What a runner is about to do, as the ledger says it now.
    ///
    /// # Panics
    /// The view does not hold what the effect is about.
    pub fn job(&self, view: &View, effect: &Effect) -> Job {
        match effect.work {
            Work::Spawn { attempt } => {
                let luck = self.luck_of(view, attempt);
                Job { luck, what: What::Spawn { attempt, base: self.branch.head(), cost: self.cost_of(view, attempt) } }
            }
            Work::Kill { .. } => Job { luck: Luck::Good, what: What::Kill },
            Work::Apply { patch } => {
                let luck = self.luck_of_patch(view, view.get::<Patch>(patch).expect("an effect has a subject"));
                Job { luck, what: What::Apply { patch } }
            }
            Work::Gate { gate_run } => {
                let gate_run = view.get::<GateRun>(gate_run).expect("an effect has a subject");
                let patch = gate_run.patch.and_then(|patch| view.get::<Patch>(patch));
                let luck = patch
                    .map_or_else(|| self.luck_of_own_gate(view, gate_run), |patch| self.luck_of_patch(view, patch));
                Job {
                    luck,
                    what: What::Gate { name: gate_run.gate.name.clone(), of: gate_run.patch, number: gate_run.number },
                }
            }
            Work::Purge { .. } => Job { luck: Luck::Good, what: What::Purge },
            Work::Archive { .. } => Job { luck: Luck::Good, what: What::Archive },
            Work::Land { patch } => {
                let held = view.get::<Patch>(patch).expect("an effect has a subject");
                let candidate = held.candidate.clone();
                Job { luck: self.luck_of_patch(view, held), what: What::Land { patch, candidate } }
            }
        }
    }

    /// Does it.
    pub fn carry_out(&mut self, job: &Job) -> Outcome {
        match &job.what {
            What::Spawn { attempt, base, cost } => self.spawned(job.luck, *attempt, base, *cost),
            What::Kill => Outcome::Killed,
            What::Purge => Outcome::Purged { left: String::new() },
            What::Archive => Outcome::Archived,
            What::Apply { patch } => self.apply(job.luck, *patch),
            What::Gate { name, of, number } => Outcome::Gated(match job.luck {
                Luck::GateFlickers if (of.is_none() || name == "unit") && *number == 1 => gate_facts(Some(1), None),
                Luck::GateSaysNo if of.is_none() || name == "unit" => gate_facts(Some(1), None),
                Luck::GateBreaks if of.is_none() || name == "lint" => gate_facts(None, Some("it timed out")),
                _ => gate_facts(Some(0), None),
            }),
            What::Land { patch, candidate } => self.land(job.luck, *patch, candidate.as_ref()),
        }
    }

    /// What the world shows of an effect whose runner is gone. `left`: whether its agent left a change.
    pub fn look(&self, view: &View, effect: &Effect, left: LeftBehind) -> Found {
        let reason = "its runner was killed".to_owned();
        match effect.work {
            Work::Spawn { attempt } => {
                let change = (left == LeftBehind::Change)
                    .then(|| new_patch("src/lib.rs", &attempt.to_string(), &self.branch.head()));
                let facts = AttemptFacts { change, cost: self.cost_of(view, attempt), ..AttemptFacts::default() };
                Found::outcome(Outcome::Vanished { facts, reason })
            }
            Work::Kill { .. } => Found::outcome(Outcome::Killed),
            Work::Apply { .. } | Work::Purge { .. } | Work::Archive { .. } => Found::NotDone { reason },
            Work::Gate { .. } => Found::outcome(Outcome::Stopped { reason }),
            Work::Land { patch } => match self.branch.commit_of(patch) {
                Some(commit) => Found::outcome(Outcome::Landed { commit }),
                None => Found::NotDone { reason },
            },
        }
    }

    /// Whether an effect will not end by itself: its agent comes back only once somebody has ended it.
    pub fn hangs(&self, view: &View, effect: &Effect) -> bool {
        let Work::Spawn { attempt } = effect.work else { return false };
        self.luck_of(view, attempt) == Luck::Hangs
            && effect.state == EffectState::Started
            && view.get::<Attempt>(attempt).is_some_and(|attempt| attempt.state == AttemptState::Running)
    }

    fn luck_of(&self, view: &View, attempt: AttemptId) -> Luck {
        let attempt = view.get::<Attempt>(attempt).expect("an effect has a subject");
        let name = &view.get::<Task>(attempt.task).expect("an attempt has a task").spec.name;
        let number = usize::try_from(attempt.number).expect("a small number") - 1;
        self.luck.get(name).and_then(|luck| luck.get(number)).copied().unwrap_or(Luck::Good)
    }

    /// What a try is said to cost.
    fn cost_of(&self, view: &View, attempt: AttemptId) -> Option<Cost> {
        let attempt = view.get::<Attempt>(attempt)?;
        let name = &view.get::<Task>(attempt.task)?.spec.name;
        let said = self.costs.get(name)?.get(usize::try_from(attempt.number).ok()? - 1)?;
        said.map(|nanos| Cost { amount: Some(Money::from_nanos(nanos)), evidence: Evidence::Reported })
    }

    /// What a gate of a workstream or of the run meets, by how often it ran.
    fn luck_of_own_gate(&self, view: &View, gate_run: &GateRun) -> Luck {
        let name = &gate_run.gate.name;
        let before = |other: &&GateRun| other.patch.is_none() && other.gate.name == *name && other.id < gate_run.id;
        let number = view.all::<GateRun>().filter(before).count();
        let luck = self.luck.get(&format!("gate:{}", gate_run.gate.name));
        luck.and_then(|luck| luck.get(number)).copied().unwrap_or(Luck::Good)
    }

    fn luck_of_patch(&self, view: &View, patch: &Patch) -> Luck {
        patch.attempt.map_or(Luck::Good, |attempt| self.luck_of(view, attempt))
    }

    fn spawned(&mut self, luck: Luck, attempt: AttemptId, base: &str, cost: Option<Cost>) -> Outcome {
        let path = if luck == Luck::Forbidden { "secrets/key" } else { "src/lib.rs" };
        let fails = matches!(luck, Luck::AgentFails | Luck::RateLimited);
        let exit = Some(ExitStatus::Code(if fails { 3 } else { 0 }));
        let rate_limit = (luck == Luck::RateLimited)
            .then(|| RateLimit { retry_after: Some(self.slow_downs.pop().unwrap_or(SLOW_DOWN)) });
        let content = self.same_patch.clone().unwrap_or_else(|| attempt.to_string());
        let change = (luck != Luck::Nothing).then(|| new_patch(path, &content, base));
        Outcome::Spawned(AttemptFacts { exit, change, cost, rate_limit, ..AttemptFacts::default() })
    }

    fn apply(&self, luck: Luck, patch: PatchId) -> Outcome {
        let head = self.branch.head();
        match luck {
            Luck::Conflict => {
                let files = vec![(RepoPath::from("src/lib.rs"), "both changed it".to_owned())];
                Outcome::Conflicted { target: head, files }
            }
            Luck::ApplyBreaks => {
                Outcome::Failed { class: ErrorClass::Unknown, reason: "its blob cannot be read".to_owned() }
            }
            _ => {
                let candidate = Candidate { tree: format!("{head}+{patch}"), parent: head };
                Outcome::Applied { candidate, facts: TreeFacts::default() }
            }
        }
    }

    fn land(&mut self, luck: Luck, patch: PatchId, candidate: Option<&Candidate>) -> Outcome {
        let lost = || Outcome::Lost { reason: "the branch moved".to_owned() };
        if let Some(commit) = self.branch.commit_of(patch) {
            return Outcome::Landed { commit };
        }
        let somebody_moves_it = self.luck.values().flatten().any(|luck| *luck == Luck::BranchMoves);
        let once = luck == Luck::BranchReturns || luck == Luck::CheckedOut || somebody_moves_it;
        if once && self.met.insert(patch) {
            return match luck {
                Luck::BranchReturns => lost(),
                Luck::CheckedOut => {
                    let reason = "toll/main is checked out".to_owned();
                    Outcome::Failed { class: ErrorClass::Conflict, reason }
                }
                _ => {
                    self.branch.move_by_others();
                    lost()
                }
            };
        }
        match candidate.and_then(|candidate| self.branch.land(patch, candidate)) {
            Some(commit) => Outcome::Landed { commit },
            None => lost(),
        }
    }
}

/// What is found of an agent whose runner is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftBehind {
    /// A change.
    Change,
    /// Nothing.
    Nothing,
}

impl Job {
    /// The agent that never comes back by itself.
    pub(super) fn hangs(&self) -> bool {
        self.luck == Luck::Hangs && matches!(self.what, What::Spawn { .. })
    }

    /// How long it takes at most, in seconds. Who is asked to slow down is told so at once.
    pub(super) fn longest_secs(&self) -> u64 {
        let works = matches!(self.what, What::Spawn { .. }) && self.luck != Luck::RateLimited;
        if works { 70 } else { 4 }
    }

    /// The patch that lands by it.
    pub(super) const fn lands(&self) -> Option<PatchId> {
        match self.what {
            What::Land { patch, .. } => Some(patch),
            _ => None,
        }
    }

    /// The attempt whose agent works by it.
    pub(super) const fn agent_of(&self) -> Option<AttemptId> {
        match self.what {
            What::Spawn { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    /// The commit that a landing stands on.
    pub(super) fn stands_on(&self) -> Option<&str> {
        match &self.what {
            What::Land { candidate, .. } => candidate.as_ref().map(|candidate| candidate.parent.as_str()),
            _ => None,
        }
    }
}

fn gate_facts(code: Option<i32>, trouble: Option<&str>) -> GateFacts {
    GateFacts { exit: code.map(ExitStatus::Code), output: None, trouble: trouble.map(str::to_owned) }
}
