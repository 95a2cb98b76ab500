//! `toll demo`: the whole story in a scratch repository.

mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::lifecycle::{PatchState, TaskState};
use tollhouse::plan::{PromptTexts, Source, read_plan, resolve};
use tollhouse::report::{RunStatus, TaskRow};
use tollhouse::{RunnerError, Site};

use super::execute::execute;
use crate::context::{CONFIG, Context, defaults, project, require_person};
use crate::document::Document;
use crate::error::{Answer, CliError, ErrorKind};
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// Tell the whole story in a scratch repository: landed, retried, failed, refused, skipped
///
/// Needs Python 3, no keys and no network.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Make the repository here, and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

/// What the demo did.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DemoReport {
    /// Where the repository is; null where it was not kept.
    pub(crate) dir: Option<String>,
    /// The run.
    pub(crate) run: RunStatus,
    /// The commits that landed, oldest first.
    pub(crate) commits: Vec<LandedCommit>,
}

/// One commit that landed.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LandedCommit {
    /// Its id.
    pub(crate) commit: String,
    /// Its first line.
    pub(crate) title: String,
}

pub(crate) fn run(args: &DemoArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("demo")?;
    let scratch = tempfile::tempdir()?;
    let dir = args.keep.as_ref().map_or_else(|| scratch.path().join("tally"), |dir| context.dir.join(dir));
    make_project(&dir)?;
    context.printer.remark(&format!("a small project in {}, and a plan of {} tasks\n", dir.display(), files::tasks()));
    let mut site = Site::discover(&dir, None)?;
    // Nothing of a demo is left in anybody's home.
    site.workspaces = scratch.path().join("workspaces");
    let spec = {
        let project = project(&site)?;
        let plan = read_plan(&Source::new("plan.toml", files::PLAN));
        let defaults = defaults(&site)?;
        resolve(&project, &plan, &PromptTexts::new(), &defaults).map_err(CliError::problems)?
    };
    let before = checkout_of(&dir)?;
    let status = execute(&spec, None, &site, context)?;
    if checkout_of(&dir)? != before {
        return Err(CliError::new(ErrorKind::Bug, "bug", "the run touched the working copy")
            .hint("this is a mistake of ours; `toll demo --keep DIR` leaves it for a look"));
    }
    let report = DemoReport {
        dir: args.keep.as_ref().map(|_| dir.display().to_string()),
        commits: landed(&status),
        run: status,
    };
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        let text = tell(&report, &dir, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(Answer::Yes)
}

fn make_project(dir: &Path) -> Result<(), CliError> {
    if dir.exists() && fs::read_dir(dir)?.next().is_some() {
        return Err(CliError::new(
            ErrorKind::Conflict,
            "exists",
            format!("{} is there already, and not empty", dir.display()),
        )
        .hint("name another folder"));
    }
    for (name, content) in files::FILES {
        let path = dir.join(name);
        let folder = path.parent().unwrap_or(dir);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, content));
        written.map_err(|source| RunnerError::Io { what: "write", path, source })?;
    }
    tollhouse::git::make_repository(dir, "Begin").map_err(RunnerError::from)?;
    debug_assert!(dir.join(CONFIG).exists());
    Ok(())
}

/// What a run must not touch: every file of the working copy, its index and its HEAD.
fn checkout_of(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, CliError> {
    let git = dir.join(".git");
    let mut files = BTreeMap::new();
    let mut left = vec![dir.to_owned(), git.join("HEAD"), git.join("index"), git.join("refs/heads/main")];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                left.extend(Some(entry?.path()).filter(|path| *path != git));
            }
        } else {
            files.insert(path.clone(), fs::read(&path)?);
        }
    }
    Ok(files)
}

fn landed(status: &RunStatus) -> Vec<LandedCommit> {
    let mut landed: Vec<_> = status.patches.iter().filter(|patch| patch.state == PatchState::Committed).collect();
    let finished = |id| status.tasks.iter().find(|task| task.patch == Some(id)).and_then(|task| task.finished_at);
    landed.sort_by_key(|patch| finished(patch.id));
    landed
        .into_iter()
        .filter_map(|patch| Some(LandedCommit { commit: patch.commit.clone()?, title: patch.title.clone() }))
        .collect()
}

/// The story, for a person.
fn tell(report: &DemoReport, dir: &Path, printer: &Printer) -> String {
    let status = &report.run;
    let counts = status.counts;
    let mut lines = vec![
        printer.paint(Look::Bold, "What happened"),
        format!(
            "  {} attempts at {} tasks, {} gate runs, {}.",
            counts.attempts, counts.tasks, counts.gate_runs, status.elapsed
        ),
        String::new(),
        printer.paint(Look::Bold, &format!("Landed on {}", status.run.land_on)),
    ];
    let commits: Vec<Vec<String>> = report
        .commits
        .iter()
        .map(|commit| vec![format!("  {}", printer.paint(Look::Good, &commit.commit[..10])), commit.title.clone()])
        .collect();
    lines.push(table(&commits));
    section(&mut lines, printer, "At the second attempt, told what the gate had said", status, |task| {
        (task.state == TaskState::Completed && task.attempts_used > 1)
            .then(|| format!("{} attempts", task.attempts_used))
    });
    section(&mut lines, printer, "Set aside, with the reason", status, |task| {
        (task.state == TaskState::Failed).then(|| brief(task.reason.as_deref().unwrap_or_default(), 90))
    });
    section(&mut lines, printer, "Not begun", status, |task| {
        (task.state == TaskState::Skipped).then(|| brief(task.reason.as_deref().unwrap_or_default(), 90))
    });
    lines.push(String::new());
    lines.push(printer.paint(Look::Bold, "Untouched"));
    lines.push("  main, the working copy and its index are byte for byte what they were.".to_owned());
    lines.push(String::new());
    lines.push(printer.paint(Look::Bold, "Look around"));
    match &report.dir {
        Some(_) => {
            lines.push(format!("  cd {}", dir.display()));
            lines.push("  git log --stat toll/main     what landed, with its trailers".to_owned());
            lines.push("  toll status                  the run at a glance".to_owned());
            lines.push("  toll explain                 why the newest refusal was refused".to_owned());
            lines.push("  toll log                     everything that happened".to_owned());
            lines.push("  toll sync                    take over what landed".to_owned());
        }
        None => lines
            .push("  `toll demo --keep DIR` leaves the repository there, for git and `toll` to look at.".to_owned()),
    }
    lines.join("\n")
}

fn section(
    lines: &mut Vec<String>,
    printer: &Printer,
    title: &str,
    status: &RunStatus,
    say: impl Fn(&TaskRow) -> Option<String>,
) {
    let rows: Vec<Vec<String>> =
        status.tasks.iter().filter_map(|task| say(task).map(|text| vec![format!("  {}", task.name), text])).collect();
    if !rows.is_empty() {
        lines.push(String::new());
        lines.push(printer.paint(Look::Bold, title));
        lines.push(table(&rows));
    }
}
