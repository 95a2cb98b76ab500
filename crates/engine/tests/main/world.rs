//! The simulated world that the tests lead step by step.

pub(crate) use tollhouse_engine::simulator::{Luck, SLOW_DOWN, World, claimant, gate, new_patch, process, spec, task};

pub(crate) const ALL_LUCK: [Luck; 14] = Luck::ALL;
