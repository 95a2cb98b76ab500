//! `toll check`: configuration and plan, before anything of them is begun.

pub(super) mod history;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;
use tollhouse::analysis::{Files, History};
use tollhouse::plan::{PlanDraft, Problem, ProjectSpec, Source, bare, read_plan, resolve, target_missing};
use tollhouse::report::{CheckFacts, CheckWarning, check_report};
use tollhouse::spec::RunSpec;
use tollhouse::{Conductor, RunnerError, Site};

use super::execute::read_prompts;
use crate::context::{CONFIG, Context, configuration, defaults, unreadable};
use crate::document::Document;
use crate::error::{Answer, CliError};

/// The files of a larger tree are not compared with scopes.
const FILES_MAX: usize = 1_000_000;

/// Look at configuration and plan: every problem at once, or what they come to
///
/// Shows which tasks can run together and which never do, the longest chain, how a run would fill its time, the gates of each
/// task, and what is probably not meant. How long agents will take, and what they will cost, is told from what they took and cost before, where the ledger knows.
/// Starts nothing, and changes nothing.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The plan's file: TOML, or JSON [default: only the configuration]
    plan: Option<PathBuf>,
    /// Tell also how the plan would go with so many agents at once
    #[arg(long, value_name = "N", requires = "plan", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_parallel: Option<u32>,
}

pub(crate) fn run(args: &CheckArgs, context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let plan = args.plan.as_ref().map(|path| Ok::<_, CliError>((path, read(path, context)?))).transpose()?;
    let project = match configuration(&site) {
        Ok(project) => project,
        // Every problem at once: those of the plan, too.
        Err(mut error) if !error.body.problems.is_empty() => {
            error.body.problems.extend(plan.iter().flat_map(|(_, plan)| plan.problems()));
            return Err(CliError::problems(error.body.problems));
        }
        Err(error) => return Err(error),
    };
    let mut problems = Vec::new();
    let defaults = defaults_of(&site, &project)?;
    let frame = bare(&project, &defaults);
    let repository = site.project()?;
    let head = Conductor::head_for(&repository, &frame);
    let files = head.as_ref().ok().and_then(|head| repository.files_of(head.commit, FILES_MAX).ok()?);
    let refusal = head.err();
    if let Some(RunnerError::NoTarget { branch }) = &refusal {
        problems.push(missing(&site, branch)?);
    }
    let spec = match &plan {
        None => Ok(frame),
        Some((path, plan)) => of_plan(path, plan, &project, &defaults, context),
    };
    let spec = match spec {
        Ok(spec) if problems.is_empty() => spec,
        spec => {
            problems.extend(spec.err().into_iter().flatten());
            return Err(CliError::problems(problems));
        }
    };
    let refusal = refusal.map(|error| (error.to_string(), error.hint()));
    let history = if args.plan.is_some() { history::read(&site) } else { Ok(History::default()) };
    let mut report = check_report(
        &spec,
        &CheckFacts {
            refused: refusal.as_ref().map(|(why, hint)| (why.as_str(), Some(hint.as_str()))),
            history: history.as_ref().ok(),
            files: files.map(Files::new).as_ref(),
            what_if: args.max_parallel,
        },
    );
    report.warnings.extend(history.err().map(unread));
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        let text = text::show(&report, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(Answer::Yes)
}

fn read(path: &Path, context: &Context) -> Result<PlanDraft, CliError> {
    let text = std::fs::read_to_string(context.dir.join(path)).map_err(|error| unreadable(path, &error))?;
    Ok(read_plan(&Source::new(path.display().to_string(), text)))
}

fn of_plan(
    path: &Path,
    plan: &PlanDraft,
    project: &ProjectSpec,
    defaults: &tollhouse::plan::Defaults,
    context: &Context,
) -> Result<RunSpec, Vec<Problem>> {
    let path = context.dir.join(path);
    let prompts = read_prompts(&plan.prompt_files(), path.parent().unwrap_or(&context.dir));
    resolve(project, plan, &prompts, defaults)
}

/// What holds where the configuration says nothing. Where it names the target, no other branch is looked for.
fn defaults_of(site: &Site, project: &ProjectSpec) -> Result<tollhouse::plan::Defaults, CliError> {
    match defaults(site) {
        Err(_) if project.target.is_some() => Ok(tollhouse::plan::Defaults::default()),
        other => other,
    }
}

fn missing(site: &Site, branch: &str) -> Result<Problem, CliError> {
    let path = site.root.join(CONFIG);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(unreadable(&path, &error)),
    };
    Ok(target_missing(&Source::new(CONFIG, text), branch))
}

/// A plan can be looked at whatever became of the ledger.
fn unread(error: CliError) -> CheckWarning {
    CheckWarning {
        code: "history_unread".to_owned(),
        task: None,
        message: format!("what agents took before is unknown: {}", error.body.message),
        hint: error.body.hint.unwrap_or_else(|| "`toll doctor` looks at the ledger".to_owned()),
    }
}
