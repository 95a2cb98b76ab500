//! The trait that every ledger implements, and what crosses it.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;
use tollhouse_core::{Commit, Event, Kind, Record, RecordId, RunId, Stream, Timestamp, Version};

/// A store: it remembers records and the events that made them, and knows no rule.
///
/// All methods may be called from several threads at once. A call that returned `Ok` is durable to the degree that the
/// backend says, and is seen by every later call on any handle of the same ledger.
pub trait Store: Send + Sync {
    /// Makes all changes of a commit true, or none.
    ///
    /// In order: a commit that is malformed by itself is refused; one whose id is known is answered as it was the first
    /// time, if its content is the same; the place in the stream that it follows, every version that it relies on and then every version
    /// that it moves is compared;
    /// a record that would leave its run or parent is refused; the events get their places in their streams and their
    /// hashes; records and events are written. A commit that was refused leaves no trace: its id is still free.
    ///
    /// The first change of a record relies on the version below its own (0: the record is made), whether `relies_on` says
    /// so or not.
    ///
    /// # Errors
    /// [`CommitError::Overtaken`] says that the stream went on since; [`CommitError::Stale`] names the first record that is not
    /// as the commit relied on;
    /// [`CommitError::IdReused`] and [`CommitError::Malformed`] are the caller's mistakes and change nothing;
    /// [`CommitError::Backend`] says whether it may be tried again.
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError>;

    /// The records with these ids, in the order asked for; `None` where there is none.
    ///
    /// # Errors
    /// A backend that cannot read, or a record that is damaged.
    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError>;

    /// The records that match, in the order of [`Find::order`].
    ///
    /// # Errors
    /// A backend that cannot read, or a record that is damaged.
    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError>;

    /// How many of the records that [`Self::find`] would give are of each kind in each state: by the names of the kind and then of
    /// the state, and only of those that there are. No record is read for it.
    ///
    /// # Errors
    /// A backend that cannot read, or a kind or state that is damaged.
    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError>;

    /// The events that match, by position. No event ever appears behind a position that was already given out.
    ///
    /// # Errors
    /// A backend that cannot read, or an event that is damaged.
    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError>;

    /// As [`Self::events`], in a page that the caller has already: what is in it is replaced, and its room used again where
    /// the backend can. After an error, the page holds anything.
    ///
    /// # Errors
    /// As [`Self::events`].
    fn events_into(&self, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
        *page = self.events(cursor)?;
        Ok(())
    }

    /// Waits until the ledger holds an event after `position`, or the time is up. The answer is the newest position (0:
    /// there is none yet).
    ///
    /// # Errors
    /// A backend that cannot read.
    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError>;

    /// Notes that something was alive at a time. Not history: no event, no version; the next note replaces it, whatever
    /// its time. The store does not ask whether there is such a record.
    ///
    /// # Errors
    /// A backend that cannot write.
    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError>;

    /// When something was last noted alive.
    ///
    /// # Errors
    /// A backend that cannot read.
    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError>;

    /// Forgets contents: puts others in the place of the bodies of events, and of the bodies and declared keys of records, all of
    /// them or none. Nothing else changes: digests and hashes go on to say what the contents were. It is no commit: whoever
    /// calls it has put on the ledger before what it forgets, and why.
    ///
    /// Once it returned `Ok`, what was replaced is in none of the files that the backend keeps. After an error it may be, and
    /// the same may be asked again, whether the contents were replaced or not.
    ///
    /// # Errors
    /// [`StoreError::Failed`] where an event is not there or not of its record, a record is not there or not in its version,
    /// or a body is not JSON; others where the backend fails, or others still read what was replaced ([`StoreError::Busy`]).
    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError>;
}

/// Contents that take the place of others. See [`Store::rewrite`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// Those of records.
    pub records: Vec<RecordContent>,
    /// Those of events.
    pub events: Vec<EventContent>,
}

/// What a record holds from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordContent {
    /// Which record.
    pub id: RecordId,
    /// The version that it is in.
    pub version: Version,
    /// What it can be found by.
    pub keys: BTreeMap<String, String>,
    /// All of it, as JSON.
    pub body: String,
}

/// What an event holds from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventContent {
    /// Where it stands in the ledger.
    pub position: u64,
    /// What it happened to.
    pub record: RecordId,
    /// All of it, as JSON.
    pub body: String,
}

/// Where a commit's events ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The position of its first event.
    pub first: u64,
    /// The position of its last event.
    pub last: u64,
    /// Whether it was made by this call or by an earlier one with the same id and content.
    pub novelty: Novelty,
}

/// Whether a commit was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Novelty {
    /// This call made it.
    Fresh,
    /// It had been made before, and nothing was written.
    Repeated,
}

/// Which records to find. An empty one matches all; the parts narrow it together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Find {
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Hanging on this record.
    pub parent: Option<RecordId>,
    /// In one of these states; empty: in any.
    pub states: Vec<String>,
    /// With this declared key.
    pub key: Option<(String, String)>,
    /// With a declared key of this name that starts like this.
    pub key_prefix: Option<(String, String)>,
    /// Whose id's random part starts like this (upper case).
    pub random_prefix: Option<String>,
    /// Newest id first, or oldest.
    pub order: Order,
    /// Only ids that come after this one, in that order.
    pub after: Option<RecordId>,
    /// At most so many; `None`: all.
    pub limit: Option<u32>,
}

/// How many records there are of one kind in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// The kind.
    pub kind: Kind,
    /// The state.
    pub state: String,
    /// How many; never 0.
    pub records: u64,
}

/// In which order records come: by the text of their ULID (time, then random bits), then by kind name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    #[default]
    Oldest,
    /// Newest first.
    Newest,
}

/// Which events to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Only events after this position; 0: from the start.
    pub after: u64,
    /// Only events of this stream.
    pub stream: Option<Stream>,
    /// Only events of this record.
    pub record: Option<RecordId>,
    /// Only events of records of this kind.
    pub kind: Option<Kind>,
    /// At most so many; `None`: all. Together with [`Order::Newest`]: the last so many, still given oldest first.
    pub limit: Option<u32>,
    /// From which end the limit counts.
    pub order: Order,
}

/// When a commit that was reported survives a loss of power. Whether the program lives or is killed makes no difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// At once: each transaction is synced before it is reported.
    #[default]
    Full,
    /// Some time later. The newest commits may be lost, all those before them are there, and the ledger is whole.
    Normal,
}

impl Durability {
    /// The name in the configuration, in reports and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Normal => "normal",
        }
    }

    /// The durability with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Full, Self::Normal].into_iter().find(|durability| durability.as_str() == name)
    }
}

/// A commit that was not made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommitError {
    /// Somebody was faster: decide again on what is true now.
    #[error("{id} is at version {actual}, not {expected}")]
    Stale {
        /// Which record.
        id: RecordId,
        /// What the commit relied on.
        expected: Version,
        /// What is true (0: there is none).
        actual: Version,
    },
    /// The stream went on since: decide again on what is true now.
    #[error("stream {stream} is at event {actual}, not {expected}")]
    Overtaken {
        /// Which stream.
        stream: Stream,
        /// The newest event that the commit follows.
        expected: u64,
        /// The newest event there is (0: none).
        actual: u64,
    },
    /// The commit's id names another one.
    #[error("commit id {id:?} was used before, for other content")]
    IdReused {
        /// The id.
        id: String,
    },
    /// The commit contradicts itself or core's words: a jump in versions, an unknown state, no change at all, too many of
    /// them, a body that is not JSON or too long, a record that leaves its run or parent.
    #[error("malformed commit: {what}")]
    Malformed {
        /// What is wrong with it.
        what: String,
    },
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] StoreError),
}

/// A backend that did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What is stored is not what was written.
    #[error("{place} is damaged: {what}")]
    Damaged {
        /// Where.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// The ledger cannot be opened as it is.
    #[error("{path} cannot be opened as a ledger: {what}")]
    NotOpenable {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Nothing is left to write on.
    #[error("{op} failed: the disk is full")]
    DiskFull {
        /// What was being done.
        op: &'static str,
    },
    /// The file or its folder may not be written.
    #[error("{op} failed: permission denied")]
    Denied {
        /// What was being done.
        op: &'static str,
    },
    /// Others kept the ledger locked for longer than we wait. May be tried again.
    #[error("{op} failed: the ledger is busy")]
    Busy {
        /// What was being done.
        op: &'static str,
    },
    /// Anything else the backend says.
    #[error("{op} failed: {what}")]
    Failed {
        /// What was being done.
        op: &'static str,
        /// In the backend's words.
        what: String,
    },
}

impl CommitError {
    /// The stable code, the same in the command line, in Python and in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Stale { .. } => "stale_version",
            Self::Overtaken { .. } => "overtaken",
            Self::IdReused { .. } => "commit_id_reused",
            Self::Malformed { .. } => "malformed_commit",
            Self::Backend(error) => error.code(),
        }
    }

    /// What the reader can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Stale { .. } | Self::Overtaken { .. } => "try again: somebody else changed it meanwhile",
            Self::IdReused { .. } | Self::Malformed { .. } => {
                "this is a mistake of ours, and nothing was changed: report it, with what `toll doctor` says"
            }
            Self::Backend(error) => error.hint(),
        }
    }
}

impl StoreError {
    /// The stable code, the same in the command line, in Python and in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "ledger_damaged",
            Self::NotOpenable { .. } => "ledger_not_openable",
            Self::DiskFull { .. } => "disk_full",
            Self::Denied { .. } => "denied",
            Self::Busy { .. } => "busy",
            Self::Failed { .. } => "store",
        }
    }

    /// What the reader can do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => {
                "keep a copy of the ledger's folder as it is; `toll restore FILE --ledger PATH` makes one from a backup"
            }
            Self::NotOpenable { .. } => {
                "if a newer `toll` wrote it, use that one; else `--ledger PATH` names another ledger, and \
                 `toll restore FILE --ledger PATH` makes one from a backup"
            }
            Self::DiskFull { .. } => "free some space and try again; what was done before is on the ledger",
            Self::Denied { .. } => {
                "the ledger's folder must be writable by whoever runs `toll`; `toll doctor` looks at it"
            }
            Self::Busy { .. } => "try again: somebody else is writing",
            Self::Failed { .. } => "try again; `toll doctor` looks at the ledger and the disk",
        }
    }
}

impl<S: Store + ?Sized> Store for &S {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        (**self).commit(commit)
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        (**self).get(ids)
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        (**self).find(find)
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        (**self).tally(find)
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        (**self).events(cursor)
    }

    fn events_into(&self, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
        (**self).events_into(cursor, page)
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        (**self).wait_for(position, timeout)
    }

    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        (**self).pulse(id, at)
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        (**self).last_pulse(id)
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        (**self).rewrite(rewrite)
    }
}
