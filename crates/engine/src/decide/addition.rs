//! Tasks that are added while a run goes on: what they ask for is what the run began with, and nothing waits for itself.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Run, Task, Workstream};
use tollhouse_core::lifecycle::{RunState, TaskEvent, TaskState, WorkstreamState};
use tollhouse_core::spec::{RunSpec, TaskSpec};
use tollhouse_core::{RunId, TaskId};

use super::draft::Draft;
use super::run::{Origin, create_task};
use super::{winding, workstream};
use crate::command::Addition;
use crate::guard::{Guard, stops};
use crate::plan::{spec_problems, widening};
use crate::refusal::Refusal;

/// Adds tasks to a run. Said again, it is the same answer.
pub(super) fn add(draft: &mut Draft<'_>, id: RunId, additions: &[Addition], added_by: &str) -> Result<(), Refusal> {
    let run = draft.run(id)?;
    if !additions.is_empty() && additions.iter().all(|addition| is_there(draft, id, addition)) {
        return Ok(());
    }
    let goes_on = matches!(run.state, RunState::Pending | RunState::Running | RunState::Paused);
    if stops(Guard::AddNeedsLivingRun, !goes_on) {
        return Err(Refusal::RunOver { id: id.into(), state: run.state.as_str() });
    }
    if let Some(reason) = winding::winding_down(draft, id).filter(|_| stops(Guard::AddNeedsLivingRun, true)) {
        return Err(Refusal::RunEnds { id: id.into(), reason });
    }
    let problems = problems(draft, &run, additions);
    if !problems.is_empty() {
        return Err(Refusal::BadTasks { problems });
    }
    let places = u32::try_from(draft.of_run::<Task>(id).len()).unwrap_or(u32::MAX);
    for (place, addition) in (places..).zip(additions) {
        let origin = Origin { source: None, added_by: Some(added_by.to_owned()) };
        create_task(draft, (id, place), &addition.spec, origin)?;
    }
    for (task, needs) in new_needs(draft, id, additions) {
        draft.emit::<Task>(task, &TaskEvent::Need { needs })?;
    }
    Ok(())
}

/// Whether a task was added before, just like this.
fn is_there(draft: &Draft<'_>, run: RunId, addition: &Addition) -> bool {
    let named = |name: &str| draft.named(run, name).and_then(|id| draft.peek::<Task>(id));
    let spec = &addition.spec;
    named(&spec.name).is_some_and(|task| task.added_by.is_some() && task.spec == *spec)
        && addition.needed_by.iter().filter_map(|name| named(name)).all(|by| by.needs().any(|need| need == spec.name))
}

/// What the tasks of a run need from now on, by task.
fn new_needs(draft: &Draft<'_>, run: RunId, additions: &[Addition]) -> BTreeMap<TaskId, Vec<String>> {
    let mut needs: BTreeMap<TaskId, Vec<String>> = BTreeMap::new();
    for addition in additions {
        let by: BTreeSet<&String> = addition.needed_by.iter().collect();
        let ids = by.into_iter().filter_map(|name| draft.peek::<Task>(draft.named(run, name)?));
        for task in ids.filter(|task| task.needs().all(|need| need != addition.spec.name)) {
            needs.entry(task.id).or_default().push(addition.spec.name.clone());
        }
    }
    needs
}

/// Everything that speaks against tasks, in words.
fn problems(draft: &Draft<'_>, run: &Run, additions: &[Addition]) -> Vec<String> {
    let mut problems = Vec::new();
    if additions.is_empty() {
        problems.push("no task is to be added".to_owned());
    }
    for addition in additions {
        tell_ways(draft, run, addition, &mut problems);
        tell_policy(run, &addition.spec, &mut problems);
    }
    if stops(Guard::AddNeedsSoundPlan, true) {
        problems.extend(spec_problems(&grown(draft, run, additions)));
    }
    problems
}

/// The run as it would be: what its tasks are named, need, belong to and are judged by.
fn grown(draft: &Draft<'_>, run: &Run, additions: &[Addition]) -> RunSpec {
    let mut known: Vec<&Task> = draft.of_run::<Task>(run.id);
    known.sort_by_key(|task| task.place);
    let slim = |task: &TaskSpec, needs: Vec<String>| TaskSpec {
        name: task.name.clone(),
        needs,
        workstream: task.workstream.clone(),
        gates: task.gates.clone(),
        ..TaskSpec::default()
    };
    let mut more: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for addition in additions {
        for by in &addition.needed_by {
            more.entry(by).or_default().push(addition.spec.name.clone());
        }
    }
    let before = known.into_iter().map(|task| slim(&task.spec, task.needs().map(str::to_owned).collect()));
    let new = additions.iter().map(|addition| slim(&addition.spec, addition.spec.needs.clone()));
    let mut tasks: Vec<TaskSpec> = before.chain(new).collect();
    for task in &mut tasks {
        task.needs.extend(more.get(task.name.as_str()).into_iter().flatten().cloned());
    }
    // What was made to mend the run is not of its plan.
    let mut streams = draft.of_run::<Workstream>(run.id);
    streams.sort_by_key(|workstream| workstream.place);
    let workstreams = streams.into_iter().map(|workstream| workstream.spec.clone()).collect();
    RunSpec { tasks, workstreams, ..run.spec.clone() }
}

/// Tells what a task asks for that is not there any more, or never was.
fn tell_ways(draft: &Draft<'_>, run: &Run, Addition { spec, needed_by }: &Addition, problems: &mut Vec<String>) {
    let name = &spec.name;
    if name.trim().is_empty() || spec.prompt.trim().is_empty() {
        problems.push(format!("task `{name}` needs a name and a prompt"));
    }
    let routed = spec.route.iter().flat_map(|route| &route.agents);
    let agents = std::iter::once(&spec.agent).chain(spec.escalate.iter().map(|step| &step.agent)).chain(routed);
    for agent in agents.filter(|agent| run.spec.agents.iter().all(|known| known.name != **agent)) {
        let known: Vec<&str> = run.spec.agents.iter().map(|agent| agent.name.as_str()).collect();
        problems
            .push(format!("task `{name}` goes to unknown agent `{agent}`; its run began with {}", known.join(", ")));
    }
    let own = spec.workstream.as_ref().and_then(|own| workstream::named(draft, run.id, own));
    let is_over = |state: WorkstreamState| state.is_finished() || state == WorkstreamState::Validating;
    if let Some(own) = own.filter(|own| stops(Guard::AddNeedsOpenWorkstream, is_over(own.state))) {
        problems.push(format!("task `{name}` comes too late for workstream `{}`: it is {}", own.spec.name, own.state));
    }
    let named = |name: &String| draft.named(run.id, name).and_then(|id| draft.peek::<Task>(id));
    for need in spec.needs.iter().filter_map(named).filter(|need| stops(Guard::AddNeedsNothingMissed, need.is_missed()))
    {
        problems.push(format!("task `{name}` needs `{}`, which is {}", need.spec.name, need.state));
    }
    for by in needed_by {
        match named(by) {
            None => problems.push(format!("task `{name}` is to be needed by unknown task `{by}`")),
            Some(by) if stops(Guard::OnlyWaitingNeedMore, !waits(by.state)) => problems.push(format!(
                "task `{}` cannot wait for `{name}`: it is {}, and only what waits for another already can wait for more",
                by.spec.name, by.state
            )),
            Some(_) => {}
        }
    }
}

const fn waits(state: TaskState) -> bool {
    matches!(state, TaskState::Pending | TaskState::Blocked)
}

/// Tells where a task asks for more than its run gives.
fn tell_policy(run: &Run, spec: &TaskSpec, problems: &mut Vec<String>) {
    let Some(own) = &spec.policy else { return };
    if stops(Guard::AddStaysWithinPolicy, true) {
        let wider = widening(&run.spec.policy, own);
        problems.extend(wider.into_iter().map(|problem| format!("task `{}`: {problem}", spec.name)));
    }
}
