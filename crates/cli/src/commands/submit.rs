//! `toll submit`: hands in work that no run made.

use clap::Args;
use tollhouse::Conductor;
use tollhouse::handwork::{hand_in, may_hand_in};
use tollhouse::plan::without_tasks;
use tollhouse::spec::LandMode;

use super::driving::{Driving, Strictness, tell};
use crate::context::{Context, configuration, defaults, require_person};
use crate::error::{Answer, CliError};

/// Hand in a branch: its change pays at the gate like any other, and lands or is set aside with the reason
///
/// The branch itself stays as it is. One that `toll patch checkout` made takes the place of the patch that it was made of.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// The branch, or any commit
    branch: String,
    /// The commit that it was made on [default: the newest that it shares with where it lands]
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// A name of your own for the run: the same change handed in under it again is the same run, for as
    /// long as that is on the ledger, and the branch with what it changes is there
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Stop before landing: `toll land` lands it
    #[arg(long)]
    hold: bool,
}

pub(crate) fn run(args: &SubmitArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("submit")?;
    let site = context.site()?;
    let project = configuration(&site)?;
    let mut defaults = defaults(&site)?;
    defaults.key.clone_from(&args.key);
    if args.hold {
        defaults.hold = LandMode::Hold;
    }
    let spec = without_tasks(&project, "submit", &defaults);
    let head = Conductor::head_for(&site.project()?, &spec)?;
    may_hand_in(&site, &args.branch, args.base.as_deref(), head.commit)?;
    let store = site.open_ledger()?;
    let handed_in = hand_in(&site, &args.branch, args.base.as_deref(), head.commit)?;
    let driving = Driving { site: &site, store: &store, spec: &spec, branch: head.branch(&spec) };
    let status = driving.go(context, |conductor, watch| conductor.submit(&spec, &handed_in, watch))?;
    tell(&status, &site, Strictness::All, context)
}
