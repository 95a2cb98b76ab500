//! `cargo xtask soak`: the tests, drawing so much more that rare orders of events turn up.

use crate::environment::{Failure, Repo};
use crate::test;

pub(crate) const ROUNDS: u32 = 1024;

pub(crate) fn run(repo: &Repo) -> Result<(), Failure> {
    test::run("soak", repo)
}
