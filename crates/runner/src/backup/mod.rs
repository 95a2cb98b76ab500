//! A ledger in one file, and back: its database, what its own repository holds, the contents that it names, and a list of
//! checksums.
//!
//! The file is a plain tar, so that `tar`, `sqlite3`, `git` and `sha256sum` read all of it. It holds what the ledger alone
//! has: the history, the texts of all patches, what agents and gates printed, and the objects and refs of the ledger's own
//! repository. It does not hold what that repository borrows from the maintainer's: their commits and files are theirs to
//! keep, so a backup belongs into a clone of the same project. Nor does it hold workspaces.

mod layout;
mod problem;
mod restore;
mod write;

use std::fmt::Write as _;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use sha2::{Digest, Sha256};
use tollhouse_core::entity::{Entity, Patch};
use tollhouse_engine::forget::PURGED;
use tollhouse_state::{Cursor, Find, Order, SqliteStore, Store};

use crate::error::RunnerError;

pub use problem::BackupProblem;
pub use restore::{Restored, Unsound, restore};
pub use write::{Backup, backup};

/// The version of the format. A program reads those up to its own. 1: without contents beside the ledger; 2: with them.
const FORMAT: u64 = 2;

/// Every patch of a ledger.
///
/// Of those that were purged there is no text.
fn patches(store: &SqliteStore) -> Result<Vec<Patch>, RunnerError> {
    let records = store.find(&Find { kind: Some(Patch::KIND), ..Find::default() })?;
    let read = |record| Patch::from_record(record).map_err(|error| BackupProblem::Damaged { what: error.to_string() });
    let mut patches: Vec<Patch> = records.iter().map(read).collect::<Result<_, _>>()?;
    patches.retain(|patch| patch.title != PURGED);
    Ok(patches)
}

/// How many events a ledger has.
fn events(store: &SqliteStore) -> Result<u64, RunnerError> {
    let newest = store.events(&Cursor { limit: Some(1), order: Order::Newest, ..Cursor::default() })?;
    Ok(newest.last().map_or(0, |event| event.position))
}

fn go_on(interrupted: &AtomicBool) -> Result<(), RunnerError> {
    if interrupted.load(Ordering::Relaxed) { Err(RunnerError::Interrupted) } else { Ok(()) }
}

/// Passes bytes on and keeps their SHA-256.
struct Hashing<R> {
    inner: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// In hex.
    fn finish(self) -> String {
        self.hash.finalize().iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a string cannot fail");
            text
        })
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}
