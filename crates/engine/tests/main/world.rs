//! The simulated world that the tests lead step by step.

pub(crate) use tollhouse_engine::simulator::{Luck, World, claimant, gate, new_patch, process, spec, task};

pub(crate) const ALL_LUCK: [Luck; 13] = Luck::ALL;
