//! Worlds with workstreams, and with runs that are judged as a whole.

use tollhouse_core::spec::{GateSpec, RunSpec, TaskSpec, Weight, WorkstreamSpec};

use super::{Allowance, Answer, NONE, Setting, Try, one_try, plan, tasks};
use crate::world;

fn stream(name: &str, needs: &[&str]) -> WorkstreamSpec {
    let needs = needs.iter().map(|need| (*need).to_owned()).collect();
    WorkstreamSpec { name: name.to_owned(), needs, weight: Weight::Optional, ..WorkstreamSpec::default() }
}

/// Each of these tasks in the workstream beside it; none of their changes needs a gate.
fn within(streams: Vec<WorkstreamSpec>, tasks: Vec<TaskSpec>, of: &[&str]) -> RunSpec {
    let tasks = tasks.into_iter().zip(of).map(|(task, stream)| TaskSpec {
        gates: Some(Vec::new()),
        workstream: (!stream.is_empty()).then(|| (*stream).to_owned()),
        ..task
    });
    RunSpec { workstreams: streams, ..plan(tasks.collect(), 2, whole()) }
}

/// A gate on what landed, all in all.
fn whole() -> Vec<GateSpec> {
    vec![world::gate("whole", &[])]
}

/// One workstream with a gate of its own, and one that needs it; a person leaves them out, or ends them.
pub(in crate::explore) fn streams() -> Setting {
    let mut first = stream("first", &[]);
    first.gates = vec!["whole".to_owned()];
    let streams = vec![first, stream("second", &["first"])];
    Setting {
        answers: &[Answer::Yes, Answer::No, Answer::Broken],
        allowance: Allowance { stream_words: 1, ..NONE },
        ..Setting::of("streams", within(streams, one_try(tasks(&[("a", &[]), ("b", &[])])), &["first", "second"]))
    }
}

/// A workstream fails with its critical task, while another of its tasks is at work.
pub(in crate::explore) fn failed_stream() -> Setting {
    let mut two = tasks(&[("a", &[]), ("b", &[])]);
    two[0].attempts = 1;
    Setting {
        tries: &[Try::Good, Try::ExitsWith3],
        allowance: Allowance { task_words: 1, ..NONE },
        ..Setting::of("failed stream", within(vec![stream("first", &[])], two, &["first", "first"]))
    }
    .weighing(&["a"])
}

/// A run ends with its critical workstream, whose own gate says no.
pub(in crate::explore) fn critical_stream() -> Setting {
    let mut first = stream("first", &[]);
    first.gates = vec!["whole".to_owned()];
    first.weight = Weight::Critical;
    let two = one_try(tasks(&[("a", &[]), ("b", &[])]));
    Setting {
        tries: &[Try::Good, Try::ExitsWith3],
        answers: &[Answer::Yes, Answer::No],
        allowance: Allowance { deaths: 1, ..NONE },
        ..Setting::of("critical stream", within(vec![first], two, &["first", ""]))
    }
}

/// What landed is judged at the end of the run.
pub(in crate::explore) fn acceptance() -> Setting {
    let spec = within(Vec::new(), one_try(tasks(&[("a", &[])])), &[""]);
    Setting {
        answers: &[Answer::Yes, Answer::No, Answer::Broken],
        allowance: Allowance { cancels: 1, deaths: 1, ..NONE },
        ..Setting::of("acceptance", RunSpec { acceptance: vec!["whole".to_owned()], ..spec })
    }
}
