//! Ids as people read and type them.

use tollhouse_core::RecordId;

/// How many characters of an id are shown at least.
pub(super) const SHORT_CHARS_MIN: usize = 6;

/// What names each of some ids among the others.
///
/// ```
/// use tollhouse_core::{RecordId, TaskId, Timestamp};
/// use tollhouse_engine::report::ShortIds;
///
/// let ids: Vec<RecordId> = (0..20).map(|n| TaskId::from_parts(Timestamp::EPOCH, n).into()).collect();
/// let short = ShortIds::of(ids.iter().copied());
/// // They differ in their last character only.
/// assert_eq!(short.of_one(ids[3]), "0000000000000003");
/// assert_eq!(ShortIds::default().of_one(ids[3]), "000000");
/// ```
#[derive(Debug, Clone, Default)]
pub struct ShortIds {
    /// The random parts, in their order.
    parts: Vec<String>,
}

impl ShortIds {
    /// Of these ids.
    pub fn of(ids: impl IntoIterator<Item = RecordId>) -> Self {
        let mut parts: Vec<String> = ids.into_iter().map(|id| id.random_part()).collect();
        parts.sort_unstable();
        Self { parts }
    }

    /// The shortest prefix of an id's random part that names it among the others, of at least 6 characters.
    pub fn of_one(&self, id: RecordId) -> String {
        let own = id.random_part();
        let at = self.parts.partition_point(|part| *part < own);
        let after = at + usize::from(self.parts.get(at) == Some(&own));
        // Whatever begins as it does stands beside it.
        let beside = self.parts[..at].last().into_iter().chain(self.parts.get(after));
        let shared = beside.map(|other| other.bytes().zip(own.bytes()).take_while(|(a, b)| a == b).count()).max();
        own[..(shared.unwrap_or(0) + 1).clamp(SHORT_CHARS_MIN, own.len())].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollhouse_core::{PatchId, Timestamp};

    use super::*;

    proptest! {
        #[test]
        fn each_is_the_shortest_that_begins_no_other(numbers in proptest::collection::btree_set(0_u128..5000, 1..60)) {
            // In the high bits, where the first characters come from, as well as in the low ones.
            let ids = numbers.iter().map(|n| PatchId::from_parts(Timestamp::EPOCH, (n << 50) | (n % 3)).into());
            let ids: Vec<RecordId> = ids.collect();
            let short = ShortIds::of(ids.iter().copied());
            for id in &ids {
                let own = short.of_one(*id);
                let begins = |prefix: &str| ids.iter().filter(|id| id.random_part().starts_with(prefix)).count();
                prop_assert_eq!(begins(&own), 1);
                prop_assert!(own.len() == SHORT_CHARS_MIN || begins(&own[..own.len() - 1]) > 1);
            }
        }
    }
}
