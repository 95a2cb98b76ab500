//! What a task asks for, and who brings it.

use std::collections::BTreeSet;

use tollhouse_core::entity::Run;

use crate::guard::{Guard, lets};

/// Of what a task asks for, all that neither its agent nor who executes the attempt is able to do.
pub(crate) fn lacks<'c>(
    run: &Run,
    asked: &'c BTreeSet<String>,
    agent: &str,
    worker: &BTreeSet<String>,
) -> BTreeSet<&'c str> {
    if asked.is_empty() {
        return BTreeSet::new();
    }
    let agent = run.spec.agents.iter().find(|known| known.name == agent);
    let can = |word: &String| worker.contains(word) || agent.is_some_and(|agent| agent.capabilities.contains(word));
    asked.iter().filter(|word| !can(word)).map(String::as_str).collect()
}

/// Whether an agent and who executes its attempt are together able to do all that is asked for.
pub(crate) fn is_able(run: &Run, asked: &BTreeSet<String>, agent: &str, worker: &BTreeSet<String>) -> bool {
    lets(Guard::CapabilitiesFit, lacks(run, asked, agent, worker).is_empty())
}
