//! `toll check`: configuration and plan, before anything of them is begun.

use std::path::{Path, PathBuf};

use clap::Args;
use tollhouse::plan::{PlanDraft, Problem, ProjectSpec, Source, bare, read_plan, resolve, target_missing};
use tollhouse::report::{CheckReport, CheckedTask, Conflict, check_report};
use tollhouse::spec::RunSpec;
use tollhouse::{Conductor, RunnerError, Site};

use super::execute::read_prompts;
use crate::context::{CONFIG, Context, configuration, defaults, unreadable};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::printer::{Look, Printer};
use crate::table::table;

/// More conflicts than these are shown to programs only.
const CONFLICTS_SHOWN_MAX: usize = 20;

/// Look at configuration and plan: every problem at once, or what they come to
///
/// Shows which tasks can run together and which never do, the longest chain, the gates of each task, and what is probably not
/// meant. Starts nothing, and opens no ledger.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The plan's file: TOML, or JSON [default: only the configuration]
    plan: Option<PathBuf>,
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
    let refusal = Conductor::head_for(&site.project()?, &frame).err();
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
    let report = check_report(&spec, refusal.as_ref().map(|(why, hint)| (why.as_str(), Some(hint.as_str()))));
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        let text = show(&report, &context.printer);
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

fn show(report: &CheckReport, printer: &Printer) -> String {
    let what = report.plan.as_ref().map_or_else(
        || format!("{CONFIG} of {}", report.project),
        |plan| format!("{plan} · {}", count(report.tasks.len(), "task")),
    );
    let mut lines = vec![
        format!(
            "{} · from {}, landing on {} · at most {} at once",
            printer.paint(Look::Bold, &what),
            report.target,
            report.land_on,
            report.max_parallel,
        ),
        String::new(),
    ];
    if report.plan.is_none() {
        lines.push(format!("  agents  {}", listed(&report.agents)));
        lines.push(format!("  gates   {}", listed(&report.gates)));
    }
    for (wave, number) in report.waves.iter().zip(1_u64..) {
        lines.push(printer.paint(Look::Bold, &format!("Wave {number}")));
        let tasks = report.tasks.iter().filter(|task| task.wave == number);
        lines.push(table(&tasks.map(|task| row(task, printer)).collect::<Vec<_>>()));
        debug_assert_eq!(report.tasks.iter().filter(|task| task.wave == number).count(), wave.len());
    }
    lines.extend(conflicts(report, printer));
    lines.extend(estimates(report, printer));
    for warning in &report.warnings {
        lines.push(String::new());
        lines.push(format!("{}: {}", printer.paint(Look::Odd, "warning"), warning.message));
        lines.push(format!("  hint: {}", warning.hint));
    }
    lines.join("\n").trim_end().to_owned()
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn row(task: &CheckedTask, printer: &Printer) -> Vec<String> {
    let mut gates = listed(&task.gates.required);
    if !task.gates.advisory.is_empty() {
        gates = format!("{gates}; told: {}", task.gates.advisory.join(", "));
    }
    vec![
        format!("  {}", task.name),
        task.agent.clone(),
        format!("{} × {}", task.attempts, task.timeout),
        format!("gates {gates}"),
        format!("writes {}", task.write.as_ref().map_or_else(|| "anything".to_owned(), |write| write.join(", "))),
        if task.needs.is_empty() {
            String::new()
        } else {
            printer.paint(Look::Dim, &format!("after {}", task.needs.join(", ")))
        },
    ]
}

fn conflicts(report: &CheckReport, printer: &Printer) -> Vec<String> {
    if report.conflicts.is_empty() {
        return Vec::new();
    }
    let why = |conflict: &Conflict| match (&conflict.conflict_group, &conflict.write) {
        (Some(group), _) => format!("share the conflict group {group}"),
        (None, Some([one, other])) => format!("may both write: {one} and {other}"),
        (None, None) => String::new(),
    };
    let row = |conflict: &Conflict| vec![format!("  {}", conflict.tasks.join(", ")), why(conflict)];
    let shown: Vec<Vec<String>> = report.conflicts.iter().take(CONFLICTS_SHOWN_MAX).map(row).collect();
    let mut lines = vec![String::new(), printer.paint(Look::Bold, "Never together"), table(&shown)];
    let rest = report.conflicts.len().saturating_sub(CONFLICTS_SHOWN_MAX) as u64 + report.conflicts_left_out;
    if rest > 0 {
        lines.push(format!("  … and {rest} more"));
    }
    lines
}

fn estimates(report: &CheckReport, printer: &Printer) -> Vec<String> {
    let (Some(path), Some(bound)) = (&report.critical_path, &report.time_bound) else { return Vec::new() };
    let cost = report.cost_estimate.as_deref().unwrap_or("unknown: there are no prices yet");
    let rows = [
        ("longest", format!("{} · {}", path.tasks.join(" → "), path.timeout)),
        ("time", format!("agents work at most {} along {}", bound.agents, bound.tasks.join(" → "))),
        ("", printer.paint(Look::Dim, &bound.source)),
        ("cost", cost.to_owned()),
    ];
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, text)| vec![format!("  {name}"), text]).collect();
    vec![String::new(), printer.paint(Look::Bold, "Estimates"), table(&rows)]
}
