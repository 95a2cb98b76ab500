//! Patches: judged, queued, applied, verified, landed. One at a time per run: nothing overtakes a landing.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Candidate, ErrorClass, Patch, RuleOutcome, RuleVerdict, Run, Work};
use tollhouse_core::lifecycle::{EffectState, PatchEvent, PatchState, RunState};
use tollhouse_core::spec::{PolicySpec, TaskSpec};
use tollhouse_core::{Description, PatchId, RepoPath, RunId, TreeFacts, limits};

use super::draft::Draft;
use super::{gate, hold, run, task};
use crate::guard::{Guard, lets, stops};
use crate::outcome::NewPatch;
use crate::policy::{Waivers, is_acceptable, judge_history, judge_patch, judge_tree};
use crate::refusal::Refusal;
use crate::view::Landing;

/// Titles of commits are cut here, as git's own tools expect.
const TITLE_CHARS_MAX: usize = 72;

/// The first line of what lands: the task's words, shortened, so that `git log --oneline` reads well.
pub(super) fn title(spec: &TaskSpec) -> String {
    let line = spec.prompt.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(&spec.name);
    let line = line.trim_end_matches('.');
    if line.chars().count() <= TITLE_CHARS_MAX {
        return line.to_owned();
    }
    let cut: String = line.chars().take(TITLE_CHARS_MAX - 1).collect();
    let end = cut.rfind(' ').filter(|space| *space > TITLE_CHARS_MAX / 2).unwrap_or(cut.len());
    format!("{}…", &cut[..end])
}

/// A patch as it comes in, of nobody yet.
pub(super) fn new(draft: &Draft<'_>, id: PatchId, title: String, change: &NewPatch) -> Patch {
    Patch {
        id,
        run: None,
        task: None,
        attempt: None,
        state: PatchState::Created,
        title,
        content: change.content.clone(),
        blob: change.blob.clone(),
        bytes: change.bytes,
        patch_id: change.patch_id.clone(),
        base: change.base.clone(),
        description: change.description.clone(),
        unrepresentable: change.unrepresentable.clone(),
        verdicts: Vec::new(),
        waived: Vec::new(),
        allowed: Vec::new(),
        approved: false,
        doubt: None,
        author: None,
        replaces: None,
        candidate: None,
        rebases: 0,
        conflicts: 0,
        conflict_target: None,
        commit: None,
        refused_by: None,
        reason: None,
        created_at: draft.now,
        finished_at: None,
    }
}

/// Moves the run's patches as far as they go.
pub(super) fn settle(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let states: Vec<(PatchId, PatchState)> =
        draft.unfinished::<Patch>(run).into_iter().map(|patch| (patch.id, patch.state)).collect();
    let mut moved = false;
    for (id, state) in states {
        match state {
            PatchState::Created => judge(draft, id)?,
            PatchState::Validated => draft.emit::<Patch>(id, &PatchEvent::Enqueue)?,
            PatchState::ApplyFailed => give_up(draft, id)?,
            PatchState::Applied if lets(Guard::VerifyNeedsGates, gate::all_passed(draft, id)) => verify(draft, id)?,
            PatchState::Applied | PatchState::Verified if hold::is_held(draft, id) => {
                if !hold::ask(draft, id)? {
                    continue;
                }
            }
            PatchState::Verified if !has_effect(draft, run, id) && is_alone(draft, run, id) => {
                draft.request(Some(run), Work::Land { patch: id })?;
            }
            _ => continue,
        }
        moved = true;
    }
    Ok(moved | apply_next(draft, run)?)
}

/// Every level of policy that a patch must satisfy, widest first.
fn levels(draft: &Draft<'_>, patch: &Patch) -> Vec<PolicySpec> {
    let run = patch.run.and_then(|run| draft.peek::<Run>(run));
    let task = patch.task.and_then(|task| draft.peek::<tollhouse_core::entity::Task>(task));
    let above = run.map(|run| run.spec.policy.clone()).unwrap_or_default();
    above.into_iter().chain(task.and_then(|task| task.spec.policy.clone())).collect()
}

fn judge(draft: &mut Draft<'_>, id: PatchId) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    let mut verdicts = vec![representable(&patch)];
    verdicts.extend(judge_patch(&patch.description, &levels(draft, &patch), waivers(&patch)));
    verdicts.push(judge_history(&patch.description, &landed_before(draft, &patch), &patch.waived));
    match is_acceptable(&verdicts).or_else(|broken| refuse_by(Guard::PatchRulesHold, broken)) {
        Ok(()) => draft.emit::<Patch>(id, &PatchEvent::Validate { verdicts }),
        Err(reason) => {
            let event = PatchEvent::Quarantine { rule: first_broken(&verdicts), reason, verdicts };
            set_aside(draft, id, &event, ErrorClass::Policy)
        }
    }
}

/// What landed in the run of a patch before it in the files that it changes, the oldest first: of each file as many as its rule
/// looks at.
fn landed_before<'d>(draft: &'d Draft<'_>, patch: &Patch) -> Vec<&'d Description> {
    let Some(run) = patch.run else { return Vec::new() };
    let files = patch.description.files.iter();
    let newest = files.flat_map(|file| draft.landed(run, &file.path).take(limits::OSCILLATION_LOOKS_AT));
    let landed: BTreeSet<Landing> = newest.collect();
    landed.into_iter().filter_map(|(_, id)| draft.peek::<Patch>(id)).map(|patch| &patch.description).collect()
}

/// What stands against a patch, unless its guard is switched off.
fn refuse_by(guard: Guard, broken: String) -> Result<(), String> {
    if stops(guard, true) { Err(broken) } else { Ok(()) }
}

/// What a person let a patch do.
fn waivers(patch: &Patch) -> Waivers<'_> {
    Waivers { rules: &patch.waived, paths: &patch.allowed }
}

/// Whether all that was in the workspace is in the patch: what a tree cannot hold would be lost without a word.
fn representable(patch: &Patch) -> RuleVerdict {
    let shown: Vec<String> =
        patch.unrepresentable.iter().take(10).map(|(path, why)| format!("{path}: {why}")).collect();
    let outcome = if shown.is_empty() { RuleOutcome::Held } else { RuleOutcome::BrokenAlways };
    RuleVerdict { rule: "representable".to_owned(), outcome, detail: shown.join("; ") }
}

/// The first rule that stands against a patch.
fn first_broken(verdicts: &[RuleVerdict]) -> String {
    let against = |verdict: &&RuleVerdict| matches!(verdict.outcome, RuleOutcome::Broken | RuleOutcome::BrokenAlways);
    verdicts.iter().find(against).map(|verdict| verdict.rule.clone()).unwrap_or_default()
}

/// Sets a patch aside, and tells its task why.
pub(super) fn set_aside(
    draft: &mut Draft<'_>,
    id: PatchId,
    event: &PatchEvent,
    class: ErrorClass,
) -> Result<(), Refusal> {
    draft.emit::<Patch>(id, event)?;
    gate::skip_rest(draft, id.into(), "its patch was set aside")?;
    let task = draft.peek::<Patch>(id).and_then(|patch| patch.task);
    match task {
        Some(task) => task::refuse(draft, task, class, event.reason().unwrap_or_default().to_owned()),
        None => Ok(()),
    }
}

/// Asks for the next candidate, if nothing is on its way to the branch.
fn apply_next(draft: &mut Draft<'_>, run: RunId) -> Result<bool, Refusal> {
    let patches = draft.unfinished::<Patch>(run);
    let ready = |patch: &&Patch| patch.state == PatchState::Verified && !hold::is_held(draft, patch.id);
    let is_under_way = |patch: &&Patch| ready(patch) || on_its_way(draft, run, patch);
    if stops(Guard::ApplyingIsAlone, patches.iter().any(is_under_way)) {
        return Ok(false);
    }
    let next = patches
        .iter()
        .filter(|patch| patch.state == PatchState::Queued && !has_effect(draft, run, patch.id))
        .min_by_key(|patch| (patch.rebases < limits::REBASES_BEFORE_FIRST, patch.id))
        .map(|patch| patch.id);
    match next {
        Some(patch) => draft.request(Some(run), Work::Apply { patch }).map(|()| true),
        None => Ok(false),
    }
}

/// Whether a patch is being applied, judged or landed: only one of a run is.
fn on_its_way(draft: &Draft<'_>, run: RunId, patch: &Patch) -> bool {
    match patch.state {
        PatchState::Applied => !hold::is_held(draft, patch.id),
        PatchState::Queued | PatchState::Verified => has_effect(draft, run, patch.id),
        _ => false,
    }
}

fn is_alone(draft: &Draft<'_>, run: RunId, id: PatchId) -> bool {
    let mut others = draft.any_unfinished::<Patch>(run).filter(|patch| patch.id != id);
    lets(Guard::LandingIsAlone, !others.any(|patch| on_its_way(draft, run, patch)))
}

/// Whether a landing was begun and nobody knows yet how it went: nothing overtakes it.
pub(super) fn is_landing(draft: &Draft<'_>, patch: PatchId) -> bool {
    let Some(run) = draft.peek::<Patch>(patch).and_then(|patch| patch.run) else { return false };
    draft.unsettled(run).any(|effect| effect.work == Work::Land { patch } && effect.state != EffectState::Requested)
}

/// Drops a patch that is on its way; one that is finished stays as it is.
pub(super) fn drop_unfinished(draft: &mut Draft<'_>, id: PatchId, reason: &str) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    if stops(Guard::OnlyUnfinishedIsDropped, patch.state.is_finished()) {
        return Ok(());
    }
    if let Some(run) = patch.run {
        draft.withdraw(run, id.into(), reason)?;
    }
    draft.emit::<Patch>(id, &PatchEvent::Drop { reason: reason.to_owned() })?;
    gate::skip_rest(draft, id.into(), reason).map(|_| ())
}

fn has_effect(draft: &Draft<'_>, run: RunId, patch: PatchId) -> bool {
    draft.unsettled(run).any(|effect| effect.work.subject() == patch.into())
}

/// A patch gave a candidate tree.
pub(super) fn applied(
    draft: &mut Draft<'_>,
    id: PatchId,
    candidate: &Candidate,
    facts: &TreeFacts,
) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    if stops(Guard::CandidateNeedsQueued, patch.state != PatchState::Queued) {
        // It was dropped or set aside meanwhile; a tree in the object database harms nobody.
        return Ok(());
    }
    let verdicts = judge_tree(facts, waivers(&patch));
    match is_acceptable(&verdicts).or_else(|broken| refuse_by(Guard::TreeRulesHold, broken)) {
        Ok(()) => {
            draft.emit::<Patch>(id, &PatchEvent::Apply { candidate: candidate.clone(), verdicts })?;
            gate::create_for(draft, id)
        }
        Err(reason) => {
            let event = PatchEvent::Quarantine { rule: first_broken(&verdicts), reason, verdicts };
            set_aside(draft, id, &event, ErrorClass::Policy)
        }
    }
}

/// A patch does not fit the branch.
pub(super) fn conflicted(
    draft: &mut Draft<'_>,
    id: PatchId,
    target: &str,
    files: &[(RepoPath, String)],
) -> Result<(), Refusal> {
    if stops(Guard::ConflictNeedsQueued, draft.get::<Patch>(id)?.state != PatchState::Queued) {
        return Ok(());
    }
    let shown: Vec<String> = files.iter().take(10).map(|(path, why)| format!("{path}: {why}")).collect();
    let more = files.len().saturating_sub(shown.len());
    let tail = if more > 0 { format!(" (and {more} more)") } else { String::new() };
    let reason = format!("the patch does not fit what landed meanwhile: {}{tail}", shown.join("; "));
    draft.emit::<Patch>(id, &PatchEvent::Conflict { reason, target: target.to_owned() })
}

/// A patch that did not fit is tried again only where the branch moved since, which only a later look can show: the
/// candidate is always made on the branch as it is, so it is set aside at once.
fn give_up(draft: &mut Draft<'_>, id: PatchId) -> Result<(), Refusal> {
    let patch = draft.get::<Patch>(id)?;
    let reason = patch.reason.unwrap_or_else(|| "the patch does not fit".to_owned());
    let event = PatchEvent::Quarantine { rule: "fits".to_owned(), reason, verdicts: Vec::new() };
    set_aside(draft, id, &event, ErrorClass::Conflict)
}

fn verify(draft: &mut Draft<'_>, id: PatchId) -> Result<(), Refusal> {
    draft.emit::<Patch>(id, &PatchEvent::Verify)
}

/// An effect on a patch could not be carried out at all.
pub(super) fn could_not(
    draft: &mut Draft<'_>,
    id: PatchId,
    work: &Work,
    class: ErrorClass,
    reason: &str,
) -> Result<(), Refusal> {
    if stops(Guard::TroubleNeedsUnfinished, draft.get::<Patch>(id)?.state.is_finished()) {
        return Ok(());
    }
    let what = match work {
        Work::Land { .. } => "it could not be landed",
        _ => "no candidate tree could be made of it",
    };
    let reason = format!("{what}: {reason}");
    let run = draft.peek::<Patch>(id).and_then(|patch| patch.run).and_then(|run| draft.peek::<Run>(run));
    let passes = matches!(class, ErrorClass::Conflict | ErrorClass::ResourceLimit);
    if let Some(run) = run.filter(|run| passes && !run.state.is_finished()) {
        // It stands in the way of every landing, and passes: once it is gone, the same patch goes on from here.
        let (run, goes_on) = (run.id, run.state == RunState::Running);
        return if goes_on { run::pause(draft, run, &reason) } else { Ok(()) };
    }
    // Not the agent's doing: another attempt would be paid for nothing.
    let task = draft.peek::<Patch>(id).and_then(|patch| patch.task);
    if let Some(task) = task {
        task::refuse_for_good(draft, task, class, reason.clone())?;
    }
    let event = PatchEvent::Quarantine { rule: work.name().to_owned(), reason, verdicts: Vec::new() };
    set_aside(draft, id, &event, class)
}
