//! `toll land`: lands what was held.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use tollhouse::entity::{Entity, Patch};
use tollhouse::lifecycle::{PatchState, RunState};
use tollhouse::report::{PatchRow, RunStatus, waits_to_land};
use tollhouse::{Command, Find, Kind, PatchId, PatchWish, Refusal, RunId, Store, View, ViewError};

use super::driving::{KnownRun, Strictness, answer, is_driven_by_another, open, run_of, tell};
use crate::context::{Context, require_person};
use crate::document::{Document, Patches};
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

/// What is to land, by its run.
type Wanted = BTreeMap<RunId, BTreeSet<PatchId>>;

pub(crate) fn run(args: &LandArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("land")?;
    super::supersede::settle(&open(context)?.0, context)?;
    let wanted = if args.patches.is_empty() { all_held(context)? } else { named(&args.patches, context)? };
    let reason = context.reason_or("a person landed it");
    let mut runs = Vec::new();
    // All or none: what stands against one is said before any of them is let in.
    for run in wanted.keys() {
        let (site, store) = open(context)?;
        let run = KnownRun::with(site, store, *run)?;
        run.may_land()?;
        runs.push(run);
    }
    for (run, patches) in runs.iter().zip(wanted.values()) {
        for patch in patches {
            let wish = PatchWish::Land;
            run.execute(&Command::OverridePatch { patch: *patch, wish, reason: reason.clone() })?;
        }
    }
    let mut worst = Answer::Yes;
    for run in &runs {
        let said = match go_on(run, &reason, context)? {
            Some(status) if context.printer.json => answer(&status, Strictness::Critical),
            Some(status) => tell(&status, &run.site, Strictness::Critical, context)?,
            None => Answer::Yes,
        };
        worst = if said == Answer::Yes { worst } else { said };
    }
    if context.printer.json {
        let patches = runs.iter().zip(wanted.values()).map(|(run, patches)| rows(run, patches));
        let patches = patches.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        context.printer.out(&Document::new(Patches { patches, next: None }).to_json())?;
    }
    Ok(worst)
}

fn rows(run: &KnownRun, patches: &BTreeSet<PatchId>) -> Result<Vec<PatchRow>, CliError> {
    let rows = run.status()?.patches;
    Ok(rows.into_iter().filter(|row| patches.contains(&row.id)).collect())
}

/// The patches that somebody named. Each must wait to be landed.
fn named(texts: &[String], context: &Context) -> Result<Wanted, CliError> {
    let (_, store) = open(context)?;
    let mut wanted = Wanted::new();
    for text in texts {
        let record = find_one(&store, Kind::Patch, text)?;
        let (run, patch) = (run_of(&record)?, Patch::from_record(&record).map_err(ViewError::from)?);
        if !waits_to_land(&View::load(&store, run)?, &patch) {
            return Err(Refusal::NotHeld { id: record.id, state: patch.state.as_str() }.into());
        }
        wanted.entry(run).or_default().insert(patch.id);
    }
    Ok(wanted)
}

/// All patches that wait to be landed.
fn all_held(context: &Context) -> Result<Wanted, CliError> {
    let (_, store) = open(context)?;
    let mut wanted = Wanted::new();
    let states = [PatchState::Applied, PatchState::Verified].map(|state| state.as_str().to_owned()).to_vec();
    for record in store.find(&Find { kind: Some(Kind::Patch), states, ..Find::default() })? {
        let patch = Patch::from_record(&record).map_err(ViewError::from)?;
        let Some(run) = patch.run else { continue };
        if waits_to_land(&View::load(&store, run)?, &patch) {
            wanted.entry(run).or_default().insert(patch.id);
        }
    }
    if wanted.is_empty() {
        return Err(CliError::new(ErrorKind::NotFound, "nothing_held", "nothing waits to be landed")
            .hint("`toll status` shows what runs; `toll patch list` what came of it"));
    }
    Ok(wanted)
}

/// Lets a run do what a person made possible; nothing where another program drives it, for then that one does.
pub(super) fn go_on(run: &KnownRun, reason: &str, context: &mut Context) -> Result<Option<RunStatus>, CliError> {
    loop {
        let status = run.status()?;
        let over = status.run.state.is_finished();
        if status.driven_by.is_some() {
            if matches!(status.run.state, RunState::Paused) || over {
                // It is about to give the run back, and perhaps does not see any more what was said.
                run.wait_for_news()?;
                continue;
            }
            context
                .printer
                .remark("the program that drives the run goes on with it; `toll status` shows how far it is");
            return Ok(None);
        }
        let driven = run.drive(context, |conductor, watch| {
            if over { conductor.finish(run.id, watch) } else { conductor.resume(run.id, reason, watch) }
        });
        match driven {
            Err(error) if is_driven_by_another(&error) => {}
            driven => return driven.map(Some),
        }
    }
}
