//! Why something is where it is, and what would move it.

mod attempt;
mod breaker;
mod budget;
mod cost_entry;
mod effect;
mod gate_run;
mod held_up;
mod patch;
mod routing;
mod run;
mod task;
mod worker;
mod workstream;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{
    Attempt, Breaker, Budget, CostEntry, Effect, GateRun, Patch, Run, Task, Worker, Workstream,
};
use tollhouse_core::{Kind, RecordId};

use crate::command::Seen;
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

/// Explains a record; `None` where the view does not hold it. What was seen of the program that drives its run tells a run that
/// goes on from one that only seems to.
pub fn explain(view: &View, id: RecordId, seen: Option<Seen>) -> Option<Explanation> {
    let scene = Scene { view, seen };
    match id.kind() {
        Kind::Run => view.get::<Run>(id).map(|run| run::explain(scene, run)),
        Kind::Task => view.get::<Task>(id).map(|task| task::explain(scene, task)),
        Kind::Attempt => view.get::<Attempt>(id).map(|attempt| attempt::explain(scene, attempt)),
        Kind::Patch => view.get::<Patch>(id).map(|patch| patch::explain(scene, patch)),
        Kind::GateRun => view.get::<GateRun>(id).map(|gate_run| gate_run::explain(scene, gate_run)),
        Kind::Effect => view.get::<Effect>(id).map(|effect| effect::explain(scene, effect)),
        Kind::Worker => view.get::<Worker>(id).map(worker::explain),
        Kind::Workstream => view.get::<Workstream>(id).map(|workstream| workstream::explain(scene, workstream)),
        Kind::Breaker => view.get::<Breaker>(id).map(breaker::explain),
        Kind::CostEntry => view.get::<CostEntry>(id).map(cost_entry::explain),
        Kind::Budget => view.get::<Budget>(id).map(|budget| budget::explain(scene, budget)),
    }
}

/// What an explanation is made from.
#[derive(Clone, Copy)]
struct Scene<'v> {
    view: &'v View,
    seen: Option<Seen>,
}

/// The first line of a reason: what follows it is what some program printed.
fn headline(reason: Option<&str>) -> &str {
    reason.and_then(|reason| reason.lines().next()).unwrap_or("no reason was given")
}
