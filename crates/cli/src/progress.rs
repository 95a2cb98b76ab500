//! What a person sees on standard error while a run goes on: a live picture on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tollhouse::entity::{Attempt, GateRun, Patch, Run, Task};
use tollhouse::lifecycle::{GateRunState, PatchState, TaskState};
use tollhouse::report::EventRow;
use tollhouse::spec::RunSpec;
use tollhouse::{Event, Kind, Progress, RecordId, View};

use crate::printer::{Look, Printer, Voice, harmless};
use crate::table::brief;

/// How often the picture is drawn anew, so that the seconds move.
const REDRAW: Duration = Duration::from_millis(120);

/// Watches a run.
pub(crate) struct Watcher<'p> {
    printer: &'p Printer,
    picture: Option<Picture>,
    names: usize,
    /// The branch that work starts from.
    branch: &'p str,
}

/// One line a task that is under way, and one for all.
struct Picture {
    all: MultiProgress,
    total: ProgressBar,
    tasks: BTreeMap<RecordId, ProgressBar>,
    width: usize,
}

impl<'p> Watcher<'p> {
    pub(crate) fn new(spec: &RunSpec, branch: &'p str, printer: &'p Printer) -> Self {
        let names = spec.tasks.iter().map(|task| task.name.chars().count()).max().unwrap_or(0);
        let picture = printer.is_watched().then(|| Picture::new(spec, names));
        Self { printer, picture, names, branch }
    }

    /// Shows what happened.
    pub(crate) fn see(&mut self, progress: &Progress<'_>) {
        if self.printer.voice == Voice::Quiet {
            return;
        }
        for event in progress.events {
            if let Some(line) = self.line(event, progress.view) {
                match &self.picture {
                    // Through the picture, so that the line stays above it.
                    Some(picture) => drop(picture.all.println(harmless(&line))),
                    None => eprint_line(&line),
                }
            }
        }
        if let Some(picture) = &mut self.picture {
            picture.draw(progress);
        }
    }

    /// Takes the picture away; the result follows.
    pub(crate) fn finish(&mut self) {
        if let Some(picture) = self.picture.take() {
            drop(picture.all.clear());
        }
    }

    fn line(&self, event: &Event, view: &View) -> Option<String> {
        if self.printer.voice == Voice::Verbose {
            return Some(crate::commands::log::line(&EventRow::from(event), self.printer));
        }
        let (task, look, text) = telling(event, view, self.branch)?;
        let width = self.names;
        Some(format!("{:width$}  {}", task, self.printer.paint_err(look, &text)))
    }
}

fn eprint_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(line));
}

/// What is worth a line: whose, how it looks, what it says.
fn telling(event: &Event, view: &View, branch: &str) -> Option<(String, Look, String)> {
    let why = || brief(event.event.reason.as_deref().unwrap_or_default(), 100);
    match event.record.kind() {
        Kind::Task => {
            let task = view.get::<Task>(event.record)?;
            let (look, text) = match event.event.name.as_str() {
                "lease" => (
                    Look::Dim,
                    format!("attempt {} of {}: {} at work", task.attempts_used, task.attempts_limit(), task.agent()),
                ),
                "created" => (Look::Dim, format!("added by {}", task.added_by.as_deref()?)),
                "pass" => return None,
                "due" => return None,
                "dependency_failed" | "cancel" | "skip" => (Look::Odd, format!("{}: {}", event.state, why())),
                "ask" => (Look::Odd, why()),
                _ if event.state == "retrying" => (Look::Odd, format!("tries again: {}", why())),
                _ if event.state == "failed" => (Look::Bad, format!("failed: {}", why())),
                _ => return None,
            };
            Some((task.spec.name.clone(), look, text))
        }
        Kind::Patch => {
            let patch = view.get::<Patch>(event.record)?;
            let name = task_name(view, patch)?;
            let (look, text) = match event.event.name.as_str() {
                "land" => {
                    (Look::Good, format!("landed as {}", brief(patch.commit.as_deref()?, 12).trim_end_matches('…')))
                }
                "quarantine" => (Look::Bad, format!("set aside: {}", why())),
                "rebase" => (Look::Odd, format!("goes again: {}", why())),
                _ => return None,
            };
            Some((name, look, text))
        }
        Kind::GateRun => {
            let gate_run = view.get::<GateRun>(event.record)?;
            let Some(patch) = gate_run.patch else { return on_branch(gate_run, branch) };
            let name = task_name(view, view.get::<Patch>(patch)?)?;
            let (look, text) = match gate_run.state {
                GateRunState::Passed => (Look::Dim, format!("gate {} passed", gate_run.gate.name)),
                GateRunState::Failed => (Look::Bad, format!("gate {} failed", gate_run.gate.name)),
                GateRunState::Error => {
                    (Look::Bad, format!("gate {} could not be judged: {}", gate_run.gate.name, why()))
                }
                _ => return None,
            };
            Some((name, look, text))
        }
        Kind::Run => match event.event.name.as_str() {
            "pause" => Some((String::new(), Look::Odd, format!("paused: {}", why()))),
            "cancel" => Some((String::new(), Look::Odd, format!("canceled: {}", why()))),
            _ => None,
        },
        Kind::Attempt
        | Kind::Effect
        | Kind::Worker
        | Kind::Workstream
        | Kind::Breaker
        | Kind::CostEntry
        | Kind::Budget => None,
    }
}

/// What a gate does on the branch that work starts from, before there is a run. How a red one ended, the error says.
fn on_branch(gate_run: &GateRun, branch: &str) -> Option<(String, Look, String)> {
    let name = &gate_run.gate.name;
    let text = match gate_run.state {
        GateRunState::Running => {
            format!("gate {name} runs on {}, before any agent does", &gate_run.parent[..gate_run.parent.len().min(10)])
        }
        GateRunState::Passed => format!("gate {name} passed"),
        _ => return None,
    };
    Some((branch.to_owned(), Look::Dim, text))
}

/// What the lines of a patch begin with: its task; of one that was handed in, what its run is called.
fn task_name(view: &View, patch: &Patch) -> Option<String> {
    match patch.task {
        Some(task) => view.get::<Task>(task).map(|task| task.spec.name.clone()),
        None => view.get::<Run>(patch.run?).map(|run| run.spec.plan.clone()),
    }
}

impl Picture {
    fn new(spec: &RunSpec, width: usize) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(spec.tasks.len() as u64));
        total.set_style(style("{bar:20} {pos}/{len} tasks · {elapsed} · {msg}"));
        total.enable_steady_tick(REDRAW);
        Self { all, total, tasks: BTreeMap::new(), width }
    }

    fn draw(&mut self, progress: &Progress<'_>) {
        let (mut known, mut finished, mut landed) = (0, 0, 0);
        for task in progress.view.all::<Task>().filter(|task| task.run == progress.run) {
            let id: RecordId = task.id.into();
            known += 1;
            finished += u64::from(task.state.is_finished());
            landed += u64::from(task.state == TaskState::Completed);
            if matches!(task.state, TaskState::Running | TaskState::Validating | TaskState::Retrying) {
                let total = &self.total;
                let all = &self.all;
                let bar = self.tasks.entry(id).or_insert_with(|| {
                    let bar = all.insert_before(total, ProgressBar::new_spinner());
                    bar.set_style(style("{spinner} {prefix} {elapsed:>4} {msg}"));
                    bar.set_prefix(format!("{:width$}", task.spec.name, width = self.width));
                    bar.enable_steady_tick(REDRAW);
                    bar
                });
                bar.set_message(doing(task, progress.view));
            } else if let Some(bar) = self.tasks.remove(&id) {
                bar.finish_and_clear();
            }
        }
        self.total.set_length(known);
        self.total.set_position(finished);
        self.total.set_message(format!("{landed} landed"));
    }
}

/// What is being done for a task.
fn doing(task: &Task, view: &View) -> String {
    match task.state {
        TaskState::Retrying => "waits before the next try".to_owned(),
        TaskState::Running => {
            let number = task.attempt.and_then(|id| view.get::<Attempt>(id)).map_or(1, |attempt| attempt.number);
            format!("{} at work, attempt {number}", task.agent())
        }
        _ => match task.patch.and_then(|id| view.get::<Patch>(id)).map(|patch| (patch.id, patch.state)) {
            Some((id, PatchState::Applied)) => {
                let running = view
                    .all::<GateRun>()
                    .filter(|gate_run| gate_run.patch == Some(id) && gate_run.state == GateRunState::Running);
                let names: Vec<&str> = running.map(|gate_run| gate_run.gate.name.as_str()).collect();
                format!("gate {}", names.join(", "))
            }
            Some((_, state)) => format!("patch {state}"),
            None => "at the gate".to_owned(),
        },
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
