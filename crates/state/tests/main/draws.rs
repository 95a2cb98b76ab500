//! From which seeds is drawn.

use std::hash::{BuildHasher as _, RandomState};

/// One that is always the same, and the one that is wanted or else a fresh one; they are printed.
#[expect(clippy::print_stdout, reason = "who reads why a test failed must see what it drew")]
pub(crate) fn seeds() -> [u64; 2] {
    let given = std::env::var("TOLLHOUSE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("seeds: 1 and TOLLHOUSE_TEST_SEED={seed}");
    [1, seed]
}
