//! What comes to a person's mind: something that they might say now, whether it may be said or not.

use tollhouse_core::entity::{Budget, Patch, Run, Task, Workstream};
use tollhouse_core::lifecycle::{PatchState, RunState, TaskState};
use tollhouse_core::{Money, RunId};

use crate::command::{Addition, Command, PatchWish, TaskWish, WorkstreamWish};
use crate::report::waits_to_land;
use crate::simulator::draw::any_task;
use crate::simulator::stage::Stage;
use crate::view::View;

/// Who adds tasks.
const ADDED_BY: &str = "ada";

/// Something that a person might say now of a run.
pub(super) fn whim(stage: &mut Stage<'_>, view: &View, run: RunId) -> Command {
    let because = || "because".to_owned();
    let pending = view.get::<Run>(run).is_some_and(|run| run.state == RunState::Pending);
    let said = match stage.random.u8(0..40) {
        0 => Some(Command::CancelRun { run, reason: because() }),
        1 => Some(Command::QuarantineRun { run, reason: because() }),
        2..5 => Some(Command::PauseRun { run, reason: because() }),
        5..8 => None,
        8..14 => Some(more_tasks(stage, view, run)),
        _ if pending => Some(Command::StartRun { run, base: "base".to_owned() }),
        14..22 => on_some_task(stage, view),
        22..25 => on_some_workstream(stage, view),
        25..28 => on_budget(stage, view),
        28..31 => back_out(stage, view),
        _ => on_some_patch(stage, view),
    };
    said.unwrap_or_else(|| Command::ResumeRun { run, reason: because() })
}

/// Tasks that nobody thought of before. Some of what is drawn is refused: what waits for itself, comes too late, or is to be
/// needed by what began already.
fn more_tasks(stage: &mut Stage<'_>, view: &View, run: RunId) -> Command {
    let known: Vec<&Task> = view.all::<Task>().filter(|task| task.run == run).collect();
    let before = known.iter().filter(|task| task.added_by.as_deref() == Some(ADDED_BY)).count();
    let streams: Vec<&Workstream> = view.all::<Workstream>().filter(|one| one.run == run).collect();
    let waits = |task: &Task| matches!(task.state, TaskState::Pending | TaskState::Blocked);
    let mut tasks: Vec<Addition> = Vec::new();
    for number in before..before + stage.random.usize(1..3) {
        let mut spec = any_task(&mut stage.random, &format!("x{number}"));
        let mut needed_by = Vec::new();
        // What is to be needed soon mostly needs nothing itself.
        let is_needed = stage.random.bool();
        for task in &known {
            match stage.random.u8(0..8) {
                0 if !is_needed || stage.in_a_hundred(10) => spec.needs.push(task.spec.name.clone()),
                1..6 if is_needed && (waits(task) || stage.in_a_hundred(3)) => needed_by.push(task.spec.name.clone()),
                _ => {}
            }
        }
        if let Some(last) = tasks.last().filter(|_| stage.random.bool()) {
            spec.needs.push(last.spec.name.clone());
        }
        let own = stage.random.choice(&streams).filter(|one| !one.state.is_finished() || stage.random.u8(0..4) == 0);
        spec.workstream = own.filter(|_| stage.random.bool()).map(|one| one.spec.name.clone());
        tasks.push(Addition { spec, needed_by });
    }
    Command::AddTasks { run, tasks, added_by: ADDED_BY.to_owned() }
}

fn on_some_task(stage: &mut Stage<'_>, view: &View) -> Option<Command> {
    let tasks: Vec<&Task> = view.all::<Task>().collect();
    let ended = |task: &&&Task| matches!(task.state, TaskState::Failed | TaskState::Waiting);
    let some = stage.random.choice(&tasks)?;
    let task = tasks.iter().find(ended).filter(|_| stage.random.bool()).unwrap_or(some);
    let wish = match (task.state, stage.random.u8(0..6)) {
        (_, 0) => TaskWish::Cancel,
        (TaskState::Failed, _) | (_, 1) => TaskWish::Retry { say: None },
        (_, 2) => TaskWish::Retry { say: Some("use the other file".to_owned()) },
        _ => TaskWish::Skip,
    };
    Some(Command::OverrideTask { task: task.id, wish, reason: "because".to_owned() })
}

fn on_some_workstream(stage: &mut Stage<'_>, view: &View) -> Option<Command> {
    let open: Vec<&Workstream> = view.all::<Workstream>().filter(|one| !one.state.is_finished()).collect();
    let workstream = stage.random.choice(&open)?.id;
    let wish = if stage.random.bool() { WorkstreamWish::Skip } else { WorkstreamWish::Cancel };
    Some(Command::OverrideWorkstream { workstream, wish, reason: "because".to_owned() })
}

/// More money, or less.
fn on_budget(stage: &mut Stage<'_>, view: &View) -> Option<Command> {
    let budget = view.all::<Budget>().next()?.id;
    let limit = Money::from_nanos(stage.random.i64(0..80));
    Some(Command::ChangeBudget { budget, limit, reason: "because".to_owned() })
}

fn on_some_patch(stage: &mut Stage<'_>, view: &View) -> Option<Command> {
    let patches: Vec<&Patch> = view.all::<Patch>().collect();
    let waits = |patch: &&&Patch| patch.state == PatchState::Quarantined || waits_to_land(view, patch);
    let some = stage.random.choice(&patches)?;
    let patch = patches.iter().find(waits).filter(|_| stage.random.bool()).unwrap_or(some);
    let release = |allow: &[&str]| {
        let allow = allow.iter().map(|glob| (*glob).to_owned()).collect();
        PatchWish::Release { waive: Vec::new(), allow }
    };
    let wish = match (patch.state, stage.random.u8(0..7)) {
        (_, 0) => PatchWish::Drop,
        (PatchState::Quarantined, 1..3) => release(&[]),
        (PatchState::Quarantined, _) | (_, 1) => release(&["secrets/**"]),
        (_, 2) => PatchWish::Quarantine,
        _ => PatchWish::Land,
    };
    Some(Command::OverridePatch { patch: patch.id, wish, reason: "because".to_owned() })
}

/// Takes back what landed, mostly what landed last: first its revert is put on the branch, then the ledger is told.
fn back_out(stage: &mut Stage<'_>, view: &View) -> Option<Command> {
    let mut landed: Vec<&Patch> = view.all::<Patch>().filter(|patch| patch.state == PatchState::Committed).collect();
    landed.sort_by_key(|patch| (patch.finished_at, patch.id));
    let newest = *landed.last()?;
    let patch = if stage.in_a_hundred(30) { *stage.random.choice(&landed)? } else { newest };
    let commit = stage.hands.branch.revert(patch.id);
    stage.note(&format!("{} is taken back by {commit}", patch.id));
    let wish = PatchWish::RollBack { commit };
    Some(Command::OverridePatch { patch: patch.id, wish, reason: "because".to_owned() })
}
