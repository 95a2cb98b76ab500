//! `toll submit`: hands in work that no run made.

use clap::Args;
use tollhouse::handwork::hand_in;
use tollhouse::plan::without_tasks;
use tollhouse::spec::LandMode;
use tollhouse::{Command, Conductor, PatchId, PatchWish, View};

use super::driving::{Driving, KnownRun, Strictness, tell};
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
    /// Stop before landing: `toll land` lands it
    #[arg(long)]
    hold: bool,
}

pub(crate) fn run(args: &SubmitArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("submit")?;
    let site = context.site()?;
    let project = configuration(&site)?;
    let mut defaults = defaults(&site)?;
    if args.hold {
        defaults.hold = LandMode::Hold;
    }
    let spec = without_tasks(&project, "submit", &defaults);
    let head = Conductor::head_for(&site.project()?, &spec)?;
    let store = site.open_ledger()?;
    let handed_in = hand_in(&site, &args.branch, args.base.as_deref(), head.commit)?;
    let driving = Driving { site: &site, store: &store, spec: &spec, branch: head.branch(&spec) };
    let status = driving.go(context, |conductor, watch| conductor.submit(&spec, &handed_in, watch))?;
    let landed = status.patches.iter().any(|patch| patch.id == handed_in.id && patch.commit.is_some());
    if let Some(old) = handed_in.replaces.filter(|_| landed) {
        supersede(old, handed_in.id, context)?;
    }
    tell(&status, Strictness::All, context)
}

/// What the new patch was made of is not to be applied any more.
fn supersede(old: PatchId, new: PatchId, context: &Context) -> Result<(), CliError> {
    let (site, store) = super::driving::open(context)?;
    let view = View::of(&store, &[old.into()])?;
    let Some(run) = view.get::<tollhouse::entity::Patch>(old).and_then(|patch| patch.run) else { return Ok(()) };
    let run = KnownRun::with(site, store, run)?;
    let reason = format!("superseded by {new}");
    match run.execute(&Command::OverridePatch { patch: old, wish: PatchWish::Drop, reason }) {
        // It landed, or was dropped before: nothing is left to be done.
        Err(error) if error.body.code == "not_in_table" => Ok(()),
        done => done,
    }
}
