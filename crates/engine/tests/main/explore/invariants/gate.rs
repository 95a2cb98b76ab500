//! What holds of gates in each state.

use tollhouse_core::entity::{GateRun, Patch};
use tollhouse_core::lifecycle::{GateRunState, PatchState, RunState, WorkstreamState};
use tollhouse_core::spec::{OnFlaky, Requirement};

use super::scene::Scene;
use super::{OfState, in_state};

/// What holds of gates in each state.
pub(super) const IN_EACH_STATE: &[OfState] = &[
    in_state(
        "every gate passed before",
        "verify: every required gate passed on that very tree; `committed` needs `verified` on the same tree.",
        verified_passed_gates,
    ),
    in_state(
        "a flaky gate has a person look",
        "Failed and then passed on one tree is `flaky`; `hold`: a person looks.",
        flaky_is_looked_at,
    ),
    in_state("a gate that fails is run again so often", "failed only if its definition says so.", failures_are_counted),
    in_state(
        "a gate sets aside for a reason",
        "quarantine: a required gate failed, was skipped or stayed in error on its present tree; error is run again, at most twice.",
        gate_sets_aside_for_a_reason,
    ),
    in_state(
        "a gate begins after those it needs",
        "Gate run: hold, a gate it needs has not passed.",
        gate_waits_for_gates,
    ),
    in_state("a gate that breaks is run thrice", "error is run again, at most twice.", errors_are_counted),
    in_state("an open gate has its tree", "skip: its tree is stale.", open_gate_has_its_tree),
];

fn verified_passed_gates(s: &Scene<'_>) -> bool {
    let verified = |patch: &&&Patch| matches!(patch.state, PatchState::Verified | PatchState::Committed);
    let required = || s.run.spec.gates.iter().filter(|gate| gate.requirement == Requirement::Required);
    s.patches.iter().filter(verified).all(|patch| {
        let runs = s.gate_runs_on(patch);
        let passed = |name: &str| runs.iter().any(|one| one.gate.name == name && one.state == GateRunState::Passed);
        // All of them, where its task names none.
        let named = s.task_of(patch).and_then(|task| task.spec.gates.clone());
        let counts = |name: &String| named.as_ref().is_none_or(|named| named.contains(name));
        required().filter(|gate| counts(&gate.name)).all(|gate| passed(&gate.name))
    })
}

/// On its tree a gate of it failed and passed, and that does not just count as passed.
fn flaky_is_looked_at(s: &Scene<'_>) -> bool {
    let goes_on = |patch: &&&Patch| matches!(patch.state, PatchState::Verified | PatchState::Committed);
    s.patches.iter().filter(goes_on).all(|patch| {
        let runs = s.gate_runs_on(patch);
        let failed = |name: &str| runs.iter().any(|one| one.gate.name == name && one.state == GateRunState::Failed);
        let required = |one: &&&GateRun| one.gate.requirement == Requirement::Required;
        let passed = |one: &&&GateRun| one.state == GateRunState::Passed && one.gate.flaky == OnFlaky::Hold;
        let flaky = runs.iter().filter(required).filter(passed).any(|one| failed(&one.gate.name));
        !flaky || patch.approved
    })
}

fn failures_are_counted(s: &Scene<'_>) -> bool {
    let failed = |one: &&&GateRun| one.state == GateRunState::Failed;
    // What a person lets in again is judged from the start.
    let is_released = |one: &GateRun| s.patches.iter().any(|patch| one.patch == Some(patch.id) && s.is_released(patch));
    s.gate_runs.iter().filter(failed).filter(|one| !is_released(one)).all(|one| {
        let same = |other: &&&GateRun| {
            (other.patch, other.workstream, &other.tree, &other.parent, &other.gate.name)
                == (one.patch, one.workstream, &one.tree, &one.parent, &one.gate.name)
        };
        let count = s.gate_runs.iter().filter(failed).filter(same).count();
        u32::try_from(count).expect("a small number") <= one.gate.retries + 1
    })
}

fn gate_sets_aside_for_a_reason(s: &Scene<'_>) -> bool {
    s.patches.iter().filter(|patch| patch.state == PatchState::Quarantined).all(|patch| {
        let Some(name) = patch.refused_by.as_ref().and_then(|by| by.strip_prefix("gate:")) else { return true };
        let runs: Vec<&GateRun> = s.gate_runs_on(patch).into_iter().filter(|one| one.gate.name == name).collect();
        let said_no = runs.iter().any(|one| matches!(one.state, GateRunState::Failed | GateRunState::Skipped));
        let required = runs.iter().all(|one| one.gate.requirement == Requirement::Required);
        required && (said_no || runs.iter().filter(|one| is_own_error(one)).count() == 3)
    })
}

/// It could not be judged, and that is the gate's own doing.
fn is_own_error(run: &GateRun) -> bool {
    run.state == GateRunState::Error && run.end.as_ref().is_some_and(|end| !end.stopped)
}

fn gate_waits_for_gates(s: &Scene<'_>) -> bool {
    let began = |one: &&&GateRun| {
        use GateRunState as S;
        matches!(one.state, S::Running | S::Passed | S::Failed)
    };
    let same_tree = |one: &GateRun, other: &GateRun| {
        (one.patch, one.workstream, &one.tree, &one.parent)
            == (other.patch, other.workstream, &other.tree, &other.parent)
    };
    s.gate_runs.iter().filter(began).all(|one| {
        one.gate.needs.iter().all(|name| {
            let passed = |other: &&GateRun| other.gate.name == *name && other.state == GateRunState::Passed;
            s.gate_runs.iter().any(|other| passed(other) && same_tree(one, other))
        })
    })
}

fn errors_are_counted(s: &Scene<'_>) -> bool {
    s.gate_runs.iter().filter(|one| is_own_error(one)).all(|one| {
        let same = |other: &&&GateRun| {
            is_own_error(other)
                && (other.patch, other.workstream, &other.tree, &other.parent, &other.gate.name)
                    == (one.patch, one.workstream, &one.tree, &one.parent, &one.gate.name)
        };
        s.gate_runs.iter().filter(same).count() <= 3
    })
}

fn open_gate_has_its_tree(s: &Scene<'_>) -> bool {
    let is_open = |one: &&&GateRun| matches!(one.state, GateRunState::Pending | GateRunState::Blocked);
    s.gate_runs.iter().filter(is_open).all(|one| {
        if one.patch.is_none() {
            let stream = s.streams.iter().find(|stream| one.workstream == Some(stream.id));
            return match one.workstream {
                Some(_) => stream.is_some_and(|stream| stream.state == WorkstreamState::Validating),
                None => s.run.state == RunState::Verifying,
            };
        }
        let patch = s.patches.iter().find(|patch| one.patch == Some(patch.id));
        patch.is_some_and(|patch| {
            let on = patch.candidate.as_ref();
            patch.state == PatchState::Applied && on.is_some_and(|on| on.tree == one.tree && on.parent == one.parent)
        })
    })
}
