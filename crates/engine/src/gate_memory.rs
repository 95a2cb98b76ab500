//! What a ledger remembers of gates: which of them are known to pass on a tree, and which have yet to show it before an agent
//! is paid.
//!
//! It owns the judgement only. Who ran a gate, for which patch or for none, is nothing that it asks: the same definition on
//! the same tree is the same question.

use tollhouse_core::entity::GateRun;
use tollhouse_core::lifecycle::GateRunState;
use tollhouse_core::spec::{GateSpec, Requirement};

use crate::plan::{gates_in_order, with_needed};

/// The gates that have yet to pass on a tree before work may start from it, each after those that it needs. They are the
/// required ones, and those that these need; without the ones that are known to pass there.
pub fn gates_yet_to_pass<'g>(gates: &'g [GateSpec], tree: &str, remembered: &[GateRun]) -> Vec<&'g GateSpec> {
    let required = gates.iter().filter(|gate| gate.requirement == Requirement::Required);
    let wanted = with_needed(gates, required.map(|gate| gate.name.as_str()).collect());
    // All names are meant, and no name is unknown.
    let ordered = gates_in_order(gates, &[]).unwrap_or_default();
    ordered
        .into_iter()
        .filter(|gate| wanted.contains(gate.name.as_str()) && !is_known_to_pass(gate, tree, remembered))
        .collect()
}

/// Whether a gate is known to pass on a tree: the very same definition passed there, and never failed there. One that did
/// both is flaky, and its next answer may be another.
pub fn is_known_to_pass(gate: &GateSpec, tree: &str, remembered: &[GateRun]) -> bool {
    let ended = |state: GateRunState| {
        remembered.iter().any(|known| known.state == state && known.tree == tree && known.gate == *gate)
    };
    ended(GateRunState::Passed) && !ended(GateRunState::Failed)
}

/// Whether a gate that failed so often on a tree is run again there, as its definition says.
pub const fn may_fail_again(gate: &GateSpec, failures: u32) -> bool {
    failures <= gate.retries
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tollhouse_core::spec::{GateKind, Program};
    use tollhouse_core::{GateRunId, Timestamp, limits};

    use super::*;

    fn gate(name: &str, needs: &[&str], requirement: Requirement) -> GateSpec {
        GateSpec {
            name: name.to_owned(),
            kind: GateKind::Custom,
            run: Program::Shell("true".to_owned()),
            paths: Vec::new(),
            cwd: None,
            env: BTreeMap::new(),
            env_pass: Vec::new(),
            timeout: limits::GATE_TIMEOUT_DEFAULT,
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            requirement,
            retries: 0,
            flaky: tollhouse_core::spec::OnFlaky::default(),
        }
    }

    fn ended(gate: &GateSpec, tree: &str, state: GateRunState) -> GateRun {
        let at = Timestamp::from_micros(0);
        GateRun {
            id: GateRunId::from_parts(at, 1),
            run: None,
            patch: None,
            workstream: None,
            gate: gate.clone(),
            tree: tree.to_owned(),
            parent: "parent".to_owned(),
            number: 1,
            state,
            blocked_by: Vec::new(),
            end: None,
            reason: None,
            created_at: at,
            started_at: None,
            finished_at: None,
        }
    }

    fn names(gates: &[&GateSpec]) -> Vec<String> {
        gates.iter().map(|gate| gate.name.clone()).collect()
    }

    #[test]
    fn what_passed_on_the_tree_is_known() {
        let unit = gate("unit", &[], Requirement::Required);
        let known = [ended(&unit, "tree", GateRunState::Passed)];
        assert!(is_known_to_pass(&unit, "tree", &known));
        assert!(!is_known_to_pass(&unit, "other", &known));
    }

    #[test]
    fn another_definition_is_another_gate() {
        let unit = gate("unit", &[], Requirement::Required);
        let known = [ended(&unit, "tree", GateRunState::Passed)];
        let stricter = GateSpec { run: Program::Shell("true && true".to_owned()), ..unit };
        assert!(!is_known_to_pass(&stricter, "tree", &known));
    }

    #[test]
    fn what_passed_and_failed_on_one_tree_is_not_known() {
        let unit = gate("unit", &[], Requirement::Required);
        for states in [[GateRunState::Passed, GateRunState::Failed], [GateRunState::Failed, GateRunState::Passed]] {
            let known = states.map(|state| ended(&unit, "tree", state));
            assert!(!is_known_to_pass(&unit, "tree", &known), "{states:?}");
        }
    }

    #[test]
    fn what_could_not_be_judged_once_says_nothing() {
        let unit = gate("unit", &[], Requirement::Required);
        let known = [GateRunState::Error, GateRunState::Passed].map(|state| ended(&unit, "tree", state));
        assert!(is_known_to_pass(&unit, "tree", &known));
        assert!(!is_known_to_pass(&unit, "tree", &known[..1]));
    }

    #[test]
    fn each_gate_comes_after_those_that_it_needs_and_advisory_ones_do_not_come() {
        let gates = [
            gate("unit", &["lint"], Requirement::Required),
            gate("style", &[], Requirement::Advisory),
            gate("lint", &[], Requirement::Required),
        ];
        assert_eq!(names(&gates_yet_to_pass(&gates, "tree", &[])), ["lint", "unit"]);
        let known = [ended(&gates[2], "tree", GateRunState::Passed)];
        assert_eq!(names(&gates_yet_to_pass(&gates, "tree", &known)), ["unit"]);
    }

    #[test]
    fn advisory_gate_that_a_required_one_needs_comes_too() {
        let gates = [gate("unit", &["build"], Requirement::Required), gate("build", &[], Requirement::Advisory)];
        assert_eq!(names(&gates_yet_to_pass(&gates, "tree", &[])), ["build", "unit"]);
    }
}
