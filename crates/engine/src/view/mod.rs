//! The records that a decision looks at, in memory, with the indexes that it needs.

#[cfg(feature = "testing")]
mod check;
mod landed;
mod queue;
mod records;
mod states;
mod streams;
mod tasks;

pub(crate) use landed::Landing;
pub(crate) use queue::{Lane, Order};
pub(crate) use streams::Streams;
pub(crate) use tasks::{Needed, Standing, Tasks, cause, cause_in_workstream, cause_of_workstream};

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use tollhouse_core::entity::{
    Attempt, Breaker, Budget, BudgetScope, CostEntry, Effect, Entity, GateRun, Patch, Run, Task, UnreadableRecord,
    Worker, Workstream,
};
use tollhouse_core::lifecycle::{
    AttemptState, BreakerState, BudgetState, CostEntryState, EffectState, GateRunState, IllegalTransition, PatchState,
    RunState, TaskState, WorkerState, WorkstreamState,
};
use tollhouse_core::spec::TrackRecord;
use tollhouse_core::{BreakerId, Event, Kind, Record, RecordId, RepoPath, RunId, Timestamp, Version};
use tollhouse_state::{Find, Store, StoreError};

use crate::apply::Apply;
use landed::Landed;
use records::Records;
pub use records::known_cost;
use states::ByState;

/// A record in a view.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Held<T> {
    pub(crate) version: Version,
    pub(crate) body: T,
}

/// Records by id.
pub(crate) type Table<T> = BTreeMap<RecordId, Held<T>>;

/// The records that a decision looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct View {
    runs: Table<Run>,
    tasks: Table<Task>,
    attempts: Table<Attempt>,
    patches: Table<Patch>,
    gate_runs: Table<GateRun>,
    effects: Table<Effect>,
    workers: Table<Worker>,
    workstreams: Table<Workstream>,
    breakers: Table<Breaker>,
    cost_entries: Table<CostEntry>,
    budgets: Table<Budget>,
    /// What belongs to a run, by kind and state.
    by_state: ByState,
    /// What the tasks of a run mean for each other.
    schedules: BTreeMap<RunId, Tasks>,
    /// How each agent did in a run.
    records: Records,
    /// What landed in a run, by file.
    landed: Landed,
    /// Whether it holds every shared worker.
    is_fleet: bool,
    /// What hangs on a record.
    children: BTreeMap<RecordId, BTreeSet<RecordId>>,
}

/// The states of a kind of record.
pub trait Lifecycle: Copy + 'static {
    /// Every one.
    const EVERY: &'static [Self];
    /// Its name.
    fn text(self) -> &'static str;
    /// Whether the work of a record in it is over.
    fn is_over(self) -> bool;
}

/// A kind of record that a view holds.
pub trait Viewed: Apply + 'static {
    /// Its states.
    type State: Lifecycle;
    #[doc(hidden)]
    fn noted(_: &mut View, _before: Option<&Self>, _id: RecordId) {}
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "only this crate implements it, and only views call it")]
    fn table(view: &View) -> &Table<Self>;
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "only this crate implements it, and only views call it")]
    fn table_mut(view: &mut View) -> &mut Table<Self>;
}

macro_rules! viewed {
    ($($kind:ty, $state:ty => $table:ident [$($noted:item)?]),+ $(,)?) => {$(
        impl Lifecycle for $state {
            const EVERY: &'static [Self] = Self::ALL;

            fn text(self) -> &'static str {
                self.as_str()
            }

            fn is_over(self) -> bool {
                self.is_finished()
            }
        }

        impl Viewed for $kind {
            type State = $state;
            $($noted)?
            #[expect(private_interfaces, reason = "only this crate implements it, and only views call it")]
            fn table(view: &View) -> &Table<Self> {
                &view.$table
            }
            #[expect(private_interfaces, reason = "only this crate implements it, and only views call it")]
            fn table_mut(view: &mut View) -> &mut Table<Self> {
                &mut view.$table
            }
        }
    )+};
}
viewed! {
    Run, RunState => runs [],
    Task, TaskState => tasks [
        fn noted(view: &mut View, before: Option<&Self>, id: RecordId) {
            if let Some(now) = view.tasks.get(&id) {
                view.schedules.entry(now.body.run).or_default().note(&view.tasks, before, &now.body);
            }
        }
    ],
    Attempt, AttemptState => attempts [
        fn noted(view: &mut View, before: Option<&Self>, id: RecordId) {
            if let Some(now) = view.attempts.get(&id) {
                view.records.note_attempt(&view.patches, before, &now.body);
            }
        }
    ],
    Patch, PatchState => patches [
        fn noted(view: &mut View, before: Option<&Self>, id: RecordId) {
            if let Some(now) = view.patches.get(&id) {
                view.records.note_patch(&view.attempts, before, &now.body);
                view.landed.note(before, &now.body);
            }
        }
    ],
    GateRun, GateRunState => gate_runs [],
    Effect, EffectState => effects [],
    Worker, WorkerState => workers [],
    Workstream, WorkstreamState => workstreams [
        fn noted(view: &mut View, before: Option<&Self>, id: RecordId) {
            if let Some(now) = view.workstreams.get(&id) {
                view.schedules.entry(now.body.run).or_default().note_workstream(&view.tasks, before, &now.body);
            }
        }
    ],
    Breaker, BreakerState => breakers [],
    CostEntry, CostEntryState => cost_entries [
        fn noted(view: &mut View, before: Option<&Self>, id: RecordId) {
            if before.is_none() {
                view.note_cost(id);
            }
        }
    ],
    Budget, BudgetState => budgets [],
}

/// A ledger that a view cannot be made from.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record's body is not readable.
    #[error(transparent)]
    Record(#[from] UnreadableRecord),
    /// An event does not follow from the record before it.
    #[error("event {position} ({name} of {record}) cannot be followed: {what}")]
    Event {
        /// Where it stands in the ledger.
        position: u64,
        /// What it says.
        name: String,
        /// What it happened to.
        record: RecordId,
        /// What is wrong.
        what: String,
    },
}

impl ViewError {
    /// The stable code, the same in the command line, in Python and in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Record(_) | Self::Event { .. } => "ledger_damaged",
        }
    }

    /// What the reader can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Store(error) => error.hint(),
            Self::Record(_) | Self::Event { .. } => {
                "use the newest `toll` that ever wrote to the ledger; else keep a copy of its folder as it is, and \
                 `toll restore FILE --ledger PATH` makes one from a backup"
            }
        }
    }
}

impl View {
    /// Reads one run and all that belongs to it, and the circuit breakers of its agents.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is damaged.
    pub fn load(store: &impl Store, run: RunId) -> Result<Self, ViewError> {
        let mut view = Self::default();
        for record in store.find(&Find { run: Some(run), ..Find::default() })? {
            view.take(&record)?;
        }
        view.load_breakers(store, run)?;
        Ok(view)
    }

    /// Reads the circuit breakers of a run's agents: they are of all runs, and decide about what this one may begin.
    pub(crate) fn load_breakers(&mut self, store: &impl Store, run: RunId) -> Result<(), ViewError> {
        let ids: Vec<RecordId> = self.breaker_ids(run).into_iter().collect();
        for record in store.get(&ids)?.into_iter().flatten() {
            self.take(&record)?;
        }
        Ok(())
    }

    /// The ids of the circuit breakers of a run's agents, whether there are any yet or not.
    pub(crate) fn breaker_ids(&self, run: RunId) -> BTreeSet<RecordId> {
        let listed =
            self.get::<Run>(run).into_iter().flat_map(|run| run.spec.agents.iter().map(|agent| agent.name.as_str()));
        let meant = self.in_states::<Task>(run, TaskState::ALL).flat_map(Task::agents);
        let names: BTreeSet<&str> = listed.chain(meant).collect();
        names.into_iter().map(|name| BreakerId::of_agent(name).into()).collect()
    }

    /// Reads the records with these ids.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is damaged.
    pub fn of(store: &impl Store, ids: &[RecordId]) -> Result<Self, ViewError> {
        let mut view = Self::default();
        for record in store.get(ids)?.into_iter().flatten() {
            view.take(&record)?;
        }
        Ok(view)
    }

    /// Takes a record in, as it is.
    ///
    /// # Errors
    /// Its body is not readable.
    pub fn take(&mut self, record: &Record) -> Result<(), UnreadableRecord> {
        match record.kind() {
            Kind::Run => self.take_typed::<Run>(record),
            Kind::Task => self.take_typed::<Task>(record),
            Kind::Attempt => self.take_typed::<Attempt>(record),
            Kind::Patch => self.take_typed::<Patch>(record),
            Kind::GateRun => self.take_typed::<GateRun>(record),
            Kind::Effect => self.take_typed::<Effect>(record),
            Kind::Worker => self.take_typed::<Worker>(record),
            Kind::Workstream => self.take_typed::<Workstream>(record),
            Kind::Breaker => self.take_typed::<Breaker>(record),
            Kind::CostEntry => self.take_typed::<CostEntry>(record),
            Kind::Budget => self.take_typed::<Budget>(record),
        }
    }

    /// Moves on by one event. An event that the view has already is passed over.
    ///
    /// # Errors
    /// It does not follow from the record that the view has.
    pub fn apply(&mut self, event: &Event) -> Result<(), ViewError> {
        match event.record.kind() {
            Kind::Run => self.apply_typed::<Run>(event),
            Kind::Task => self.apply_typed::<Task>(event),
            Kind::Attempt => self.apply_typed::<Attempt>(event),
            Kind::Patch => self.apply_typed::<Patch>(event),
            Kind::GateRun => self.apply_typed::<GateRun>(event),
            Kind::Effect => self.apply_typed::<Effect>(event),
            Kind::Worker => self.apply_typed::<Worker>(event),
            Kind::Workstream => self.apply_typed::<Workstream>(event),
            Kind::Breaker => self.apply_typed::<Breaker>(event),
            Kind::CostEntry => self.apply_typed::<CostEntry>(event),
            Kind::Budget => self.apply_typed::<Budget>(event),
        }
    }

    /// The record with this id.
    pub fn get<T: Viewed>(&self, id: impl Into<RecordId>) -> Option<&T> {
        T::table(self).get(&id.into()).map(|held| &held.body)
    }

    /// The version of the record with this id; 0 where there is none.
    pub fn version<T: Viewed>(&self, id: RecordId) -> Version {
        T::table(self).get(&id).map_or(0, |held| held.version)
    }

    /// Whether the view holds a record of this id.
    pub fn knows(&self, id: RecordId) -> bool {
        match id.kind() {
            Kind::Run => self.runs.contains_key(&id),
            Kind::Task => self.tasks.contains_key(&id),
            Kind::Attempt => self.attempts.contains_key(&id),
            Kind::Patch => self.patches.contains_key(&id),
            Kind::GateRun => self.gate_runs.contains_key(&id),
            Kind::Effect => self.effects.contains_key(&id),
            Kind::Worker => self.workers.contains_key(&id),
            Kind::Workstream => self.workstreams.contains_key(&id),
            Kind::Breaker => self.breakers.contains_key(&id),
            Kind::CostEntry => self.cost_entries.contains_key(&id),
            Kind::Budget => self.budgets.contains_key(&id),
        }
    }

    /// Every record of a kind, by id.
    pub fn all<T: Viewed>(&self) -> impl Iterator<Item = &T> {
        T::table(self).values().map(|held| &held.body)
    }

    /// The ids of a run's records of one kind in a state.
    pub(crate) fn ids_in_state<T: Viewed>(&self, run: RunId, state: T::State) -> impl Iterator<Item = RecordId> + '_ {
        self.by_state.ids(run, T::KIND, state.text())
    }

    /// A run's records of one kind in some states: state by state, and of each by id.
    pub fn in_states<'v, T: Viewed>(&'v self, run: RunId, states: &'v [T::State]) -> impl Iterator<Item = &'v T> + 'v {
        states.iter().flat_map(move |state| self.ids_in_state::<T>(run, *state)).filter_map(|id| self.get::<T>(id))
    }

    /// The budget of a run, if it has one.
    pub(crate) fn budget(&self, run: RunId) -> Option<&Budget> {
        self.in_states::<Budget>(run, BudgetState::ALL).find(|budget| budget.scope == BudgetScope::Run)
    }

    /// How an agent did in a run.
    pub(crate) fn record(&self, run: RunId, agent: &str) -> TrackRecord {
        self.records.of(run, agent)
    }

    /// How each agent did in all that the view holds.
    pub fn track_records(&self) -> BTreeMap<String, TrackRecord> {
        self.records.of_all()
    }

    /// The patches to a file that landed in a run, the newest first, each with when it did.
    pub(crate) fn landed<'v>(&'v self, run: RunId, file: &'v RepoPath) -> impl Iterator<Item = Landing> + 'v {
        self.landed.newest(run, file)
    }

    /// Whether a run has a record of a kind that is unfinished.
    pub(crate) fn has_unfinished<T: Viewed>(&self, run: RunId) -> bool {
        let mut states = T::State::EVERY.iter().filter(|state| !state.is_over());
        states.any(|state| self.ids_in_state::<T>(run, *state).next().is_some())
    }

    /// Whether it holds every shared worker, so that it can say that there is none.
    pub(crate) const fn is_fleet(&self) -> bool {
        self.is_fleet
    }

    /// Says that it holds every shared worker.
    pub(crate) fn note_fleet(&mut self) {
        self.is_fleet = true;
    }

    /// The next time that a task of a run waits for.
    pub(crate) fn next_task_deadline(&self, run: RunId) -> Option<Timestamp> {
        self.schedules.get(&run).and_then(Tasks::next_deadline)
    }

    /// What the tasks of a run mean for each other; nothing where it has none.
    pub(crate) fn schedule(&self, run: RunId) -> Option<&Tasks> {
        self.schedules.get(&run)
    }

    /// The queued tasks of a run in the order in which they are looked at.
    pub(crate) fn queue_order(&self, run: RunId) -> Option<&Order> {
        let tasks = TaskState::ALL.iter().flat_map(|state| self.ids_in_state::<Task>(run, *state));
        self.schedules.get(&run).map(|schedule| schedule.queue.order(&self.tasks, tasks))
    }

    /// The ids of what hangs on a record and is of a kind.
    pub(crate) fn ids_under(&self, parent: RecordId, kind: Kind) -> impl Iterator<Item = RecordId> + '_ {
        // Ids are ordered by kind first.
        let first = RecordId::from_parts(kind, Timestamp::EPOCH, 0);
        let children = self.children.get(&parent).into_iter().flat_map(move |children| children.range(first..));
        children.take_while(move |id| id.kind() == kind).copied()
    }

    pub(crate) fn put<T: Viewed>(&mut self, version: Version, body: T) {
        let (id, run, parent, state) = (body.record_id(), body.run_id(), body.parent_id(), body.state_name());
        let before = T::table_mut(self).insert(id, Held { version, body }).map(|held| held.body);
        if let Some(run) = run {
            self.by_state.note((run, id), before.as_ref().map(Entity::state_name), state);
        }
        if let (None, Some(parent)) = (&before, parent) {
            self.children.entry(parent).or_default().insert(id);
        }
        T::noted(self, before.as_ref(), id);
    }

    fn take_typed<T: Viewed>(&mut self, record: &Record) -> Result<(), UnreadableRecord> {
        let body = T::from_record(record)?;
        self.put(record.version, body);
        Ok(())
    }

    fn apply_typed<T: Viewed>(&mut self, event: &Event) -> Result<(), ViewError> {
        let broken = |what: String| ViewError::Event {
            position: event.position,
            name: event.event.name.clone(),
            record: event.record,
            what,
        };
        let known = self.version::<T>(event.record);
        if event.version <= known {
            return Ok(());
        }
        if event.version != known + 1 {
            return Err(broken(format!("it makes version {}, but {known} is the newest known", event.version)));
        }
        let typed: T::Event = serde_json::from_str(&event.event.body).map_err(|error| broken(error.to_string()))?;
        let next = T::apply(self.get::<T>(event.record).cloned(), &typed, event.at)
            .map_err(|error: IllegalTransition| broken(error.to_string()))?;
        self.put(event.version, next);
        Ok(())
    }
}
