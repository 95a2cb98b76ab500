//! What is drawn: how much of it, and from which seed.

use std::hash::{BuildHasher as _, RandomState};

/// How many rounds are wanted: `TOLLHOUSE_TEST_ROUNDS`, or 64.
pub(crate) fn rounds() -> u64 {
    std::env::var("TOLLHOUSE_TEST_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

/// The seed that is wanted, or a fresh one; it is printed.
#[expect(clippy::print_stdout, reason = "who reads why a test failed must see what it drew")]
pub(crate) fn seeds() -> u64 {
    let given = std::env::var("TOLLHOUSE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("seed: TOLLHOUSE_TEST_SEED={seed}");
    seed
}

/// Numbers that a seed gives: `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Dice of their own, for another thread.
    pub(crate) fn another(&mut self) -> Self {
        Self(self.next())
    }
}
