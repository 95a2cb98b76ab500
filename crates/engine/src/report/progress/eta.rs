//! How long a run may still take, as far as anybody can know.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::entity::{Attempt, Breaker, Task, Worker};
use tollhouse_core::lifecycle::{AttemptState, BudgetState, RunState, TaskState, WorkerState};
use tollhouse_core::spec::{Crew, OnExhausted};
use tollhouse_core::{BreakerId, Span, TaskId, Timestamp};

use super::remaining::Remaining;
use super::scene::Scene;
use super::waits::WaitCounts;
use super::{minus, plus};
use crate::analysis::{Clashes, History, Rehearsal, Spread, spread};
use crate::decide::able;
use crate::schedule::breaker_obstacle;

/// How long a run may still take: what is left of it, rehearsed with how long attempts took that were seen. Nobody knows how long
/// agents take before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Eta {
    /// How long from now, in seconds: if every attempt is as fast as the faster ones that were seen, and as slow as the slower
    /// ones (quartiles). Null: unknown.
    pub remaining: Option<TimeRange>,
    /// When that is; null: unknown.
    pub finish: Option<FinishRange>,
    /// Why it is unknown; null where it is not.
    pub unknown: Option<EtaUnknown>,
    /// The same in words.
    pub because: Option<String>,
    /// How many attempts were seen of what least is known of; 0 where it is unknown.
    pub observations: u64,
    /// What comes on top of it, and is not known.
    pub leaves_out: Vec<EtaOmission>,
}

/// From a length of time to another, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TimeRange {
    /// The shorter one.
    pub least: Span,
    /// The longer one.
    pub most: Span,
}

/// From a moment to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FinishRange {
    /// The earlier one.
    pub earliest: Timestamp,
    /// The later one.
    pub latest: Timestamp,
}

/// Why nobody can say how long a run may still take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EtaUnknown {
    /// It is over.
    Over,
    /// It is paused.
    Paused,
    /// Nothing drives it.
    NotDriven,
    /// It winds down, or is being ended: what runs ends, and nothing begins.
    Ending,
    /// Its own gates judge what landed.
    OwnGates,
    /// Something in it waits for a person.
    WaitsForPerson,
    /// No worker that is there can do some of it.
    NoWorker,
    /// Nobody here knows its workers.
    WorkersUnknown,
    /// An agent of it gets no work: it failed too often, or was asked to slow down.
    AgentKeptOut,
    /// Its budget is used up.
    NoMoney,
    /// How long attempts take of some task or agent was never seen.
    NoDurations,
    /// What is left of it are no tasks.
    NoTasks,
}

/// What an estimate leaves out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EtaOmission {
    /// Tries beyond the next one of each task.
    Retries,
    /// Gates and landing: none was seen in this run yet.
    Gates,
    /// The own gates of workstreams and of the run.
    OwnGates,
}

/// The longest chain of what is left, each task of which needs the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RemainingPath {
    /// Its tasks, the first to be done first.
    pub tasks: Vec<String>,
    /// How long it takes, whatever else goes on, in seconds; null where it is not known of every task that is left. Then it is the
    /// chain of the most tasks.
    pub length: Option<TimeRange>,
}

/// How long a run may still take, and along which chain.
pub(super) fn look_ahead(
    scene: &Scene<'_>,
    history: Option<&History>,
    waits: &WaitCounts,
) -> (Eta, Option<RemainingPath>) {
    if scene.run.state.is_finished() {
        return (Eta::unknown((EtaUnknown::Over, "it is over".to_owned())), None);
    }
    let remaining = Remaining::of(scene);
    let lengths = Lengths::of(scene, &remaining, history);
    let path = path(&remaining, &lengths);
    let reason = state_reason(scene).or_else(|| wait_reason(scene, &remaining, waits)).or_else(|| lengths.reason());
    let eta = reason.map_or_else(|| rehearse(scene, &remaining, &lengths), Eta::unknown);
    (eta, path)
}

impl Eta {
    fn unknown((unknown, because): (EtaUnknown, String)) -> Self {
        Self {
            remaining: None,
            finish: None,
            unknown: Some(unknown),
            because: Some(because),
            observations: 0,
            leaves_out: Vec::new(),
        }
    }
}

/// What the state of the run says against an estimate.
pub(super) fn state_reason(scene: &Scene<'_>) -> Option<(EtaUnknown, String)> {
    let run = scene.run;
    let said = |unknown, because: &str| Some((unknown, because.to_owned()));
    let causes = scene.view.schedule(run.id).and_then(|tasks| tasks.causes().next());
    let late = run.started_at.zip(run.spec.deadline).is_some_and(|(start, time)| start.after(time) <= scene.at);
    match run.state {
        RunState::Paused => {
            let why = run.reason.as_deref().and_then(|why| why.lines().next());
            Some((EtaUnknown::Paused, why.map_or("it is paused".to_owned(), |why| format!("it is paused: {why}"))))
        }
        RunState::Canceling => said(EtaUnknown::Ending, "it is being ended"),
        _ if !scene.is_driven => said(EtaUnknown::NotDriven, "nothing drives it"),
        RunState::Verifying => said(EtaUnknown::OwnGates, "its own gates judge what landed"),
        _ if causes.is_some() => said(EtaUnknown::Ending, "something critical was missed: it winds down"),
        _ if late => said(EtaUnknown::Ending, "it took longer than it may: it winds down"),
        _ => None,
    }
}

/// What is waited for against an estimate.
fn wait_reason(scene: &Scene<'_>, remaining: &Remaining<'_>, waits: &WaitCounts) -> Option<(EtaUnknown, String)> {
    let spent = scene.view.budget(scene.run.id).filter(|budget| {
        budget.state == BudgetState::Exhausted && budget.on_exhausted != OnExhausted::Warn && waits.all() > 0
    });
    if let Some(reason) = person_reason(waits.person) {
        return Some(reason);
    }
    if !scene.knows_workers() {
        return Some((EtaUnknown::WorkersUnknown, "its workers are not known here".to_owned()));
    }
    if waits.worker > 0 || room(scene) == 0 {
        return Some((EtaUnknown::NoWorker, "no worker that is there can do some of what is left".to_owned()));
    }
    if let Some(agent) = kept_out(scene, remaining) {
        return Some((EtaUnknown::AgentKeptOut, format!("agent {agent} gets no work now")));
    }
    if spent.is_some() {
        return Some((EtaUnknown::NoMoney, "its budget is used up".to_owned()));
    }
    remaining.tasks.is_empty().then(|| (EtaUnknown::NoTasks, "what is left of it are no tasks".to_owned()))
}

/// What so many tasks that wait for a person say against an estimate.
pub(super) fn person_reason(waiting: u64) -> Option<(EtaUnknown, String)> {
    (waiting > 0).then(|| (EtaUnknown::WaitsForPerson, format!("{} wait for a person", tasks(waiting))))
}

fn tasks(count: u64) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

/// An agent that is to do something of what is left, and gets no work now.
fn kept_out<'v>(scene: &Scene<'v>, remaining: &Remaining<'v>) -> Option<&'v str> {
    let has_begun = |task: &Task| matches!(task.state, TaskState::Running | TaskState::Validating);
    let is_out = |agent: &str| {
        let breaker = scene.view.get::<Breaker>(BreakerId::of_agent(agent));
        breaker_obstacle(breaker, scene.at).is_some()
    };
    let waiting = remaining.tasks.iter().copied().filter(|task| !has_begun(task));
    // Of those that may go to several, one is enough.
    let kept_out = waiting.filter_map(|task| {
        let able = || able(scene.view, task.run, task);
        able().next().filter(|_| able().all(is_out))
    });
    kept_out.min()
}

/// How many attempts may be alive at once: of shared workers no more than there are.
fn room(scene: &Scene<'_>) -> u32 {
    let spec = &scene.run.spec;
    if spec.crew == Crew::Own {
        return spec.max_parallel;
    }
    let takes = |worker: &&Worker| {
        worker.run.is_none() && matches!(worker.state, WorkerState::Spawning | WorkerState::Idle | WorkerState::Busy)
    };
    let workers = scene.view.all::<Worker>().filter(takes).count();
    spec.max_parallel.min(u32::try_from(workers).unwrap_or(u32::MAX))
}

/// How long each node of what is left takes from now.
struct Lengths<'v> {
    /// None where that is unknown.
    ranges: Vec<Option<TimeRange>>,
    /// Those of which it is unknown.
    unknown: Vec<&'v str>,
    /// How many attempts were seen of what least is known of.
    observations: u64,
    /// Whether it was seen how long gates and landing take.
    counts_gates: bool,
}

impl<'v> Lengths<'v> {
    fn of(scene: &Scene<'v>, remaining: &Remaining<'v>, history: Option<&History>) -> Self {
        let tries = with_own(scene, history).spreads(&remaining.spec);
        let gates = gates(scene);
        let mut lengths =
            Self { ranges: Vec::new(), unknown: Vec::new(), observations: u64::MAX, counts_gates: gates.is_some() };
        for (task, known) in remaining.tasks.iter().copied().zip(tries) {
            let range = left_of(scene, task, known, gates);
            if range.is_none() {
                lengths.unknown.push(task.spec.name.as_str());
            }
            if task.state != TaskState::Validating {
                let observations = known.map_or(0, |known| known.observations);
                lengths.observations = lengths.observations.min(observations);
            }
            lengths.ranges.push(range);
        }
        // A door takes no time.
        let nothing = TimeRange { least: Span::default(), most: Span::default() };
        lengths.ranges.resize(remaining.spec.tasks.len(), Some(nothing));
        if lengths.observations == u64::MAX {
            lengths.observations = gates.map_or(0, |gates| gates.observations);
        }
        lengths
    }

    fn reason(&self) -> Option<(EtaUnknown, String)> {
        let first = self.unknown.first()?;
        let more = match self.unknown.len() - 1 {
            0 => String::new(),
            more => format!(", nor {} more", tasks(more as u64)),
        };
        Some((EtaUnknown::NoDurations, format!("nobody saw yet how long {first} takes{more}")))
    }

    fn all(&self, of: impl Fn(TimeRange) -> Span) -> Option<Vec<Span>> {
        self.ranges.iter().map(|range| range.map(&of)).collect()
    }
}

/// What is known from elsewhere, with what ended well in this run.
fn with_own(scene: &Scene<'_>, history: Option<&History>) -> History {
    let mut all = history.cloned().unwrap_or_default();
    let names: BTreeMap<TaskId, &str> = scene.tasks.iter().map(|task| (task.id, task.spec.name.as_str())).collect();
    for attempt in &scene.attempts {
        let ended_well = attempt.state == AttemptState::Succeeded;
        if let (true, Some(name), Some(end)) = (ended_well, names.get(&attempt.task), attempt.finished_at) {
            all.note(&scene.run.spec.plan, name, &attempt.agent, end.since(attempt.started_at));
        }
    }
    all
}

/// How long it took from the end of an attempt until its task was completed, in this run.
fn gates(scene: &Scene<'_>) -> Option<Spread> {
    let completed = scene.tasks.iter().filter(|task| task.state == TaskState::Completed && task.source.is_none());
    let seen: Vec<Span> =
        completed.filter_map(|task| Some(task.finished_at?.since(newest_attempt(scene, task)?.finished_at?))).collect();
    spread(&seen)
}

fn newest_attempt<'v>(scene: &Scene<'v>, task: &Task) -> Option<&'v Attempt> {
    scene.view.get::<Attempt>(task.attempt?)
}

/// How long a task takes from now, if all goes well; `None` where that is unknown.
fn left_of(scene: &Scene<'_>, task: &Task, known: Option<Spread>, gates: Option<Spread>) -> Option<TimeRange> {
    let nothing = Spread { fast: Span::default(), slow: Span::default(), observations: 0 };
    let gates = gates.unwrap_or(nothing);
    let attempt = newest_attempt(scene, task);
    if task.state == TaskState::Validating {
        let gone = attempt.and_then(|attempt| attempt.finished_at).map_or(Span::default(), |end| scene.at.since(end));
        // What takes longer than was ever seen may take as long again.
        let most = if gone > gates.slow { gone } else { minus(gates.slow, gone) };
        return Some(TimeRange { least: minus(gates.fast, gone), most });
    }
    let known = known?;
    let (mut least, mut most) = (known.fast, known.slow);
    if let (TaskState::Running, Some(attempt)) = (task.state, attempt) {
        let gone = scene.at.since(attempt.started_at);
        least = minus(known.fast, gone);
        // What takes longer than the slower ones has time until its deadline.
        most = if gone > known.slow { attempt.deadline.since(scene.at) } else { minus(known.slow, gone) };
    } else if let (TaskState::Retrying, Some(due)) = (task.state, task.due_at) {
        let pause = due.since(scene.at);
        (least, most) = (plus(least, pause), plus(most, pause));
    }
    Some(TimeRange { least: plus(least, gates.fast), most: plus(most, gates.slow) })
}

/// The longest chain of what is left; `None` where nothing is.
fn path(remaining: &Remaining<'_>, lengths: &Lengths<'_>) -> Option<RemainingPath> {
    let known = lengths.all(|range| range.least).zip(lengths.all(|range| range.most));
    let count = remaining.tasks.len();
    let one_each = || (0..lengths.ranges.len()).map(|at| Span::from_millis(u64::from(at < count))).collect();
    let slow: Vec<Span> = known.as_ref().map_or_else(one_each, |(_, slow)| slow.clone());
    let chain = remaining.graph.longest(&slow)?;
    let tasks: Vec<String> =
        chain.tasks.iter().filter_map(|at| remaining.tasks.get(*at)).map(|task| task.spec.name.clone()).collect();
    let length = known.map(|(fast, slow)| {
        let fast = remaining.graph.longest(&fast).map(|chain| chain.length).unwrap_or_default();
        let slow = remaining.graph.longest(&slow).map(|chain| chain.length).unwrap_or_default();
        TimeRange { least: fast, most: slow }
    });
    (!tasks.is_empty()).then_some(RemainingPath { tasks, length })
}

/// Plays what is left with the fast and with the slow lengths.
fn rehearse(scene: &Scene<'_>, remaining: &Remaining<'_>, lengths: &Lengths<'_>) -> Eta {
    let clashes = Clashes::new(&remaining.spec);
    let play = |of: fn(TimeRange) -> Span| {
        let lengths = lengths.all(of).unwrap_or_default();
        Rehearsal::new(&remaining.spec, &remaining.graph, &clashes, &lengths).play_with(room(scene)).makespan
    };
    let (fast, slow) = (play(|range| range.least), play(|range| range.most));
    // Shorter tasks may make a longer schedule (Graham's anomalies).
    let range = TimeRange { least: fast.min(slow), most: fast.max(slow) };
    let has_own = !scene.run.spec.acceptance.is_empty()
        || remaining.workstreams.iter().any(|workstream| !workstream.spec.gates.is_empty());
    let left_out =
        [(true, EtaOmission::Retries), (!lengths.counts_gates, EtaOmission::Gates), (has_own, EtaOmission::OwnGates)];
    Eta {
        remaining: Some(range),
        finish: Some(FinishRange { earliest: scene.at.after(range.least), latest: scene.at.after(range.most) }),
        unknown: None,
        because: None,
        observations: lengths.observations,
        leaves_out: left_out.into_iter().filter_map(|(is, what)| is.then_some(what)).collect(),
    }
}
