//! Gates: which ones a patch must pass, in which order, and what their answers mean. Those of a workstream or a run are
//! asked for and understood in `acceptance`, and go the same way here.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobSetBuilder};
use tollhouse_core::entity::{
    Candidate, Entity, ErrorClass, ExitStatus, GateEnd, GateRun, Patch, Run, Task, Work, Workstream,
};
use tollhouse_core::lifecycle::{GateRunEvent, GateRunState, PatchEvent, PatchState, RunState, WorkstreamState};
use tollhouse_core::spec::{GateSpec, OnFlaky, Requirement};
use tollhouse_core::{Description, GateRunId, PatchId, RecordId, RunId, WorkstreamId, limits};

use super::acceptance;
use super::draft::Draft;
use super::effect::with_tail;
use super::patch::set_aside;
use crate::gate_memory::may_fail_again;
use crate::guard::{Guard, lets, stops};
use crate::outcome::GateFacts;
use crate::refusal::Refusal;

/// What a gate run is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// A patch's candidate.
    Patch(PatchId),
    /// What landed, at the end of a workstream.
    Workstream(WorkstreamId),
    /// What landed, at the end of a run.
    Run(RunId),
}

impl Judged {
    /// What its gate runs hang on.
    pub(super) fn record(self) -> RecordId {
        match self {
            Self::Patch(id) => id.into(),
            Self::Workstream(id) => id.into(),
            Self::Run(id) => id.into(),
        }
    }
}

/// Asks for every gate that a patch must pass on its candidate. What passed on this very candidate before, when the branch
/// moved away and came back, is not asked again.
pub(super) fn create_for(draft: &mut Draft<'_>, id: PatchId) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    let Some(on) = &patch.candidate else { return Ok(()) };
    for gate in gates_for(draft, &patch) {
        // Only what passed and is not flaky is believed again.
        let is_sure = |known: &GateRun| gate.flaky == OnFlaky::Pass || failures(draft, known, on) == 0;
        let known = newest(draft, id).get(gate.name.as_str()).copied();
        if known.is_none_or(|known| known.state != GateRunState::Passed || !is_sure(known)) {
            create(draft, (patch.run, Judged::Patch(id)), gate, on)?;
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

/// Makes a gate run on a candidate: the next of its gate there.
pub(super) fn create(
    draft: &mut Draft<'_>,
    (run, judged): (Option<RunId>, Judged),
    gate: GateSpec,
    on: &Candidate,
) -> Result<(), Refusal> {
    let before = draft.under::<GateRun>(judged.record()).into_iter();
    let here = before.filter(|one| one.gate.name == gate.name && one.tree == on.tree && one.parent == on.parent);
    let number = here.map(|one| one.number).max().unwrap_or(0).saturating_add(1);
    let on = on.clone();
    let id = GateRunId::from_parts(draft.now, draft.random_id_bits());
    let (patch, workstream) = match judged {
        Judged::Patch(id) => (Some(id), None),
        Judged::Workstream(id) => (None, Some(id)),
        Judged::Run(_) => (None, None),
    };
    let gate_run = Box::new(GateRun { run, patch, workstream, number, ..pending(draft, id, gate, on) });
    draft.emit::<GateRun>(id, &GateRunEvent::Created { gate_run })
}

/// A gate run as it is made: the first of its gate, and of nobody.
fn pending(draft: &Draft<'_>, id: GateRunId, gate: GateSpec, on: Candidate) -> GateRun {
    GateRun {
        id,
        run: None,
        patch: None,
        workstream: None,
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
    let on = draft.peek::<Patch>(patch).and_then(|patch| patch.candidate.as_ref());
    let is_present = |gate_run: &GateRun| on.is_some_and(|on| on.tree == gate_run.tree && on.parent == gate_run.parent);
    newest_of(draft, Judged::Patch(patch), is_present)
}

/// The newest gate run of each gate that counts, by the gate's name.
pub(super) fn newest_of<'d>(
    draft: &'d Draft<'_>,
    judged: Judged,
    counts: impl Fn(&GateRun) -> bool,
) -> BTreeMap<&'d str, &'d GateRun> {
    let mut newest: BTreeMap<&str, &GateRun> = BTreeMap::new();
    for gate_run in draft.under::<GateRun>(judged.record()).into_iter().filter(|gate_run| counts(gate_run)) {
        let known = newest.entry(gate_run.gate.name.as_str()).or_insert(gate_run);
        if gate_run.number > known.number {
            *known = gate_run;
        }
    }
    newest
}

/// Whether a gate's answer is only told.
pub(super) fn is_advisory(gate: &GateSpec) -> bool {
    lets(Guard::OnlyAdvisoryMayMiss, gate.requirement == Requirement::Advisory)
}

/// Whether every gate of a patch's present candidate has given its answer, no required one said anything but yes, and a person
/// has looked where one contradicts itself.
pub(super) fn all_passed(draft: &Draft<'_>, id: PatchId) -> bool {
    let doubted = draft.peek::<Patch>(id).is_some_and(|patch| patch.doubt.is_some() && !patch.approved);
    !stops(Guard::FlakyIsHeld, doubted) && have_passed(draft, id)
}

/// The same, whatever a person has to look at.
pub(super) fn have_passed(draft: &Draft<'_>, patch: PatchId) -> bool {
    newest(draft, patch).values().all(|gate_run| {
        gate_run.state == GateRunState::Passed || (is_advisory(&gate_run.gate) && gate_run.state.is_finished())
    })
}

/// Moves the gate runs of what is judged in a run: holds, releases, skips and starts.
pub(super) fn settle(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let mut moved = false;
    for judged in under_judgement(draft, run) {
        let steps: Vec<(GateRunId, Move)> = {
            let gate_runs = match judged {
                Judged::Patch(patch) => newest(draft, patch),
                Judged::Run(id) => {
                    let commit = draft.peek::<Run>(id).and_then(|run| run.verified_commit.as_deref());
                    newest_of(draft, judged, |gate_run| commit.is_none_or(|commit| commit == gate_run.parent))
                }
                Judged::Workstream(_) => newest_of(draft, judged, |_| true),
            };
            gate_runs.values().filter_map(|one| Some((one.id, next_move(draft, run, one, &gate_runs)?))).collect()
        };
        for (id, step) in steps {
            moved = true;
            match step {
                Move::Event(event) => draft.emit::<GateRun>(id, &event)?,
                Move::Request => draft.request(Some(run), Work::Gate { gate_run: id })?,
                Move::Skip(reason) => {
                    if skip(draft, judged, id, reason)? == Fate::SetAside {
                        break;
                    }
                }
            }
        }
    }
    Ok(moved)
}

/// What waits for the answers of gates.
fn under_judgement(draft: &Draft<'_>, run: RunId) -> Vec<Judged> {
    let patches = draft.in_states::<Patch>(run, &[PatchState::Applied]);
    let workstreams = draft.in_states::<Workstream>(run, &[WorkstreamState::Validating]);
    let verifies = draft.peek::<Run>(run).is_some_and(|run| run.state == RunState::Verifying);
    let patches = patches.into_iter().map(|patch| Judged::Patch(patch.id));
    let workstreams = workstreams.into_iter().map(|workstream| Judged::Workstream(workstream.id));
    patches.chain(workstreams).chain(verifies.then_some(Judged::Run(run))).collect()
}

enum Move {
    Event(GateRunEvent),
    Request,
    Skip(String),
}

#[derive(PartialEq, Eq)]
enum Fate {
    GoesOn,
    SetAside,
}

/// Skips a gate run. A required one that is skipped never passes, so its patch is set aside.
fn skip(draft: &mut Draft<'_>, judged: Judged, id: GateRunId, reason: String) -> Result<Fate, Refusal> {
    let gate = draft.get::<GateRun>(id)?.gate;
    let told = format!("gate {} was skipped: {reason}", gate.name);
    draft.emit::<GateRun>(id, &GateRunEvent::Skip { reason })?;
    let Judged::Patch(patch) = judged else { return Ok(Fate::GoesOn) };
    if is_advisory(&gate) {
        return Ok(Fate::GoesOn);
    }
    let event = PatchEvent::Quarantine { rule: format!("gate:{}", gate.name), reason: told, verdicts: Vec::new() };
    set_aside(draft, patch, &event, ErrorClass::GateFailure)?;
    Ok(Fate::SetAside)
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

/// Skips what was not started yet of the gates of a record; the answer is whether there was any.
pub(super) fn skip_rest(draft: &mut Draft<'_>, of: RecordId, reason: &str) -> Result<bool, Refusal> {
    let waiting: Vec<(GateRunId, Option<RunId>)> = draft
        .under::<GateRun>(of)
        .into_iter()
        .filter(|gate_run| matches!(gate_run.state, GateRunState::Pending | GateRunState::Blocked))
        .map(|gate_run| (gate_run.id, gate_run.run))
        .collect();
    for (id, run) in &waiting {
        draft.emit::<GateRun>(*id, &GateRunEvent::Skip { reason: reason.to_owned() })?;
        if let Some(run) = run {
            draft.withdraw(*run, (*id).into(), reason)?;
        }
    }
    Ok(!waiting.is_empty())
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

/// Whether a gate that failed is run again there, as its definition says.
pub(super) fn may_retry(draft: &Draft<'_>, gate_run: &GateRun, on: &Candidate) -> bool {
    let may = may_fail_again(&gate_run.gate, failures(draft, gate_run, on));
    lets(Guard::GateFailuresAreCounted, may) && gate_run.gate.retries > 0
}

/// How often a gate failed there.
pub(super) fn failures(draft: &Draft<'_>, gate_run: &GateRun, on: &Candidate) -> u32 {
    let counts = |other: &&GateRun| {
        let here = other.tree == on.tree && other.parent == on.parent;
        other.gate.name == gate_run.gate.name && here && other.state == GateRunState::Failed
    };
    let others = gate_run.parent_id().map(|parent| draft.under::<GateRun>(parent)).unwrap_or_default();
    u32::try_from(others.into_iter().filter(counts).count()).unwrap_or(u32::MAX)
}

/// What is said of a gate that failed and passed on one tree.
pub(super) fn flaky(gate_run: &GateRun) -> String {
    format!("gate {} failed and then passed on the same tree", gate_run.gate.name)
}

/// A gate passed. One that failed before on the very same tree is flaky, and its definition says what follows.
fn passed(draft: &mut Draft<'_>, gate_run: &GateRun, on: &Candidate, id: PatchId) -> Result<(), Refusal> {
    if failures(draft, gate_run, on) == 0 || is_advisory(&gate_run.gate) {
        return Ok(());
    }
    let reason = flaky(gate_run);
    match gate_run.gate.flaky {
        OnFlaky::Pass => Ok(()),
        OnFlaky::Hold => draft.emit::<Patch>(id, &PatchEvent::Doubt { reason }),
        OnFlaky::Fail => {
            let rule = format!("gate:{}", gate_run.gate.name);
            let quarantine = PatchEvent::Quarantine { rule, reason, verdicts: Vec::new() };
            set_aside(draft, id, &quarantine, ErrorClass::GateFailure)
        }
    }
}

/// Whether a gate may be run again there: it could not be judged there at most so often, by its own doing.
pub(super) fn may_run_again(draft: &Draft<'_>, gate_run: &GateRun, on: &Candidate) -> bool {
    let counts = |other: &&GateRun| {
        let own = lets(Guard::StoppedGateIsNoTry, other.end.as_ref().is_none_or(|end| !end.stopped));
        let here = other.tree == on.tree && other.parent == on.parent;
        other.gate.name == gate_run.gate.name && here && own && other.state == GateRunState::Error
    };
    let others = gate_run.parent_id().map(|parent| draft.under::<GateRun>(parent)).unwrap_or_default();
    let errors = u32::try_from(others.into_iter().filter(counts).count()).unwrap_or(u32::MAX);
    lets(Guard::GateErrorsAreCounted, errors <= limits::GATE_ERROR_RETRIES_MAX)
}

/// What a gate's answer means for its patch.
fn judge(draft: &mut Draft<'_>, gate_run: &GateRun, event: &GateRunEvent) -> Result<(), Refusal> {
    let Some(id) = gate_run.patch else { return acceptance::judge(draft, gate_run, event) };
    let patch = draft.get::<Patch>(id)?;
    let Some(on) = &patch.candidate else { return Ok(()) };
    if stops(Guard::GateAnswerNeedsApplied, patch.state != PatchState::Applied || on.tree != gate_run.tree) {
        return Ok(());
    }
    let name = &gate_run.gate.name;
    if newest(draft, id).get(name.as_str()).is_some_and(|newest| newest.id != gate_run.id) {
        // It was asked for again meanwhile: that answer counts.
        return Ok(());
    }
    let (said, end) = match event {
        GateRunEvent::Fail { .. } if may_retry(draft, gate_run, on) => {
            let of = (patch.run, Judged::Patch(id));
            return create(draft, of, gate_run.gate.clone(), on);
        }
        GateRunEvent::Pass { .. } => return passed(draft, gate_run, on, id),
        GateRunEvent::Break { .. } if may_run_again(draft, gate_run, on) => {
            let of = (patch.run, Judged::Patch(id));
            return create(draft, of, gate_run.gate.clone(), on);
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
