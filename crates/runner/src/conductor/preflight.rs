//! Gates before money: what a change must pass has to pass where work starts from, or no agent is started.
//!
//! It runs gates and tells how they ended. Which of them are known to pass already, the engine judges.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use tollhouse_core::entity::{Entity, GateRun, end_of};
use tollhouse_core::lifecycle::GateRunState;
use tollhouse_core::spec::RunSpec;
use tollhouse_core::{Event, Kind};
use tollhouse_engine::{View, ViewError, gates_yet_to_pass, may_fail_again};
use tollhouse_state::{Find, Store};

use super::by_hand::GatesByHand;
use super::head::Head;
use super::perform::Place;
use crate::error::{RedTarget, RunnerError};
use crate::git::GitError;
use crate::process::{Force, KillSwitch};
use crate::site::Site;

/// How often it is looked whether somebody interrupts.
const LOOK: Duration = Duration::from_millis(100);

/// So much of what a gate printed is told: its end, where the failure stands.
const TAIL_BYTES_MAX: usize = 4 * 1024;

/// What gates on the target need.
pub(super) struct Preflight<'a> {
    pub(super) site: &'a Site,
    pub(super) store: &'a dyn Store,
    pub(super) person: &'a str,
    pub(super) interrupted: &'a AtomicBool,
}

impl Preflight<'_> {
    /// Sees to it that every gate that a change must pass has passed on the tree that work starts from. What the ledger
    /// remembers to have passed there is not run again.
    ///
    /// # Errors
    /// A gate does not pass: [`RunnerError::TargetRed`]. The ledger or the machine fails, or somebody interrupts it.
    pub(super) fn check(
        &self,
        spec: &RunSpec,
        head: &Head,
        tell: &mut dyn FnMut(&[Event], &View),
    ) -> Result<(), RunnerError> {
        if spec.gates.is_empty() {
            return Ok(());
        }
        let tree = self.site.open_repo()?.tree_of(head.commit).map_err(GitError::from)?;
        let remembered = self.remembered(&tree.to_string())?;
        let gates = gates_yet_to_pass(&spec.gates, &tree.to_string(), &remembered);
        if gates.is_empty() {
            return Ok(());
        }
        let dir = self.site.workspaces.join("target");
        let place = Place { site: self.site, dir: &dir, workspace: &spec.workspace };
        let switch = KillSwitch::default();
        let by_hand = GatesByHand {
            site: self.site,
            store: self.store,
            person: self.person.to_owned(),
            workspace: &spec.workspace,
            switch: switch.clone(),
        };
        let checked = unless_interrupted(self.interrupted, &switch, || {
            for gate in gates {
                let mut gate_run = by_hand.one(&place, gate, (tree, head.commit), tell)?;
                let mut failures = 1;
                while gate_run.state == GateRunState::Failed && may_fail_again(gate, failures) && !switch.is_thrown() {
                    gate_run = by_hand.one(&place, gate, (tree, head.commit), tell)?;
                    failures += 1;
                }
                if switch.is_thrown() {
                    return Err(RunnerError::InterruptedBefore);
                }
                if gate_run.state != GateRunState::Passed {
                    return Err(red(&gate_run, head.branch(spec)));
                }
            }
            Ok(())
        });
        // Empty, unless another run looks at its target now.
        let _ = std::fs::remove_dir(&dir);
        checked
    }

    /// Every gate run on a tree that the ledger knows.
    fn remembered(&self, tree: &str) -> Result<Vec<GateRun>, RunnerError> {
        let key = Some(("tree".to_owned(), tree.to_owned()));
        let records = self.store.find(&Find { kind: Some(Kind::GateRun), key, ..Find::default() })?;
        let read = records.iter().map(GateRun::from_record).collect::<Result<_, _>>();
        Ok(read.map_err(|error| tollhouse_engine::EngineError::from(ViewError::from(error)))?)
    }
}

/// Does something, and throws the switch as soon as somebody interrupts it; the second time with force.
fn unless_interrupted<T>(interrupted: &AtomicBool, switch: &KillSwitch, act: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (acting, acted) = channel::<()>();
        scope.spawn(move || {
            while acted.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if interrupted.swap(false, Ordering::Relaxed) {
                    switch.throw_with(if switch.is_thrown() { Force::AtOnce } else { Force::Asked });
                }
            }
        });
        let done = act();
        drop(acting);
        // It may have come too late for what was done here: whoever goes on has to hear of it.
        if switch.is_thrown() {
            interrupted.store(true, Ordering::Relaxed);
        }
        done
    })
}

fn red(gate_run: &GateRun, branch: &str) -> RunnerError {
    let end = gate_run.end.as_ref();
    let reason = end.and_then(|end| end.reason.as_deref()).unwrap_or("no reason was given");
    let said = if gate_run.state == GateRunState::Failed { "failed" } else { "could not be judged" };
    RunnerError::TargetRed(Box::new(RedTarget {
        branch: branch.to_owned(),
        commit: gate_run.parent.clone(),
        gate: gate_run.gate.name.clone(),
        gate_run: gate_run.id,
        ended: format!("{said}: {reason}"),
        output: end
            .and_then(|end| end.output.as_ref())
            .map(|output| end_of(&output.text, TAIL_BYTES_MAX).to_owned())
            .unwrap_or_default(),
    }))
}
