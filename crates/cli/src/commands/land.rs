//! `toll land`: lands what was held.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use tollhouse::entity::{Entity, Patch, Run};
use tollhouse::lifecycle::{PatchState, RunState};
use tollhouse::spec::LandMode;
use tollhouse::{Command, Find, Kind, PatchId, PatchWish, RunId, Store, View, ViewError};

use super::driving::{KnownRun, Strictness, open, run_of, tell};
use crate::context::{Context, require_person};
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::find_one;

/// Land what was held: these patches, or all that wait for you
///
/// Then their runs go on: what needed them may start.
#[derive(Debug, Args)]
pub(crate) struct LandArgs {
    /// Ids of patches, or prefixes of them
    patches: Vec<String>,
}

pub(crate) fn run(args: &LandArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("land")?;
    let wanted = wanted(args, context)?;
    if wanted.is_empty() {
        return Err(CliError::new(ErrorKind::NotFound, "nothing_held", "nothing waits to be landed")
            .hint("`toll status` shows what runs; `toll patch list` what came of it"));
    }
    let mut worst = Answer::Yes;
    for (run, patches) in wanted {
        let answer = land_in(run, &patches, context)?;
        worst = if answer == Answer::Yes { worst } else { answer };
    }
    Ok(worst)
}

/// The patches that are to land, by their runs.
fn wanted(args: &LandArgs, context: &Context) -> Result<BTreeMap<RunId, BTreeSet<PatchId>>, CliError> {
    let (_, store) = open(context)?;
    let mut wanted: BTreeMap<RunId, BTreeSet<PatchId>> = BTreeMap::new();
    let mut want = |record: &tollhouse::Record| -> Result<(), CliError> {
        let patch = PatchId::try_from(record.id).expect("only patches were looked for");
        wanted.entry(run_of(record)?).or_default().insert(patch);
        Ok(())
    };
    for text in &args.patches {
        want(&find_one(&store, Kind::Patch, text)?)?;
    }
    if args.patches.is_empty() {
        let states = vec![PatchState::Verified.as_str().to_owned()];
        for record in store.find(&Find { kind: Some(Kind::Patch), states, ..Find::default() })? {
            let patch = Patch::from_record(&record).map_err(ViewError::from)?;
            let Some(run) = patch.run else { continue };
            let view = View::of(&store, &[run.into()])?;
            let held = view.get::<Run>(run).is_some_and(|run| run.spec.land == LandMode::Hold);
            if held && !patch.approved {
                want(&record)?;
            }
        }
    }
    Ok(wanted)
}

fn land_in(run: RunId, patches: &BTreeSet<PatchId>, context: &mut Context) -> Result<Answer, CliError> {
    let (site, store) = open(context)?;
    let run = KnownRun::with(site, store, run)?;
    let reason = context.reason_or("landed by a person");
    for patch in patches {
        let command = Command::OverridePatch { patch: *patch, wish: PatchWish::Land, reason: reason.clone() };
        run.execute(&command)?;
    }
    go_on(&run, &reason, context)
}

/// Lets a run do what a person made possible; where another program drives it, that one does.
pub(super) fn go_on(run: &KnownRun, reason: &str, context: &mut Context) -> Result<Answer, CliError> {
    if run.is_driven()? {
        context.printer.remark("the program that drives the run goes on with it; `toll status` shows how far it is");
        return Ok(Answer::Yes);
    }
    let over = run.status()?.run.state.is_finished();
    let status = run.drive(context, |conductor, watch| {
        if over { conductor.finish(run.id, watch) } else { conductor.resume(run.id, reason, watch) }
    })?;
    let answer = tell(&status, Strictness::Critical, context)?;
    // What became of a run that was over before says nothing of what was done now.
    let was_over = over && matches!(status.run.state, RunState::Failed | RunState::Canceled);
    Ok(if was_over { Answer::Yes } else { answer })
}
