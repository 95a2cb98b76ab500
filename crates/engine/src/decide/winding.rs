//! Why a run winds down before its tasks are done: something critical was missed, its time is over, its money is spent, or nobody
//! can do what is left. From then on nothing is leased or tried again; what runs and validates ends, all else is canceled, and it fails.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Attempt, Effect, GateRun, Patch, Run, Task, Worker, Workstream};
use tollhouse_core::lifecycle::{RunState, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{RecordId, RunId, Span, Timestamp};

use super::draft::Draft;
use super::{budget, hold};
use crate::guard::{Guard, lets};
use crate::routing::lacks;
use crate::schedule::money_obstacle;
use crate::view::{Tasks, View, cause, cause_of_workstream};

/// Why a run winds down.
enum Ending {
    /// Something critical was missed.
    Missed(Miss),
    /// It took longer than it may.
    Late(Span),
    /// It stood still for long.
    Stuck(String),
    /// Its budget is used up, and that ends it.
    Spent(String),
}

/// Something critical that was missed, in words.
struct Miss {
    /// A task's plan id, or `workstream NAME`.
    name: String,
    state: &'static str,
    reason: Option<String>,
    finished_at: Option<Timestamp>,
}

/// Why a run winds down, if it does.
pub(super) fn winding_down(draft: &Draft<'_>, run: RunId) -> Option<String> {
    ending(draft, run).map(|ending| match ending {
        Ending::Missed(missed) => format!("{} is critical and {}", missed.name, missed.state),
        Ending::Late(deadline) => format!("it took longer than its {deadline}"),
        Ending::Stuck(reason) | Ending::Spent(reason) => reason,
    })
}

/// Why a run that has wound down failed, with what was said of it.
pub(super) fn failure(draft: &Draft<'_>, run: RunId) -> Option<String> {
    let reason = winding_down(draft, run)?;
    match ending(draft, run)? {
        Ending::Missed(missed) => {
            let why = missed.reason.as_deref().unwrap_or("no reason was given");
            Some(format!("{reason}: {}", why.lines().next().unwrap_or(why)))
        }
        // What was done with the last of the money is done.
        Ending::Spent(_) if !draft.of_run::<Task>(run).into_iter().any(Task::is_missed) => None,
        Ending::Late(_) | Ending::Stuck(_) | Ending::Spent(_) => Some(reason),
    }
}

fn ending(draft: &Draft<'_>, id: RunId) -> Option<Ending> {
    // What was found in this decision: what was canceled for it is no cause.
    if let Some(reason) = draft.stuck() {
        return Some(Ending::Stuck(reason.to_owned()));
    }
    let missed = critical_miss(draft, id);
    let run = draft.peek::<Run>(id)?;
    let late = deadline(run).filter(|at| lets(Guard::DeadlineHasPassed, *at <= draft.now));
    // Whatever came first is the cause; what was missed after the run's deadline is a victim of it.
    match (missed, late) {
        (Some(missed), Some(at)) if missed.finished_at >= Some(at) => run.spec.deadline.map(Ending::Late),
        (Some(missed), _) => Some(Ending::Missed(missed)),
        (None, Some(_)) => run.spec.deadline.map(Ending::Late),
        (None, None) => budget::is_spent(draft, id).map(Ending::Spent),
    }
}

/// What is critical and was missed first, if anything was: from then on the run only winds down. What failed is the cause,
/// what was canceled or skipped a victim.
fn critical_miss(draft: &Draft<'_>, run: RunId) -> Option<Miss> {
    let mut known = draft.view().schedule(run).into_iter().flat_map(Tasks::causes);
    let known = known.find(|id| !draft.over().knows(*id));
    let new = draft.over().schedule(run).and_then(|tasks| tasks.causes().next());
    let of_task = |id: RecordId| {
        let task = draft.peek::<Task>(id)?;
        let (state, reason, finished_at) = (task.state.as_str(), task.reason.clone(), task.finished_at);
        Some((cause(task), Miss { name: task.spec.name.clone(), state, reason, finished_at }))
    };
    let of_workstream = |id: RecordId| {
        let workstream = draft.peek::<Workstream>(id)?;
        let name = format!("workstream {}", workstream.spec.name);
        let (state, reason, finished_at) =
            (workstream.state.as_str(), workstream.reason.clone(), workstream.finished_at);
        Some((cause_of_workstream(workstream), Miss { name, state, reason, finished_at }))
    };
    let misses = known.into_iter().chain(new).filter_map(|id| of_task(id).or_else(|| of_workstream(id)));
    misses.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, miss)| miss)
}

/// Why the time of a run is over, if it is.
pub(super) fn is_late(draft: &Draft<'_>, id: RunId) -> Option<String> {
    let run = draft.peek::<Run>(id)?;
    deadline(run).filter(|at| lets(Guard::DeadlineHasPassed, *at <= draft.now))?;
    Some(format!("it took longer than its {}", run.spec.deadline?))
}

fn deadline(run: &Run) -> Option<Timestamp> {
    Some(run.started_at?.after(run.spec.deadline?))
}

/// The next time at which a look at the clock changes something of a whole run: its deadline, while something is left to be
/// canceled then, or when it has stood still for so long that it is stuck.
pub(crate) fn next_deadline(view: &View, id: RunId) -> Option<Timestamp> {
    let run = view.get::<Run>(id)?;
    match run.state {
        RunState::Running => {}
        RunState::Verifying => return deadline(run),
        _ => return None,
    }
    let deadline = deadline(run).filter(|_| has_what_deadline_cancels(view, run));
    deadline.into_iter().chain(stuck_at(view, run)).min()
}

/// What runs and validates ends by itself, and what is ready and held waits for a person, whatever the time.
fn has_what_deadline_cancels(view: &View, run: &Run) -> bool {
    let canceled = [TaskState::Pending, TaskState::Blocked, TaskState::Queued, TaskState::Retrying, TaskState::Waiting];
    let is_held = |task: &Task| {
        let patch = task.patch.and_then(|patch| view.get::<Patch>(patch));
        patch.is_some_and(|patch| hold::waits_for_word(patch, run.spec.land))
    };
    view.in_states::<Task>(run.id, &canceled).any(|task| !is_held(task))
}

/// Why a run is stuck, if it is by now.
pub(super) fn stuck(view: &View, id: RunId, now: Timestamp) -> Option<String> {
    let run = view.get::<Run>(id).filter(|run| run.state == RunState::Running)?;
    if stuck_at(view, run)? > now {
        return None;
    }
    let queued: Vec<&str> =
        view.in_states::<Task>(id, &[TaskState::Queued]).map(|task| task.spec.name.as_str()).take(3).collect();
    let (patience, queued) = (run.spec.stall_timeout, queued.join(", "));
    Some(format!("it was stuck: for {patience} there was no worker that can do what is queued ({queued})"))
}

fn stuck_at(view: &View, run: &Run) -> Option<Timestamp> {
    standstill(view, run).map(|standstill| standstill.stuck_at)
}

/// A running run that stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standstill {
    /// Since when.
    pub(crate) since: Timestamp,
    /// From when on it is stuck.
    pub(crate) stuck_at: Timestamp,
}

/// Since when a running run stands still, if it does: nothing is alive, no task waits for a time, and no worker that is left can
/// do anything that is queued. The run's own deadline does not count as such a time.
pub(crate) fn standstill(view: &View, run: &Run) -> Option<Standstill> {
    // Who does not know the shared workers cannot say that none of them fits.
    if run.spec.crew == Crew::Shared && !view.is_fleet() {
        return None;
    }
    let alive = view.has_unfinished::<Effect>(run.id) || view.has_unfinished::<GateRun>(run.id);
    if alive || view.next_task_deadline(run.id).is_some() {
        return None;
    }
    // As many as there are, but only where nothing moves.
    let queued: Vec<&Task> = view.in_states::<Task>(run.id, &[TaskState::Queued]).collect();
    if queued.is_empty() {
        return None;
    }
    // Who gives work to a run's own workers pauses it for want of money; nobody does where what can be paid needs a shared one
    // that is not there.
    let is_paid = |task: &Task| money_obstacle(run, view.budget(run.id), task).is_none();
    let fits = |task: &&Task| match run.spec.crew {
        Crew::Own => can_do(run, &BTreeSet::new(), task),
        Crew::Shared => can_be_done(view, task) && is_paid(task),
    };
    if queued.iter().any(fits) {
        return None;
    }
    let left = shared(view).filter(|worker| queued.iter().any(|task| can_do(run, &worker.capabilities, task)));
    let since = [run.started_at, run.resumed_at, run.conductor.as_ref().map(|present| present.since)]
        .into_iter()
        .chain(queued.iter().map(|task| task.queued_at))
        .chain(view.all::<Attempt>().filter(|attempt| attempt.run == run.id).map(|attempt| attempt.finished_at))
        .chain(left.map(|worker| worker.finished_at))
        .flatten()
        .max()?;
    Some(Standstill { since, stuck_at: since.after(run.spec.stall_timeout) })
}

/// Whether a shared worker that is left can do a task, whatever it does now.
pub(crate) fn can_be_done(view: &View, task: &Task) -> bool {
    let Some(run) = view.get::<Run>(task.run) else { return false };
    shared(view).any(|worker| !worker.state.is_finished() && can_do(run, &worker.capabilities, task))
}

/// The agents that the next attempt at a task may go to and that are able to do it, with whoever is there to execute it.
pub(crate) fn able<'t>(view: &'t View, id: RunId, task: &'t Task) -> impl Iterator<Item = &'t str> {
    let run = view.get::<Run>(id);
    let can = |run: &Run, agent: &str, worker: &BTreeSet<String>| {
        lacks(run, &task.spec.capabilities, agent, worker).is_empty()
    };
    let is_able = move |agent: &str| match run {
        Some(run) if run.spec.crew == Crew::Own => can(run, agent, &BTreeSet::new()),
        // Who does not know the shared workers cannot say that none of them fits.
        Some(run) if view.is_fleet() => {
            shared(view).any(|worker| !worker.state.is_finished() && can(run, agent, &worker.capabilities))
        }
        _ => true,
    };
    task.candidates().filter(move |agent| is_able(agent))
}

fn shared(view: &View) -> impl Iterator<Item = &Worker> {
    view.all::<Worker>().filter(|worker| worker.run.is_none())
}

/// Whether one of the agents of a task and a worker are together able to do it.
pub(crate) fn can_do(run: &Run, worker: &BTreeSet<String>, task: &Task) -> bool {
    task.candidates().any(|agent| lacks(run, &task.spec.capabilities, agent, worker).is_empty())
}
