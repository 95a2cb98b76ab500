//! Circles in what needs what, found in linear time and without recursion.

use std::collections::VecDeque;

use crate::analysis::TaskGraph;

/// At most so many names of a circle are shown.
const SHOWN_MAX: usize = 10;

/// One circle for every knot of nodes that need each other, in order of its first node: the shortest through that node,
/// which stands first and not again at the end. A node that needs itself is no knot here; it is told on its own.
pub(super) fn cycles(needs: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let component = components(needs);
    let mut size = vec![0_usize; needs.len()];
    for knot in &component {
        size[*knot] += 1;
    }
    let mut told = vec![false; needs.len()];
    // Shared by all knots, which have no node in common.
    let mut came_from = vec![None; needs.len()];
    let mut found = Vec::new();
    for (node, knot) in component.iter().enumerate() {
        if size[*knot] > 1 && !std::mem::replace(&mut told[*knot], true) {
            found.push(shortest_through(node, needs, &component, &mut came_from));
        }
    }
    found
}

/// How many are in no circle, and need by any way what is in one.
pub(super) fn behind(needs: &[Vec<usize>]) -> usize {
    let component = components(needs);
    let mut size = vec![0_usize; needs.len()];
    for knot in &component {
        size[*knot] += 1;
    }
    let in_circle = component.iter().filter(|knot| size[**knot] > 1).count();
    TaskGraph::new(needs).unreachable().len().saturating_sub(in_circle)
}

/// `a → b → a`, shortened in the middle where it is long.
pub(super) fn show(names: &[&str]) -> String {
    let first = names.first().copied().unwrap_or_default();
    let mut shown: Vec<String> = names.iter().take(SHOWN_MAX).map(|name| (*name).to_owned()).collect();
    if names.len() > SHOWN_MAX {
        shown.push(format!("… {} more", names.len() - SHOWN_MAX));
    }
    shown.push(first.to_owned());
    shown.join(" → ")
}

fn shortest_through(
    start: usize,
    needs: &[Vec<usize>],
    component: &[usize],
    came_from: &mut [Option<usize>],
) -> Vec<usize> {
    let mut queue = VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &next in &needs[node] {
            if next == start && node != start {
                let mut path = vec![node];
                while let Some(before) = path.last().and_then(|last| came_from[*last]) {
                    path.push(before);
                }
                path.reverse();
                return path;
            }
            if component[next] == component[start] && next != start && came_from[next].is_none() {
                came_from[next] = Some(node);
                queue.push_back(next);
            }
        }
    }
    vec![start]
}

/// For each node a number that it shares with exactly those that it needs and that need it, by any way (Tarjan).
fn components(needs: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut seen_at = vec![UNSEEN; needs.len()];
    let mut low = vec![0; needs.len()];
    let mut component = vec![UNSEEN; needs.len()];
    let (mut open, mut clock) = (Vec::new(), 0);
    for root in 0..needs.len() {
        if seen_at[root] != UNSEEN {
            continue;
        }
        // Each entry is a node and how many of its needs were followed.
        let mut path = vec![(root, 0)];
        while let Some((node, followed)) = path.last_mut() {
            let node = *node;
            if *followed == 0 {
                (seen_at[node], low[node]) = (clock, clock);
                clock += 1;
                open.push(node);
            }
            if let Some(&next) = needs[node].get(*followed) {
                *followed += 1;
                if seen_at[next] == UNSEEN {
                    path.push((next, 0));
                } else if component[next] == UNSEEN {
                    low[node] = low[node].min(seen_at[next]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                low[*parent] = low[*parent].min(low[node]);
            }
            if low[node] == seen_at[node] {
                while let Some(member) = open.pop() {
                    component[member] = node;
                    if member == node {
                        break;
                    }
                }
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_circle_is_told_from_its_first_node() {
        assert_eq!(cycles(&[vec![], vec![2], vec![3], vec![1], vec![1]]), [vec![1, 2, 3]]);
    }

    #[test]
    fn two_knots_are_two_circles() {
        assert_eq!(cycles(&[vec![1], vec![0, 2], vec![3], vec![2]]), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn those_behind_a_circle_are_counted() {
        assert_eq!(behind(&[vec![1], vec![0], vec![1], vec![2, 4], vec![]]), 2);
        assert_eq!(behind(&[vec![], vec![0]]), 0);
    }

    #[test]
    fn a_chain_is_no_circle() {
        let chain: Vec<Vec<usize>> = (0..100_000).map(|node| if node == 0 { vec![] } else { vec![node - 1] }).collect();
        assert!(cycles(&chain).is_empty());
    }

    #[test]
    fn a_circle_of_a_hundred_thousand_is_found() {
        let ring: Vec<Vec<usize>> = (0..100_000).map(|node| vec![(node + 1) % 100_000]).collect();
        assert_eq!(cycles(&ring)[0].len(), 100_000);
    }

    #[test]
    fn a_long_circle_is_shown_in_short() {
        let names: Vec<String> = (0..12).map(|node| format!("t{node}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(show(&names), "t0 → t1 → t2 → t3 → t4 → t5 → t6 → t7 → t8 → t9 → … 2 more → t0");
        assert_eq!(show(&["a", "b"]), "a → b → a");
    }

    proptest! {
        /// A graph has a circle exactly where leaving out nodes without needs does not empty it.
        #[test]
        fn circles_are_real_and_none_is_missed(needs in graph()) {
            let found = cycles(&needs);
            for circle in &found {
                for (at, node) in circle.iter().enumerate() {
                    prop_assert!(needs[*node].contains(&circle[(at + 1) % circle.len()]));
                }
            }
            prop_assert_eq!(found.is_empty(), can_be_emptied(&needs));
        }
    }

    fn graph() -> impl Strategy<Value = Vec<Vec<usize>>> {
        (1_usize..9).prop_flat_map(|count| {
            proptest::collection::vec(proptest::collection::vec(0..count, 0..4), count).prop_map(|mut needs| {
                needs.iter_mut().enumerate().for_each(|(node, list)| list.retain(|need| *need != node));
                needs
            })
        })
    }

    fn can_be_emptied(needs: &[Vec<usize>]) -> bool {
        let mut done = vec![false; needs.len()];
        for _ in 0..needs.len() {
            for node in 0..needs.len() {
                done[node] |= needs[node].iter().all(|need| done[*need]);
            }
        }
        done.iter().all(|done| *done)
    }
}
