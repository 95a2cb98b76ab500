//! Why a run is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Patch, Run, Task, Workstream};
use tollhouse_core::lifecycle::{RunState, TaskState};

use super::{Explanation, Scene, headline};

/// Of more tasks or workstreams only some are named: of those that were missed the ones that failed first, of others the first of each
/// state.
const TOLD_MAX: usize = 10;

pub(super) fn explain(scene: Scene<'_>, run: &Run) -> Explanation {
    let mut tasks: Vec<&Task> = scene.view.all::<Task>().filter(|task| task.run == run.id).collect();
    tasks.sort_by_key(|task| task.place);
    let held_up = scene.held_up(run.id);
    let mut because: Vec<String> = match &held_up {
        Some(held_up) => vec![held_up.of_it()],
        None => run.reason.iter().cloned().collect(),
    };
    // The cause is in the reason already.
    let told = |task: &Task| because.iter().any(|why| why.starts_with(&format!("{} is critical", task.spec.name)));
    let mut missed: Vec<&&Task> = tasks.iter().filter(|task| task.is_missed() && !told(task)).collect();
    if missed.len() > TOLD_MAX {
        // Causes before what was missed for them.
        missed.sort_by_key(|task| task.state != TaskState::Failed);
    }
    let more = missed.len().saturating_sub(TOLD_MAX);
    because.extend(
        missed
            .into_iter()
            .take(TOLD_MAX)
            .map(|task| format!("{} is {}: {}", task.spec.name, task.state, headline(task.reason.as_deref()))),
    );
    if more > 0 {
        because.push(format!("{more} more were missed"));
    }
    because.extend(unfinished(&tasks));
    because.extend(workstreams(scene, run));
    if run.state == RunState::Verifying {
        let on = run.verified_commit.as_deref().unwrap_or("what landed");
        because.push(format!("its own gates judge {on}: {}", run.spec.acceptance.join(", ")));
    }
    let is_clean = because.is_empty();
    if held_up.is_none() && !run.state.is_finished() {
        because.extend(run.conductor.iter().map(|conductor| format!("{} drives it", conductor.process)));
    }
    let id = run.id.random_part();
    let next = match (held_up, run.state) {
        (Some(held_up), _) => Some(held_up.next),
        (None, RunState::Succeeded) if is_clean => None,
        // What was done stays done; the rest is done anew.
        (None, state) if state.is_finished() && !tasks.is_empty() => Some(format!("toll fork {id}")),
        // A run of a patch that was handed in is what became of that patch.
        (None, state) if state.is_finished() => {
            let patch = scene.view.all::<Patch>().find(|patch| patch.run == Some(run.id));
            patch.map(|patch| format!("toll explain {}", patch.id.random_part()))
        }
        _ => Some(format!("toll status {id}")),
    };
    let (name, state) = (run.spec.plan.clone(), run.state.to_string());
    Explanation { id: run.id.into(), kind: Kind::Run, name, state, because, next }
}

/// Where the tasks are that are not finished.
fn unfinished(tasks: &[&Task]) -> Vec<String> {
    let left: Vec<&&Task> = tasks.iter().filter(|task| !task.state.is_finished()).collect();
    if left.len() <= TOLD_MAX {
        return left.into_iter().map(|task| format!("{} is {}", task.spec.name, task.state)).collect();
    }
    let told = |state: &TaskState| {
        let names: Vec<&str> =
            left.iter().filter(|task| task.state == *state).map(|task| task.spec.name.as_str()).collect();
        let (shown, rest) = names.split_at(names.len().min(3));
        let shown = shown.join(", ");
        match (names.len(), rest.len()) {
            (0, _) => None,
            (1, _) => Some(format!("{shown} is {state}")),
            (_, 0) => Some(format!("{shown} are {state}")),
            (_, more) => Some(format!("{shown} and {more} more are {state}")),
        }
    };
    TaskState::ALL.iter().filter_map(told).collect()
}

/// The workstreams that were missed or are not finished.
fn workstreams(scene: Scene<'_>, run: &Run) -> Vec<String> {
    let own = scene.view.all::<Workstream>().filter(|one| one.run == run.id);
    let mut told: Vec<&Workstream> = own.filter(|one| one.is_missed() || !one.state.is_finished()).collect();
    let more = told.len().saturating_sub(TOLD_MAX);
    told.truncate(TOLD_MAX);
    let line = |one: &Workstream| match &one.reason {
        Some(why) => format!("workstream {} is {}: {why}", one.spec.name, one.state),
        None => format!("workstream {} is {}", one.spec.name, one.state),
    };
    let rest = (more > 0).then(|| format!("{more} more workstreams are missed or not finished"));
    told.into_iter().map(line).chain(rest).collect()
}
