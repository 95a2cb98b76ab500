//! How well an agent does, of those that may be asked now.

use tollhouse_core::spec::TrackRecord;

/// A whole, of which every share is told.
const MILLION: u64 = 1_000_000;

/// What two records come to together.
pub(crate) const fn merged(one: TrackRecord, other: TrackRecord) -> TrackRecord {
    TrackRecord {
        leases: one.leases.saturating_add(other.leases),
        accepted: one.accepted.saturating_add(other.accepted),
        refused: one.refused.saturating_add(other.refused),
        timed: one.timed.saturating_add(other.timed),
        time: tollhouse_core::Span::from_millis(one.time.as_millis().saturating_add(other.time.as_millis())),
        priced: one.priced.saturating_add(other.priced),
        cost: one.cost.saturating_add(other.cost),
    }
}

/// The means of an agent's attempts, as far as they are known.
#[derive(Clone, Copy)]
struct Means {
    millis: Option<u64>,
    nanos: Option<u64>,
}

impl Means {
    fn of(record: &TrackRecord) -> Self {
        let cost = u64::try_from(record.cost.as_nanos()).unwrap_or_default();
        Self { millis: record.time.as_millis().checked_div(record.timed), nanos: cost.checked_div(record.priced) }
    }
}

/// The scores of agents, in their order, from how likely each is to succeed: `drawn × (4 + speed + thrift) / 6`, where speed is the
/// least mean time of any of them by its own, and thrift the same of cost. So who never succeeds is worth nothing however quick it
/// is, and slowness and cost take off a third at most. What is not known takes off nothing: it is not 0, and whoever has it is
/// tried. Of a million.
pub(super) fn scores(records: &[TrackRecord], drawn: &[u32]) -> Vec<u32> {
    let means: Vec<Means> = records.iter().map(Means::of).collect();
    let least = |of: fn(&Means) -> Option<u64>| means.iter().filter_map(of).min();
    let (quickest, cheapest) = (least(|means| means.millis), least(|means| means.nanos));
    let of_one = |(means, drawn): (&Means, &u32)| {
        let shares = 4 * MILLION + share(quickest, means.millis) + share(cheapest, means.nanos);
        u32::try_from(u64::from(*drawn) * shares / (6 * MILLION)).unwrap_or(u32::MAX)
    };
    means.iter().zip(drawn).map(of_one).collect()
}

/// The least by one's own, of a million.
fn share(least: Option<u64>, own: Option<u64>) -> u64 {
    let (Some(least), Some(own)) = (least, own) else { return MILLION };
    let share = (u128::from(least) * u128::from(MILLION)).checked_div(u128::from(own));
    share.map_or(MILLION, |share| u64::try_from(share).unwrap_or(MILLION).min(MILLION))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollhouse_core::{Money, Span};

    use super::*;

    fn record(seconds: Option<u64>, dollars: Option<i64>) -> TrackRecord {
        TrackRecord {
            timed: seconds.map_or(0, |_| 1),
            time: Span::from_secs(seconds.unwrap_or_default()),
            priced: dollars.map_or(0, |_| 1),
            cost: Money::from_nanos(dollars.unwrap_or_default() * 1_000_000_000),
            ..TrackRecord::default()
        }
    }

    #[test]
    fn who_is_slow_and_dear_loses_a_third_at_most() {
        let records = [record(Some(1), Some(0)), record(Some(1_000_000), Some(100)), record(Some(2), Some(0))];
        let scores = scores(&records, &[900_000, 900_000, 900_000]);
        assert_eq!(scores, [900_000, 600_000, 825_000]);
    }

    #[test]
    fn what_is_unknown_is_not_nothing_and_takes_off_nothing() {
        let records = [record(None, None), record(Some(10), Some(2))];
        assert_eq!(scores(&records, &[500_000, 500_000]), [500_000, 500_000]);
    }

    proptest! {
        #[test]
        fn a_score_is_never_above_what_was_drawn_and_never_below_two_thirds(
            all in proptest::collection::vec((any::<[u64; 4]>(), any::<i64>(), 0_u32..1_000_000), 1..5),
        ) {
            let records: Vec<TrackRecord> = all.iter().map(|([leases, timed, time, priced], cost, _)| TrackRecord {
                leases: *leases,
                timed: *timed,
                time: Span::from_millis(*time),
                priced: *priced,
                cost: Money::from_nanos(*cost),
                ..TrackRecord::default()
            }).collect();
            let drawn: Vec<u32> = all.iter().map(|(_, _, drawn)| *drawn).collect();
            for (score, drawn) in scores(&records, &drawn).into_iter().zip(drawn) {
                prop_assert!(score <= drawn && u64::from(score) >= u64::from(drawn) * 2 / 3);
            }
        }
    }
}
