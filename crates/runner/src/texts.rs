//! The texts of patches, which lie in the ledger's own repository.

use tollhouse_core::Kind;
use tollhouse_core::entity::{Entity, Patch};
use tollhouse_engine::forget::PURGED;
use tollhouse_engine::patch::content_hash;
use tollhouse_engine::verify::{FindingCode, Verified};
use tollhouse_state::Store;

use crate::error::RunnerError;
use crate::git::LedgerRepo;
use crate::records::each_record;

/// The text of a patch, if it is what the ledger says; else what is wrong.
pub(crate) fn text_of(repo: &LedgerRepo, patch: &Patch) -> Result<Vec<u8>, (FindingCode, String)> {
    let text = repo.blob(&patch.blob).map_err(|error| {
        (FindingCode::BlobMissing, format!("the text of {} cannot be read: {}", patch.id, error.message()))
    })?;
    if content_hash(&text) == patch.content {
        return Ok(text);
    }
    Err((FindingCode::BlobDiffers, format!("the text of {} is not the one that was judged", patch.id)))
}

/// Looks at the text of every patch, and finds those that are missing or something else; the answer is how many it looked at. Those
/// of patches that were purged are gone.
///
/// Records that cannot be read are passed over here: [`tollhouse_engine::verify::verify`] finds them.
///
/// # Errors
/// The store cannot be read at all.
pub(crate) fn verify_texts<S: Store + ?Sized>(
    store: &S,
    repo: Option<&LedgerRepo>,
    verified: &mut Verified,
) -> Result<u64, RunnerError> {
    let mut count = 0;
    each_record(
        store,
        Kind::Patch,
        |_| Ok(()),
        |record| {
            let Some(patch) = Patch::from_record(record).ok().filter(|patch| patch.title != PURGED) else {
                return Ok(());
            };
            count += 1;
            let missing = || Err((FindingCode::BlobMissing, "the ledger's repository is not there".to_owned()));
            if let Err((code, what)) = repo.map_or_else(missing, |repo| text_of(repo, &patch)) {
                verified.find(code, patch.id.to_string(), what);
            }
            Ok(())
        },
    )?;
    Ok(count)
}
