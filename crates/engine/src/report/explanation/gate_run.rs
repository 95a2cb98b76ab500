//! Why a gate run is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::GateRun;
use tollhouse_core::lifecycle::GateRunState;

use super::{Explanation, Scene};

pub(super) fn explain(scene: Scene<'_>, gate_run: &GateRun) -> Explanation {
    let mut because = Vec::new();
    let held_up = gate_run.run.and_then(|run| scene.held_up(run)).filter(|_| !gate_run.state.is_finished());
    because.extend(held_up.iter().map(super::held_up::HeldUp::of_its_run));
    let waits: Vec<&GateRun> = gate_run.blocked_by.iter().filter_map(|name| sibling(scene, gate_run, name)).collect();
    if gate_run.state == GateRunState::Blocked {
        let told = |name: &String| match sibling(scene, gate_run, name) {
            Some(other) => format!("{name}, which is {}", other.state),
            None => name.clone(),
        };
        because.push(format!("it waits for {}", gate_run.blocked_by.iter().map(told).collect::<Vec<_>>().join("; ")));
    }
    match (gate_run.state, gate_run.started_at) {
        (GateRunState::Pending, _) => because.push("its program has not begun".to_owned()),
        (GateRunState::Running, Some(since)) => {
            because.push(format!("its program has been running since {since}, and may take {}", gate_run.gate.timeout));
        }
        _ => {}
    }
    let end = gate_run.end.as_ref();
    let exit = end.and_then(|end| end.exit).map(|exit| exit.to_string());
    let reason = end.and_then(|end| end.reason.as_ref()).or(gate_run.reason.as_ref());
    because.extend(reason.filter(|reason| exit.as_ref() != Some(reason)).cloned());
    because.extend(exit.map(|exit| format!("its program ended with {exit}")));
    if end.is_some_and(|end| end.stopped) {
        because.push("that is not its doing: it does not count as a try".to_owned());
    }
    let next = match (held_up, gate_run.state) {
        (_, GateRunState::Passed) => None,
        (Some(held_up), _) => Some(held_up.next),
        (None, GateRunState::Blocked) => waits.first().map(|first| format!("toll explain {}", first.id.random_part())),
        (None, _) => Some(more(gate_run)),
    };
    let (name, state) = (gate_run.gate.name.clone(), gate_run.state.to_string());
    Explanation { id: gate_run.id.into(), kind: Kind::GateRun, name, state, because, next }
}

/// The command that shows most of a gate run that did not pass, or not yet.
fn more(gate_run: &GateRun) -> String {
    let id = gate_run.id.random_part();
    let printed = gate_run.end.as_ref().and_then(|end| end.output.as_ref()).is_some();
    match (gate_run.state, gate_run.run, gate_run.patch) {
        _ if printed => format!("toll log {id} --output"),
        (GateRunState::Skipped, _, Some(patch)) => format!("toll explain {}", patch.random_part()),
        (GateRunState::Pending | GateRunState::Running, Some(run), _) => format!("toll status {}", run.random_part()),
        _ => format!("toll gate show {id}"),
    }
}

/// The newest run of another gate on the same tree for the same patch.
fn sibling<'v>(scene: Scene<'v>, gate_run: &GateRun, name: &str) -> Option<&'v GateRun> {
    let same = |other: &&GateRun| {
        other.patch == gate_run.patch
            && other.run == gate_run.run
            && other.workstream == gate_run.workstream
            && other.tree == gate_run.tree
            && other.gate.name == name
    };
    scene.view.all::<GateRun>().filter(same).max_by_key(|other| other.number)
}
