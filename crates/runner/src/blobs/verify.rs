//! Whether the contents that a ledger names are there and what their names say.

use std::collections::BTreeSet;
use std::io;

use tollhouse_core::Record;
use tollhouse_engine::blobs_of;
use tollhouse_engine::verify::{FindingCode, Verified};
use tollhouse_state::Store;

use super::{BlobProblem, Blobs, each_naming};
use crate::error::RunnerError;

/// Of how many contents it is kept in mind that they were looked at: the others are looked at again where they are named again.
const SEEN_MAX: usize = 1 << 16;

/// Looks at every content that a record names, and finds those that are missing or something else; the answer is how many
/// it looked at. It needs the same memory for a ledger of any size.
///
/// Records that cannot be read are passed over here: [`tollhouse_engine::verify::verify`] finds them.
///
/// # Errors
/// The store cannot be read at all, or a content may not be.
pub fn verify_blobs<S: Store + ?Sized>(store: &S, blobs: &Blobs, verified: &mut Verified) -> Result<u64, RunnerError> {
    let (mut seen, mut count) = (BTreeSet::new(), 0);
    each_naming(
        store,
        |_| Ok(()),
        |record| {
            for digest in blobs_of(record).unwrap_or_default() {
                if seen.contains(&digest) {
                    continue;
                }
                check(record, &digest, blobs, verified)?;
                count += 1;
                if seen.len() < SEEN_MAX {
                    seen.insert(digest);
                }
            }
            Ok(())
        },
    )?;
    Ok(count)
}

fn check(record: &Record, digest: &str, blobs: &Blobs, verified: &mut Verified) -> Result<(), RunnerError> {
    let (code, what) = match blobs.check(digest) {
        Ok(()) => return Ok(()),
        Err(RunnerError::Blob(BlobProblem::Missing { .. })) => (FindingCode::BlobMissing, "it is not there".to_owned()),
        Err(RunnerError::Blob(BlobProblem::Differs { .. })) => {
            (FindingCode::BlobDiffers, "it is something else".to_owned())
        }
        // Whoever may not look cannot say what is there.
        Err(RunnerError::Io { source, .. }) if source.kind() != io::ErrorKind::PermissionDenied => {
            (FindingCode::BlobDiffers, format!("it cannot be read: {source}"))
        }
        Err(error) => return Err(error),
    };
    verified.find(code, digest, format!("{} names it, and {what}", record.id));
    Ok(())
}
