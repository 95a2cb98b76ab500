//! Why something is where it is, and what would move it.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{GateRun, Patch, RuleOutcome, Run, Task};
use tollhouse_core::lifecycle::{GateRunState, PatchState, RunState, TaskState};
use tollhouse_core::{Kind, RecordId};

use super::status::{next_for_run, waits_to_land};
use crate::view::View;

/// Why something is where it is.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explanation {
    /// What is explained.
    pub id: RecordId,
    /// What it is.
    pub kind: Kind,
    /// What people call it: a plan's name, a task's id in the plan, a patch's title, a gate's name.
    pub name: String,
    /// Where it is.
    pub state: String,
    /// Why, one fact a line.
    pub because: Vec<String>,
    /// A command that shows more or moves it; absent where nothing is to be done.
    pub next: Option<String>,
}

/// Said of a run that should go on by itself, and does not.
const NOTHING_DRIVES: &str = "nothing drives it";

impl Explanation {
    /// The same of a run, for who has seen that the program that drove it is gone.
    #[must_use]
    pub fn of_abandoned(mut self, next: Option<String>) -> Self {
        if !self.because.iter().any(|why| why == NOTHING_DRIVES) {
            self.because.push(NOTHING_DRIVES.to_owned());
        }
        Self { next, ..self }
    }
}

/// Explains a run, task, patch or gate run; `None` where the view does not hold it or it is of another kind.
pub fn explain(view: &View, id: RecordId) -> Option<Explanation> {
    match id.kind() {
        Kind::Run => view.get::<Run>(id).map(|run| explain_run(view, run)),
        Kind::Task => view.get::<Task>(id).map(|task| explain_task(view, task)),
        Kind::Patch => view.get::<Patch>(id).map(|patch| explain_patch(view, patch)),
        Kind::GateRun => view.get::<GateRun>(id).map(explain_gate_run),
        Kind::Attempt | Kind::Effect => None,
    }
}

fn explain_run(view: &View, run: &Run) -> Explanation {
    let mut because: Vec<String> = run.reason.iter().cloned().collect();
    let mut tasks: Vec<&Task> = view.all::<Task>().filter(|task| task.run == run.id).collect();
    tasks.sort_by_key(|task| task.place);
    let missed = tasks.iter().filter(|task| task.is_missed());
    because.extend(missed.map(|task| {
        let why = task.reason.as_deref().and_then(|reason| reason.lines().next()).unwrap_or("no reason was given");
        format!("{} is {}: {why}", task.spec.name, task.state)
    }));
    let alive = tasks.iter().filter(|task| !task.state.is_finished());
    because.extend(alive.map(|task| format!("{} is {}", task.spec.name, task.state)));
    if run.conductor.is_none() && !run.state.is_finished() && run.state != RunState::Paused {
        because.push(NOTHING_DRIVES.to_owned());
    }
    let id = run.id.random_part();
    let next = next_for_run(view, run).or_else(|| match run.state {
        RunState::Succeeded if because.is_empty() => None,
        // A run of what was handed in is what became of that.
        _ if tasks.is_empty() => {
            let patch = view.all::<Patch>().find(|patch| patch.run == Some(run.id));
            patch.and_then(|patch| explain_patch(view, patch).next)
        }
        // What was done stays done; the rest is done anew.
        RunState::Failed | RunState::Canceled | RunState::Quarantined => Some(format!("toll fork {id}")),
        _ => Some(format!("toll status {id}")),
    });
    Explanation {
        id: run.id.into(),
        kind: Kind::Run,
        name: run.spec.plan.clone(),
        state: run.state.to_string(),
        because,
        next,
    }
}

fn explain_task(view: &View, task: &Task) -> Explanation {
    let mut because: Vec<String> = Vec::new();
    if !task.blocked_by.is_empty() {
        because.push(format!("it waits for {}", task.blocked_by.join(", ")));
    }
    if let Some(reason) = &task.reason {
        because.push(reason.clone());
    }
    because.push(format!("{} of {} attempts used", task.attempts_used, task.attempts_limit()));
    if let Some(due) = task.due_at {
        let then = if task.state == TaskState::Waiting {
            "without an answer it fails at"
        } else {
            "the next attempt may begin at"
        };
        because.push(format!("{then} {due}"));
    }
    let patch = task.patch.and_then(|patch| view.get::<Patch>(patch));
    if let Some(patch) = patch {
        because.push(format!("its patch {} is {}", patch.id.random_part(), patch.state));
    }
    let run = view.get::<Run>(task.run);
    let over = run.is_none_or(|run| run.state.is_finished());
    let id = task.id.random_part();
    let next = match (task.state, patch) {
        (TaskState::Completed, _) => None,
        (TaskState::Waiting, Some(patch)) => Some(format!("toll land {}", patch.id.random_part())),
        (TaskState::Failed, None) if !over => Some(format!("toll task retry {id} --say TEXT")),
        (TaskState::Pending | TaskState::Blocked | TaskState::Queued | TaskState::Retrying, _) => run
            .and_then(|run| next_for_run(view, run))
            .or_else(|| Some(format!("toll status {}", task.run.random_part()))),
        (_, Some(patch)) => Some(format!("toll patch show {} --diff", patch.id.random_part())),
        (_, None) => task.attempt.map(|attempt| format!("toll log {} --output", attempt.random_part())),
    };
    Explanation {
        id: task.id.into(),
        kind: Kind::Task,
        name: task.spec.name.clone(),
        state: task.state.to_string(),
        because,
        next,
    }
}

fn explain_patch(view: &View, patch: &Patch) -> Explanation {
    let mut because: Vec<String> = Vec::new();
    if let Some(rule) = &patch.refused_by {
        because.push(format!("refused by {rule}"));
    }
    if let Some(reason) = &patch.reason {
        because.push(reason.clone());
    }
    let broken = patch
        .verdicts
        .iter()
        .filter(|verdict| matches!(verdict.outcome, RuleOutcome::Broken | RuleOutcome::BrokenAlways));
    because.extend(broken.map(|verdict| format!("rule {}: {}", verdict.rule, verdict.detail)));
    if let Some(commit) = &patch.commit {
        because.push(format!("it landed as {commit}"));
    }
    let id = patch.id.random_part();
    let task = patch.task.and_then(|task| view.get::<Task>(task));
    let may_come_back = task.is_none_or(|task| task.state.is_finished() && task.state != TaskState::Completed);
    let next = match patch.state {
        PatchState::Committed | PatchState::RolledBack => None,
        PatchState::Verified if waits_to_land(view, patch) => Some(format!("toll land {id}")),
        PatchState::Quarantined if may_come_back && by_paths(patch) => {
            Some(format!("toll patch release {id} --allow GLOB --reason TEXT"))
        }
        PatchState::Quarantined if may_come_back => Some(format!("toll patch checkout {id}")),
        _ => Some(format!("toll patch show {id} --diff")),
    };
    Explanation {
        id: patch.id.into(),
        kind: Kind::Patch,
        name: patch.title.clone(),
        state: patch.state.to_string(),
        because,
        next,
    }
}

/// Whether a person could let it in as it is: every rule against it is one that they may waive.
fn by_paths(patch: &Patch) -> bool {
    let against = |outcome| patch.verdicts.iter().any(|verdict| verdict.outcome == outcome);
    against(RuleOutcome::Broken) && !against(RuleOutcome::BrokenAlways)
}

fn explain_gate_run(gate_run: &GateRun) -> Explanation {
    let mut because: Vec<String> = gate_run.reason.iter().cloned().collect();
    if !gate_run.blocked_by.is_empty() {
        because.push(format!("it waits for {}", gate_run.blocked_by.join(", ")));
    }
    if let Some(exit) = gate_run.end.as_ref().and_then(|end| end.exit) {
        because.push(format!("its program ended with {exit}"));
    }
    let next =
        (gate_run.state != GateRunState::Passed).then(|| format!("toll log {} --output", gate_run.id.random_part()));
    Explanation {
        id: gate_run.id.into(),
        kind: Kind::GateRun,
        name: gate_run.gate.name.clone(),
        state: gate_run.state.to_string(),
        because,
        next,
    }
}
