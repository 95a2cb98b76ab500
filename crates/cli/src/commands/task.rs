//! `toll task`: the tasks of a run.

mod add;

use add::AddArgs;
use clap::{Args, Subcommand};
use tollhouse::entity::{Attempt, Entity, Task};
use tollhouse::report::{ShortIds, TaskRow};
use tollhouse::{Command, Find, Kind, RunId, Store, TaskId, TaskWish, ViewError};

use super::driving::{KnownRun, open, run_of};
use crate::context::{Context, read_ledger, require_person};
use crate::document::{Document, TaskDocument, Tasks};
use crate::error::{Answer, CliError};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// List tasks, or show one with its attempts
#[derive(Debug, Args)]
pub(crate) struct TaskArgs {
    #[command(subcommand)]
    command: TaskCommand,
}

#[derive(Debug, Subcommand)]
enum TaskCommand {
    /// List the tasks of a run, in the order of the plan
    List {
        /// Its id or a prefix of it; @ is the newest
        #[arg(long, value_name = "RUN", default_value = "@")]
        run: String,
    },
    /// Show one task with its attempts
    Show {
        /// Its id, a prefix of it, or its id in the plan
        task: String,
    },
    /// Add a task to a run that goes on, or several from a file
    Add(AddArgs),
    /// Try a task once more: one that failed, or one whose change is held
    Retry {
        /// Its id, a prefix of it, or its id in the plan
        task: String,
        /// What the agent is told on top
        #[arg(long, value_name = "TEXT")]
        say: Option<String>,
    },
    /// Leave a task out: what needs it goes on. Needs --reason
    Skip {
        /// Its id, a prefix of it, or its id in the plan
        task: String,
    },
    /// End a task: what needs it is missed. Needs --reason
    Cancel {
        /// Its id, a prefix of it, or its id in the plan
        task: String,
    },
}

pub(crate) fn run(args: &TaskArgs, context: &mut Context) -> Result<Answer, CliError> {
    match &args.command {
        TaskCommand::List { run } => list_of(run, context)?,
        TaskCommand::Show { task } => show_one(task, context)?,
        TaskCommand::Add(args) => add::add(args, context)?,
        TaskCommand::Retry { task, say } => {
            require_person("task retry")?;
            let reason = context.reason_or("a person wants another try");
            change(task, TaskWish::Retry { say: say.clone() }, reason, context)?;
        }
        TaskCommand::Skip { task } => {
            require_person("task skip")?;
            let reason = context.required_reason("task skip")?;
            change(task, TaskWish::Skip, reason, context)?;
        }
        TaskCommand::Cancel { task } => {
            require_person("task cancel")?;
            let reason = context.required_reason("task cancel")?;
            change(task, TaskWish::Cancel, reason, context)?;
        }
    }
    Ok(Answer::Yes)
}

/// Does what a person wants of a task, and shows where it is then.
fn change(text: &str, wish: TaskWish, reason: String, context: &mut Context) -> Result<(), CliError> {
    let (site, store) = open(context)?;
    let record = find_one(&store, Kind::Task, text)?;
    let task = TaskId::try_from(record.id).expect("only tasks were looked for");
    let run = KnownRun::with(site, store, run_of(&record)?)?;
    run.execute(&Command::OverrideTask { task, wish, reason })?;
    show_one(&task.to_string(), context)?;
    run.remark_next(context)
}

fn list_of(run: &str, context: &mut Context) -> Result<(), CliError> {
    let store = read_ledger(&context.site()?)?;
    let run = find_one(&store, Kind::Run, run)?;
    let run = RunId::try_from(run.id).expect("only runs were looked for");
    let find = Find { kind: Some(Kind::Task), run: Some(run), ..Find::default() };
    let mut tasks = read::<Task>(&store, &find)?;
    tasks.sort_by_key(|task| task.place);
    list(&tasks, context)
}

fn show_one(text: &str, context: &mut Context) -> Result<(), CliError> {
    let store = read_ledger(&context.site()?)?;
    let record = find_one(&store, Kind::Task, text)?;
    let task = Task::from_record(&record).map_err(ViewError::from)?;
    let find = Find { kind: Some(Kind::Attempt), parent: Some(record.id), ..Find::default() };
    let attempts = read::<Attempt>(&store, &find)?;
    if context.printer.json {
        context.printer.out(&Document::new(TaskDocument { task, attempts }).to_json())?;
    } else {
        let text = show(&task, &attempts, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(())
}

/// Reads all records that match.
pub(crate) fn read<T: Entity>(store: &impl Store, find: &Find) -> Result<Vec<T>, CliError> {
    let records = store.find(find)?;
    records.iter().map(|record| T::from_record(record).map_err(|error| ViewError::from(error).into())).collect()
}

fn list(tasks: &[Task], context: &mut Context) -> Result<(), CliError> {
    let rows: Vec<TaskRow> = tasks.iter().map(TaskRow::from).collect();
    if context.printer.json {
        context.printer.out(&Document::new(Tasks { tasks: rows, next: None }).to_json())?;
        return Ok(());
    }
    let ids = ShortIds::of(rows.iter().map(|row| row.id.into()));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                ids.of_one(row.id.into()),
                row.name.clone(),
                row.state.to_string(),
                format!("{}/{}", row.attempts_used, row.attempts_limit),
                brief(row.reason.as_deref().unwrap_or_default(), 80),
            ]
        })
        .collect();
    context.printer.out(&table(&cells))?;
    Ok(())
}

fn show(task: &Task, attempts: &[Attempt], printer: &Printer) -> String {
    let mut lines = vec![
        format!(
            "{} {} · {}",
            printer.paint(Look::Bold, &task.spec.name),
            printer.paint(Look::Dim, &task.id.to_string()),
            task.state
        ),
        format!("agent     {}", task.agent()),
        format!("attempts  {} of {}", task.attempts_used, task.attempts_limit()),
    ];
    let needs: Vec<&str> = task.needs().collect();
    if !needs.is_empty() {
        lines.push(format!("needs     {}", needs.join(", ")));
    }
    if let Some(person) = &task.added_by {
        lines.push(format!("added by  {person}"));
    }
    if let Some(patch) = task.patch {
        lines.push(format!("patch     {patch}"));
    }
    if let Some(reason) = &task.reason {
        lines.push(format!("reason    {}", reason.replace('\n', "\n          ")));
    }
    lines.push(String::new());
    lines.push(task.spec.prompt.trim_end().to_owned());
    for attempt in attempts {
        let end = attempt.end.as_ref();
        let how = end.and_then(|end| end.exit).map_or(String::new(), |exit| format!(", {exit}"));
        let took = attempt.finished_at.map_or(String::new(), |end| format!(", {}", end.since(attempt.started_at)));
        lines.push(String::new());
        lines.push(format!(
            "{} {} · {}{how}{took}",
            printer.paint(Look::Bold, &format!("attempt {}", attempt.number)),
            printer.paint(Look::Dim, &attempt.id.to_string()),
            attempt.state
        ));
        if let Some(reason) = end.and_then(|end| end.reason.as_ref()) {
            lines.push(format!("  {}", reason.replace('\n', "\n  ")));
        }
    }
    lines.join("\n")
}
