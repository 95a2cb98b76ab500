//! The records that a decision looks at, in memory, with the indexes that it needs.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;
use tollhouse_core::entity::{
    Attempt, Breaker, Budget, CostEntry, Effect, GateRun, Patch, Run, Task, UnreadableRecord, Worker, Workstream,
};
use tollhouse_core::lifecycle::IllegalTransition;
use tollhouse_core::{Event, Kind, Record, RecordId, RunId, Version};
use tollhouse_state::{Find, Store, StoreError};

use crate::apply::Apply;

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
    /// What belongs to a run, by kind.
    of_run: BTreeMap<(RunId, Kind), BTreeSet<RecordId>>,
    /// What hangs on a record.
    children: BTreeMap<RecordId, BTreeSet<RecordId>>,
}

/// A kind of record that a view holds.
pub trait Viewed: Apply + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "only this crate implements it, and only views call it")]
    fn table(view: &View) -> &Table<Self>;
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "only this crate implements it, and only views call it")]
    fn table_mut(view: &mut View) -> &mut Table<Self>;
}

macro_rules! viewed {
    ($($kind:ty => $table:ident),+ $(,)?) => {$(
        impl Viewed for $kind {
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
    Run => runs, Task => tasks, Attempt => attempts, Patch => patches, GateRun => gate_runs, Effect => effects,
    Worker => workers, Workstream => workstreams, Breaker => breakers, CostEntry => cost_entries, Budget => budgets,
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
    /// Reads one run and all that belongs to it.
    ///
    /// # Errors
    /// The store cannot be read, or what it holds is damaged.
    pub fn load(store: &impl Store, run: RunId) -> Result<Self, ViewError> {
        let mut view = Self::default();
        for record in store.find(&Find { run: Some(run), ..Find::default() })? {
            view.take(&record)?;
        }
        Ok(view)
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

    /// The ids of a run's records of one kind.
    pub(crate) fn ids_of_run(&self, run: RunId, kind: Kind) -> impl Iterator<Item = RecordId> + '_ {
        self.of_run.get(&(run, kind)).into_iter().flatten().copied()
    }

    /// The ids of what hangs on a record.
    pub(crate) fn ids_under(&self, parent: RecordId) -> impl Iterator<Item = RecordId> + '_ {
        self.children.get(&parent).into_iter().flatten().copied()
    }

    pub(crate) fn put<T: Viewed>(&mut self, version: Version, body: T) {
        let id = body.record_id();
        if let Some(run) = body.run_id() {
            self.of_run.entry((run, T::KIND)).or_default().insert(id);
        }
        if let Some(parent) = body.parent_id() {
            self.children.entry(parent).or_default().insert(id);
        }
        T::table_mut(self).insert(id, Held { version, body });
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
        let next = T::apply(self.get::<T>(event.record), &typed, event.at)
            .map_err(|error: IllegalTransition| broken(error.to_string()))?;
        self.put(event.version, next);
        Ok(())
    }
}
