//! Which gates judge which task.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::spec::{GateSpec, Requirement, RunSpec, TaskSpec};

use super::CheckedGates;
use crate::plan::{gates_in_order, with_needed};

pub(super) fn in_order(gates: &[GateSpec]) -> impl Iterator<Item = &GateSpec> {
    // All names are meant, and no name is unknown.
    gates_in_order(gates, &[]).unwrap_or_default().into_iter()
}

/// The gates of a run, asked for by many tasks that mostly name the same ones.
pub(super) struct Gates<'s> {
    ordered: Vec<&'s GateSpec>,
    all: &'s [GateSpec],
    known: BTreeMap<Option<&'s [String]>, CheckedGates>,
}

impl<'s> Gates<'s> {
    pub(super) fn new(spec: &'s RunSpec) -> Self {
        Self { ordered: in_order(&spec.gates).collect(), all: &spec.gates, known: BTreeMap::new() }
    }

    /// The gates that a task names, all if it names none, and those that they need.
    pub(super) fn of(&mut self, task: &'s TaskSpec) -> &CheckedGates {
        let Self { ordered, all, known } = self;
        known.entry(task.gates.as_deref()).or_insert_with_key(|named| {
            let named: BTreeSet<&str> = match named {
                Some(names) => names.iter().map(String::as_str).collect(),
                None => ordered.iter().map(|gate| gate.name.as_str()).collect(),
            };
            let wanted = with_needed(all, named);
            let mut chosen = CheckedGates::default();
            for gate in ordered.iter().filter(|gate| wanted.contains(gate.name.as_str())) {
                match gate.requirement {
                    Requirement::Required => chosen.required.push(gate.name.clone()),
                    Requirement::Advisory => chosen.advisory.push(gate.name.clone()),
                }
            }
            chosen
        })
    }
}
