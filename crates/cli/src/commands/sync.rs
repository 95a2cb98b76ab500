//! `toll sync`: brings this working copy forward to what landed.

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;

use crate::context::{Context, defaults, project, require_person};
use crate::document::Document;
use crate::error::{Answer, CliError};

/// Bring this working copy forward to what landed
///
/// A fast-forward. Uncommitted work stays as it is; where it is in the way, nothing is touched.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {}

/// What was brought forward.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SyncReport {
    /// The branch that is checked out.
    pub(crate) branch: String,
    /// The branch that was taken over.
    pub(crate) land_on: String,
    /// Where the branch was.
    pub(crate) from: String,
    /// Where it is now.
    pub(crate) to: String,
    /// How many commits that is.
    pub(crate) commits: u64,
}

pub(crate) fn run(_: &SyncArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("sync")?;
    let site = context.site()?;
    let config = project(&site)?;
    let defaults = defaults(&site)?;
    let target = config.target.clone().unwrap_or(defaults.target);
    let land_on = config.land_on_for(&target);
    let project = site.project()?;
    let synced = tollhouse::git::sync(&project, &land_on).map_err(tollhouse::RunnerError::from)?;
    let report = SyncReport {
        branch: synced.branch,
        land_on,
        from: synced.from.to_string(),
        to: synced.to.to_string(),
        commits: synced.commits,
    };
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else if report.commits == 0 {
        context.printer.out(&format!("{} has all that landed on {}", report.branch, report.land_on))?;
    } else {
        let plural = if report.commits == 1 { "" } else { "s" };
        context.printer.out(&format!(
            "{} took over {} commit{plural} from {}: now at {}",
            report.branch,
            report.commits,
            report.land_on,
            &report.to[..10]
        ))?;
    }
    Ok(Answer::Yes)
}
