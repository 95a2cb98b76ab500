//! The shortest path that an automaton matches and none of others does.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::automaton::Automaton;
use super::bytes::Bytes;
use super::path::{Part, Search, Trail, kinds};

/// More places than this are not looked at.
const PLACES_MAX: usize = 1 << 16;

/// More ways on than this are not looked at.
const WORK_MAX: usize = 1 << 19;

/// Looks for the shortest path that `one` matches and none of `others` does, breadth first.
pub(super) fn beyond(one: &Automaton, others: &[&Automaton]) -> Search {
    let samples = samples(one, others);
    let mut crowds = Crowds::new(others);
    let (mut trail, mut work) = (Trail::default(), 0);
    let Some(first) = crowds.first() else { return Search::Nothing };
    let mut seen = BTreeSet::new();
    let mut open = VecDeque::from([((0, Part::Empty, first), Trail::ROOT)]);
    while let Some(((state, part, crowd), path)) = open.pop_front() {
        if part.may_end() && one.accepts(state) && !crowds.accepts(crowd) {
            return Search::Found(trail.path(path));
        }
        for edge in one.edges(state) {
            work += samples.len();
            for (number, byte) in samples.iter().enumerate().filter(|(_, byte)| edge.set.has(**byte)) {
                let Some(part) = part.with(*byte) else { continue };
                let Some(crowd) = crowds.after(crowd, (number, *byte)) else { continue };
                let next = (edge.to, part, crowd);
                if seen.insert(next) {
                    open.push_back((next, trail.add(path, *byte)));
                }
            }
        }
        if seen.len() > PLACES_MAX || work + crowds.work > WORK_MAX {
            return Search::GivenUp;
        }
    }
    Search::Nothing
}

/// One byte for each kind that no set in play tells apart, the likeliest of its kind.
fn samples(one: &Automaton, others: &[&Automaton]) -> Vec<u8> {
    let sets: BTreeSet<Bytes> = others.iter().flat_map(|other| other.sets()).chain(one.sets()).chain(kinds()).collect();
    let mut kinds = BTreeSet::from([Bytes::ALL]);
    for set in sets {
        kinds = kinds.into_iter().flat_map(|kind| [kind.and(set), kind.but_for(set)]).collect();
        kinds.remove(&Bytes::NONE);
    }
    kinds.into_iter().filter_map(Bytes::likeliest).collect()
}

/// States that several automata are in after the same path, as one state of a deterministic automaton that is made as far
/// as it is asked for. A crowd that matches whatever follows is none: nothing lies beyond it.
struct Crowds<'a> {
    others: &'a [&'a Automaton],
    /// Their numbers, by their members.
    known: BTreeMap<Vec<(usize, usize)>, usize>,
    members: Vec<Vec<(usize, usize)>>,
    /// Where a crowd comes to with a byte, by the byte's number.
    next: BTreeMap<(usize, usize), Option<usize>>,
    /// How many edges were followed.
    work: usize,
}

impl<'a> Crowds<'a> {
    fn new(others: &'a [&'a Automaton]) -> Self {
        Self { others, known: BTreeMap::new(), members: Vec::new(), next: BTreeMap::new(), work: 0 }
    }

    fn first(&mut self) -> Option<usize> {
        let first = (0..self.others.len()).map(|which| (which, 0)).collect();
        self.number(first)
    }

    fn accepts(&self, crowd: usize) -> bool {
        self.members[crowd].iter().any(|(which, state)| self.others[*which].accepts(*state))
    }

    fn after(&mut self, crowd: usize, (number, byte): (usize, u8)) -> Option<usize> {
        if let Some(next) = self.next.get(&(crowd, number)) {
            return *next;
        }
        let mut after = BTreeSet::new();
        for (which, state) in &self.members[crowd] {
            let edges = self.others[*which].edges(*state);
            self.work += edges.len();
            after.extend(edges.iter().filter(|edge| edge.set.has(byte)).map(|edge| (*which, edge.to)));
        }
        let next = self.number(after.into_iter().collect());
        self.next.insert((crowd, number), next);
        next
    }

    fn number(&mut self, crowd: Vec<(usize, usize)>) -> Option<usize> {
        if crowd.iter().any(|(which, state)| self.others[*which].accepts_all(*state)) {
            return None;
        }
        if let Some(number) = self.known.get(&crowd) {
            return Some(*number);
        }
        let number = self.members.len();
        self.known.insert(crowd.clone(), number);
        self.members.push(crowd);
        Some(number)
    }
}
