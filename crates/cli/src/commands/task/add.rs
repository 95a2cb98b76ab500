//! `toll task add`: tasks for a run that goes on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tollhouse::entity::Task;
use tollhouse::plan::{KnownTasks, Problem, Source, read_additions, resolve_additions};
use tollhouse::{Command, Find, Kind};

use super::{list, read};
use crate::commands::driving::KnownRun;
use crate::commands::execute::{read_prompt, read_prompts};
use crate::context::{Context, person, require_person, unreadable};
use crate::error::CliError;

/// What the command line says is read like a file of this name.
const ARGUMENTS: &str = "arguments.json";

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// What is to be done, in words; @FILE reads them from a file, - from standard input
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    prompt: Option<String>,
    /// Its id, as a plan would give it
    #[arg(long, value_name = "ID", required_unless_present = "from", conflicts_with = "from")]
    id: Option<String>,
    /// The run: its id or a prefix of it; @ is the newest
    #[arg(long, value_name = "RUN", default_value = "@")]
    run: String,
    /// The agent that does it [default: the only one that the run began with]
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    agent: Option<String>,
    /// Only files that match may be changed, as in "src/**"; may be given more than once
    #[arg(long, value_name = "GLOB", conflicts_with = "from")]
    write: Vec<String>,
    /// A task that must be done before; may be given more than once
    #[arg(long, value_name = "TASK", conflicts_with = "from")]
    needs: Vec<String>,
    /// A task that waits for it from now on, and waits for another already; may be given more than once
    #[arg(long, value_name = "TASK", conflicts_with = "from")]
    needed_by: Vec<String>,
    /// The workstream that it belongs to
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    workstream: Option<String>,
    /// Read tasks from a file instead, written as in a plan, with `needed_by` beside `needs`
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

/// Adds tasks, and shows them as they are then.
pub(super) fn add(args: &AddArgs, context: &mut Context) -> Result<(), CliError> {
    require_person("task add")?;
    let (source, folder) = source(args, context)?;
    let run = KnownRun::find(&args.run, context)?;
    let tasks = tasks_of(&run)?;
    let draft = read_additions(&source, &known(&tasks));
    let prompts = read_prompts(&draft.prompt_files(), &folder);
    let additions = resolve_additions(&run.spec, &draft, &prompts);
    let additions = additions.map_err(|problems| CliError::problems(as_arguments(problems)))?;
    let names: BTreeSet<String> = additions.iter().map(|addition| addition.spec.name.clone()).collect();
    run.execute(&Command::AddTasks { run: run.id, tasks: additions, added_by: person() })?;
    let mut added = tasks_of(&run)?;
    added.retain(|task| names.contains(&task.spec.name));
    list(&added, context)?;
    run.remark_next(context)
}

fn tasks_of(run: &KnownRun) -> Result<Vec<Task>, CliError> {
    let find = Find { kind: Some(Kind::Task), run: Some(run.id), ..Find::default() };
    let mut tasks = read::<Task>(&run.store, &find)?;
    tasks.sort_by_key(|task| task.place);
    Ok(tasks)
}

fn known(tasks: &[Task]) -> KnownTasks {
    let names = |was_added: bool| {
        let chosen = tasks.iter().filter(|task| task.added_by.is_some() == was_added);
        chosen.map(|task| task.spec.name.clone()).collect()
    };
    KnownTasks { planned: names(false), added: names(true) }
}

/// What is to be read, and the folder of the prompt files that it names.
fn source(args: &AddArgs, context: &Context) -> Result<(Source, PathBuf), CliError> {
    if let Some(file) = &args.from {
        let path = context.dir.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(file, &error))?;
        let folder = path.parent().map_or_else(|| context.dir.clone(), Path::to_path_buf);
        return Ok((Source::new(file.display().to_string(), text), folder));
    }
    let prompt = read_prompt(args.prompt.as_deref().unwrap_or_default(), &context.dir)?;
    let mut task = json!({ "id": args.id, "prompt": prompt });
    let one = [("agent", &args.agent), ("workstream", &args.workstream)];
    for (key, value) in one.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
        task[key] = json!(value);
    }
    let many = [("write", &args.write), ("needs", &args.needs), ("needed_by", &args.needed_by)];
    for (key, values) in many.into_iter().filter(|(_, values)| !values.is_empty()) {
        task[key] = json!(values);
    }
    Ok((Source::new(ARGUMENTS, json!({ "task": [task] }).to_string()), context.dir.clone()))
}

/// What is wrong with the command line stands on no line, and is of one task.
fn as_arguments(mut problems: Vec<Problem>) -> Vec<Problem> {
    for problem in problems.iter_mut().filter(|problem| problem.file == ARGUMENTS) {
        "arguments".clone_into(&mut problem.file);
        (problem.line, problem.column) = (1, 1);
        problem.pointer = problem.pointer.trim_start_matches("/task/0").to_owned();
    }
    problems
}
