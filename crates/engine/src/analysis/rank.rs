//! Who goes first where there is not room for all.

use std::cmp::Reverse;

use tollhouse_core::Span;
use tollhouse_core::spec::TaskSpec;

/// What a task is chosen by; the greatest goes first. Compared in the order of its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// How urgent a person says it is.
    priority: u8,
    /// How long the longest chain is that begins with it: what is late there makes the run late.
    remaining: Span,
    /// How many tasks wait for it themselves.
    dependents: usize,
    /// What was queued first goes first, and that is the order of the plan where all are queued at once.
    place: Reverse<usize>,
}

/// The rank of a task: its longest remaining chain, itself included ([`TaskGraph::remaining`](super::TaskGraph::remaining)),
/// how many tasks need it themselves, and its place among those that wait.
pub fn rank(task: &TaskSpec, remaining: Span, dependents: usize, place: usize) -> Rank {
    Rank { priority: priority(task), remaining, dependents, place: Reverse(place) }
}

/// No task says yet how urgent it is.
const fn priority(_: &TaskSpec) -> u8 {
    0
}
