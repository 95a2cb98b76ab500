//! The own gates of workstreams and runs: what landed is judged as a whole, once all of it is there.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Candidate, GateRun, Patch, Run, Task, Workstream};
use tollhouse_core::lifecycle::{GateRunEvent, GateRunState, PatchState, RunEvent, RunState, WorkstreamState};
use tollhouse_core::spec::{GateSpec, OnFlaky, TaskSpec, WorkstreamSpec};
use tollhouse_core::{RecordId, RunId, WorkstreamId, limits};

use super::draft::Draft;
use super::effect::with_tail;
use super::gate::{self, Judged};
use super::run::{self, Origin, create_task};
use super::{winding, workstream};
use crate::guard::{Guard, lets, stops};
use crate::plan::with_needed;
use crate::refusal::Refusal;
use crate::view::View;
use crate::workstream::Say;

/// Who adds what mends a run.
const FIXED_BY: &str = "tollhouse";

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
    // What was said of the very same commit stands: nothing changed since.
    let here = gate::newest_of(draft, judged, |one| one.tree == on.tree && one.parent == on.parent);
    let said: BTreeSet<String> = here.into_keys().map(str::to_owned).collect();
    for gate in wanted(draft, run, names).into_iter().filter(|gate| !said.contains(&gate.name)) {
        gate::create(draft, (Some(run), judged), gate, &on)?;
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

/// Ends a run whose own gates have given their answer, or whose time is over; or has what they refuse mended.
pub(super) fn verify(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    let late = winding::is_late(draft, id);
    let event = match (say_of_run(draft, id), late) {
        (Say::Passed, _) => RunEvent::Accept { outcome: run::outcome(draft, id) },
        _ if lets(Guard::AcceptNeedsGates, false) => RunEvent::Accept { outcome: run::outcome(draft, id) },
        (Say::Missed(reason), None) if may_fix(draft, id) => return fix(draft, id, reason).map(|()| true),
        (Say::Missed(reason), _) => RunEvent::Reject { reason },
        (Say::Open, Some(reason)) => {
            skip_all(draft, id, &reason)?;
            RunEvent::Reject { reason }
        }
        (Say::Open, None) => return Ok(false),
    };
    draft.emit::<Run>(id, &event)?;
    Ok(true)
}

fn may_fix(draft: &Draft<'_>, id: RunId) -> bool {
    let run = draft.peek::<Run>(id);
    let is_left = |run: &Run| lets(Guard::FixesAreCounted, run.fixes < limits::FIXES_MAX);
    run.is_some_and(|run| run.spec.fixer.is_some() && is_left(run)) && winding::winding_down(draft, id).is_none()
}

/// Makes a workstream for what the run's own gates refuse: its one task is told what they said.
fn fix(draft: &mut Draft<'_>, id: RunId, reason: String) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    let Some(agent) = run.spec.fixer.clone() else { return Ok(()) };
    let prompt = format!(
        "All tasks of this run are done, and what landed does not pass its gates as a whole. Mend that.\n\n{}",
        findings(draft, id)
    );
    draft.emit::<Run>(id, &RunEvent::Fix { reason })?;
    let place = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let is_taken =
        |draft: &Draft<'_>, name: &str| draft.named(id, name).is_some() || workstream::named(draft, id, name).is_some();
    let mut name = format!("fix-{}", run.fixes + 1);
    while is_taken(draft, &name) {
        name.push_str("-1");
    }
    let spec = WorkstreamSpec { name: name.clone(), ..WorkstreamSpec::default() };
    let at = place(draft.of_run::<Workstream>(id).len());
    workstream::create(draft, (id, at), &spec)?;
    let spec = TaskSpec { name: name.clone(), prompt, agent, workstream: Some(name), ..TaskSpec::default() };
    let at = place(draft.of_run::<Task>(id).len());
    create_task(draft, (id, at), &spec, Origin { source: None, added_by: Some(FIXED_BY.to_owned()) })
}

/// What the run's own gates said against what landed, with the end of what they printed.
fn findings(draft: &Draft<'_>, id: RunId) -> String {
    let commit = draft.peek::<Run>(id).and_then(|run| run.verified_commit.as_deref());
    let newest = gate::newest_of(draft, Judged::Run(id), |one| commit.is_none_or(|commit| commit == one.parent));
    let is_refused = |one: &GateRun| one.state != GateRunState::Passed || is_in_doubt(draft, one);
    let refused = newest.values().filter(|one| is_refused(one) && !gate::is_advisory(&one.gate));
    let told: Vec<String> =
        refused.map(|one| with_tail(&words(one), one.end.as_ref().and_then(|end| end.output.as_ref()))).collect();
    told.join("\n\n")
}

/// What gates say together: no answer before each has ended.
fn say(draft: &Draft<'_>, judged: Judged, commit: Option<&str>, wanted: &[GateSpec]) -> Say {
    let newest = gate::newest_of(draft, judged, |gate_run| commit.is_none_or(|commit| commit == gate_run.parent));
    let mut missed: Vec<&GateRun> = Vec::new();
    for gate in wanted {
        match newest.get(gate.name.as_str()) {
            Some(gate_run) if gate_run.state == GateRunState::Passed && !is_in_doubt(draft, gate_run) => {}
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

/// Whether a gate that passed failed before on the same tree, and that counts: what landed already cannot wait for a person.
fn is_in_doubt(draft: &Draft<'_>, gate_run: &GateRun) -> bool {
    let on = Candidate { tree: gate_run.tree.clone(), parent: gate_run.parent.clone() };
    gate_run.gate.flaky != OnFlaky::Pass && gate::failures(draft, gate_run, &on) > 0
}

fn words(gate_run: &GateRun) -> String {
    if gate_run.state == GateRunState::Passed {
        return format!("{} ({})", gate::flaky(gate_run), gate_run.parent);
    }
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
        return gate::create(draft, (gate_run.run, judged), gate_run.gate.clone(), &on);
    }
    if matches!(event, GateRunEvent::Fail { .. }) && gate::may_retry(draft, gate_run, &on) {
        return gate::create(draft, (gate_run.run, judged), gate_run.gate.clone(), &on);
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

/// Whether somebody still waits for the answer of a gate: its patch is on its way, or its workstream or the run itself is judged.
pub fn is_awaited(view: &View, gate_run: &GateRun) -> bool {
    match judged(gate_run) {
        Some(Judged::Workstream(id)) => {
            let own = view.get::<Workstream>(id);
            workstream_is_judged(own, own.and_then(|own| view.get::<Run>(own.run)))
        }
        Some(Judged::Run(id)) => run_is_judged(view.get::<Run>(id)),
        Some(Judged::Patch(_)) | None => {
            let patch = gate_run.patch.and_then(|patch| view.get::<Patch>(patch));
            patch.is_none_or(|patch| !patch.state.is_finished())
        }
    }
}

/// Whether something still waits for the answers of its own gates.
fn is_judged(draft: &Draft<'_>, judged: Judged) -> bool {
    match judged {
        Judged::Patch(_) => false,
        Judged::Workstream(id) => {
            let own = draft.peek::<Workstream>(id);
            workstream_is_judged(own, own.and_then(|own| draft.peek::<Run>(own.run)))
        }
        Judged::Run(id) => run_is_judged(draft.peek::<Run>(id)),
    }
}

fn workstream_is_judged(own: Option<&Workstream>, run: Option<&Run>) -> bool {
    let run_goes_on = run.is_some_and(|run| !run.state.is_finished() && run.state != RunState::Canceling);
    run_goes_on && own.is_some_and(|own| own.state == WorkstreamState::Validating)
}

fn run_is_judged(run: Option<&Run>) -> bool {
    run.is_some_and(|run| run.state == RunState::Verifying)
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
