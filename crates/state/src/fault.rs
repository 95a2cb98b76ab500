//! A store that goes wrong when it is told to: what every caller of a [`Store`] must survive.
//!
//! It must never change what the store below says: a call either gets its answer, or an error.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tollhouse_core::{Commit, Event, Record, RecordId, Timestamp};

use crate::store::{CommitError, Committed, Cursor, Find, Rewrite, Store, StoreError, Tally};

/// A call of a [`Store`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`Store::commit`].
    Commit,
    /// [`Store::get`].
    Get,
    /// [`Store::find`].
    Find,
    /// [`Store::tally`].
    Tally,
    /// [`Store::events`].
    Events,
    /// [`Store::wait_for`].
    WaitFor,
    /// [`Store::pulse`].
    Pulse,
    /// [`Store::last_pulse`].
    LastPulse,
    /// [`Store::rewrite`].
    Rewrite,
}

impl Call {
    /// Every call.
    pub const ALL: [Self; 9] = [
        Self::Commit,
        Self::Get,
        Self::Find,
        Self::Tally,
        Self::Events,
        Self::WaitFor,
        Self::Pulse,
        Self::LastPulse,
        Self::Rewrite,
    ];

    /// Its name, as an error says it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Get => "get",
            Self::Find => "find",
            Self::Tally => "tally",
            Self::Events => "events",
            Self::WaitFor => "wait_for",
            Self::Pulse => "pulse",
            Self::LastPulse => "last_pulse",
            Self::Rewrite => "rewrite",
        }
    }
}

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Whether it was done all the same.
    pub moment: Moment,
    /// What the caller is told.
    pub error: Told,
}

/// When a call goes wrong. Of a read, the caller cannot tell the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// Before the store below was asked: nothing is written.
    Before,
    /// After it answered: what was to be written is written, and only the answer is lost. A call that the store below refused
    /// is answered as it was.
    After,
}

/// What the caller of a call that goes wrong is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Told {
    /// [`StoreError::Busy`]: it may be tried again.
    Busy,
    /// [`StoreError::Failed`]: nothing is said about another try.
    Failed,
}

/// A fault that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mishap {
    /// Which call.
    pub call: Call,
    /// The how-manieth of its kind: 1, 2, 3, …
    pub number: u64,
    /// How it went wrong.
    pub fault: Fault,
    /// What was to be committed, where it was a commit.
    pub commit: Option<Commit>,
}

/// Says of each call whether it goes wrong, and how.
type Chance = Box<dyn FnMut(Call) -> Option<Fault> + Send>;

/// A [`Store`] around another that goes wrong when it is told to, and keeps a log of it.
///
/// ```
/// use tollhouse_core::Kind;
/// use tollhouse_state::conformance::make::{commit, new};
/// use tollhouse_state::{Call, Fault, FaultStore, MemoryStore, Moment, Novelty, Store, Told};
///
/// let store = FaultStore::new(MemoryStore::new());
/// store.fail_nth(Call::Commit, 1, Fault { moment: Moment::After, error: Told::Busy });
///
/// // The caller cannot know that it was written …
/// let commit = commit("one", [new(Kind::Task, 1)]);
/// assert_eq!(store.commit(&commit).unwrap_err().code(), "busy");
/// // … and finds out by giving the same commit again.
/// assert_eq!(store.commit(&commit)?.novelty, Novelty::Repeated);
/// assert_eq!(store.mishaps()[0].call, Call::Commit);
/// # Ok::<(), tollhouse_state::CommitError>(())
/// ```
///
/// A seed decides as well as a countdown:
///
/// ```
/// use tollhouse_state::{Call, Cursor, Fault, FaultStore, MemoryStore, Moment, Store, Told};
///
/// let mut drawn = 1_u64;
/// let store = FaultStore::new(MemoryStore::new());
/// store.fail_by(move |call| {
///     drawn = drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
///     let goes_wrong = call == Call::Events && (drawn >> 33) % 4 == 0;
///     goes_wrong.then_some(Fault { moment: Moment::Before, error: Told::Failed })
/// });
/// let failed = (0..100).filter(|_| store.events(&Cursor::default()).is_err()).count();
/// assert!((10..40).contains(&failed));
/// store.heal();
/// assert_eq!(store.events(&Cursor::default()), Ok(vec![]));
/// ```
pub struct FaultStore<S> {
    inner: S,
    plan: Mutex<Plan>,
}

#[derive(Default)]
struct Plan {
    calls: BTreeMap<Call, u64>,
    /// By the number of the call.
    nth: BTreeMap<(Call, u64), Fault>,
    chance: Option<Chance>,
    mishaps: Vec<Mishap>,
}

impl<S> fmt::Debug for FaultStore<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan();
        f.debug_struct("FaultStore").field("calls", &plan.calls).field("nth", &plan.nth).finish_non_exhaustive()
    }
}

impl<S> FaultStore<S> {
    /// A store in which nothing goes wrong yet.
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// The store below.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    /// Lets one call go wrong: the next of its kind (1), the one after that (2), and so on. 0 is none.
    pub fn fail_nth(&self, call: Call, nth: u64, fault: Fault) {
        let mut plan = self.plan();
        let so_far = plan.calls.get(&call).copied().unwrap_or(0);
        plan.nth.insert((call, so_far.saturating_add(nth)), fault);
    }

    /// Has this asked about every call from now on that no countdown names.
    pub fn fail_by(&self, chance: impl FnMut(Call) -> Option<Fault> + Send + 'static) {
        self.plan().chance = Some(Box::new(chance));
    }

    /// Nothing goes wrong any more.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.nth.clear();
        plan.chance = None;
    }

    /// How many calls of a kind there were.
    pub fn calls(&self, call: Call) -> u64 {
        self.plan().calls.get(&call).copied().unwrap_or(0)
    }

    /// What went wrong so far, oldest first.
    pub fn mishaps(&self) -> Vec<Mishap> {
        self.plan().mishaps.clone()
    }

    /// What went wrong since this was last asked, oldest first: the log begins anew.
    pub fn take_mishaps(&self) -> Vec<Mishap> {
        std::mem::take(&mut self.plan().mishaps)
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this call goes wrong. The lock is free again before anything is done below.
    fn next(&self, call: Call, commit: Option<&Commit>) -> Option<Fault> {
        let mut plan = self.plan();
        let number = plan.calls.get(&call).copied().unwrap_or(0) + 1;
        plan.calls.insert(call, number);
        let counted = plan.nth.remove(&(call, number));
        let fault = counted.or_else(|| plan.chance.as_mut().and_then(|chance| chance(call)))?;
        plan.mishaps.push(Mishap { call, number, fault, commit: commit.cloned() });
        Some(fault)
    }

    fn answer<T>(&self, call: Call, ask: impl FnOnce(&S) -> Result<T, StoreError>) -> Result<T, StoreError> {
        match self.next(call, None) {
            None => ask(&self.inner),
            Some(fault @ Fault { moment: Moment::Before, .. }) => Err(fault.error(call)),
            Some(fault) => ask(&self.inner).and_then(|_| Err(fault.error(call))),
        }
    }
}

impl Fault {
    fn error(self, call: Call) -> StoreError {
        let op = call.as_str();
        match self.error {
            Told::Busy => StoreError::Busy { op },
            Told::Failed => StoreError::Failed { op, what: "a fault that was asked for".to_owned() },
        }
    }
}

impl<S: Store> Store for FaultStore<S> {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        match self.next(Call::Commit, Some(commit)) {
            None => self.inner.commit(commit),
            Some(fault @ Fault { moment: Moment::Before, .. }) => Err(fault.error(Call::Commit).into()),
            Some(fault) => self.inner.commit(commit).and_then(|_| Err(fault.error(Call::Commit).into())),
        }
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        self.answer(Call::Get, |store| store.get(ids))
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        self.answer(Call::Find, |store| store.find(find))
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        self.answer(Call::Tally, |store| store.tally(find))
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        self.answer(Call::Events, |store| store.events(cursor))
    }

    fn events_into(&self, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
        self.answer(Call::Events, |store| store.events_into(cursor, page))
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.answer(Call::WaitFor, |store| store.wait_for(position, timeout))
    }

    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        self.answer(Call::Pulse, |store| store.pulse(id, at))
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        self.answer(Call::LastPulse, |store| store.last_pulse(id))
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        self.answer(Call::Rewrite, |store| store.rewrite(rewrite))
    }
}
