//! One task without a plan: `toll do PROMPT`.

use tollhouse_core::limits::PROMPT_BYTES_MAX;
use tollhouse_core::spec::{RunSpec, TaskSpec};

use super::check;
use super::config::ProjectSpec;
use super::graph::unknown;
use super::policy::{Levels, PolicyDraft};
use super::problem::{Place, Problem, Problems, Source};
use super::read::At;
use super::resolve::{Defaults, frame, keep_used};
use super::route::RouteDraft;

/// The plan id of the task.
const NAME: &str = "do";

/// What a person asked for on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SingleTask {
    /// What is to be done, in words.
    pub prompt: String,
    /// The agent that does it; absent: whom the project's rules name, else the only one there is.
    pub agent: Option<String>,
    /// Globs that it may change; empty: all that the project allows.
    pub write: Vec<String>,
}

/// Makes a run of one task.
///
/// # Errors
/// Every problem of the arguments. Their file is `arguments`, their pointers are the fields of [`SingleTask`].
pub fn single(project: &ProjectSpec, task: &SingleTask, defaults: &Defaults) -> Result<RunSpec, Vec<Problem>> {
    let mut problems = Problems::default();
    let place = |pointer: &str| Place { at: 0, pointer: pointer.to_owned() };
    if task.prompt.trim().is_empty() || task.prompt.contains('\0') {
        problems.wrong(&place("/prompt"), "an empty prompt, or one with a NUL character", "say what is to be done");
    }
    if task.prompt.len() > PROMPT_BYTES_MAX {
        let message = format!("a prompt of {} bytes; {PROMPT_BYTES_MAX} are the most", task.prompt.len());
        problems.wrong(&place("/prompt"), message, "put the material into a file of the repository and name it");
    }
    let (agent, route) = match &task.agent {
        None => RouteDraft::default().route(project, &place("/agent"), &mut problems),
        Some(name) => {
            let known = || project.agents.iter().map(|agent| agent.name.as_str());
            if !known().any(|agent| agent == name) {
                let (message, hint) = unknown("agent", name, known(), &problems);
                problems.wrong(&place("/agent"), message, hint);
            }
            (name.clone(), None)
        }
    };
    let levels = project.levels();
    let policy = level(&task.write, &mut problems);
    if let Some(level) = &policy {
        level.tell_widening(&Levels::new(&levels), &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems.finish(&Source::new("arguments", "")));
    }
    let mut run = frame(project, defaults, levels);
    NAME.clone_into(&mut run.plan);
    run.tasks = vec![TaskSpec {
        name: NAME.to_owned(),
        prompt: task.prompt.clone(),
        agent,
        route,
        policy: policy.map(|level| level.spec()),
        ..TaskSpec::default()
    }];
    keep_used(&mut run.agents, &run.tasks, None);
    Ok(run)
}

/// The task's own level of policy, where it names what it may write.
fn level(write: &[String], problems: &mut Problems) -> Option<PolicyDraft> {
    let globs = write
        .iter()
        .enumerate()
        .map(|(index, glob)| At { value: glob.clone(), place: Place { at: 0, pointer: format!("/write/{index}") } });
    let good: Vec<_> = globs.filter(|glob| check::glob_is_good(glob, problems)).collect();
    (!write.is_empty()).then(|| PolicyDraft::of_write(format!("task {NAME} (arguments)"), good))
}
