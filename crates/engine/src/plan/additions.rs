//! Tasks for a run that goes on, as they are written: `[[task]]` as in a plan, measured by what the run began with.

use std::collections::BTreeSet;

use tollhouse_core::spec::RunSpec;

use super::config::ProjectSpec;
use super::graph::{Needy, tell_needs, unknown};
use super::nearest::quoted;
use super::node;
use super::policy::Levels;
use super::problem::{Lines, Place, Problem, Problems, Source};
use super::read::{At, Field};
use super::resolve::{PromptTexts, Resolver};
use super::tasks::{TASK_KEYS, TaskDraft, prompt_files, task};
use crate::command::Addition;

/// The key that only an added task has: those that wait for it from now on.
const NEEDED_BY: &str = "needed_by";

/// Tasks for a run as they were written, with all that is wrong with them on their own.
#[derive(Debug, Clone)]
pub struct AdditionsDraft {
    source: Source,
    problems: Problems,
    tasks: Vec<TaskDraft>,
    needed_by: Vec<Vec<At<String>>>,
}

impl AdditionsDraft {
    /// The prompt files that the tasks name, each once: [`resolve_additions`] wants what they hold.
    pub fn prompt_files(&self) -> Vec<String> {
        prompt_files(&self.tasks)
    }
}

/// The plan ids of a run's tasks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownTasks {
    /// Of those that it began with: nothing else may be named like them.
    pub planned: BTreeSet<String>,
    /// Of those that were added: who says the same again adds nothing.
    pub added: BTreeSet<String>,
}

/// Reads `[[task]]` for a run with these tasks. What is wrong is kept, to be told with what shows later.
///
/// ```
/// use tollhouse_engine::plan::{KnownTasks, PromptTexts, Source, read_additions, resolve_additions};
/// use tollhouse_core::spec::{AgentSpec, RunSpec};
///
/// let text = "[[task]]\nid = \"docs\"\nprompt = \"Describe it.\"\nneeds = [\"backof\"]\n";
/// let known = KnownTasks { planned: ["backoff".to_owned()].into(), ..KnownTasks::default() };
/// let draft = read_additions(&Source::new("more.toml", text), &known);
/// let agent = AgentSpec { name: "script".to_owned(), ..AgentSpec::default() };
/// let run = RunSpec { agents: vec![agent], ..RunSpec::default() };
/// let problems = resolve_additions(&run, &draft, &PromptTexts::new()).unwrap_err();
/// assert_eq!(problems[0].message, "unknown task `backof`");
/// assert_eq!(problems[0].line, 4);
/// ```
pub fn read_additions(source: &Source, known: &KnownTasks) -> AdditionsDraft {
    let mut problems = Problems::default();
    let root = node::read(source, &mut problems);
    let (mut tasks, mut needed_by) = (Vec::new(), Vec::new());
    let lines = Lines::new(&source.text);
    let whole = Place { at: 0, pointer: String::new() };
    if let Some(root) = Field::root(&root).table(&mut problems) {
        root.expect_keys(&["task"], &[], &mut problems);
        let items = root.field("task").map(|field| field.items(&mut problems).unwrap_or_default());
        if items.as_ref().is_some_and(Vec::is_empty) || root.lacks("task", &["task"]) {
            problems.absent(&whole, "no task is to be added", "add [[task]] with an id and a prompt");
        }
        let keys: Vec<&str> = TASK_KEYS.into_iter().chain([NEEDED_BY]).collect();
        for item in items.into_iter().flatten() {
            let Some(table) = item.table(&mut problems) else { continue };
            tasks.push(task(&table, &keys, (&source.file, &lines), &mut problems));
            let by = table.field(NEEDED_BY).and_then(|field| field.word_list(&mut problems));
            needed_by.push(by.unwrap_or_default());
        }
    }
    for id in tasks.iter().map(|task| &task.id).filter(|id| known.planned.contains(&id.value)) {
        problems.wrong(&id.place, format!("the run has a task {} already", quoted(&id.value)), "name it differently");
    }
    let known: BTreeSet<&str> = known.planned.iter().chain(&known.added).map(String::as_str).collect();
    for by in needed_by.iter().flatten().filter(|by| !known.contains(by.value.as_str())) {
        let (message, hint) = unknown("task", &by.value, known.iter().copied(), &problems);
        problems.wrong(&by.place, message, hint);
    }
    let named = tasks.iter().filter(|task| !task.id.value.is_empty());
    let needy: Vec<Needy<'_>> = named.map(|task| Needy { name: &task.id, needs: &task.needs }).collect();
    tell_needs("task", &needy, &known, &lines, &mut problems);
    AdditionsDraft { source: source.clone(), problems, tasks, needed_by }
}

/// What [`Command::AddTasks`](crate::Command::AddTasks) takes: the tasks as the run would keep them, by the agents, gates and
/// policy that it began with.
///
/// # Errors
/// Every problem of the tasks, in the order of their text.
pub fn resolve_additions(
    run: &RunSpec,
    draft: &AdditionsDraft,
    prompts: &PromptTexts,
) -> Result<Vec<Addition>, Vec<Problem>> {
    let mut problems = draft.problems.clone();
    let levels = Levels::new(&run.policy);
    let project = ProjectSpec::of_run(run);
    let resolver = Resolver { project: &project, prompts, levels };
    let mut additions = Vec::with_capacity(draft.tasks.len());
    for (task, needed_by) in draft.tasks.iter().zip(&draft.needed_by) {
        if let Some(name) = &task.workstream {
            let known = || run.workstreams.iter().map(|workstream| workstream.name.as_str());
            if !known().any(|known| known == name.value) {
                let (message, hint) = unknown("workstream", &name.value, known(), &problems);
                problems.wrong(&name.place, message, hint);
            }
        }
        let spec = resolver.task(task, &mut problems);
        additions.push(Addition { spec, needed_by: needed_by.iter().map(|by| by.value.clone()).collect() });
    }
    if problems.is_empty() { Ok(additions) } else { Err(problems.finish(&draft.source)) }
}
