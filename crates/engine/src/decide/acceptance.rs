//! The own gates of workstreams and runs: what landed is judged as a whole, once all of it is there.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Candidate, GateRun, Patch, Run, Workstream};
use tollhouse_core::lifecycle::{GateRunEvent, GateRunState, PatchState, RunState, WorkstreamState};
use tollhouse_core::spec::GateSpec;
use tollhouse_core::{RecordId, RunId, WorkstreamId};

use super::draft::Draft;
use super::gate::{self, Judged};
use crate::guard::{Guard, stops};
use crate::plan::with_needed;
use crate::refusal::Refusal;
use crate::workstream::Say;

/// What landed last in a run, with the commit that it is: its base where nothing did, whose tree nobody looked up yet.
pub(super) fn newest_landed(draft: &Draft<'_>, run: RunId) -> Option<Candidate> {
    let landed = draft.in_states::<Patch>(run, &[PatchState::Committed]);
    let newest = landed.into_iter().max_by_key(|patch| patch.finished_at);
    let as_candidate = |patch: &Patch| {
        let (tree, parent) = (patch.candidate.as_ref()?.tree.clone(), patch.commit.clone()?);
        Some(Candidate { tree, parent })
    };
    newest.and_then(as_candidate).or_else(|| {
        let base = draft.peek::<Run>(run)?.base.clone()?;
        Some(Candidate { tree: base.clone(), parent: base })
    })
}

/// Asks for a workstream's own gates, on what landed by now.
pub(super) fn create_for_workstream(draft: &mut Draft<'_>, run: RunId, id: WorkstreamId) -> Result<(), Refusal> {
    let names = draft.get::<Workstream>(id)?.spec.gates;
    create(draft, run, Judged::Workstream(id), &names)
}

/// Asks for a run's own gates, on the commit that was noted.
pub(super) fn create_for_run(draft: &mut Draft<'_>, id: RunId) -> Result<(), Refusal> {
    let names = draft.run(id)?.spec.acceptance;
    create(draft, id, Judged::Run(id), &names)
}

fn create(draft: &mut Draft<'_>, run: RunId, judged: Judged, names: &[String]) -> Result<(), Refusal> {
    let Some(on) = newest_landed(draft, run) else { return Ok(()) };
    for gate in wanted(draft, run, names) {
        gate::create(draft, (Some(run), judged), gate, (on.clone(), 1))?;
    }
    Ok(())
}

/// The gates with these names, and those that they need.
fn wanted(draft: &Draft<'_>, run: RunId, names: &[String]) -> Vec<GateSpec> {
    if names.is_empty() {
        return Vec::new();
    }
    let Some(run) = draft.peek::<Run>(run) else { return Vec::new() };
    let wanted: BTreeSet<&str> = with_needed(&run.spec.gates, names.iter().map(String::as_str).collect());
    run.spec.gates.iter().filter(|gate| wanted.contains(gate.name.as_str())).cloned().collect()
}

/// What the own gates of a workstream say.
pub(super) fn say_of(draft: &Draft<'_>, workstream: &Workstream) -> Say {
    let wanted = wanted(draft, workstream.run, &workstream.spec.gates);
    say(draft, Judged::Workstream(workstream.id), None, &wanted)
}

/// What a run's own gates say of the commit that was noted.
pub(super) fn say_of_run(draft: &Draft<'_>, id: RunId) -> Say {
    let Some(run) = draft.peek::<Run>(id) else { return Say::Open };
    let wanted = wanted(draft, id, &run.spec.acceptance);
    say(draft, Judged::Run(id), run.verified_commit.as_deref(), &wanted)
}

/// What gates say together: no answer before each has ended.
fn say(draft: &Draft<'_>, judged: Judged, commit: Option<&str>, wanted: &[GateSpec]) -> Say {
    let newest = gate::newest_of(draft, judged, |gate_run| commit.is_none_or(|commit| commit == gate_run.parent));
    let mut missed: Vec<&GateRun> = Vec::new();
    for gate in wanted {
        match newest.get(gate.name.as_str()) {
            Some(gate_run) if gate_run.state == GateRunState::Passed => {}
            Some(gate_run) if gate_run.state.is_finished() && gate::is_advisory(&gate_run.gate) => {}
            Some(gate_run) if gate_run.state.is_finished() => missed.push(gate_run),
            _ => return Say::Open,
        }
    }
    // What was skipped is a victim of another.
    match missed.iter().min_by_key(|gate_run| gate_run.state == GateRunState::Skipped) {
        Some(gate_run) => Say::Missed(words(gate_run)),
        None => Say::Passed,
    }
}

fn words(gate_run: &GateRun) -> String {
    let said = match gate_run.state {
        GateRunState::Error => "could not be judged",
        GateRunState::Skipped => "was skipped",
        _ => "failed",
    };
    let why = gate_run.reason.as_deref().unwrap_or("no reason was given");
    format!("gate {} {said} on {}: {why}", gate_run.gate.name, gate_run.parent)
}

/// What the answer of an own gate brings by itself: one that could not be judged is run again.
pub(super) fn judge(draft: &mut Draft<'_>, gate_run: &GateRun, event: &GateRunEvent) -> Result<(), Refusal> {
    let Some(judged) = judged(gate_run) else { return Ok(()) };
    if stops(Guard::OwnAnswerNeedsJudging, !is_judged(draft, judged)) {
        return Ok(());
    }
    let on = Candidate { tree: gate_run.tree.clone(), parent: gate_run.parent.clone() };
    if matches!(event, GateRunEvent::Break { .. }) && gate::may_run_again(draft, gate_run, &on) {
        return gate::create(draft, (gate_run.run, judged), gate_run.gate.clone(), (on, gate_run.number + 1));
    }
    Ok(())
}

/// What an own gate judges; nothing for a gate of a patch, or one that was run by hand.
fn judged(gate_run: &GateRun) -> Option<Judged> {
    match (gate_run.patch, gate_run.workstream, gate_run.run) {
        (Some(_), ..) => None,
        (None, Some(workstream), _) => Some(Judged::Workstream(workstream)),
        (None, None, run) => run.map(Judged::Run),
    }
}

/// Whether something still waits for the answers of its own gates.
fn is_judged(draft: &Draft<'_>, judged: Judged) -> bool {
    match judged {
        Judged::Patch(_) => false,
        Judged::Workstream(id) => {
            let own = draft.peek::<Workstream>(id);
            let goes_on = |run: &Run| !run.state.is_finished() && run.state != RunState::Canceling;
            let run_goes_on = own.and_then(|own| draft.peek::<Run>(own.run)).is_some_and(goes_on);
            run_goes_on && own.is_some_and(|own| own.state == WorkstreamState::Validating)
        }
        Judged::Run(id) => draft.peek::<Run>(id).is_some_and(|run| run.state == RunState::Verifying),
    }
}

/// Skips what was not started yet of a workstream's own gates.
pub(super) fn skip_for_workstream(draft: &mut Draft<'_>, id: WorkstreamId, reason: &str) -> Result<(), Refusal> {
    gate::skip_rest(draft, RecordId::from(id), reason).map(|_| ())
}

/// Skips what was not started yet of the own gates of a run and its workstreams; the answer is whether there was any.
pub(super) fn skip_all(draft: &mut Draft<'_>, run: RunId, reason: &str) -> Result<bool, Refusal> {
    let waiting = draft.in_states::<GateRun>(run, &[GateRunState::Pending, GateRunState::Blocked]);
    let of: BTreeSet<RecordId> = waiting.into_iter().filter_map(judged).map(Judged::record).collect();
    let mut moved = false;
    for record in of {
        moved |= gate::skip_rest(draft, record, reason)?;
    }
    Ok(moved)
}
