//! Worlds in which an agent fails again and again, or its provider asks to slow down.

use tollhouse_core::entity::ErrorClass;
use tollhouse_core::spec::{AgentSpec, Escalation, RouteSpec, RunSpec, Strategy, TaskSpec};

use super::{Allowance, NONE, Setting, Try, plan, tasks};

/// An agent that failed four times in a row fails once more: what is under way by then, and what is the trial.
pub(in crate::explore) fn breaker() -> Setting {
    let two = tasks(&[("a", &[]), ("b", &[])]);
    Setting {
        tries: &[Try::Good, Try::ExitsWith3, Try::CannotBegin(ErrorClass::ResourceLimit)],
        failures_before: 4,
        ..Setting::of("breaker", plan(two, 2, Vec::new()))
    }
}

/// A provider asks to slow down.
pub(in crate::explore) fn slow_down() -> Setting {
    let mut two = tasks(&[("a", &[]), ("b", &[])]);
    two[1].attempts = 1;
    Setting { tries: &[Try::Good, Try::SlowDown], ..Setting::of("slow down", plan(two, 2, Vec::new())) }
}

/// One task ends in the same way again and again, or by a rule that refused no patch.
pub(in crate::explore) fn same_ends() -> Setting {
    let mut one = tasks(&[("a", &[])]);
    one[0].attempts = 4;
    Setting {
        tries: &[Try::ExitsWith3, Try::CannotBegin(ErrorClass::ToolFailure), Try::CannotBegin(ErrorClass::Policy)],
        ..Setting::of("same ends", plan(one, 1, Vec::new()))
    }
}

/// Has a task go to one of these agents.
fn routed(task: &mut TaskSpec, strategy: Strategy, agents: &[&str]) {
    let agents: Vec<String> = agents.iter().map(|agent| (*agent).to_owned()).collect();
    task.agent.clone_from(&agents[0]);
    task.route = Some(RouteSpec { rule: None, strategy, agents });
}

/// More agents like the first.
fn joined(mut spec: RunSpec, names: &[&str]) -> RunSpec {
    let more = names.iter().map(|name| AgentSpec { name: (*name).to_owned(), ..spec.agents[0].clone() });
    let more: Vec<AgentSpec> = more.collect();
    spec.agents.extend(more);
    spec
}

/// An agent that does one thing at a time and failed four times in a row is the first choice of one task, and the only one of
/// another: there is a second that the first task may go to.
pub(in crate::explore) fn fallback() -> Setting {
    let mut two = tasks(&[("a", &[]), ("b", &[])]);
    routed(&mut two[0], Strategy::Fixed, &["script", "second"]);
    two[1].attempts = 1;
    let mut spec = joined(plan(two, 2, Vec::new()), &["second"]);
    spec.agents[0].max_parallel = Some(1);
    Setting {
        tries: &[Try::Good, Try::ExitsWith3, Try::CannotBegin(ErrorClass::ResourceLimit)],
        failures_before: 4,
        ..Setting::of("fallback", spec)
    }
}

/// Two agents take turns, until the task is handed on to a third; the conductor dies.
pub(in crate::explore) fn handed_on() -> Setting {
    let mut one = tasks(&[("a", &[])]);
    routed(&mut one[0], Strategy::RoundRobin, &["script", "second"]);
    one[0].attempts = 4;
    one[0].escalate.push(Escalation { after: 3, agent: "third".to_owned() });
    Setting {
        tries: &[Try::Good, Try::ExitsWith3],
        allowance: Allowance { deaths: 1, ..NONE },
        ..Setting::of("handed on", joined(plan(one, 1, Vec::new()), &["second", "third"]))
    }
}
