//! Whether the contents that a ledger names are there and what their names say.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::RecordId;
use tollhouse_engine::blobs_of;
use tollhouse_engine::verify::{FINDINGS_MAX, FindingCode, Verified};
use tollhouse_state::Store;

use super::{BlobProblem, Blobs, each_naming};
use crate::error::RunnerError;

/// Of how many contents it is kept in mind that they were looked at: the others are looked at again where they are named again.
const SEEN_MAX: usize = 1 << 16;

/// How many of the records that name one content are told.
const NAMING_TOLD_MAX: usize = 3;

/// Looks at every content that a record names, and finds those that are missing, something else, or not to be read; the answer
/// is how many it looked at. It needs the same memory for a ledger of any size, and for contents of any size.
///
/// Records that cannot be read are passed over here: [`tollhouse_engine::verify::verify`] finds them.
///
/// # Errors
/// The store cannot be read at all.
pub fn verify_blobs<S: Store + ?Sized>(store: &S, blobs: &Blobs, verified: &mut Verified) -> Result<u64, RunnerError> {
    let mut look =
        Look { blobs, seen: BTreeSet::new(), count: 0, amiss: Vec::new(), places: BTreeMap::new(), beyond: 0 };
    each_naming(
        store,
        |_| Ok(()),
        |record| {
            let named = blobs_of(record).unwrap_or_default();
            named.into_iter().try_for_each(|digest| look.at(digest, record.id))
        },
    )?;
    look.amiss.iter().for_each(|amiss| verified.find(amiss.code, amiss.digest.as_str(), amiss.told()));
    verified.findings_count += look.beyond;
    Ok(look.count)
}

/// One look at all that is named.
struct Look<'a> {
    blobs: &'a Blobs,
    seen: BTreeSet<String>,
    count: u64,
    /// In the order in which they were found.
    amiss: Vec<Amiss>,
    /// Where they are among those, by their names.
    places: BTreeMap<String, usize>,
    /// How many more there are than are kept.
    beyond: u64,
}

/// A content that is not as it must be.
struct Amiss {
    digest: String,
    code: FindingCode,
    what: String,
    /// Those that name it, and are told.
    naming: Vec<RecordId>,
    /// How many more name it.
    more: u64,
}

impl Look<'_> {
    fn at(&mut self, digest: String, record: RecordId) -> Result<(), RunnerError> {
        if let Some(amiss) = self.places.get(&digest).and_then(|place| self.amiss.get_mut(*place)) {
            amiss.name(record);
            return Ok(());
        }
        if self.seen.contains(&digest) {
            return Ok(());
        }
        self.count += 1;
        match check(self.blobs, &digest)? {
            Some((code, what)) if self.amiss.len() < FINDINGS_MAX => {
                self.places.insert(digest.clone(), self.amiss.len());
                self.amiss.push(Amiss { digest, code, what, naming: vec![record], more: 0 });
                return Ok(());
            }
            Some(_) => self.beyond += 1,
            None => {}
        }
        if self.seen.len() < SEEN_MAX {
            self.seen.insert(digest);
        }
        Ok(())
    }
}

impl Amiss {
    fn name(&mut self, record: RecordId) {
        if self.naming.len() < NAMING_TOLD_MAX { self.naming.push(record) } else { self.more += 1 }
    }

    fn told(&self) -> String {
        let mut names: Vec<String> = self.naming.iter().map(RecordId::to_string).collect();
        names.extend((self.more > 0).then(|| format!("{} more", self.more)));
        let name = if names.len() == 1 { "names" } else { "name" };
        let last = names.pop().unwrap_or_default();
        let names = if names.is_empty() { last } else { format!("{} and {last}", names.join(", ")) };
        format!("{names} {name} it, and {}", self.what)
    }
}

/// What is wrong with a content; nothing where it is what its name says.
fn check(blobs: &Blobs, digest: &str) -> Result<Option<(FindingCode, String)>, RunnerError> {
    let found = match blobs.check(digest) {
        Ok(()) => return Ok(None),
        Err(RunnerError::Blob(BlobProblem::Missing { .. })) => (FindingCode::BlobMissing, "it is not there".to_owned()),
        Err(RunnerError::Blob(BlobProblem::Differs { .. })) => {
            (FindingCode::BlobDiffers, "it is something else".to_owned())
        }
        // Whoever may not look cannot say what is there; the others are still looked at.
        Err(RunnerError::Io { source, .. }) => (FindingCode::Unreadable, format!("it cannot be read: {source}")),
        Err(error) => return Err(error),
    };
    Ok(Some(found))
}
