//! `toll do` and `toll run`: the main job.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use tollhouse::lifecycle::RunState;
use tollhouse::plan::{Defaults, PromptTexts, SingleTask, Source, read_plan, resolve, single};
use tollhouse::report::RunStatus;
use tollhouse::spec::{LandMode, RunSpec};
use tollhouse::{Conductor, Find, Kind, Legacy, Order, Site, Store, track_records};

use super::driving::{Driving, Strictness, tell};
use crate::context::{Context, configuration, defaults, require_person, unreadable};
use crate::error::{Answer, CliError, ErrorKind};

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
    /// A name of your own for the run: asked for the same under it again, it is the same run, for as
    /// long as that is on the ledger
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Not supported yet
    #[arg(long, value_name = "USD", hide = true)]
    budget: Option<String>,
    /// Stop before landing: `toll land` lands what you like
    #[arg(long)]
    hold: bool,
}

impl CommonArgs {
    fn put_into(&self, defaults: &mut Defaults) {
        defaults.labels = self.label.iter().cloned().collect();
        defaults.key.clone_from(&self.key);
        if self.hold {
            defaults.hold = LandMode::Hold;
        }
    }
}

pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("KEY=VALUE is meant".to_owned()),
    }
}

/// What is promised and not built yet is refused, never ignored.
fn refuse_unsupported(args: &CommonArgs) -> Result<(), CliError> {
    if args.budget.is_none() {
        return Ok(());
    }
    Err(CliError::new(ErrorKind::Usage, "not_supported_yet", "--budget is not supported yet").hint("leave it out"))
}

pub(crate) fn run_single(args: &DoArgs, context: &mut Context) -> Result<Answer, CliError> {
    refuse_unsupported(&args.common)?;
    require_person("do")?;
    let prompt = read_prompt(&args.prompt, &context.dir)?;
    let site = context.site()?;
    let project = configuration(&site)?;
    let mut defaults = defaults(&site)?;
    args.common.put_into(&mut defaults);
    let task = SingleTask { prompt, agent: args.agent.clone(), write: args.write.clone() };
    let spec = single(&project, &task, &defaults).map_err(CliError::problems)?;
    let status = execute(&spec, None, &site, context)?;
    tell(&status, &site, Strictness::All, context)
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
    args.common.put_into(&mut defaults);
    let prompts = read_prompts(&plan.prompt_files(), path.parent().unwrap_or(&context.dir));
    let spec = resolve(&project, &plan, &prompts, &defaults).map_err(CliError::problems)?;
    if spec.key.is_none() {
        remark_unfinished(&site, &spec, context)?;
    }
    let status = execute(&spec, None, &site, context)?;
    let strictness = if args.strict { Strictness::All } else { Strictness::Critical };
    tell(&status, &site, strictness, context)
}

/// Says so where a run of the same plan was begun and is not over: perhaps that one was meant.
fn remark_unfinished(site: &Site, spec: &RunSpec, context: &mut Context) -> Result<(), CliError> {
    let Some(store) = site.read_ledger()? else { return Ok(()) };
    let states = [RunState::Pending, RunState::Running, RunState::Paused].map(|state| state.as_str().to_owned());
    let key = Some(("plan".to_owned(), spec.plan.clone()));
    let find = Find { kind: Some(Kind::Run), states: states.to_vec(), key, limit: Some(1), ..Find::default() };
    if let Some(run) = store.find(&Find { order: Order::Newest, ..find })?.pop() {
        let id = run.id.random_part();
        context.printer.remark(&format!("a run of {} is not over: `toll resume {id}` goes on with it", spec.plan));
    }
    Ok(())
}

/// Drives a new run until it is over or rests, with progress for whoever watches.
pub(crate) fn execute(
    spec: &RunSpec,
    legacy: Option<Legacy>,
    site: &Site,
    context: &mut Context,
) -> Result<RunStatus, CliError> {
    let head = Conductor::head_for(&site.project()?, spec)?;
    if spec.gates.is_empty() {
        context.printer.remark("no gate is configured: only policy is checked; [[gate]] in tollhouse.toml adds one");
    }
    let store = site.open_ledger()?;
    let spec = &RunSpec { records: track_records(&store, spec)?, ..spec.clone() };
    let driving = Driving { site, store: &store, spec, branch: head.branch(spec) };
    driving.go(context, |conductor, watch| conductor.run(spec, legacy, watch))
}

pub(super) fn read_prompt(text: &str, dir: &Path) -> Result<String, CliError> {
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

pub(super) fn read_prompts(files: &[String], dir: &Path) -> PromptTexts {
    files
        .iter()
        .map(|file| (file.clone(), std::fs::read_to_string(dir.join(file)).map_err(|error| error.to_string())))
        .collect()
}
