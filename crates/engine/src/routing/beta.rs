//! A draw from a Beta distribution, in whole numbers.

/// Of more outcomes than these only the proportion counts: what an agent did long ago says less of what it does now, and a draw
/// takes time in proportion to them.
const OUTCOMES_MAX: u64 = 200;

/// How likely success is, drawn from what is known of it: from Beta(1 + accepted, 1 + refused), which is what a uniform prior
/// becomes after so many outcomes. Of a million.
///
/// Of n uniform numbers the k-th smallest is distributed as Beta(k, n + 1 - k) (David and Nagaraja, Order Statistics, 2003), so
/// that whole numbers do, and every machine draws the same.
pub(super) fn draw(accepted: u64, refused: u64, mut random: impl FnMut() -> u32) -> u32 {
    let (accepted, refused) = scaled(accepted, refused);
    let mut uniform: Vec<u32> = (0..=accepted + refused).map(|_| random()).collect();
    let (_, drawn, _) = uniform.select_nth_unstable(accepted);
    of_a_million(*drawn)
}

/// The same proportion of no more outcomes than count.
fn scaled(accepted: u64, refused: u64) -> (usize, usize) {
    let all = u128::from(accepted) + u128::from(refused);
    let most = u128::from(OUTCOMES_MAX);
    let (accepted, refused) = if all <= most {
        (u128::from(accepted), u128::from(refused))
    } else {
        let accepted = u128::from(accepted) * most / all;
        (accepted, most - accepted)
    };
    let small = |count: u128| usize::try_from(count).unwrap_or_default();
    (small(accepted), small(refused))
}

fn of_a_million(drawn: u32) -> u32 {
    u32::try_from((u64::from(drawn) * 1_000_000) >> 32).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The mean of many draws, of a million.
    fn mean(accepted: u64, refused: u64) -> u64 {
        let mut random = fastrand::Rng::with_seed(7);
        let draws = (0..4000).map(|_| u64::from(draw(accepted, refused, || random.u32(..))));
        draws.sum::<u64>() / 4000
    }

    #[test]
    fn draws_lie_around_the_mean_of_the_distribution() {
        for (accepted, refused) in [(0, 0), (1, 0), (0, 3), (8, 2), (150, 50), (60_000, 20_000)] {
            let known = [accepted, refused].map(|count| count.min(200_000));
            let (a, b) = if known[0] + known[1] > 200 { (150, 50) } else { (accepted, refused) };
            let expected = (a + 1) * 1_000_000 / (a + b + 2);
            let drawn = mean(accepted, refused);
            assert!(drawn.abs_diff(expected) < 15_000, "{accepted} of {refused}: {drawn} around {expected}");
        }
    }

    proptest! {
        #[test]
        fn any_figures_are_taken_and_the_same_numbers_draw_the_same(accepted: u64, refused: u64, seed: u64) {
            let once = || {
                let mut random = fastrand::Rng::with_seed(seed);
                draw(accepted, refused, || random.u32(..))
            };
            prop_assert!(once() < 1_000_000);
            prop_assert_eq!(once(), once());
        }
    }
}
