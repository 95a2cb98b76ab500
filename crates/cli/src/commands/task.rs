//! `toll task`: the tasks of a run.

use clap::{Args, Subcommand};
use tollhouse::entity::{Attempt, Entity, Task};
use tollhouse::report::{TaskRow, short_id};
use tollhouse::{Find, Kind, RecordId, RunId, Store, ViewError};

use crate::context::{Context, read_ledger};
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
}

pub(crate) fn run(args: &TaskArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let store = read_ledger(&site)?;
    match &args.command {
        TaskCommand::List { run } => {
            let run = find_one(&store, Kind::Run, run)?;
            let run = RunId::try_from(run.id).expect("only runs were looked for");
            let find = Find { kind: Some(Kind::Task), run: Some(run), ..Find::default() };
            let mut tasks = read::<Task>(&store, &find)?;
            tasks.sort_by_key(|task| task.place);
            list(&tasks, context)?;
        }
        TaskCommand::Show { task } => {
            let record = find_one(&store, Kind::Task, task)?;
            let task = Task::from_record(&record).map_err(ViewError::from)?;
            let find = Find { kind: Some(Kind::Attempt), parent: Some(record.id), ..Find::default() };
            let attempts = read::<Attempt>(&store, &find)?;
            if context.printer.json {
                context.printer.out(&Document::new(TaskDocument { task, attempts }).to_json())?;
            } else {
                let text = show(&task, &attempts, &context.printer);
                context.printer.out(&text)?;
            }
        }
    }
    Ok(Answer::Yes)
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
    let ids: Vec<RecordId> = rows.iter().map(|row| row.id.into()).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                short_id(row.id.into(), &ids),
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
        format!("agent     {}", task.spec.agent),
        format!("attempts  {} of {}", task.attempts_used, task.attempts_limit()),
    ];
    if !task.spec.needs.is_empty() {
        lines.push(format!("needs     {}", task.spec.needs.join(", ")));
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
