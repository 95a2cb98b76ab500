//! Leases: which queued task begins next, and its beginning.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Attempt, Breaker, Lease, Patch, Run, Task, Work, Worker};
use tollhouse_core::lifecycle::{AttemptEvent, AttemptState, RunEvent, RunState, TaskEvent, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{AttemptId, BreakerId, RecordId, RunId, TaskId, Timestamp, WorkerId, limits};

use super::draft::Draft;
use super::{breaker, budget, route, winding, worker, workstream};
use crate::command::At;
use crate::guard::{Guard, stops};
use crate::refusal::Refusal;
use crate::routing::Door;
use crate::schedule::{MAY_BE_UNDER_WAY, Obstacle, Rank, is_full, is_under_way, money_obstacle, obstacle, trial_from};
use crate::view::{Lane, Order, View};

/// How many of the tasks that have waited longest are looked at when it is their turn.
const OLDEST_LOOKED_AT: usize = 64;

/// Gives leases to queued tasks as far as there is room.
pub(super) fn lease(draft: &mut Draft<'_>, id: RunId) -> Result<bool, Refusal> {
    let driven = draft.peek::<Run>(id).filter(|run| run.spec.crew == Crew::Own && run.conductor.is_some());
    if driven.is_none() {
        return Ok(false);
    }
    let mut leased = false;
    while let Some(next) = next_own(draft, id) {
        let task = draft.get::<Task>(next)?;
        let run = draft.run(id)?;
        let worker = worker::own(draft, &run, task.spec.workstream.as_deref())?;
        grant(draft, &task, worker)?;
        leased = true;
    }
    Ok(leased)
}

/// Gives a shared worker the next task, of the run that has the fewest under way.
///
/// It rests on every run that shares workers: each of them may have given out what clashes, or have fewer under way by now.
/// That is all, for under way in a run is only ever more after a lease, and a lease moves its run. What follows from a lease in
/// its run is that its workstream executes, and whatever else would put that elsewhere moves it. From others it only takes room.
pub(super) fn work(draft: &mut Draft<'_>, id: WorkerId) -> Result<(), Refusal> {
    let worker = worker::idle(draft, id)?;
    let runs = worker::runs_that_share(draft);
    for run in &runs {
        draft.run(*run)?;
    }
    let Some(task) = next_shared(draft, &runs, &worker.capabilities) else { return Ok(()) };
    let task = draft.get::<Task>(task)?;
    grant(draft, &task, id)?;
    workstream::settle(draft, task.run).map(|_| ())
}

/// The task of a run with workers of its own that begins next, if one may at this time. `None` where the run is full, winds
/// down, or all that is queued waits for others.
pub fn next_task(view: &View, run: RunId, at: At) -> Option<TaskId> {
    next_own(&Draft::new(view, at), run)
}

/// The next time from which a trial of an agent whose circuit breaker is open may go, where something in a run waits for nothing else:
/// what else is in its way ends with an event of its own, and whoever waited for a time that is over would wait for nothing. Shared
/// workers ask by themselves.
pub(crate) fn next_trial(view: &View, id: RunId) -> Option<Timestamp> {
    view.get::<Run>(id).filter(|run| run.state == RunState::Running && run.spec.crew == Crew::Own)?;
    let times: BTreeSet<Timestamp> = view.all::<Breaker>().filter_map(trial_from).collect();
    times.into_iter().find(|now| next_task(view, id, At { now: *now, seed: 0 }).is_some())
}

/// What begins next in a run with workers of its own.
fn next_own(draft: &Draft<'_>, id: RunId) -> Option<TaskId> {
    let mut floor = Floor::of(draft, id)?;
    floor.reserved = floor.held_up_for_long();
    floor.next(&BTreeSet::new())
}

/// What begins next in one of these runs, of what a worker can do.
fn next_shared(draft: &Draft<'_>, runs: &[RunId], capabilities: &BTreeSet<String>) -> Option<TaskId> {
    let running = |run: &RunId| draft.in_states::<Task>(*run, &[TaskState::Running]);
    let all: Vec<&Task> = runs.iter().flat_map(running).collect();
    let mut floors: Vec<Floor<'_>> = runs.iter().filter_map(|run| Floor::of(draft, *run)).collect();
    for floor in &mut floors {
        let run = floor.run.id;
        floor.under_way.extend(all.iter().copied().filter(|task| task.run != run));
    }
    // One at a time: two that clash would keep out each other.
    let can_be_done = |task: &&Task| winding::can_be_done(draft.view(), task);
    let held_up = floors.iter().filter_map(Floor::held_up_for_long).filter(can_be_done);
    let reserved = held_up.min_by_key(|task| (task.queued_at, task.id));
    for floor in &mut floors {
        floor.reserved = reserved;
    }
    let share = |floor: &Floor<'_>| {
        let task = floor.next(capabilities)?;
        let running = all.iter().filter(|task| task.run == floor.run.id).count();
        // Where all have as many, whoever was given least so far.
        Some((running, floor.run.epoch, floor.run.id, task))
    };
    floors.iter().filter_map(share).min().map(|(_, _, _, task)| task)
}

/// What is under way beside the queued tasks of a run, and who waits to be.
struct Floor<'d> {
    draft: &'d Draft<'d>,
    run: &'d Run,
    order: Option<&'d Order>,
    /// In the run itself; where workers are shared, also what runs elsewhere.
    under_way: Vec<&'d Task>,
    /// How many attempts of the run may still have processes.
    alive: usize,
    /// One that has waited so long that nothing which would hold it up further may begin before it.
    reserved: Option<&'d Task>,
}

impl<'d> Floor<'d> {
    /// None where nothing may begin: the run winds down or is full, or nothing waits.
    fn of(draft: &'d Draft<'_>, id: RunId) -> Option<Self> {
        let run = draft.peek::<Run>(id)?;
        draft.any_order::<Task>(id, &[TaskState::Queued]).next()?;
        let alive = draft.unsettled(id).filter(|effect| matches!(effect.work, Work::Spawn { .. })).count();
        let winds_down = || stops(Guard::NoLeaseWhenWindingDown, winding::winding_down(draft, id).is_some());
        if is_full(run, alive) || winds_down() {
            return None;
        }
        let mut under_way = draft.in_states::<Task>(id, MAY_BE_UNDER_WAY);
        under_way.retain(|task| is_under_way(task, task.patch.and_then(|patch| draft.peek::<Patch>(patch))));
        let order = draft.view().queue_order(id);
        Some(Self { draft, run, order, under_way, alive, reserved: None })
    }

    /// The queued task that may begin and stands first, of those that a worker can do: by rank, but every so often by how long
    /// it has waited.
    fn next(&self, capabilities: &BTreeSet<String>) -> Option<TaskId> {
        let may = |task: &&Task| self.lets_begin(task, capabilities);
        let turn = self.run.epoch % limits::LEASES_PER_TURN_OF_THE_OLDEST;
        if turn == limits::LEASES_PER_TURN_OF_THE_OLDEST - 1
            && let Some(oldest) = self.oldest().find(may)
        {
            return Some(oldest.id);
        }
        self.by_rank(capabilities).find(may).map(|task| task.id)
    }

    fn lets_begin(&self, task: &Task, capabilities: &BTreeSet<String>) -> bool {
        if !self.lets_any(task.candidates(), &task.spec.capabilities, capabilities) {
            return false;
        }
        let others: Vec<&Task> = match self.reserved {
            Some(reserved) if self.comes_after(task, reserved) => {
                self.under_way.iter().copied().chain([reserved]).collect()
            }
            _ => self.under_way.clone(),
        };
        obstacle(self.run, task, &others, self.alive).is_none() && !self.is_unpaid(task)
    }

    /// Whether one of these agents may take what asks for this, and is executed by who can do that.
    fn lets_any<'a>(
        &self,
        mut agents: impl Iterator<Item = &'a str>,
        asked: &BTreeSet<String>,
        worker: &BTreeSet<String>,
    ) -> bool {
        let breaker = |agent: &str| self.draft.peek::<Breaker>(BreakerId::of_agent(agent));
        let (run, under_way, now) = (self.run, self.under_way.as_slice(), self.draft.now);
        let door = Door { run, under_way, worker, breaker: &breaker, now };
        agents.any(|agent| door.turns_down(asked, agent).is_none())
    }

    /// Whether a task was queued after another, or stands behind it among those that were queued with it: one that waited as
    /// long and goes first holds nobody up that would not have waited anyway.
    fn comes_after(&self, task: &Task, other: &Task) -> bool {
        let of_one_run = task.run == other.run;
        let rank = |task: &Task| self.order.filter(|_| of_one_run).map(|order| order.rank(task));
        task.id != other.id && (task.queued_at, rank(task)) >= (other.queued_at, rank(other))
    }

    /// Whether no room beside others would help it. What shared workers can do is asked of all runs at once.
    fn is_withheld(&self, task: &Task) -> bool {
        let (nothing, own) = (BTreeSet::new(), self.run.spec.crew == Crew::Own);
        let asked = if own { &task.spec.capabilities } else { &nothing };
        !self.lets_any(task.candidates(), asked, &nothing) || self.is_unpaid(task)
    }

    fn is_unpaid(&self, task: &Task) -> bool {
        money_obstacle(self.run, budget::of_run(self.draft, self.run.id), task).is_some()
    }

    /// The one that has waited longest of those that wait for long for others which go on. Whatever clashes with one that waits
    /// for a person's word is not held up any longer by others that begin before it.
    fn held_up_for_long(&self) -> Option<&'d Task> {
        let (held, moving): (Vec<&Task>, Vec<&Task>) =
            self.under_way.iter().partition(|task| task.state == TaskState::Waiting);
        let clashes = |task: &Task, others: &[&Task]| {
            matches!(obstacle(self.run, task, others, self.alive), Some(Obstacle::Clash { .. }))
        };
        let is_long = |since: Timestamp| since.after(limits::QUEUE_RESERVES_AFTER) <= self.draft.now;
        let waits = |task: &&Task| task.queued_at.is_some_and(is_long);
        let is_held_up = |task: &&Task| clashes(task, &moving) && !clashes(task, &held) && !self.is_withheld(task);
        self.oldest_queued(is_long).filter(waits).find(is_held_up)
    }

    /// The queued task with this id, as this decision sees it.
    fn queued(&self, id: RecordId) -> Option<&'d Task> {
        self.draft.peek::<Task>(id).filter(|task| task.state == TaskState::Queued)
    }

    /// Those that have waited longest, the oldest first. One that was queued by this decision has waited for nothing.
    fn oldest(&self) -> impl Iterator<Item = &'d Task> {
        self.oldest_queued(|_| true)
    }

    /// The same, as long as it holds of when they were queued.
    fn oldest_queued(&self, holds: impl Fn(Timestamp) -> bool) -> impl Iterator<Item = &'d Task> {
        let by_age = self.order.into_iter().flat_map(Order::by_age).take_while(move |(since, _)| holds(*since));
        by_age.take(OLDEST_LOOKED_AT).filter_map(|(_, rank)| self.queued(rank.task))
    }

    /// All that wait for somebody who has room, the first first.
    fn by_rank(&self, worker: &BTreeSet<String>) -> impl Iterator<Item = &'d Task> {
        let mut touched: Vec<Rank> = self
            .draft
            .over()
            .in_states::<Task>(self.run.id, &[TaskState::Queued])
            .map(|task| self.order.map_or_else(|| Rank::alone(task), |order| order.rank(task)))
            .collect();
        touched.sort_unstable();
        let over = self.draft.over();
        let has_room = |lane: &Lane| self.lets_any(lane.agents.iter().map(String::as_str), &lane.capabilities, worker);
        let known = self.order.into_iter().flat_map(move |order| order.by_rank(has_room, |id| over.knows(id)));
        merged(touched.into_iter(), known).filter_map(|rank| self.queued(rank.task))
    }
}

/// Two ordered series as one.
fn merged(one: impl Iterator<Item = Rank>, other: impl Iterator<Item = Rank>) -> impl Iterator<Item = Rank> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(a), Some(b)) if a <= b => one.next(),
        (_, Some(_)) => other.next(),
        (_, None) => one.next(),
    })
}

fn grant(draft: &mut Draft<'_>, task: &Task, by: WorkerId) -> Result<(), Refusal> {
    let run = draft.run(task.run)?;
    let epoch = run.epoch + 1;
    draft.emit::<Run>(run.id, &RunEvent::Grant { task: task.id, epoch })?;
    let worker = draft.get::<Worker>(by)?;
    let (agent, routing) = route::agent_for(draft, &run, task, &worker);
    let attempt = AttemptId::from_parts(draft.now, draft.random_id_bits());
    let deadline = draft.now.after(task.spec.timeout);
    let number = u32::try_from(draft.under::<Attempt>(task.id).len()).unwrap_or(u32::MAX).saturating_add(1);
    let worker = worker.name;
    let lease = Lease { attempt, worker: worker.clone(), agent: Some(agent.clone()), epoch, deadline };
    draft.emit::<Task>(task.id, &TaskEvent::Lease { lease })?;
    let record = Box::new(Attempt {
        id: attempt,
        run: task.run,
        task: task.id,
        number,
        agent: agent.clone(),
        routing,
        worker,
        by: Some(by),
        epoch,
        state: AttemptState::Running,
        prompt: prompt(task),
        feedback: task.feedback.clone(),
        deadline,
        end: None,
        started_at: draft.now,
        finished_at: None,
    });
    worker::assign(draft, by, &record)?;
    draft.emit::<Attempt>(attempt, &AttemptEvent::Created { attempt: record })?;
    budget::reserve(draft, task, attempt)?;
    breaker::admit(draft, &agent, attempt)?;
    draft.request(Some(task.run), Work::Spawn { attempt })
}

/// What the agent is told: the task, and why its last try was refused.
fn prompt(task: &Task) -> String {
    match &task.feedback {
        None => task.spec.prompt.clone(),
        Some(feedback) => format!(
            "{}\n\nThis was tried before, and the change was not accepted:\n{feedback}\n",
            task.spec.prompt.trim_end()
        ),
    }
}
