//! What a glob matches, as an automaton over bytes.

use super::bytes::Bytes;
use super::expression::{self, Step};

/// Where more steps than this lie between the bytes of an expression, it is refused.
const WORK_MAX: usize = 1 << 18;

/// A nondeterministic automaton that takes a byte at each step. State 0 is the first.
#[derive(Debug, Clone)]
pub(super) struct Automaton {
    states: Vec<State>,
    edges: Vec<Edge>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Where its edges end; they begin where those of the state before it end.
    edges_end: usize,
    accepts: bool,
}

/// What leads from one state to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) set: Bytes,
    pub(super) to: usize,
}

impl Automaton {
    /// Of an expression that `globset` made; `None` where it is not understood, or would become too large.
    pub(super) fn of(expression: &str) -> Option<Self> {
        let steps = expression::read(expression)?;
        // The step that each state begins at, and the state that begins at each step.
        let (mut entries, mut state_of) = (vec![0], vec![None; steps.len()]);
        state_of[0] = Some(0);
        let (mut states, mut edges) = (Vec::new(), Vec::new());
        let mut seen_by = vec![usize::MAX; steps.len()];
        let mut work = 0;
        while let Some(entry) = entries.get(states.len()) {
            let mut accepts = false;
            let mut open = vec![*entry];
            while let Some(at) = open.pop() {
                if std::mem::replace(&mut seen_by[at], states.len()) == states.len() {
                    continue;
                }
                work += 1;
                match steps[at] {
                    Step::Fork(one, other) => open.extend([other, one]),
                    Step::Done => accepts = true,
                    Step::Take(set, next) => {
                        let to = *state_of[next].get_or_insert_with(|| {
                            entries.push(next);
                            entries.len() - 1
                        });
                        edges.push(Edge { set, to });
                    }
                }
            }
            if work > WORK_MAX {
                return None;
            }
            states.push(State { edges_end: edges.len(), accepts });
        }
        Some(Self { states, edges })
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Whether what led here is matched.
    pub(super) fn accepts(&self, state: usize) -> bool {
        self.states[state].accepts
    }

    pub(super) fn edges(&self, state: usize) -> &[Edge] {
        let begin = state.checked_sub(1).map_or(0, |before| self.states[before].edges_end);
        &self.edges[begin..self.states[state].edges_end]
    }

    /// Whether all that begins with what led here is matched.
    pub(super) fn accepts_all(&self, state: usize) -> bool {
        self.accepts(state) && self.edges(state).contains(&Edge { set: Bytes::ALL, to: state })
    }

    /// The sets of all its edges, some of them more than once.
    pub(super) fn sets(&self) -> impl Iterator<Item = Bytes> {
        self.edges.iter().map(|edge| edge.set)
    }
}
