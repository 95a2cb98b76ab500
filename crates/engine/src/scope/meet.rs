//! The shortest path that two automata match.

use std::collections::VecDeque;

use super::automaton::Automaton;
use super::path::{PARTS, Part, Search, Trail, samples};

/// More pairs of states than this are not kept apart: a bit each.
const PAIRS_MAX: usize = 1 << 24;

/// More paths than this are not followed.
const PATHS_MAX: usize = 1 << 20;

/// More pairs of edges than this are not looked at.
const WORK_MAX: usize = 1 << 23;

/// A place in the search: how both automata stand after the same path.
#[derive(Debug, Clone, Copy)]
struct Place {
    one: usize,
    other: usize,
    part: Part,
    path: usize,
}

/// Looks for the shortest path that both match, breadth first.
pub(super) fn meet(one: &Automaton, other: &Automaton) -> Search {
    let pairs = one.len() * other.len() * PARTS;
    if pairs > PAIRS_MAX {
        return Search::GivenUp;
    }
    let mut seen = vec![0_u64; pairs.div_ceil(64)];
    let mut is_new = |place: &Place| {
        let number = (place.one * other.len() + place.other) * PARTS + place.part as usize;
        let bit = 1 << (number % 64);
        let was = seen[number / 64] & bit;
        seen[number / 64] |= bit;
        was == 0
    };
    let (mut trail, mut work) = (Trail::default(), 0);
    let mut open = VecDeque::from([Place { one: 0, other: 0, part: Part::Empty, path: Trail::ROOT }]);
    while let Some(here) = open.pop_front() {
        if here.part.may_end() && one.accepts(here.one) && other.accepts(here.other) {
            return Search::Found(trail.path(here.path));
        }
        let edges = one.edges(here.one);
        let pairs = edges.iter().flat_map(|edge| other.edges(here.other).iter().map(move |with| (edge, with)));
        for (edge, with) in pairs {
            work += 1;
            for byte in samples(edge.set.and(with.set)) {
                let Some(part) = here.part.with(byte) else { continue };
                let mut next = Place { one: edge.to, other: with.to, part, path: here.path };
                if is_new(&next) {
                    next.path = trail.add(here.path, byte);
                    open.push_back(next);
                }
            }
        }
        if work > WORK_MAX || trail.len() > PATHS_MAX {
            return Search::GivenUp;
        }
    }
    Search::Nothing
}
