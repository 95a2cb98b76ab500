//! `toll do` and `toll run`: the main job.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use tollhouse::entity::RunOutcome;
use tollhouse::lifecycle::RunState;
use tollhouse::plan::{PromptTexts, SingleTask, Source, read_plan, resolve, single};
use tollhouse::report::RunStatus;
use tollhouse::spec::RunSpec;
use tollhouse::{Conductor, Site};

use super::status;
use crate::context::{Context, configuration, defaults, person, require_person, unreadable};
use crate::error::{Answer, CLOSED_PIPE, CliError, ErrorKind};
use crate::progress::Watcher;
use crate::signals::Signals;

/// Do one task without a plan: an agent's change lands, or is set aside with the reason
#[derive(Debug, Args)]
pub(crate) struct DoArgs {
    /// What is to be done, in words; @FILE reads them from a file, - from standard input
    prompt: String,
    /// The agent of tollhouse.toml that does it [default: the only one there is]
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only files that match may be changed, as in "src/**"; may be given more than once
    #[arg(long, value_name = "GLOB")]
    write: Vec<String>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Carry out a plan: its tasks, in parallel where they may, each through the gates
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plan's file: TOML, or JSON
    plan: PathBuf,
    /// How many agents may work at once [default: the plan's, else 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_parallel: Option<u32>,
    /// Exit with 1 if any task failed, not only a critical one
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Args)]
struct CommonArgs {
    /// A label of your own for the run; may be given more than once
    #[arg(long, value_name = "K=V", value_parser = label)]
    label: Vec<(String, String)>,
    /// Not supported yet
    #[arg(long, value_name = "USD", hide = true)]
    budget: Option<String>,
    /// Not supported yet
    #[arg(long, hide = true)]
    hold: bool,
}

fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("KEY=VALUE is meant".to_owned()),
    }
}

/// What is promised and not built yet is refused, never ignored.
fn refuse_unsupported(args: &CommonArgs) -> Result<(), CliError> {
    let flag = match (args.budget.is_some(), args.hold) {
        (true, _) => "--budget",
        (_, true) => "--hold",
        _ => return Ok(()),
    };
    Err(CliError::new(ErrorKind::Usage, "not_supported_yet", format!("{flag} is not supported yet"))
        .hint("leave it out"))
}

pub(crate) fn run_single(args: &DoArgs, context: &mut Context) -> Result<Answer, CliError> {
    refuse_unsupported(&args.common)?;
    require_person("do")?;
    let prompt = read_prompt(&args.prompt, &context.dir)?;
    let site = context.site()?;
    let project = configuration(&site)?;
    let mut defaults = defaults(&site)?;
    defaults.labels = args.common.label.iter().cloned().collect();
    let task = SingleTask { prompt, agent: args.agent.clone(), write: args.write.clone() };
    let spec = single(&project, &task, &defaults).map_err(CliError::problems)?;
    let status = execute(&spec, &site, context)?;
    told(status::print(&status, context), answer(&status, Strictness::All))
}

pub(crate) fn run_plan(args: &RunArgs, context: &mut Context) -> Result<Answer, CliError> {
    refuse_unsupported(&args.common)?;
    require_person("run")?;
    let site = context.site()?;
    let path = context.dir.join(&args.plan);
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&args.plan, &error))?;
    let plan = read_plan(&Source::new(args.plan.display().to_string(), text));
    let project = match configuration(&site) {
        Ok(project) => project,
        // Every problem at once: those of the plan, too.
        Err(mut error) if !error.body.problems.is_empty() => {
            error.body.problems.extend(plan.problems());
            return Err(CliError::problems(error.body.problems));
        }
        Err(error) => return Err(error),
    };
    let mut defaults = defaults(&site)?;
    defaults.max_parallel = args.max_parallel;
    defaults.labels = args.common.label.iter().cloned().collect();
    let prompts = read_prompts(&plan.prompt_files(), path.parent().unwrap_or(&context.dir));
    let spec = resolve(&project, &plan, &prompts, &defaults).map_err(CliError::problems)?;
    let status = execute(&spec, &site, context)?;
    let strictness = if args.strict { Strictness::All } else { Strictness::Critical };
    told(status::print(&status, context), answer(&status, strictness))
}

/// The answer stands, also where nobody reads the result.
fn told(printed: Result<(), CliError>, answer: Answer) -> Result<Answer, CliError> {
    match printed {
        Err(error) if error.body.code == CLOSED_PIPE => Ok(answer),
        printed => printed.map(|()| answer),
    }
}

/// Which misses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    Critical,
    All,
}

fn answer(status: &RunStatus, strictness: Strictness) -> Answer {
    let clean = status.run.outcome == Some(RunOutcome::Clean);
    match status.run.state {
        RunState::Succeeded if clean || strictness == Strictness::Critical => Answer::Yes,
        _ => Answer::No,
    }
}

/// Drives a run to its end, with progress for whoever watches.
pub(crate) fn execute(spec: &RunSpec, site: &Site, context: &mut Context) -> Result<RunStatus, CliError> {
    let head = Conductor::head_for(&site.project()?, spec)?;
    let signals = Signals::listen()?;
    if spec.gates.is_empty() {
        context.printer.remark("no gate is configured: only policy is checked; [[gate]] in tollhouse.toml adds one");
    }
    let store = site.open_ledger()?;
    let mut watcher = Watcher::new(spec, head.branch(spec), &context.printer);
    let conductor = Conductor::new(site, &store, person(), signals.interrupted());
    let status = conductor.run(spec, &mut |progress| watcher.see(progress));
    watcher.finish();
    status.map_err(|error| signals.name(error))
}

fn read_prompt(text: &str, dir: &Path) -> Result<String, CliError> {
    if text == "-" {
        let mut prompt = String::new();
        std::io::stdin()
            .read_to_string(&mut prompt)
            .map_err(|error| unreadable(Path::new("standard input"), &error))?;
        return Ok(prompt);
    }
    match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(dir.join(file)).map_err(|error| unreadable(Path::new(file), &error)),
        None => Ok(text.to_owned()),
    }
}

fn read_prompts(files: &[String], dir: &Path) -> PromptTexts {
    files
        .iter()
        .map(|file| (file.clone(), std::fs::read_to_string(dir.join(file)).map_err(|error| error.to_string())))
        .collect()
}
