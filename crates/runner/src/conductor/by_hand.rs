//! Gates that a person runs on a commit of their choice: on the ledger from beginning to end, but of no run.

use std::fs;

use tollhouse_core::entity::{Effect, ErrorClass, GateRun, Work};
use tollhouse_core::lifecycle::GateRunState;
use tollhouse_core::spec::{GateSpec, Requirement, WorkspaceSpec};
use tollhouse_core::{Actor, Event, GateRunId};
use tollhouse_engine::{At, Claimant, Command, Engine, Outcome, View};
use tollhouse_state::Store;

use super::commit::carry_out;
use super::lease::this_process;
use super::perform::{Place, run_gate};
use crate::clock;
use crate::environment::Environment;
use crate::error::RunnerError;
use crate::git::{GitError, Oid};
use crate::leftovers::settle_gates;
use crate::process::KillSwitch;
use crate::site::Site;

/// Runs gates by hand.
#[expect(missing_debug_implementations, reason = "a store need not be printable")]
pub struct GatesByHand<'a> {
    /// The repository.
    pub site: &'a Site,
    /// The ledger.
    pub store: &'a dyn Store,
    /// Who runs them.
    pub person: String,
    /// How checkouts are made ready.
    pub workspace: &'a WorkspaceSpec,
    /// Ends what runs, and keeps the rest from beginning.
    pub switch: KillSwitch,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct DoneByHand {
    /// The gate runs, in the order in which they ran.
    pub gate_runs: Vec<GateRun>,
    /// The gates that were not run, because one that they need did not pass.
    pub left_out: Vec<String>,
}

impl DoneByHand {
    /// Whether a change would have passed: no required gate said anything but yes, and none was left out.
    pub fn is_yes(&self) -> bool {
        self.left_out.is_empty()
            && self.gate_runs.iter().all(|gate_run| {
                gate_run.state == GateRunState::Passed || gate_run.gate.requirement == Requirement::Advisory
            })
    }
}

impl GatesByHand<'_> {
    /// Runs gates, one after the other, on the tree of a commit.
    ///
    /// # Errors
    /// The ledger or the machine fails, or somebody stops it. What ran before is on the ledger.
    pub fn run(&self, gates: &[&GateSpec], commit: Oid) -> Result<DoneByHand, RunnerError> {
        let tree = self.site.open_repo()?.tree_of(commit).map_err(GitError::from)?;
        let dir = self.site.workspaces.join("by-hand");
        let place = Place { site: self.site, dir: &dir, workspace: self.workspace };
        let mut done = DoneByHand::default();
        for gate in gates {
            let passed = |need: &String| {
                let known = done.gate_runs.iter().find(|gate_run| gate_run.gate.name == *need);
                known.is_none_or(|gate_run| gate_run.state == GateRunState::Passed) && !done.left_out.contains(need)
            };
            if !gate.needs.iter().all(passed) {
                done.left_out.push(gate.name.clone());
                continue;
            }
            let gate_run = self.one(&place, gate, (tree, commit), &mut |_, _| {})?;
            done.gate_runs.push(gate_run);
            if self.switch.is_thrown() {
                return Err(RunnerError::InterruptedBefore);
            }
        }
        // Empty by now.
        let _ = fs::remove_dir(&dir);
        Ok(done)
    }

    /// Runs one gate on the tree of a commit, and tells what comes onto the ledger as it comes.
    pub(super) fn one(
        &self,
        place: &Place<'_>,
        gate: &GateSpec,
        (tree, commit): (Oid, Oid),
        tell: &mut dyn FnMut(&[Event], &View),
    ) -> Result<GateRun, RunnerError> {
        // Those whose program was killed have no one else who says so.
        settle_gates(self.store, &self.person)?;
        let actor = Actor::Person(self.person.clone());
        let at = clock::at();
        let id = GateRunId::from_parts(at.now, clock::random_id_bits());
        let mut engine = Engine::open_project(self.store)?;
        let mut execute = |engine: &mut Engine<_>, command: &Command, at: At| -> Result<(), RunnerError> {
            let mut events = carry_out(engine, command, &actor, at)?;
            // What others do in the project meanwhile is theirs.
            events.retain(|event| is_of(event, id, engine.view()));
            tell(&events, engine.view());
            Ok(())
        };
        let (tree, parent) = (tree.to_string(), commit.to_string());
        let create = Command::CreateGateRun { gate_run: id, gate: Box::new(gate.clone()), tree, parent };
        execute(&mut engine, &create, at)?;
        let wanted = |effect: &&Effect| effect.work == Work::Gate { gate_run: id };
        let effect = engine.view().all::<Effect>().find(wanted).expect("it was just asked for").id;
        let until = clock::now().after(gate.timeout);
        let by = Claimant { owner: self.person.clone(), conductor: 0, process: Some(this_process()), worker: None };
        let claim = Command::Claim { effect, by, until };
        execute(&mut engine, &claim, clock::at())?;
        let gate_run = engine.view().get::<GateRun>(id).expect("it was just made").clone();
        let outcome = match run_gate(place, &gate_run, Environment::base(&[]), &self.switch) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed { class: ErrorClass::Unknown, reason: error.to_string() },
        };
        let epoch = engine.view().get::<Effect>(effect).map_or(0, |effect| effect.epoch);
        execute(&mut engine, &Command::Report { effect, epoch, outcome: Box::new(outcome) }, clock::at())?;
        Ok(engine.view().get::<GateRun>(id).expect("it was just made").clone())
    }
}

/// Whether an event is one of a gate run, or of the effect that runs it.
fn is_of(event: &Event, gate_run: GateRunId, view: &View) -> bool {
    event.record == gate_run.into()
        || view.get::<Effect>(event.record).is_some_and(|effect| effect.work == Work::Gate { gate_run })
}
