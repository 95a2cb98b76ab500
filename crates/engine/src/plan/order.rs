//! Which gates belong together, and the order in which they are run by hand.

use std::collections::BTreeSet;

use tollhouse_core::spec::GateSpec;

/// These gates and all that they need, by name.
pub(crate) fn with_needed<'g>(gates: &'g [GateSpec], mut wanted: BTreeSet<&'g str>) -> BTreeSet<&'g str> {
    loop {
        let known = wanted.len();
        let chosen = gates.iter().filter(|gate| wanted.contains(gate.name.as_str()));
        let needed: Vec<&str> = chosen.flat_map(|gate| &gate.needs).map(String::as_str).collect();
        wanted.extend(needed);
        if wanted.len() == known {
            return wanted;
        }
    }
}

/// The gates with these names (all, if there are none), each after those of them that it needs.
///
/// # Errors
/// The names that no gate has.
pub fn gates_in_order<'g>(gates: &'g [GateSpec], names: &[String]) -> Result<Vec<&'g GateSpec>, Vec<String>> {
    let unknown: Vec<String> =
        names.iter().filter(|name| gates.iter().all(|gate| gate.name != **name)).cloned().collect();
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut left: Vec<&GateSpec> = gates.iter().filter(|gate| names.is_empty() || names.contains(&gate.name)).collect();
    let mut ordered = Vec::with_capacity(left.len());
    // Reading the configuration refused cycles, so each round finds one.
    while !left.is_empty() {
        let waits = |gate: &&GateSpec| gate.needs.iter().any(|need| left.iter().any(|other| other.name == *need));
        let next = left.iter().position(|gate| !waits(gate)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}
