//! Why a task is where it is.

use tollhouse_core::entity::{Attempt, Breaker, Effect, Patch, Run, Task, Work, Workstream};
use tollhouse_core::lifecycle::{RunState, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{BreakerId, Kind, Timestamp};

use super::{Explanation, Scene};
use crate::plan::Clash;
use crate::schedule::{MAY_BE_UNDER_WAY, Obstacle, breaker_obstacle, is_under_way, money_obstacle, obstacle};
use crate::scope::Meeting;

pub(super) fn explain(scene: Scene<'_>, task: &Task) -> Explanation {
    let mut because = Vec::new();
    let step = step(scene, task);
    // Why it has not begun, or what is under way, before what was.
    because.extend(step.because);
    let run = scene.view.get::<Run>(task.run);
    // What was interrupted with its run has the run's reason.
    let is_said =
        |reason: &&String| run.is_some_and(|run| run.state == RunState::Paused && run.reason.as_ref() == Some(reason));
    because.extend(task.reason.iter().filter(|reason| !is_said(reason)).cloned());
    if task.state != TaskState::Completed || task.attempts_used > 0 {
        because.push(format!("{} of {} attempts used", task.attempts_used, task.attempts_limit()));
    }
    let patch = task.patch.and_then(|patch| scene.view.get::<Patch>(patch));
    let newest = task.attempt.and_then(|attempt| scene.view.get::<Attempt>(attempt));
    because.extend(newest.and_then(|attempt| attempt.routing.as_ref()).into_iter().flat_map(super::routing::told));
    if let Some(patch) = patch {
        because.push(format!("its patch {} is {}", patch.id.random_part(), patch.state));
    }
    if let Some(source) = task.source {
        because.push(format!("it was completed in an earlier run, as {source}"));
    }
    let is_open = !task.state.is_finished() && task.state != TaskState::Waiting;
    let held_up = scene.held_up(task.run).filter(|_| is_open);
    if let Some(held_up) = &held_up {
        because.insert(0, held_up.of_its_run());
    }
    let next = held_up.map(|held_up| held_up.next).or(step.next);
    let (name, state) = (task.spec.name.clone(), task.state.to_string());
    Explanation { id: task.id.into(), kind: Kind::Task, name, state, because, next }
}

/// What a task's own state says.
#[derive(Default)]
struct Step {
    because: Vec<String>,
    next: Option<String>,
}

impl Step {
    fn new(because: impl Into<String>, next: impl Into<String>) -> Self {
        Self { because: vec![because.into()], next: Some(next.into()) }
    }
}

fn step(scene: Scene<'_>, task: &Task) -> Step {
    let id = task.id.random_part();
    let status = format!("toll status {}", task.run.random_part());
    let of_patch = |verb: &str| {
        let patch = task.patch.map(|patch| format!("toll {verb} {}", patch.random_part()));
        patch.unwrap_or_else(|| status.clone())
    };
    match task.state {
        TaskState::Pending => Step::new("what it needs is looked at once its run goes on", status),
        TaskState::Blocked => blocked(scene, task, status),
        TaskState::Queued => queued(scene, task, status),
        TaskState::Running => running(scene, task, status),
        TaskState::Validating => Step { next: Some(of_patch("explain")), ..Step::default() },
        TaskState::Retrying => match task.due_at {
            Some(due) => Step::new(format!("the next attempt may begin at {due}"), last_words(scene, task, &status)),
            None => Step { next: Some(status), ..Step::default() },
        },
        TaskState::Waiting => match task.due_at {
            Some(due) => Step::new(format!("it waits for a person until {due}, then it fails"), of_patch("land")),
            None => Step { next: Some(of_patch("land")), ..Step::default() },
        },
        TaskState::Completed => Step::default(),
        TaskState::Failed | TaskState::Canceled | TaskState::Skipped => missed(scene, task, &id, status),
    }
}

/// Each task and workstream that it waits for, with where that is.
fn blocked(scene: Scene<'_>, task: &Task, status: String) -> Step {
    let found = |name: &String| match name.strip_prefix("workstream ") {
        Some(name) => {
            let mut all = scene.view.all::<Workstream>().filter(|other| other.run == task.run);
            all.find(|other| other.spec.name == name).map(|other| (other.state.as_str(), other.id.random_part()))
        }
        None => find(scene, task, name).map(|other| (other.state.as_str(), other.id.random_part())),
    };
    let waits: Vec<String> = task
        .blocked_by
        .iter()
        .map(|name| found(name).map_or_else(|| name.clone(), |(state, _)| format!("{name}, which is {state}")))
        .collect();
    let next = task.blocked_by.iter().find_map(found).map_or(status, |(_, id)| format!("toll explain {id}"));
    Step::new(format!("it waits for {}", waits.join("; ")), next)
}

fn queued(scene: Scene<'_>, task: &Task, status: String) -> Step {
    let patch_of = |task: &Task| task.patch.and_then(|patch| scene.view.get::<Patch>(patch));
    let others: Vec<&Task> = scene
        .view
        .in_states::<Task>(task.run, MAY_BE_UNDER_WAY)
        .filter(|other| is_under_way(other, patch_of(other)))
        .collect();
    let alive = scene.view.all::<Effect>().filter(|effect| {
        effect.run == Some(task.run) && matches!(effect.work, Work::Spawn { .. }) && !effect.state.is_finished()
    });
    let Some(run) = scene.view.get::<Run>(task.run) else { return Step { next: Some(status), ..Step::default() } };
    let names = |tasks: &[&Task]| tasks.iter().map(|task| task.spec.name.as_str()).collect::<Vec<_>>().join(", ");
    let explain = |other: &Task| format!("toll explain {}", other.id.random_part());
    let breaker = scene.view.get::<Breaker>(BreakerId::of_agent(task.agent()));
    // Nobody knows here what time it is: where it is over, the next look at the clock sends the trial.
    let withheld = || breaker_obstacle(breaker, Timestamp::EPOCH);
    let unpaid = || money_obstacle(run, scene.view.budget(task.run), task);
    if let Some(because) = super::routing::nobody_may(scene, run, task, &others) {
        return Step { because, next: Some(status) };
    }
    let withheld = || withheld().filter(|_| task.candidates().nth(1).is_none());
    match withheld().or_else(|| obstacle(run, task, &others, alive.count())).or_else(unpaid) {
        None if run.spec.crew == Crew::Shared => Step::new(waits_for_worker(task), status),
        None => Step::new("it begins as soon as its run goes on", status),
        Some(Obstacle::Full { most }) => {
            let running: Vec<&Task> = others.into_iter().filter(|other| other.state == TaskState::Running).collect();
            let (they, first) = (names(&running), running.first().map(|first| explain(first)));
            let what = if they.is_empty() { "what is being ended".to_owned() } else { they };
            Step::new(format!("max_parallel is {most}: it waits for {what}"), first.unwrap_or(status))
        }
        Some(Obstacle::AgentBusy { most, with }) => {
            let next = with.first().map_or(status, |first| explain(first));
            let they = names(&with);
            Step::new(format!("max_parallel of agent {} is {most}: it waits for {they}", task.agent()), next)
        }
        Some(Obstacle::BreakerOpen { until }) => {
            let explain = breaker.map(|breaker| format!("toll explain {}", breaker.id.random_part()));
            let agent = task.agent();
            let what = match until {
                Some(until) => format!("agent {agent} gets no work now; one trial may go from {until}"),
                None => format!("agent {agent} gets no other work while its trial is out"),
            };
            let why = breaker.and_then(|breaker| breaker.reason.as_deref());
            let what = why.map_or_else(|| what.clone(), |why| format!("{what}: {}", super::headline(Some(why))));
            Step::new(what, explain.unwrap_or(status))
        }
        Some(Obstacle::NoMoney { needs, left }) => {
            let what = format!("${needs} would be set aside for it, and ${left} of its run's budget are free");
            let budget = scene.view.budget(task.run).map(|budget| format!("toll explain {}", budget.id.random_part()));
            Step::new(what, budget.unwrap_or(status))
        }
        Some(Obstacle::Clash { with, clash }) => {
            let name = &with.spec.name;
            let why = match clash {
                Clash::Group(group) => format!("both are of the conflict group {group}"),
                Clash::Scope(Meeting { glob, other, witness: None }) => {
                    format!("both may write where {glob} and {other} meet")
                }
                Clash::Scope(Meeting { glob, other, witness: Some(path) }) => {
                    format!("both may write {path}, where {glob} and {other} meet")
                }
            };
            let what = match with.state {
                TaskState::Waiting => "whose change is ready and waits for a person".to_owned(),
                state => format!("which is {state}"),
            };
            Step::new(format!("it waits for {name}, {what}: {why}"), explain(with))
        }
    }
}

/// Nothing is in its way, but whoever takes it.
fn waits_for_worker(task: &Task) -> String {
    let able: Vec<&str> = task.spec.capabilities.iter().map(String::as_str).collect();
    if able.is_empty() {
        return "it waits for a worker that is idle".to_owned();
    }
    format!("it waits for a worker that is idle and can do {}", able.join(", "))
}

fn running(scene: Scene<'_>, task: &Task, status: String) -> Step {
    let attempt = task.attempt.and_then(|attempt| scene.view.get::<Attempt>(attempt));
    let Some(attempt) = attempt else { return Step { next: Some(status), ..Step::default() } };
    let what = format!(
        "{} has been at it since {}, and has time until {}",
        attempt.agent, attempt.started_at, attempt.deadline
    );
    Step::new(what, status)
}

/// What its last attempt printed, where that is known; else what became of it.
fn last_words(scene: Scene<'_>, task: &Task, status: &str) -> String {
    let Some(attempt) = task.attempt.and_then(|attempt| scene.view.get::<Attempt>(attempt)) else {
        return status.to_owned();
    };
    match task.patch {
        Some(patch) => format!("toll patch show {} --diff", patch.random_part()),
        None => super::attempt::more(attempt).unwrap_or_else(|| format!("toll task show {}", task.id.random_part())),
    }
}

/// What was failed, canceled or skipped: the way on is in its run while that goes on, and in a new one once it is over.
fn missed(scene: Scene<'_>, task: &Task, id: &str, status: String) -> Step {
    let Some(run) = scene.view.get::<Run>(task.run) else { return Step::default() };
    let needed = task.needs().filter_map(|name| find(scene, task, name)).find(|needed| needed.is_missed());
    if let Some(needed) = needed.filter(|_| task.state != TaskState::Canceled) {
        return Step { next: Some(format!("toll explain {}", needed.id.random_part())), ..Step::default() };
    }
    if !task.is_missed() {
        // Left out by a person: what needs it goes on.
        return Step::default();
    }
    if run.state.is_finished() {
        let from = format!("toll fork {} --from {}", run.id.random_part(), task.spec.name);
        return Step::new("its run is over: a new one can go on from it", from);
    }
    let dependents: Vec<&str> = scene
        .view
        .all::<Task>()
        .filter(|other| other.run == task.run && other.is_missed() && other.needs().any(|need| need == task.spec.name))
        .map(|other| other.spec.name.as_str())
        .collect();
    if !dependents.is_empty() {
        let what = format!(
            "{} ended with it: once the run is over, `toll fork --from {}` does all of it again",
            dependents.join(", "),
            task.spec.name
        );
        return Step::new(what, status);
    }
    if task.state == TaskState::Failed && run.state != RunState::Canceling {
        return Step { next: Some(format!("toll task retry {id} --say TEXT")), ..Step::default() };
    }
    Step { next: Some(status), ..Step::default() }
}

fn find<'v>(scene: Scene<'v>, task: &Task, name: &str) -> Option<&'v Task> {
    scene.view.all::<Task>().find(|other| other.run == task.run && other.spec.name == name)
}
