//! The embedded ledger: one SQLite file, in which a commit that was reported is on disk.
//!
//! This file owns opening and the [`Store`] calls; each of them is one line on what its neighbours do.
//! It must never open the ledger's file other than through SQLite: closing any other descriptor of it would drop the locks
//! that every handle in this process holds.

mod archive;
mod batch;
mod codec;
mod copy;
mod error;
mod group;
mod job;
mod place;
mod pragma;
mod read;
mod rewrite;
mod schema;
mod snapshot;
mod wait;
mod write;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tollhouse_core::entity::ArchivedRun;
use tollhouse_core::{Commit, Event, Record, RecordId, RunId, Timestamp};

use self::archive::Leaving;
use self::batch::Done;
use self::error::{not_openable, opening};
use self::group::Writer;
use self::job::{Job, PreparedCommit};
use self::place::network_file_system;
use self::read::Readers;
use self::wait::Signal;

pub use self::snapshot::SqliteSnapshot;
use crate::check;
use crate::store::{CommitError, Committed, Cursor, Durability, Find, Rewrite, Store, StoreError, Tally};

/// The oldest SQLite that is trusted: before it, a checkpoint that met a certain race could lose a commit.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How many prepared statements a connection keeps.
const STATEMENTS_MAX: usize = 64;

/// A ledger in a SQLite file. Any number of handles, in any number of processes on one machine, may be open on one file.
#[derive(Debug)]
pub struct SqliteStore {
    // Closed before the writer: the last to close tidies up, and only one that may write can.
    readers: Readers,
    writer: Option<Writer>,
    signal: Signal,
    path: PathBuf,
    durability: Durability,
}

/// Which connection a handle starts with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Existing,
    Create,
    ReadOnly,
}

impl SqliteStore {
    /// Opens the ledger in this file, and brings it up to the present schema.
    ///
    /// # Errors
    /// [`StoreError::NotOpenable`] where there is no file or it is not a ledger that this program knows; such a file is
    /// left as it was. Others where the backend fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_for(path.as_ref(), Access::Existing, Durability::Full)
    }

    /// As [`Self::open`]; where there is no file or an empty one, it becomes a new ledger. Its folder must exist.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_or_create_with(path, Durability::Full)
    }

    /// As [`Self::open_or_create`], by choice with less durability.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_or_create_with(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        Self::open_for(path.as_ref(), Access::Create, durability)
    }

    /// As [`Self::open`], only to read: whatever writes is denied, and a ledger of an older schema is not opened.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_for(path.as_ref(), Access::ReadOnly, Durability::Full)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What this handle was opened with.
    pub const fn durability(&self) -> Durability {
        self.durability
    }

    /// Writes a copy of the ledger to a file that must not be there yet, while others go on writing. It is a ledger by
    /// itself, as one commit left this one.
    ///
    /// # Errors
    /// The ledger cannot be read to its end, or the copy not be written.
    pub fn copy_to(&self, path: impl AsRef<Path>) -> Result<(), StoreError> {
        self.readers.with(|connection| copy::copy(connection, path.as_ref()))?;
        // Gives the copy what is kept in the file beside its content: the journal mode.
        connect(path.as_ref(), Access::Existing, Durability::Full).map(drop)
    }

    /// The ledger as the newest commit left it, to read for as long as one likes.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn snapshot(&self) -> Result<SqliteSnapshot, StoreError> {
        SqliteSnapshot::begin(self.readers.connect()?)
    }

    /// Reads every page and sees whether they hold together, and whether what is kept twice is the same twice.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where they do not, with the first things that were found.
    pub fn check(&self) -> Result<(), StoreError> {
        self.readers.with(copy::check)
    }

    /// The settings of a connection as they are read back, by the names that SQLite gives them; `user_version` is that of the
    /// schema.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.readers.with(pragma::settings)
    }

    /// The name of the ledger that an archive's runs are of; `None` where this is a ledger.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn origin(&self) -> Result<Option<String>, StoreError> {
        self.readers.with(archive::origin)
    }

    /// Writes an archive to a file that must not be there yet: all that belongs to these runs, as it is. `ledger` is the name of this
    /// one, 16 digits. Nothing is taken out of the ledger.
    ///
    /// # Errors
    /// The ledger cannot be read to its end, or the archive not be written.
    pub fn archive_to(&self, path: impl AsRef<Path>, ledger: &str, runs: &[RunId]) -> Result<(), StoreError> {
        let path = path.as_ref();
        if path.symlink_metadata().is_ok() {
            return Err(not_openable(path, "it is there already"));
        }
        let mut connection = connect(path, Access::Create, Durability::Full)?;
        archive::fill(&mut connection, &self.path, ledger, runs)?;
        archive::close(&connection)
    }

    /// Takes all that belongs to these runs out of the ledger, a few hundred rows at a time, so that others can write meanwhile.
    /// Cut off anywhere, the same call goes on with it. A run in which something happened since it was copied stays, and so does
    /// the one in which the newest event of all happened.
    ///
    /// Then gives the room back to the file system, a little at a time, too; the answer is how many bytes.
    ///
    /// # Errors
    /// The backend cannot write.
    pub fn take_out<'a>(&self, runs: impl IntoIterator<Item = &'a ArchivedRun>) -> Result<u64, StoreError> {
        let writer = self.writer.as_ref().ok_or(StoreError::Denied { op: "take out" })?;
        for archived in runs {
            if writer.alone(|connection| archive::leave(connection, archived))? == Leaving::Goes {
                while writer.alone(|connection| archive::take_out(connection, archived.run))?.is_continue() {}
            }
        }
        self.give_back()
    }

    /// Gives room that is free in the file back to the file system, a little at a time; the answer is how many bytes.
    fn give_back(&self) -> Result<u64, StoreError> {
        let writer = self.writer.as_ref().ok_or(StoreError::Denied { op: "give back" })?;
        writer.alone(|connection| {
            if archive::gives_back_in_slices(connection)? { Ok(()) } else { archive::rearrange(connection) }
        })?;
        let before = writer.alone(|connection| archive::bytes(connection))?;
        while writer.alone(|connection| archive::give_back(connection))?.is_continue() {}
        let after = writer.alone(|connection| archive::bytes(connection))?;
        Ok(before.saturating_sub(after))
    }

    fn open_for(path: &Path, access: Access, durability: Durability) -> Result<Self, StoreError> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(not_openable(path, format!("SQLite {} is too old to be trusted", rusqlite::version())));
        }
        look(path, access)?;
        if let Some(network) = network_file_system(path) {
            let what = format!("it is on a network file system ({network}), where two machines cannot share it safely");
            return Err(not_openable(path, what));
        }
        let readers = Readers::new(path.to_owned(), durability);
        let writer = match access {
            Access::Existing | Access::Create => Some(Writer::new(connect_to_write(path, access, durability)?)),
            Access::ReadOnly => None,
        };
        // The first reader shows that others will follow.
        readers.with(|_| Ok(()))?;
        Ok(Self { readers, writer, signal: Signal::default(), path: path.to_owned(), durability })
    }
}

impl Store for SqliteStore {
    fn commit(&self, commit: &Commit) -> Result<Committed, CommitError> {
        let writer = self.writer.as_ref().ok_or(StoreError::Denied { op: "commit" })?;
        let Done::Commit(committed) = writer.write(Job::Commit(PreparedCommit::new(commit)?))? else {
            unreachable!("a commit is answered as a commit");
        };
        self.signal.tell(committed.last);
        Ok(committed)
    }

    fn get(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        self.readers.snapshot(|connection| ids.iter().map(|id| read::record(connection, id)).collect())
    }

    fn find(&self, find: &Find) -> Result<Vec<Record>, StoreError> {
        self.readers.snapshot(|connection| read::find(connection, find))
    }

    fn tally(&self, find: &Find) -> Result<Vec<Tally>, StoreError> {
        self.readers.snapshot(|connection| read::tally(connection, find))
    }

    fn events(&self, cursor: &Cursor) -> Result<Vec<Event>, StoreError> {
        self.readers.snapshot(|connection| read::events(connection, cursor))
    }

    fn events_into(&self, cursor: &Cursor, page: &mut Vec<Event>) -> Result<(), StoreError> {
        self.readers.snapshot(|connection| read::events_into(connection, cursor, page))
    }

    fn wait_for(&self, position: u64, timeout: Duration) -> Result<u64, StoreError> {
        self.readers.with(|connection| self.signal.wait(connection, position, timeout))
    }

    fn pulse(&self, id: &RecordId, at: Timestamp) -> Result<(), StoreError> {
        let writer = self.writer.as_ref().ok_or(StoreError::Denied { op: "note a pulse" })?;
        match writer.write(Job::Pulse { record: *id, at }) {
            Ok(_) => Ok(()),
            Err(CommitError::Backend(error)) => Err(error),
            Err(error) => unreachable!("a pulse relies on nothing: {error}"),
        }
    }

    fn last_pulse(&self, id: &RecordId) -> Result<Option<Timestamp>, StoreError> {
        self.readers.with(|connection| read::pulse(connection, id))
    }

    fn rewrite(&self, rewrite: &Rewrite) -> Result<(), StoreError> {
        check::rewrite(rewrite)?;
        let writer = self.writer.as_ref().ok_or(StoreError::Denied { op: "rewrite" })?;
        writer.alone(|connection| rewrite::rewrite(connection, rewrite))
    }
}

/// Refuses what SQLite would take for an empty database or explain badly.
fn look(path: &Path, access: Access) -> Result<(), StoreError> {
    match path.metadata() {
        Ok(file) if file.is_dir() => Err(not_openable(path, "it is a folder")),
        Ok(file) if file.len() == 0 && access != Access::Create => Err(not_openable(path, "it is empty")),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound && access == Access::Create => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            match folder {
                Some(folder) if !folder.is_dir() => Err(not_openable(path, "its folder does not exist")),
                _ => Ok(()),
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(not_openable(path, "there is no such file")),
        Err(error) => Err(not_openable(path, error.to_string())),
    }
}

/// The connection that writes to a ledger. To an archive nobody does: it is brought up to date and closed again.
fn connect_to_write(path: &Path, access: Access, durability: Durability) -> Result<Connection, StoreError> {
    let connection = connect(path, access, durability)?;
    match archive::origin(&connection)? {
        None => Ok(connection),
        Some(ledger) => {
            Err(not_openable(path, format!("it is an archive of the ledger {ledger}, to which nothing is added")))
        }
    }
}

/// The connection that writes.
fn connect(path: &Path, access: Access, durability: Durability) -> Result<Connection, StoreError> {
    let has_log = has_log(path);
    let mut flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_EXRESCODE;
    if access == Access::Create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let mut connection = Connection::open_with_flags(path, flags).map_err(|error| opening(path, &error))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    pragma::set_connection(&connection, path, durability)?;
    if access == Access::Create {
        schema::create_or_update(&mut connection, path)?;
    } else {
        schema::update(&mut connection, path)?;
    }
    if archive::origin(&connection)?.is_none() {
        pragma::set_file(&connection, path)?;
    }
    pragma::verify(&connection, path, durability)?;
    if has_log && durability == Durability::Full {
        sync_log(&connection, path)?;
    }
    Ok(connection)
}

/// Whether a write-ahead log stands beside the file.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// Syncs what others left in the write-ahead log.
///
/// A program that was killed before its sync leaves commits there, which SQLite shows from then on, and does not sync. Nobody
/// was told that they were made; but we would tell whoever asks again, and they could still be lost. A write, though it
/// changes nothing, is synced with all that is before it.
fn sync_log(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    connection
        .pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
        .and_then(|version| connection.pragma_update(None, "user_version", version))
        .map_err(|error| opening(path, &error))
}
