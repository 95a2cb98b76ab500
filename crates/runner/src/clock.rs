//! The clock and the randomness of the machine: read here, and nowhere below.

use std::time::{SystemTime, UNIX_EPOCH};

use tollhouse_core::Timestamp;
use tollhouse_engine::At;

/// The time now. A clock set before 1970 reads as 1970.
pub fn now() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    Timestamp::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}

/// The time now, with randomness that was never used before.
pub fn at() -> At {
    At { now: now(), seed: fastrand::u64(..) }
}

/// 80 random bits for an id.
pub fn random_id_bits() -> u128 {
    fastrand::u128(..)
}
