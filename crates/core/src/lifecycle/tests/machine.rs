//! Every lifecycle in one form, made from its `next`.

use std::collections::{BTreeMap, BTreeSet};

use super::samples;
use crate::lifecycle::*;

/// A lifecycle.
pub(super) struct Machine {
    pub(super) name: &'static str,
    /// What it is for, in one sentence.
    pub(super) purpose: &'static str,
    pub(super) states: &'static [&'static str],
    pub(super) finished: Vec<&'static str>,
    pub(super) terminal: Vec<&'static str>,
    /// (from, event, to), in the order of the states and of the events.
    pub(super) moves: Vec<(&'static str, &'static str, &'static str)>,
}

/// (from, event) → every state that a guard can choose.
pub(super) type Table = BTreeMap<(String, String), BTreeSet<String>>;

macro_rules! machine {
    ($name:ident, $state:ident, $purpose:literal) => {{
        let which = |is: fn($state) -> bool| -> Vec<&'static str> {
            $state::ALL.iter().filter(|state| is(**state)).map(|state| state.as_str()).collect()
        };
        let mut moves = Vec::new();
        for from in $state::ALL {
            for event in samples::$name() {
                let to = $state::next(Some(*from), &event).ok();
                moves.extend(to.map(|to| (from.as_str(), event.name(), to.as_str())));
            }
        }
        Machine {
            name: stringify!($name),
            purpose: $purpose,
            states: $state::NAMES,
            finished: which($state::is_finished),
            terminal: which($state::is_terminal),
            moves,
        }
    }};
}

/// Every lifecycle there is, in the order of `Kind::ALL`.
pub(super) fn all() -> Vec<Machine> {
    vec![
        machine!(run, RunState, "One execution of a plan or a task, from its making to its outcome."),
        machine!(
            task,
            TaskState,
            "The unit of work: it waits for what it needs, is tried, and is done once its patch landed."
        ),
        machine!(attempt, AttemptState, "One try at a task; its task's events end it."),
        machine!(
            patch,
            PatchState,
            "A change on its way to the branch: judged, applied, verified and landed, or set aside."
        ),
        machine!(gate_run, GateRunState, "One execution of a gate on one tree; running it again is a new one."),
        machine!(
            effect,
            EffectState,
            "Something that the engine asked for in the world: intent, then act, then outcome."
        ),
        machine!(
            worker,
            WorkerState,
            "What executes attempts, one at a time, and may fall silent or die at any moment."
        ),
        machine!(
            workstream,
            WorkstreamState,
            "A named group of a run's tasks; its state is derived, and `derive` records each change."
        ),
        machine!(
            breaker,
            BreakerState,
            "What keeps an agent that fails again and again from being asked: one an agent."
        ),
        machine!(cost_entry, CostEntryState, "What something cost: written once and never changed."),
        machine!(budget, BudgetState, "How much may be spent; its state follows its figures, back too."),
    ]
}

impl Machine {
    /// The events that lead from nowhere to elsewhere: whatever takes them stays where it is.
    pub(super) fn notes(&self) -> BTreeSet<&'static str> {
        let moving: BTreeSet<&str> =
            self.moves.iter().filter(|(from, _, to)| from != to).map(|moved| moved.1).collect();
        self.moves.iter().map(|moved| moved.1).filter(|event| !moving.contains(event)).collect()
    }

    /// The table without the notes.
    pub(super) fn table(&self) -> Table {
        let notes = self.notes();
        let mut table = Table::new();
        for (from, event, to) in self.moves.iter().filter(|moved| !notes.contains(moved.1)) {
            table.entry(((*from).to_owned(), (*event).to_owned())).or_default().insert((*to).to_owned());
        }
        table
    }

    /// Where an event leads from a state, in the order of the lifecycle.
    pub(super) fn targets(&self, from: &str, event: &str) -> Vec<&'static str> {
        let leads = |to: &str| self.moves.contains(&(from, event, to));
        self.states.iter().copied().filter(|to| leads(to)).collect()
    }

    /// The events that a state takes, in the order of the lifecycle.
    pub(super) fn events_of(&self, state: &str) -> Vec<&'static str> {
        let mut events: Vec<&str> = self.moves.iter().filter(|moved| moved.0 == state).map(|moved| moved.1).collect();
        events.dedup();
        events
    }
}
