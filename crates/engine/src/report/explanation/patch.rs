//! Why a patch is where it is.

use tollhouse_core::entity::{Effect, GateRun, Patch, RuleOutcome, RuleVerdict, Run, Task};
use tollhouse_core::lifecycle::{GateRunState, PatchState, TaskState};
use tollhouse_core::{Kind, PatchId, limits};

use super::{Explanation, Scene};
use crate::decide::waits_for_word;

/// The rules over sizes: no glob of paths lets a patch past them.
const BY_SIZE: [&str; 2] = ["max_files_changed", "max_lines_changed"];

pub(super) fn explain(scene: Scene<'_>, patch: &Patch) -> Explanation {
    let (because, next) = match patch.state {
        PatchState::Quarantined => (why_refused(scene, patch), Some(way_back(scene, patch))),
        PatchState::Dropped => (why_refused(scene, patch), Some(show(patch.id))),
        PatchState::Committed | PatchState::RolledBack => {
            (patch.commit.iter().map(|commit| format!("it landed as {commit}")).collect(), None)
        }
        _ => on_its_way(scene, patch),
    };
    let (name, state) = (patch.title.clone(), patch.state.to_string());
    Explanation { id: patch.id.into(), kind: Kind::Patch, name, state, because, next }
}

fn show(patch: PatchId) -> String {
    format!("toll patch show {} --diff", patch.random_part())
}

fn why_refused(scene: Scene<'_>, patch: &Patch) -> Vec<String> {
    let mut because: Vec<String> = patch.refused_by.iter().map(|rule| format!("refused by {rule}")).collect();
    let is_broken = |outcome| matches!(outcome, RuleOutcome::Broken | RuleOutcome::BrokenAlways);
    let broken: Vec<&RuleVerdict> = patch.verdicts.iter().filter(|verdict| is_broken(verdict.outcome)).collect();
    // What agents are told of broken rules names the same rules.
    let is_told = broken.iter().any(|verdict| Some(&verdict.rule) == patch.refused_by.as_ref());
    because.extend(patch.reason.clone().filter(|_| !is_told || patch.state == PatchState::Dropped));
    because.extend(broken.into_iter().map(|verdict| {
        let who = if verdict.outcome == RuleOutcome::Broken { "a person may waive it" } else { "nobody may waive it" };
        format!("rule {}: {} ({who})", verdict.rule, verdict.detail)
    }));
    if let Some(gate_run) = refusing_gate_run(scene, patch) {
        let (id, gate) = (gate_run.id.random_part(), &gate_run.gate.name);
        because.push(format!("`toll gate show {id}` shows what gate {gate} saw"));
    }
    because
}

/// The gate run that stood against a patch.
fn refusing_gate_run<'v>(scene: Scene<'v>, patch: &Patch) -> Option<&'v GateRun> {
    let gate = patch.refused_by.as_deref()?.strip_prefix("gate:")?;
    let its = scene.view.all::<GateRun>().filter(|one| one.patch == Some(patch.id) && one.gate.name == gate);
    its.filter(|one| one.state.is_finished() && one.state != GateRunState::Passed).max_by_key(|one| one.id)
}

/// What a person can do about a patch that was set aside.
fn way_back(scene: Scene<'_>, patch: &Patch) -> String {
    let id = patch.id.random_part();
    let task = patch.task.and_then(|task| scene.view.get::<Task>(task));
    match task.map(|task| (task, task.state)) {
        // Another attempt landed in its place.
        Some((_, TaskState::Completed)) => return show(patch.id),
        // Another attempt follows, or a person has to say so first.
        Some((task, state)) if !state.is_finished() => return format!("toll explain {}", task.id.random_part()),
        _ => {}
    }
    let against = |outcome| patch.verdicts.iter().filter(move |verdict| verdict.outcome == outcome);
    let may_be_waived = against(RuleOutcome::BrokenAlways).next().is_none();
    let broken: Vec<&str> = against(RuleOutcome::Broken).map(|verdict| verdict.rule.as_str()).collect();
    // Its own doing was not what kept it from landing: once the cause is gone, it may come again as it is.
    let unjudged = refusing_gate_run(scene, patch).is_some_and(|gate_run| gate_run.state == GateRunState::Error);
    let was_hindered = unjudged || matches!(patch.refused_by.as_deref(), Some("apply" | "land"));
    if !may_be_waived || (broken.is_empty() && !was_hindered) {
        return format!("toll patch checkout {id}");
    }
    let waived = if broken.iter().any(|rule| BY_SIZE.contains(rule)) {
        format!(" --waive {}", broken.join(" --waive "))
    } else if broken.is_empty() {
        String::new()
    } else {
        " --allow GLOB".to_owned()
    };
    format!("toll patch release {id}{waived} --reason TEXT")
}

/// What an unfinished patch waits for, and what would move it.
fn on_its_way(scene: Scene<'_>, patch: &Patch) -> (Vec<String>, Option<String>) {
    let id = patch.id.random_part();
    let mut because: Vec<String> = Vec::new();
    let held_up = patch.run.and_then(|run| scene.held_up(run));
    let own = if is_held(scene, patch) {
        because.push("it is ready, and held until a person lets it land".to_owned());
        Some(format!("toll land {id}"))
    } else {
        because.extend(held_up.iter().map(super::held_up::HeldUp::of_its_run));
        None
    };
    because.extend(patch.reason.clone());
    let mut next = own.or_else(|| held_up.map(|held_up| held_up.next));
    match ahead(scene, patch).filter(|_| next.is_none() || patch.state == PatchState::Queued) {
        Some(other) => {
            let first = other.id.random_part();
            because
                .push(format!("one lands at a time: it waits for {first} ({}), which is {}", other.title, other.state));
            next = next.or_else(|| Some(format!("toll explain {first}")));
        }
        None => because.extend(under_way(scene, patch)),
    }
    let status = || format!("toll status {}", patch.run.map_or(id, |run| run.random_part()));
    (because, Some(next.unwrap_or_else(status)))
}

/// What is being done for a patch that waits for no other.
fn under_way(scene: Scene<'_>, patch: &Patch) -> Vec<String> {
    match patch.state {
        PatchState::Created => vec!["no rule has looked at it yet".to_owned()],
        PatchState::Validated | PatchState::Queued => vec!["its candidate tree is next".to_owned()],
        PatchState::Applied => {
            let tree = patch.candidate.as_ref().map(|candidate| candidate.tree.as_str());
            let here = |one: &&GateRun| one.patch == Some(patch.id) && Some(one.tree.as_str()) == tree;
            scene
                .view
                .all::<GateRun>()
                .filter(here)
                .map(|one| format!("gate {} is {}", one.gate.name, one.state))
                .collect()
        }
        PatchState::Verified if !is_held(scene, patch) => vec!["the branch is about to be moved to it".to_owned()],
        _ => Vec::new(),
    }
}

fn is_held(scene: Scene<'_>, patch: &Patch) -> bool {
    let run = patch.run.and_then(|run| scene.view.get::<Run>(run));
    run.is_some_and(|run| waits_for_word(patch, run.spec.land))
}

/// The patch that goes first: the one of its run that is on its way to the branch, or stands before it in the queue.
fn ahead<'v>(scene: Scene<'v>, patch: &Patch) -> Option<&'v Patch> {
    let has_effect = |other: &Patch| {
        let mut effects = scene.view.all::<Effect>();
        effects.any(|effect| effect.work.subject() == other.id.into() && !effect.state.is_finished())
    };
    if !matches!(patch.state, PatchState::Queued | PatchState::Verified) || has_effect(patch) {
        return None;
    }
    let others = || scene.view.all::<Patch>().filter(|other| other.run == patch.run && other.id != patch.id);
    let on_its_way = |other: &&Patch| match other.state {
        PatchState::Applied => !is_held(scene, other),
        PatchState::Queued => has_effect(other),
        PatchState::Verified => !is_held(scene, other),
        _ => false,
    };
    let turn = |patch: &Patch| (patch.rebases < limits::REBASES_BEFORE_FIRST, patch.id);
    let earlier = |other: &&Patch| {
        patch.state == PatchState::Queued && other.state == PatchState::Queued && turn(other) < turn(patch)
    };
    others().find(on_its_way).or_else(|| others().filter(earlier).min_by_key(|other| turn(other)))
}
