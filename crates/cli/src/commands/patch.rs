//! `toll patch`: the patches of a run.

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Serialize;
use tollhouse::entity::{Entity, Patch, RuleOutcome};
use tollhouse::forget::PURGED;
use tollhouse::lifecycle::{PatchState, RunState};
use tollhouse::report::{PatchRow, ShortIds};
use tollhouse::{Command, Find, Kind, Order, PatchId, PatchWish, RunId, ViewError};

use super::driving::{KnownRun, open, run_of};
use crate::context::{Context, read_ledger, require_person};
use crate::document::{Document, PatchDocument, Patches};
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::table::{brief, table};

/// List patches, or show one
#[derive(Debug, Args)]
pub(crate) struct PatchArgs {
    #[command(subcommand)]
    command: PatchCommand,
}

#[derive(Debug, Subcommand)]
enum PatchCommand {
    /// List patches, newest first
    List {
        /// Only those of this run
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// Show at most so many
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: u32,
        /// Only patches older than this one: where the last page ended
        #[arg(long, value_name = "PATCH")]
        after: Option<String>,
    },
    /// Show one patch: what it does, what the rules said
    Show {
        /// Its id, a prefix of it, or the commit that it landed as
        patch: String,
        /// Print the unified diff
        #[arg(long)]
        diff: bool,
    },
    /// Make a branch of a patch, to finish it by hand and hand it in with `toll submit`
    ///
    /// Only the branch is made: `git switch` is yours.
    Checkout {
        /// Its id or a prefix of it
        patch: String,
    },
    /// Let a patch in again that was set aside: it is judged from the start, and lands for itself
    ///
    /// Its task must be over; it stays as it is. Needs --reason.
    Release {
        /// Its id or a prefix of it
        patch: String,
        /// Paths that it may change, whatever the rules on paths say; may be given more than once
        #[arg(long, value_name = "GLOB")]
        allow: Vec<String>,
        /// A rule that it may break, as `toll patch show` names it; may be given more than once
        #[arg(long, value_name = "RULE")]
        waive: Vec<String>,
    },
    /// Give a patch up: it is never applied again, and stays readable. Needs --reason
    ///
    /// The task of one that was held is tried again with the reason, if attempts are left; else it fails.
    Drop {
        /// Its id or a prefix of it
        patch: String,
    },
}

pub(crate) fn run(args: &PatchArgs, context: &mut Context) -> Result<Answer, CliError> {
    match &args.command {
        PatchCommand::List { run, limit, after } => list(run.as_deref(), *limit, after.as_deref(), context)?,
        PatchCommand::Show { patch, diff: false } => show(patch, context)?,
        PatchCommand::Show { patch, diff: true } => show_diff(patch, context)?,
        PatchCommand::Checkout { patch } => check_out(patch, context)?,
        PatchCommand::Release { patch, allow, waive } => {
            return release(patch, (waive.clone(), allow.clone()), context);
        }
        PatchCommand::Drop { patch } => drop_patch(patch, context)?,
    }
    Ok(Answer::Yes)
}

fn list(run: Option<&str>, limit: u32, after: Option<&str>, context: &mut Context) -> Result<(), CliError> {
    let site = context.site()?;
    let store = read_ledger(&site)?;
    let run = run.map(|run| find_one(&store, Kind::Run, run)).transpose()?;
    let run = run.map(|run| RunId::try_from(run.id).expect("only runs were looked for"));
    let after = after.map(|patch| find_one(&store, Kind::Patch, patch)).transpose()?.map(|patch| patch.id);
    let ask = Some(limit.saturating_add(1));
    let find = Find { kind: Some(Kind::Patch), run, after, order: Order::Newest, limit: ask, ..Find::default() };
    let mut rows: Vec<PatchRow> = super::task::read::<Patch>(&store, &find)?.iter().map(PatchRow::from).collect();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
    if context.printer.json {
        context.printer.out(&Document::new(Patches { patches: rows, next }).to_json())?;
        return Ok(());
    }
    let ids = ShortIds::of(rows.iter().map(|row| row.id.into()));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            vec![
                ids.of_one(row.id.into()),
                row.state.to_string(),
                format!("+{} −{}", row.lines_added, row.lines_removed),
                brief(&row.title, 60),
                brief(row.reason.as_deref().unwrap_or_default(), 60),
            ]
        })
        .collect();
    context.printer.out(&table(&cells))?;
    Ok(())
}

fn show(text: &str, context: &mut Context) -> Result<(), CliError> {
    let patch = find(text, context)?;
    if context.printer.json {
        context.printer.out(&Document::new(PatchDocument { patch, diff: None }).to_json())?;
    } else {
        let text = describe(&patch, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(())
}

fn show_diff(text: &str, context: &mut Context) -> Result<(), CliError> {
    let patch = find(text, context)?;
    let gone = || {
        CliError::new(ErrorKind::Ledger, "no_repository", "the ledger's repository is not beside it any more")
            .hint("put it back where `toll doctor` looks for it, or `toll restore FILE --ledger PATH` makes both from a backup")
    };
    let repo = context.site()?.read_repo()?.ok_or_else(gone)?;
    let bytes = if patch.title == PURGED {
        format!("{PURGED}\n").into_bytes()
    } else {
        repo.blob(&patch.blob).map_err(tollhouse::RunnerError::from)?
    };
    if context.printer.json {
        let diff = Some(String::from_utf8_lossy(&bytes).into_owned());
        context.printer.out(&Document::new(PatchDocument { patch, diff }).to_json())?;
    } else {
        context.printer.out_bytes(&bytes)?;
    }
    Ok(())
}

/// A branch that was made of a patch.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CheckoutReport {
    /// The patch.
    pub(crate) patch: PatchId,
    /// The branch.
    pub(crate) branch: String,
    /// Its commit: the patch on what it was made on.
    pub(crate) commit: String,
}

fn check_out(text: &str, context: &mut Context) -> Result<(), CliError> {
    require_person("patch checkout")?;
    let patch = find(text, context)?;
    let made = tollhouse::handwork::check_out(&context.site()?, &patch)?;
    let report = CheckoutReport { patch: patch.id, branch: made.branch, commit: made.commit.to_string() };
    if context.printer.json {
        context.printer.out(&Document::new(report).to_json())?;
    } else {
        context.printer.out(&format!("made branch {} at {}", report.branch, &report.commit[..10]))?;
        context.printer.remark(&format!("next: `git switch {0}`, mend it, commit, `toll submit {0}`", report.branch));
    }
    Ok(())
}

fn release(text: &str, (waive, allow): (Vec<String>, Vec<String>), context: &mut Context) -> Result<Answer, CliError> {
    require_person("patch release")?;
    let reason = context.required_reason("patch release")?;
    let (run, patch) = run_and_patch(text, context)?;
    run.may_land()?;
    let wish = PatchWish::Release { waive, allow };
    run.execute(&Command::OverridePatch { patch, wish, reason: reason.clone() })?;
    let paused = run.status()?.run.state == RunState::Paused;
    // Where another program drives the run, that one goes on with it.
    let driven_here = !paused && super::land::go_on(&run, &reason, context)?.is_some();
    show(&patch.to_string(), context)?;
    if paused {
        context.printer.remark(&format!("its run is paused: `toll resume {}` goes on with it", run.id.random_part()));
    }
    Ok(match find(&patch.to_string(), context)?.state {
        PatchState::Committed => Answer::Yes,
        PatchState::Quarantined | PatchState::Dropped => Answer::No,
        _ if paused || driven_here => Answer::Waits,
        _ => Answer::Yes,
    })
}

fn drop_patch(text: &str, context: &mut Context) -> Result<(), CliError> {
    require_person("patch drop")?;
    let reason = context.required_reason("patch drop")?;
    let (run, patch) = run_and_patch(text, context)?;
    run.execute(&Command::OverridePatch { patch, wish: PatchWish::Drop, reason })?;
    show(&patch.to_string(), context)?;
    run.remark_next(context)
}

fn run_and_patch(text: &str, context: &Context) -> Result<(KnownRun, PatchId), CliError> {
    let (site, store) = open(context)?;
    let record = find_one(&store, Kind::Patch, text)?;
    let patch = PatchId::try_from(record.id).expect("only patches were looked for");
    Ok((KnownRun::with(site, store, run_of(&record)?)?, patch))
}

fn find(text: &str, context: &Context) -> Result<Patch, CliError> {
    let site = context.site()?;
    let store = read_ledger(&site)?;
    let record = find_one(&store, Kind::Patch, text)?;
    Ok(Patch::from_record(&record).map_err(ViewError::from)?)
}

fn describe(patch: &Patch, printer: &Printer) -> String {
    let mut lines = vec![
        format!(
            "{} {} · {}",
            printer.paint(Look::Bold, &patch.title),
            printer.paint(Look::Dim, &patch.id.to_string()),
            patch.state
        ),
        format!("base      {}", patch.base),
    ];
    if let Some(commit) = &patch.commit {
        lines.push(format!("landed    {commit}"));
    }
    if let Some(rule) = &patch.refused_by {
        lines.push(format!("refused   by {rule}"));
    }
    if let Some(reason) = &patch.reason {
        lines.push(format!("reason    {}", reason.replace('\n', "\n          ")));
    }
    lines.push(format!("content   sha256:{}, {} bytes", patch.content, patch.bytes));
    lines.push(String::new());
    let files: Vec<Vec<String>> = patch
        .description
        .files
        .iter()
        .map(|file| {
            let kind = format!("{:?}", file.kind).to_lowercase();
            let from = file.old_path.as_ref().map_or(String::new(), |old| format!("{old} → "));
            let size = if file.binary {
                "binary".to_owned()
            } else {
                format!("+{} −{}", file.lines_added, file.lines_removed)
            };
            vec![format!("  {kind}"), size, format!("{from}{}", file.path)]
        })
        .collect();
    lines.push(table(&files));
    lines.push(String::new());
    let rules: Vec<Vec<String>> = patch
        .verdicts
        .iter()
        .map(|verdict| {
            let (look, mark) = match verdict.outcome {
                RuleOutcome::Held => (Look::Good, "✓ held"),
                RuleOutcome::Waived => (Look::Odd, "~ waived"),
                RuleOutcome::Broken | RuleOutcome::BrokenAlways => (Look::Bad, "✗ broken"),
            };
            vec![format!("  {}", printer.paint(look, mark)), verdict.rule.clone(), verdict.detail.clone()]
        })
        .collect();
    lines.push(table(&rules));
    lines.join("\n")
}
