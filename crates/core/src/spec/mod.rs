//! What a person asked for, after it was read and checked: the part of plan and configuration that a run keeps, so that
//! what counts is what stood there when it began.

mod agent;
mod gate;
mod route;
mod run;
mod task;

pub use agent::{AgentSpec, PolicySpec};
pub use gate::{GateKind, GateSpec, OnFlaky, Program, Requirement};
pub use route::{RouteSpec, Strategy, TrackRecord};
pub use run::{BudgetSpec, CommitAuthor, Crew, LandMode, OnExhausted, RunSpec, WorkspaceSpec, WorkstreamSpec};
pub use task::{Escalation, OnDependencyFailure, Priority, Risk, TaskSpec, Weight};

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::limits::STALL_TIMEOUT_DEFAULT;
    use crate::time::Span;

    /// As it was written before these fields were there.
    fn without(spec: impl Serialize, fields: &[&str]) -> Value {
        let mut value = serde_json::to_value(spec).unwrap();
        for field in fields {
            assert!(value.as_object_mut().unwrap().remove(*field).is_some(), "{field}");
        }
        value
    }

    #[test]
    fn what_an_older_version_wrote_is_read_as_if_it_said_nothing() {
        let fields = ["workstream", "priority", "capabilities", "kind", "risk", "reserve", "escalate", "route"];
        let task = without(TaskSpec::default(), &fields);
        assert_eq!(serde_json::from_value::<TaskSpec>(task).unwrap(), TaskSpec::default());
        let fields = ["workstreams", "acceptance", "fixer", "budget", "crew", "deadline", "stall_timeout", "records"];
        let run = without(RunSpec::default(), &fields);
        assert_eq!(serde_json::from_value::<RunSpec>(run).unwrap(), RunSpec::default());
    }

    #[test]
    fn a_run_without_a_stall_timeout_has_the_usual_one() {
        let run = without(RunSpec { stall_timeout: Span::from_secs(1), ..RunSpec::default() }, &["stall_timeout"]);
        assert_eq!(serde_json::from_value::<RunSpec>(run).unwrap().stall_timeout, STALL_TIMEOUT_DEFAULT);
    }

    #[test]
    fn urgent_is_the_greatest_priority() {
        let said =
            ["low", "normal", "high", "urgent"].map(|word| serde_json::from_value::<Priority>(json!(word)).unwrap());
        assert!(said.is_sorted());
        assert_eq!(Priority::default(), said[1]);
    }
}
