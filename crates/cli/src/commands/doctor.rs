//! `toll doctor`: is this machine, this repository and its ledger fit for work?

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::report::{Check, CheckState, Finding};
use tollhouse::{Site, doctor, own_config};

use crate::context::{Context, configuration, defaults};
use crate::document::Document;
use crate::error::{Answer, CliError};
use crate::printer::Look;

/// Look at the machine, the repository and the ledger, and say what is amiss
///
/// Changes nothing. Exit status 1 where something would keep work from going on.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {}

/// What was looked at, and what was found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DoctorReport {
    /// The checks, in the order in which they were made.
    pub(crate) checks: Vec<Check>,
    /// How durable what this project records is: `full` or `normal`; null where there is no project.
    pub(crate) durability: Option<&'static str>,
}

pub(crate) fn run(_: &DoctorArgs, context: &mut Context) -> Result<Answer, CliError> {
    let mut found = vec![doctor::git()];
    let site = context.site();
    let durability = site.as_ref().ok().map(|site| site.durability.as_str());
    match site {
        Ok(site) => found.extend(of_site(&site)),
        Err(error) => found.extend([refused("repository", error), own_file()]),
    }
    let checks: Vec<Check> = found.iter().map(Finding::check).collect();
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(CheckState::Ok);
    show(DoctorReport { checks, durability }, context)?;
    Ok(if worst == CheckState::Problem { Answer::No } else { Answer::Yes })
}

fn of_site(site: &Site) -> Vec<Finding> {
    let mut found = vec![own_file()];
    match (configuration(site), defaults(site)) {
        (Ok(config), Ok(defaults)) => {
            found.push(Finding::Fine { name: "configuration", detail: counts(&config) });
            found.extend(doctor::repository(site, &config, &defaults.target));
            found.extend(doctor::programs(site, &config));
        }
        (Err(error), _) => found.push(refused("configuration", error)),
        (_, Err(error)) => found.push(refused("repository", error)),
    }
    found.extend(doctor::disk(site));
    found.extend(doctor::ledger(site));
    found
}

fn counts(config: &tollhouse::plan::ProjectSpec) -> String {
    format!("{} agents, {} gates", config.agents.len(), config.gates.len())
}

/// The person's own configuration. What it says is told with the project's.
fn own_file() -> Finding {
    const NAME: &str = "own configuration";
    let Some(path) = own_config::path() else {
        return Finding::Fine { name: NAME, detail: "no home is known".to_owned() };
    };
    match own_config::read(&path) {
        Ok(Some(_)) => Finding::Fine { name: NAME, detail: path.display().to_string() },
        Ok(None) => Finding::Fine { name: NAME, detail: format!("none at {}", path.display()) },
        Err(problem) => refused(NAME, problem.into()),
    }
}

/// An error of a command as a finding, its first problem with it.
fn refused(name: &'static str, error: CliError) -> Finding {
    let body = *error.body;
    match body.problems.first() {
        Some(first) => {
            let more = body.problems.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            let place = format!("{}:{}:{}", first.file, first.line, first.column);
            Finding::Refused { name, message: format!("{place}: {}{more}", first.message), hint: first.hint.clone() }
        }
        None => Finding::Refused { name, message: body.message, hint: body.hint },
    }
}

fn show(report: DoctorReport, context: &mut Context) -> Result<(), CliError> {
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
        return Ok(());
    }
    let mut lines = Vec::new();
    for check in &report.checks {
        let (look, mark) = match check.state {
            CheckState::Ok => (Look::Good, "ok     "),
            CheckState::Warning => (Look::Odd, "warning"),
            CheckState::Problem => (Look::Bad, "problem"),
        };
        lines.push(format!("{}  {}: {}", context.printer.paint(look, mark), check.name, check.detail));
        if let Some(hint) = &check.hint {
            lines.push(format!("         hint: {hint}"));
        }
    }
    context.printer.out(&lines.join("\n"))?;
    Ok(())
}
