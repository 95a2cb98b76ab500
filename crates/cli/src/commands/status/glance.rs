//! One run in a few lines and a table, whether it was read whole or in part.

use std::collections::BTreeMap;

use tollhouse::lifecycle::{GateRunState, PatchState, TaskState};
use tollhouse::report::{GateRow, PatchRow, RunOutline, RunRow, RunStatus, SHOWN_FIRST, ShortIds, TaskRow};
use tollhouse::{Durability, PatchId, Span};

use super::{TASKS_SHOWN_MAX, outlook, paint_run};
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// What it means that a ledger is less durable than usual.
const LESS_DURABLE: &str = "the newest of it may be lost with the power";

/// What is shown of a run.
pub(super) struct Glance<'s> {
    run: &'s RunRow,
    tasks: u64,
    completed: u64,
    landed: u64,
    elapsed: Span,
    durability: Durability,
    is_abandoned: bool,
    next: Option<&'s str>,
    shown: Vec<&'s TaskRow>,
    /// Those of the tasks that are shown, and others.
    patches: BTreeMap<PatchId, &'s PatchRow>,
    /// The patches that no task made.
    handed_in: Vec<&'s PatchRow>,
    /// What patches are called.
    ids: ShortIds,
    gate_runs: &'s [GateRow],
    workstreams: Vec<String>,
    outlook: Vec<String>,
}

impl<'s> From<&'s RunStatus> for Glance<'s> {
    fn from(status: &'s RunStatus) -> Self {
        let mut shown: Vec<&TaskRow> = status.tasks.iter().collect();
        let tasks_max = usize::try_from(TASKS_SHOWN_MAX).unwrap_or(usize::MAX);
        if shown.len() > tasks_max {
            shown.retain(|task| interest(task.state).is_some());
            shown.sort_by_key(|task| interest(task.state));
            shown.truncate(tasks_max);
        }
        let workstreams = status.workstreams.iter().map(|workstream| {
            let own = status.progress.iter().flat_map(|progress| &progress.workstreams);
            let own = own.filter(|own| own.id == Some(workstream.id)).map(|own| &own.counts);
            outlook::workstream(workstream, own.map(outlook::done_of).next())
        });
        Self {
            run: &status.run,
            tasks: status.counts.tasks,
            completed: status.counts.completed,
            landed: status.counts.landed,
            elapsed: status.elapsed,
            durability: Durability::default(),
            is_abandoned: status.is_abandoned(),
            next: status.next.as_deref(),
            shown,
            patches: status.patches.iter().map(|patch| (patch.id, patch)).collect(),
            handed_in: status.patches.iter().filter(|patch| patch.task.is_none()).collect(),
            ids: ShortIds::of(status.patches.iter().map(|patch| patch.id.into())),
            gate_runs: &status.gate_runs,
            workstreams: workstreams.collect(),
            outlook: status.progress.iter().flat_map(|progress| outlook::lines(progress)).collect(),
        }
    }
}

impl<'s> From<&'s RunOutline> for Glance<'s> {
    fn from(outline: &'s RunOutline) -> Self {
        Self {
            run: &outline.run,
            tasks: outline.count(TaskState::ALL),
            completed: outline.count(&[TaskState::Completed]),
            landed: outline.landed,
            elapsed: outline.elapsed,
            durability: Durability::default(),
            is_abandoned: outline.is_abandoned(),
            next: outline.next.as_deref(),
            shown: outline.shown.iter().collect(),
            patches: outline.patches.iter().map(|patch| (patch.id, patch)).collect(),
            // What is handed in is a run of its own, without tasks.
            handed_in: Vec::new(),
            ids: outline.ids.clone(),
            gate_runs: &outline.gate_runs,
            workstreams: outline.workstreams.iter().map(|one| outlook::workstream(one, None)).collect(),
            outlook: outlook::lines_of_outline(outline),
        }
    }
}

/// Which of very many tasks are shown first; none where one is of many like it.
fn interest(state: TaskState) -> Option<usize> {
    SHOWN_FIRST.iter().position(|states| states.contains(&state))
}

impl Glance<'_> {
    /// The same, recorded as durably as this.
    pub(super) fn recorded(self, durability: Durability) -> Self {
        Self { durability, ..self }
    }

    pub(super) fn show(&self, printer: &Printer) -> String {
        // What was handed in has no tasks.
        let done = match self.tasks {
            0 => String::new(),
            tasks => format!("{} of {tasks} tasks done · ", self.completed),
        };
        let mut lines = vec![format!(
            "{} {} · {} · {done}{} landed on {} · {}",
            printer.paint(Look::Bold, &self.run.plan),
            printer.paint(Look::Dim, &ShortIds::default().of_one(self.run.id.into())),
            paint_run(printer, self.run),
            self.landed,
            self.run.land_on,
            self.elapsed,
        )];
        if let Some(reason) = &self.run.reason {
            lines.push(format!("  {reason}"));
        }
        if self.is_abandoned {
            lines.push("  nothing drives it".to_owned());
        }
        if self.durability != Durability::default() {
            lines.push(format!("  durability {}: {LESS_DURABLE}", self.durability.as_str()));
        }
        lines.push(String::new());
        lines.push(table(&self.rows(printer)));
        if let Some(more) = self.tasks.checked_sub(self.shown.len() as u64).filter(|more| *more > 0) {
            let text = format!("{more} more: toll task list --run {}", self.run.id.random_part());
            lines.push(format!("  {}  {}", printer.paint(Look::Dim, "…"), printer.paint(Look::Dim, &text)));
        }
        lines.extend(self.workstreams.iter().cloned());
        if !self.outlook.is_empty() {
            lines.push(String::new());
            lines.extend(self.outlook.iter().cloned());
        }
        if let Some(next) = self.next {
            lines.push(String::new());
            lines.push(format!("  next  {next}"));
        }
        lines.join("\n")
    }

    /// The tasks, and the patches that no task made.
    fn rows(&self, printer: &Printer) -> Vec<Vec<String>> {
        let tasks = self.shown.iter().map(|task| self.row(task, printer));
        tasks.chain(self.handed_in.iter().map(|patch| self.patch_row(patch, printer))).collect()
    }

    /// A patch that no task made.
    fn patch_row(&self, patch: &PatchRow, printer: &Printer) -> Vec<String> {
        let (look, mark) = match patch.state {
            PatchState::Committed => (Look::Good, "✓"),
            PatchState::Quarantined => (Look::Bad, "✗"),
            PatchState::Dropped | PatchState::RolledBack => (Look::Odd, "-"),
            _ => (Look::Dim, "·"),
        };
        let detail = match patch.state {
            PatchState::Committed => size(patch),
            _ => brief(patch.reason.as_deref().unwrap_or_default(), 90),
        };
        let cell = format!("{} {}", self.ids.of_one(patch.id.into()), where_it_is(patch));
        let (mark, title) = (printer.paint(look, mark), brief(&patch.title, 60));
        vec![format!("  {mark}"), title, cell, printer.paint(Look::Dim, &detail)]
    }

    fn row(&self, task: &TaskRow, printer: &Printer) -> Vec<String> {
        let patch = task.patch.and_then(|id| self.patches.get(&id).copied());
        let (look, mark) = match task.state {
            TaskState::Completed => (Look::Good, "✓"),
            TaskState::Failed => (Look::Bad, "✗"),
            TaskState::Canceled | TaskState::Skipped => (Look::Odd, "-"),
            TaskState::Running | TaskState::Validating => (Look::Bold, "▸"),
            _ => (Look::Dim, "·"),
        };
        let tries = match task.attempts_used {
            0 | 1 => String::new(),
            n => format!("{n} tries"),
        };
        let patch_cell =
            patch.map_or(String::new(), |patch| format!("{} {}", self.ids.of_one(patch.id.into()), where_it_is(patch)));
        vec![
            format!("  {}", printer.paint(look, mark)),
            task.name.clone(),
            printer.paint(look, task.state.as_str()),
            tries,
            patch_cell,
            printer.paint(Look::Dim, &self.detail(task, patch)),
        ]
    }

    /// What a person wants to know of a task that its state does not say.
    fn detail(&self, task: &TaskRow, patch: Option<&PatchRow>) -> String {
        if task.state == TaskState::Blocked {
            return format!("waits for {}", task.blocked_by.join(", "));
        }
        if task.state == TaskState::Completed {
            return patch.map_or(String::new(), size);
        }
        if task.state == TaskState::Validating {
            let is_own = |one: &&GateRow| one.patch == task.patch && one.state == GateRunState::Running;
            let names: Vec<&str> = self.gate_runs.iter().filter(is_own).map(|one| one.gate.as_str()).collect();
            return if names.is_empty() { "at the gate".to_owned() } else { format!("gate {}", names.join(", ")) };
        }
        brief(task.reason.as_deref().unwrap_or_default(), 90)
    }
}

/// The commit that a patch landed as, or its state.
fn where_it_is(patch: &PatchRow) -> String {
    match (patch.state, patch.commit.as_deref()) {
        (PatchState::Committed, Some(commit)) => commit[..commit.len().min(10)].to_owned(),
        (state, _) => state.to_string(),
    }
}

fn size(patch: &PatchRow) -> String {
    let s = if patch.files == 1 { "" } else { "s" };
    format!("{} file{s}, +{} −{}", patch.files, patch.lines_added, patch.lines_removed)
}
