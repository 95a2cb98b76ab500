//! Taking away what nothing names.
//!
//! Somebody may be about to name a content again while this looks. So what is young is left alone; whoever is about to name
//! a content makes it young under the shared lock ([`Blobs::put`]); and under the lock alone, what is taken away is looked at
//! once more: it must be as it was before the records were read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use tollhouse_core::Span;
use tollhouse_engine::leftovers::{Fate, Owner, fate_of};
use tollhouse_engine::{EngineError, ViewError, blobs_of};
use tollhouse_state::Store;

use super::store::{io_error, is_digest};
use super::{Blobs, each_naming};
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::lock::{Hold, Lock};

/// How many contents are looked at in one reading of the records. Each takes some two hundred bytes.
const BATCH: usize = 1 << 18;

/// Whether anything is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// It is only looked what could be.
    Look,
    /// What may go is taken away.
    Take,
}

/// What nothing names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many contents.
    pub count: u64,
    /// How large they are together.
    pub bytes: u64,
    /// What could not be taken away, and why.
    pub failed: Vec<(String, String)>,
}

/// What is known of a content that may go.
struct Old {
    changed: SystemTime,
    bytes: u64,
}

/// Takes away the contents that no record names and that are old enough.
///
/// # Errors
/// The ledger or the folder cannot be read: where a record cannot be, nobody knows what it names, and nothing goes.
pub fn sweep<S: Store + ?Sized>(store: &S, blobs: &Blobs, how: Sweep) -> Result<Swept, RunnerError> {
    let mut swept = Swept::default();
    let mut found = BTreeMap::new();
    for number in 0..=u8::MAX {
        look(blobs, &format!("{number:02x}"), &mut found)?;
        if found.len() < BATCH && number < u8::MAX || found.is_empty() {
            continue;
        }
        each_naming(store, Err, |record| {
            let named = blobs_of(record).map_err(|error| EngineError::from(ViewError::from(error)))?;
            for digest in named {
                found.remove(&digest);
            }
            Ok(())
        })?;
        for (digest, old) in std::mem::take(&mut found) {
            if how == Sweep::Look || take(blobs, &digest, &old, &mut swept)? {
                swept.count += 1;
                swept.bytes += old.bytes;
            }
        }
    }
    Ok(swept)
}

/// Looks for what is old in one folder.
fn look(blobs: &Blobs, folder: &str, found: &mut BTreeMap<String, Old>) -> Result<(), RunnerError> {
    let dir = blobs.dir().join(folder);
    let failed = |source| io_error("read", &dir, source);
    let entries = match fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let Some(digest) = entry.file_name().to_str().map(|name| format!("{folder}{name}")) else { continue };
        let metadata = match entry.metadata() {
            Ok(metadata) if metadata.is_file() && is_digest(&digest) => metadata,
            // Nothing of ours, or taken away meanwhile.
            Ok(_) => continue,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        let changed = metadata.modified().map_err(failed)?;
        if is_old(changed) {
            found.insert(digest, Old { changed, bytes: metadata.len() });
        }
    }
    Ok(())
}

/// Takes one away, if it is as it was; the answer is whether.
fn take(blobs: &Blobs, digest: &str, old: &Old, swept: &mut Swept) -> Result<bool, RunnerError> {
    let path = blobs.path(digest);
    let _lock = Lock::take(blobs.dir(), Hold::Alone)?;
    let changed = fs::symlink_metadata(&path).and_then(|metadata| metadata.modified());
    let removed = match changed {
        Ok(changed) if changed == old.changed => around("blob.take", || fs::remove_file(&path)),
        Ok(_) => return Ok(false),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => Ok(true),
        // Another one took it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            swept.failed.push((path.display().to_string(), error.to_string()));
            Ok(false)
        }
    }
}

/// Whether nobody can be about to name what was changed then. What was changed in the future is young.
fn is_old(changed: SystemTime) -> bool {
    let age = SystemTime::now().duration_since(changed).unwrap_or(Duration::ZERO);
    fate_of(Owner::Nobody { age: Span::from_secs(age.as_secs()) }).0 == Fate::Goes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_again_since_it_was_looked_at_stays() {
        let scratch = tempfile::tempdir().unwrap();
        let blobs = Blobs::at(scratch.path());
        let digest = blobs.put(b"unnamed").unwrap();
        let now = blobs.path(&digest).metadata().unwrap().modified().unwrap();
        let mut swept = Swept::default();
        let looked_at = |changed| Old { changed, bytes: 7 };
        assert!(!take(&blobs, &digest, &looked_at(now - Duration::from_hours(2)), &mut swept).unwrap());
        blobs.check(&digest).unwrap();
        assert!(take(&blobs, &digest, &looked_at(now), &mut swept).unwrap());
        blobs.check(&digest).unwrap_err();
    }
}
