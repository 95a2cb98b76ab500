//! Gates: which ones a patch must pass, in which order, and what their answers mean.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobSetBuilder};
use tollhouse_core::entity::{Candidate, ErrorClass, ExitStatus, GateEnd, GateRun, Patch, Run, Task, Work};
use tollhouse_core::lifecycle::{GateRunEvent, GateRunState, PatchEvent, PatchState};
use tollhouse_core::spec::{GateSpec, Requirement};
use tollhouse_core::{Description, GateRunId, PatchId, RunId, limits};

use super::draft::Draft;
use super::effect::with_tail;
use super::patch::set_aside;
use crate::command::GateFacts;
use crate::guard::{Guard, lets, stops};
use crate::refusal::Refusal;

/// Asks for every gate that a patch must pass on its candidate. What passed on this very candidate before, when the branch
/// moved away and came back, is not asked again.
pub(super) fn create_for(draft: &mut Draft<'_>, id: PatchId) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    for gate in gates_for(draft, &patch) {
        let known = newest(draft, id).get(gate.name.as_str()).map(|known| (known.state, known.number));
        match known {
            Some((GateRunState::Passed, _)) => {}
            Some((_, number)) => create(draft, &patch, gate, number + 1)?,
            None => create(draft, &patch, gate, 1)?,
        }
    }
    Ok(())
}

/// The gates that count for a patch: those its task names (all, if it names none), those they need, and of these the
/// ones whose paths it touches.
fn gates_for(draft: &Draft<'_>, patch: &Patch) -> Vec<GateSpec> {
    let Some(run) = patch.run.and_then(|run| draft.peek::<Run>(run)) else { return Vec::new() };
    let task = patch.task.and_then(|task| draft.peek::<Task>(task));
    let mut wanted: BTreeSet<&str> = match task.and_then(|task| task.spec.gates.as_ref()) {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => run.spec.gates.iter().map(|gate| gate.name.as_str()).collect(),
    };
    loop {
        let known = wanted.len();
        let chosen: Vec<&GateSpec> = run.spec.gates.iter().filter(|gate| wanted.contains(gate.name.as_str())).collect();
        wanted.extend(chosen.iter().flat_map(|gate| gate.needs.iter().map(String::as_str)));
        if wanted.len() == known {
            break;
        }
    }
    run.spec
        .gates
        .iter()
        .filter(|gate| wanted.contains(gate.name.as_str()) && touches(&gate.paths, &patch.description))
        .cloned()
        .collect()
}

/// Whether a patch touches one of the globs; no globs at all stand for everything.
fn touches(globs: &[String], description: &Description) -> bool {
    if globs.is_empty() {
        return true;
    }
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        // Reading the configuration refused what is no glob; should one slip through, its gate is run.
        let Ok(glob) = GlobBuilder::new(glob).literal_separator(true).build() else { return true };
        set.add(glob);
    }
    let Ok(set) = set.build() else { return true };
    description.paths().any(|path| set.is_match(&*path.to_text()))
}

fn create(draft: &mut Draft<'_>, patch: &Patch, gate: GateSpec, number: u32) -> Result<(), Refusal> {
    let Some(candidate) = draft.peek::<Patch>(patch.id).and_then(|patch| patch.candidate.clone()) else {
        return Ok(());
    };
    let id = GateRunId::from_parts(draft.now, draft.random_id_bits());
    let gate_run = GateRun { run: patch.run, patch: Some(patch.id), number, ..pending(draft, id, gate, candidate) };
    draft.emit::<GateRun>(id, &GateRunEvent::Created { gate_run: Box::new(gate_run) })
}

/// A gate run as it is made: the first of its gate, and of nobody.
fn pending(draft: &Draft<'_>, id: GateRunId, gate: GateSpec, on: Candidate) -> GateRun {
    GateRun {
        id,
        run: None,
        patch: None,
        gate,
        tree: on.tree,
        parent: on.parent,
        number: 1,
        state: GateRunState::Pending,
        blocked_by: Vec::new(),
        end: None,
        reason: None,
        created_at: draft.now,
        started_at: None,
        finished_at: None,
    }
}

/// Makes a gate run that belongs to no run. Given again with the same id and content, nothing changes.
pub(super) fn create_by_hand(
    draft: &mut Draft<'_>,
    id: GateRunId,
    gate: &GateSpec,
    tree: &str,
    parent: &str,
) -> Result<(), Refusal> {
    draft.rely_on::<GateRun>(id.into());
    if let Some(known) = draft.peek::<GateRun>(id) {
        let same = known.gate == *gate && known.tree == tree && known.parent == parent;
        return if same { Ok(()) } else { Err(Refusal::IdReused { id: id.into() }) };
    }
    let on = Candidate { tree: tree.to_owned(), parent: parent.to_owned() };
    let gate_run = Box::new(pending(draft, id, gate.clone(), on));
    draft.emit::<GateRun>(id, &GateRunEvent::Created { gate_run })?;
    draft.request(None, Work::Gate { gate_run: id })
}

/// The newest gate run of each gate on a patch's present candidate, by the gate's name.
fn newest<'d>(draft: &'d Draft<'_>, patch: PatchId) -> BTreeMap<&'d str, &'d GateRun> {
    let tree = draft.peek::<Patch>(patch).and_then(|patch| patch.candidate.as_ref());
    let mut newest: BTreeMap<&str, &GateRun> = BTreeMap::new();
    for gate_run in draft.under::<GateRun>(patch) {
        if tree.is_none_or(|tree| tree.tree != gate_run.tree || tree.parent != gate_run.parent) {
            continue;
        }
        let known = newest.entry(gate_run.gate.name.as_str()).or_insert(gate_run);
        if gate_run.number > known.number {
            *known = gate_run;
        }
    }
    newest
}

/// Whether a gate's answer is only told.
fn is_advisory(gate: &GateSpec) -> bool {
    lets(Guard::OnlyAdvisoryMayMiss, gate.requirement == Requirement::Advisory)
}

/// Whether every gate of a patch's present candidate has given its answer, and no required one said anything but yes.
pub(super) fn all_passed(draft: &Draft<'_>, patch: PatchId) -> bool {
    newest(draft, patch).values().all(|gate_run| {
        gate_run.state == GateRunState::Passed || (is_advisory(&gate_run.gate) && gate_run.state.is_finished())
    })
}

/// Moves the gate runs of a run's patches: holds, releases, skips and starts.
pub(super) fn settle(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let applied: Vec<PatchId> =
        draft.in_states::<Patch>(run, &[PatchState::Applied]).into_iter().map(|patch| patch.id).collect();
    let mut moved = false;
    for patch in applied {
        let steps: Vec<(GateRunId, Move)> = {
            let gate_runs = newest(draft, patch);
            gate_runs.values().filter_map(|one| Some((one.id, next_move(draft, run, one, &gate_runs)?))).collect()
        };
        for (id, step) in steps {
            moved = true;
            match step {
                Move::Event(event) => draft.emit::<GateRun>(id, &event)?,
                Move::Request => draft.request(Some(run), Work::Gate { gate_run: id })?,
                Move::Skip(reason) => {
                    if skip(draft, patch, id, reason)? == PatchFate::SetAside {
                        break;
                    }
                }
            }
        }
    }
    Ok(moved)
}

enum Move {
    Event(GateRunEvent),
    Request,
    Skip(String),
}

#[derive(PartialEq, Eq)]
enum PatchFate {
    GoesOn,
    SetAside,
}

/// Skips a gate run. A required one that is skipped never passes, so its patch is set aside.
fn skip(draft: &mut Draft<'_>, patch: PatchId, id: GateRunId, reason: String) -> Result<PatchFate, Refusal> {
    let gate = draft.get::<GateRun>(id)?.gate;
    let told = format!("gate {} was skipped: {reason}", gate.name);
    draft.emit::<GateRun>(id, &GateRunEvent::Skip { reason })?;
    if is_advisory(&gate) {
        return Ok(PatchFate::GoesOn);
    }
    let event = PatchEvent::Quarantine { rule: format!("gate:{}", gate.name), reason: told, verdicts: Vec::new() };
    set_aside(draft, patch, &event, ErrorClass::GateFailure)?;
    Ok(PatchFate::SetAside)
}

fn next_move(draft: &Draft<'_>, run: RunId, gate_run: &GateRun, all: &BTreeMap<&str, &GateRun>) -> Option<Move> {
    if !matches!(gate_run.state, GateRunState::Pending | GateRunState::Blocked) {
        return None;
    }
    let needed = || gate_run.gate.needs.iter().filter_map(|name| all.get(name.as_str()).copied());
    let is_over = |needed: &&GateRun| match needed.state {
        GateRunState::Failed | GateRunState::Skipped => true,
        // Where it may be tried again, a newer one was made with its end.
        GateRunState::Error => true,
        _ => false,
    };
    if let Some(missed) = needed().find(is_over).filter(|_| stops(Guard::GateSkipsAfterMiss, true)) {
        let reason = format!("it needs {}, which is {}", missed.gate.name, missed.state);
        return Some(Move::Skip(reason));
    }
    let is_open = |needed: &&GateRun| stops(Guard::GateNeedsGates, needed.state != GateRunState::Passed);
    let waiting: Vec<String> = needed().filter(is_open).map(|needed| needed.gate.name.clone()).collect();
    match (gate_run.state, waiting.is_empty()) {
        (GateRunState::Pending, false) => Some(Move::Event(GateRunEvent::Hold { blocked_by: waiting })),
        (GateRunState::Blocked, true) => Some(Move::Event(GateRunEvent::Release)),
        (GateRunState::Pending, true) => {
            let asked = draft.unsettled(run).any(|effect| effect.work.subject() == gate_run.id.into());
            (!asked).then_some(Move::Request)
        }
        _ => None,
    }
}

/// Skips what was not started yet of a patch's gates.
pub(super) fn skip_rest(draft: &mut Draft<'_>, patch: PatchId, reason: &str) -> Result<(), Refusal> {
    let waiting: Vec<(GateRunId, Option<RunId>)> = draft
        .under::<GateRun>(patch)
        .into_iter()
        .filter(|gate_run| matches!(gate_run.state, GateRunState::Pending | GateRunState::Blocked))
        .map(|gate_run| (gate_run.id, gate_run.run))
        .collect();
    for (id, run) in waiting {
        draft.emit::<GateRun>(id, &GateRunEvent::Skip { reason: reason.to_owned() })?;
        if let Some(run) = run {
            draft.withdraw(run, id.into(), reason)?;
        }
    }
    Ok(())
}

/// A gate's program ended, or could not be run to an end of its own.
pub(super) fn ended(draft: &mut Draft<'_>, id: GateRunId, facts: &GateFacts) -> Result<(), Refusal> {
    let gate_run = draft.get::<GateRun>(id)?;
    let end = |reason: Option<String>| {
        Box::new(GateEnd { exit: facts.exit, output: facts.output.clone(), reason, stopped: false })
    };
    let event = match (&facts.trouble, facts.exit) {
        (Some(trouble), _) => GateRunEvent::Break { end: end(Some(trouble.clone())) },
        (None, Some(ExitStatus::Code(0))) => GateRunEvent::Pass { end: end(None) },
        // What `sh` says where a program is not there or cannot be run: nothing was judged.
        (None, Some(ExitStatus::Code(code @ (126 | 127)))) => {
            let what = if code == 127 { "its program was not found" } else { "its program cannot be run" };
            GateRunEvent::Break { end: end(Some(with_tail(what, facts.output.as_ref()))) }
        }
        (None, Some(exit @ ExitStatus::Code(_))) => GateRunEvent::Fail { end: end(Some(exit.to_string())) },
        (None, Some(exit @ ExitStatus::Signal(_))) => GateRunEvent::Break { end: end(Some(exit.to_string())) },
        (None, None) => GateRunEvent::Break { end: end(Some("it ended without an exit status".to_owned())) },
    };
    draft.emit::<GateRun>(id, &event)?;
    judge(draft, &gate_run, &event)
}

/// A gate could not be run at all.
pub(super) fn broken(draft: &mut Draft<'_>, id: GateRunId, reason: &str) -> Result<(), Refusal> {
    ended(draft, id, &GateFacts { trouble: Some(reason.to_owned()), ..GateFacts::default() })
}

/// A gate was stopped by us, or lost with its runner: it did not judge, and that is not its doing.
pub(super) fn stopped(draft: &mut Draft<'_>, id: GateRunId, reason: &str) -> Result<(), Refusal> {
    let gate_run = draft.get::<GateRun>(id)?;
    let end = Box::new(GateEnd { reason: Some(reason.to_owned()), stopped: true, ..GateEnd::default() });
    let event = GateRunEvent::Break { end };
    draft.emit::<GateRun>(id, &event)?;
    judge(draft, &gate_run, &event)
}

/// How often a gate could not be judged on a patch's present candidate, by its own doing.
fn errors(draft: &Draft<'_>, patch: &Patch, gate: &str) -> u32 {
    let Some(on) = &patch.candidate else { return 0 };
    let counts = |gate_run: &&GateRun| {
        let own = lets(Guard::StoppedGateIsNoTry, gate_run.end.as_ref().is_none_or(|end| !end.stopped));
        let here = gate_run.tree == on.tree && gate_run.parent == on.parent;
        gate_run.gate.name == gate && here && own && gate_run.state == GateRunState::Error
    };
    u32::try_from(draft.under::<GateRun>(patch.id).into_iter().filter(counts).count()).unwrap_or(u32::MAX)
}

fn may_run_again(errors: u32) -> bool {
    lets(Guard::GateErrorsAreCounted, errors <= limits::GATE_ERROR_RETRIES_MAX)
}

/// What a gate's answer means for its patch.
fn judge(draft: &mut Draft<'_>, gate_run: &GateRun, event: &GateRunEvent) -> Result<(), Refusal> {
    let Some(id) = gate_run.patch else { return Ok(()) };
    let patch = draft.get::<Patch>(id)?;
    let current = patch.candidate.as_ref().is_some_and(|candidate| candidate.tree == gate_run.tree);
    if stops(Guard::GateAnswerNeedsApplied, patch.state != PatchState::Applied || !current) {
        return Ok(());
    }
    let name = &gate_run.gate.name;
    let (said, end) = match event {
        GateRunEvent::Break { .. } if may_run_again(errors(draft, &patch, name)) => {
            return create(draft, &patch, gate_run.gate.clone(), gate_run.number + 1);
        }
        GateRunEvent::Break { end } => ("could not be judged", end),
        GateRunEvent::Fail { end } => ("failed", end),
        _ => return Ok(()),
    };
    if is_advisory(&gate_run.gate) {
        return Ok(());
    }
    let why = end.reason.as_deref().unwrap_or("no reason was given");
    let headline = format!("gate {name} {said}: {why}");
    let reason =
        if matches!(event, GateRunEvent::Fail { .. }) { with_tail(&headline, end.output.as_ref()) } else { headline };
    let quarantine = PatchEvent::Quarantine { rule: format!("gate:{name}"), reason, verdicts: Vec::new() };
    set_aside(draft, id, &quarantine, ErrorClass::GateFailure)
}
