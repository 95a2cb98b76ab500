//! The clock and the randomness of the machine: read here, and nowhere below.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tollhouse_core::{Span, Timestamp};
use tollhouse_engine::At;

/// The time that was told last.
static LATEST: Mutex<Option<Latest>> = Mutex::new(None);

struct Latest {
    told: Timestamp,
    /// A time that the machine's clock said, and when that was by a clock that nobody sets.
    anchor: (Timestamp, Instant),
}

/// The time now. It never goes back: where the machine's clock is set back, time goes on from the latest that was told. A
/// clock set before 1970 reads as 1970.
pub fn now() -> Timestamp {
    tell(wall())
}

/// Tells no time before this one any more: what is on a ledger already was not later than now.
pub fn not_before(at: Timestamp) {
    tell(at);
}

fn tell(at: Timestamp) -> Timestamp {
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    match latest.as_mut() {
        Some(latest) if at < latest.told => {
            let (anchor, since) = latest.anchor;
            latest.told = latest.told.max(anchor.after(span(since.elapsed())));
            latest.told
        }
        _ => {
            *latest = Some(Latest { told: at, anchor: (at, Instant::now()) });
            at
        }
    }
}

fn span(duration: Duration) -> Span {
    Span::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// What the machine's clock says.
fn wall() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    #[cfg(feature = "failpoints")]
    let micros = micros.saturating_add(crate::failpoint::clock_shift().saturating_mul(1_000_000));
    Timestamp::from_micros(micros)
}

/// The time now, with randomness that was never used before.
pub fn at() -> At {
    At { now: now(), seed: fastrand::u64(..) }
}

/// 80 random bits for an id.
pub fn random_id_bits() -> u128 {
    fastrand::u128(..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_from_the_latest_that_was_told() {
        let ahead = now().after(Span::from_secs(3600));
        not_before(ahead);
        let (first, second) = (now(), now());
        assert!(first >= ahead && second >= first, "{ahead} {first} {second}");
        assert!(second < ahead.after(Span::from_secs(60)), "it goes on, and does not jump");
    }
}
