//! A run of very many tasks, at a glance: counted where all would have to be read, and of its tasks those that a person looks for.
//!
//! Its cost grows with what is shown, under way or held, and with counting in an index; not with reading all that the run did.
//! It takes several reads: of a ledger that others write, it is of one moment where the store is.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Budget, Effect, Entity, GateRun, Patch, Run, Task, UnreadableRecord, Workstream};
use tollhouse_core::lifecycle::{EffectState, GateRunState, PatchState, RunState, TaskState};
use tollhouse_core::spec::Crew;
use tollhouse_core::{Kind, RecordId, RunId, Span, Stream, Timestamp};
use tollhouse_state::{Cursor, Find, Order, Store};

use super::lists::{GateRow, PatchRow, RunRow, TaskRow, WorkstreamRow};
use super::short_ids::SHORT_CHARS_MIN;
use super::status::{is_gone, next_for_run};
use super::{BudgetProgress, ShortIds, WaitsFor, progress};
use crate::command::Seen;
use crate::view::{Lifecycle, View, ViewError, Viewed};

/// Which of very many tasks are shown, group by group: those that failed, wait for somebody or are under way, and then the others that
/// are neither done nor yet to begin. The others are many of a kind.
pub const SHOWN_FIRST: [&[TaskState]; 5] = [
    &[TaskState::Failed],
    &[TaskState::Waiting],
    &[TaskState::Running, TaskState::Validating],
    &[TaskState::Retrying],
    &[TaskState::Canceled],
];

/// A run of very many tasks, at a glance.
///
/// It says less than a [`RunStatus`](super::RunStatus) with a [`RunProgress`](super::RunProgress): how long the run may still take,
/// the longest chain, what queued tasks wait for, what agents did and how far each workstream is follow from all records of the run.
#[derive(Debug, Clone)]
pub struct RunOutline {
    /// The run.
    pub run: RunRow,
    /// The program that drives it; `None` where none does.
    pub driven_by: Option<String>,
    /// A command that lets it go on, where it does not by itself; `None` where nothing is to be done.
    pub next: Option<String>,
    /// How long it has been going, or went.
    pub elapsed: Span,
    /// How many of its tasks are in each state; only states that there are.
    pub tasks: Vec<(TaskState, u64)>,
    /// Patches that landed.
    pub landed: u64,
    /// Those of its tasks that are shown, in the order of [`SHOWN_FIRST`], and of each group in that of the plan. Where a group has more
    /// than there is room for, those with the oldest ids.
    pub shown: Vec<TaskRow>,
    /// The newest patches of those tasks.
    pub patches: Vec<PatchRow>,
    /// What names each of those patches among all of the run.
    pub ids: ShortIds,
    /// Its gate runs that run now, as many as tasks are shown at most.
    pub gate_runs: Vec<GateRow>,
    /// Its workstreams, in the order of the plan.
    pub workstreams: Vec<WorkstreamRow>,
    /// Why nobody can say how long it may still take; `None` where that was not worked out.
    pub unknown: Option<String>,
    /// That nothing in it is alive; `None` while something is, and once it is over.
    pub stillness: Option<Stillness>,
    /// What it may spend and has spent; `None` where nobody limits it.
    pub budget: Option<BudgetProgress>,
}

/// Nothing in a run is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stillness {
    /// For how long nothing of it came onto the ledger.
    pub time: Span,
    /// What it waits for; `None` where saying so takes all its tasks.
    pub waits_for: Option<WaitsFor>,
}

impl RunOutline {
    /// Reads the outline of a run with more than so many tasks, and shows so many of them; `None` for a run that has fewer, or is not
    /// there.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is damaged.
    pub fn load(
        store: &impl Store,
        id: RunId,
        (tasks_min, shown_max): (u64, u32),
        (now, seen): (Timestamp, Option<Seen>),
    ) -> Result<Option<Self>, ViewError> {
        let mut reading = Reading { store, id, view: View::default() };
        let tasks = reading.count::<Task>(TaskState::ALL)?;
        if tasks.iter().map(|(_, count)| count).sum::<u64>() <= tasks_min {
            return Ok(None);
        }
        let Some(record) = store.get(&[id.into()])?.pop().flatten() else { return Ok(None) };
        let is_gone = is_gone(seen);
        let run = Run::from_record(&record)?;
        let run = Run { conductor: run.conductor.filter(|_| !is_gone), ..run };
        reading.view.put(record.version, run.clone());
        reading.take::<Budget>(&[], None)?;
        let shown = reading.shown(shown_max)?;
        let patches = reading.patches_of(&shown)?;
        let ids = reading.ids_beside(&patches)?;
        let mut workstreams = reading.take::<Workstream>(&[], None)?;
        workstreams.sort_by_key(|workstream| workstream.place);
        reading.take_what_keeps(&run)?;
        let gate_runs = reading.take::<GateRun>(&[GateRunState::Running], Some(shown_max))?;
        let landed = reading.count::<Patch>(&[PatchState::Committed])?;
        let from = run.started_at.unwrap_or(run.created_at);
        Ok(Some(Self {
            driven_by: run.conductor.as_ref().map(|conductor| conductor.process.to_string()),
            next: next_for_run(&reading.view, &run),
            elapsed: run.finished_at.unwrap_or(now).since(from),
            landed: landed.iter().map(|(_, count)| count).sum(),
            shown: shown.iter().map(TaskRow::from).collect(),
            patches: patches.iter().map(PatchRow::from).collect(),
            ids,
            gate_runs: gate_runs.iter().map(GateRow::from).collect(),
            workstreams: workstreams.iter().map(WorkstreamRow::from).collect(),
            unknown: unknown(&reading.view, &run, &tasks, now),
            stillness: reading.stillness(&run, &tasks, now)?,
            budget: progress::budget_of(&reading.view, id, now),
            run: (&run).into(),
            tasks,
        }))
    }

    /// How many of its tasks are in one of these states.
    pub fn count(&self, states: &[TaskState]) -> u64 {
        count(&self.tasks, states)
    }

    /// Whether the run should go on by itself, and no program drives it.
    pub const fn is_abandoned(&self) -> bool {
        let rests = self.run.state.is_finished() || matches!(self.run.state, RunState::Paused);
        !rests && self.driven_by.is_none()
    }
}

fn count(tasks: &[(TaskState, u64)], states: &[TaskState]) -> u64 {
    tasks.iter().filter(|(state, _)| states.contains(state)).map(|(_, count)| count).sum()
}

/// Why nobody can say how long a run may still take, as far as that follows from what was read.
fn unknown(view: &View, run: &Run, tasks: &[(TaskState, u64)], now: Timestamp) -> Option<String> {
    let waiting = count(tasks, &[TaskState::Waiting]);
    progress::why_unknown(view, run.id, now, waiting)
}

/// Reads parts of a run.
struct Reading<'s, S> {
    store: &'s S,
    id: RunId,
    /// What was read so far.
    view: View,
}

impl<S: Store> Reading<'_, S> {
    fn find<T: Viewed>(&self, states: &[T::State], limit: Option<u32>) -> Find {
        let states = states.iter().map(|state| state.text().to_owned()).collect();
        Find { kind: Some(T::KIND), run: Some(self.id), states, limit, ..Find::default() }
    }

    /// How many of the run's records of a kind are in each of these states.
    fn count<T: Viewed>(&self, states: &[T::State]) -> Result<Vec<(T::State, u64)>, ViewError> {
        let tallies = self.store.tally(&self.find::<T>(states, None))?;
        let of = |state: &T::State| tallies.iter().find(|tally| tally.state == state.text());
        Ok(states.iter().filter_map(|state| Some((*state, of(state)?.records))).collect())
    }

    /// Whether the run has a record of a kind in one of these states.
    fn has<T: Viewed>(&self, states: &[T::State]) -> Result<bool, ViewError> {
        Ok(!self.store.tally(&self.find::<T>(states, None))?.is_empty())
    }

    /// Takes the run's records of a kind in these states into the view, the oldest first, at most so many; no states: in any.
    fn take<T: Viewed + Clone>(&mut self, states: &[T::State], limit: Option<u32>) -> Result<Vec<T>, ViewError> {
        let found = self.store.find(&self.find::<T>(states, limit))?;
        found.into_iter().map(|record| Ok(self.put(&record)?)).collect()
    }

    fn put<T: Viewed + Clone>(&mut self, record: &tollhouse_core::Record) -> Result<T, UnreadableRecord> {
        let body = T::from_record(record)?;
        self.view.put(record.version, body.clone());
        Ok(body)
    }

    fn shown(&mut self, shown_max: u32) -> Result<Vec<Task>, ViewError> {
        let mut shown = Vec::new();
        for states in SHOWN_FIRST {
            let room = shown_max.saturating_sub(u32::try_from(shown.len()).unwrap_or(u32::MAX));
            let mut group = self.take::<Task>(states, Some(room))?;
            group.sort_by_key(|task| task.place);
            shown.append(&mut group);
        }
        Ok(shown)
    }

    fn patches_of(&self, tasks: &[Task]) -> Result<Vec<Patch>, ViewError> {
        let ids: Vec<RecordId> = tasks.iter().filter_map(|task| task.patch).map(RecordId::from).collect();
        let found = self.store.get(&ids)?;
        found.iter().flatten().map(|record| Ok(Patch::from_record(record)?)).collect()
    }

    /// The ids of all patches of the run that begin as these do: no others matter for how these are called.
    fn ids_beside(&self, patches: &[Patch]) -> Result<ShortIds, ViewError> {
        let starts: BTreeSet<String> =
            patches.iter().map(|patch| patch.id.random_part()[..SHORT_CHARS_MIN].to_owned()).collect();
        let mut ids = Vec::with_capacity(patches.len());
        for start in starts {
            let found = self.store.find(&Find { random_prefix: Some(start), ..Find::default() })?;
            let own = found.iter().filter(|record| record.kind() == Kind::Patch && record.run == Some(self.id));
            ids.extend(own.map(|record| record.id));
        }
        Ok(ShortIds::of(ids))
    }

    /// What says which command lets the run go on: what is held of one that paused, and what is on its way of one that is over.
    fn take_what_keeps(&mut self, run: &Run) -> Result<(), ViewError> {
        let patches = match run.state {
            RunState::Paused => {
                for state in [TaskState::Running, TaskState::Queued, TaskState::Retrying] {
                    self.take::<Task>(&[state], Some(1))?;
                }
                self.take::<Patch>(&[PatchState::Applied, PatchState::Verified], None)?
            }
            state if state.is_finished() => {
                self.take::<Effect>(&unfinished::<EffectState>(), Some(1))?;
                self.take::<Patch>(&unfinished::<PatchState>(), None)?
            }
            _ => Vec::new(),
        };
        for patch in patches {
            let find = Find { kind: Some(Kind::GateRun), parent: Some(patch.id.into()), ..Find::default() };
            for record in self.store.find(&find)? {
                self.put::<GateRun>(&record)?;
            }
        }
        Ok(())
    }

    fn stillness(&self, run: &Run, tasks: &[(TaskState, u64)], now: Timestamp) -> Result<Option<Stillness>, ViewError> {
        let is_begun =
            self.has::<Effect>(&unfinished::<EffectState>())? || self.has::<GateRun>(&unfinished::<GateRunState>())?;
        let by_shared = run.spec.crew == Crew::Shared && count(tasks, &[TaskState::Running]) > 0;
        let is_alive = is_begun && (run.conductor.is_some() || by_shared);
        if run.state.is_finished() || is_alive {
            return Ok(None);
        }
        let own = Some(Stream::Run(self.id));
        let newest = Cursor { stream: own, limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let newest = self.store.events(&newest)?.pop().map_or(run.created_at, |event| event.at);
        let waits_for = match run.state {
            RunState::Paused => Some(WaitsFor::Person),
            _ if run.conductor.is_none() => Some(WaitsFor::Conductor),
            _ => None,
        };
        Ok(Some(Stillness { time: now.since(newest), waits_for }))
    }
}

fn unfinished<S: Lifecycle>() -> Vec<S> {
    S::EVERY.iter().filter(|state| !state.is_over()).copied().collect()
}
