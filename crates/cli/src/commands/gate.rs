//! `toll gate`: the gates, by hand.

use clap::{Args, Subcommand};
use tollhouse::entity::{Entity, GateRun};
use tollhouse::lifecycle::GateRunState;
use tollhouse::plan::gates_in_order;
use tollhouse::process::KillSwitch;
use tollhouse::report::GateRow;
use tollhouse::spec::GateSpec;
use tollhouse::{GatesByHand, Kind, RunnerError, Site, ViewError, blobs::Blobs};

use crate::context::{Context, person, project, read_ledger, require_person};
use crate::document::{Document, GateRuns, Gates};
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
use crate::signals::Signals;
use crate::table::{brief, table};

/// List the gates, run them by hand, or show what one saw
#[derive(Debug, Args)]
pub(crate) struct GateArgs {
    #[command(subcommand)]
    command: GateCommand,
}

#[derive(Debug, Subcommand)]
enum GateCommand {
    /// List the gates of the configuration
    List,
    /// Run gates on a commit, in a checkout of its own
    Run {
        /// Their names [default: all]
        names: Vec<String>,
        /// The commit whose files they judge; uncommitted work is not looked at
        #[arg(long, value_name = "REV", default_value = "HEAD")]
        tree: String,
    },
    /// Show one gate run
    Show {
        /// Its id, a prefix of it, or the gate's name for its newest run
        id: String,
    },
}

pub(crate) fn run(args: &GateArgs, context: &mut Context) -> Result<Answer, CliError> {
    match &args.command {
        GateCommand::List => list(context),
        GateCommand::Run { names, tree } => run_by_hand(names, tree, context),
        GateCommand::Show { id } => show(id, context),
    }
}

fn list(context: &mut Context) -> Result<Answer, CliError> {
    let site = context.site()?;
    let gates = project(&site)?.gates;
    if context.printer.json {
        context.printer.out(&Document::new(Gates { gates, next: None }).to_json())?;
    } else if gates.is_empty() {
        context
            .printer
            .note("no gates: every change that policy allows would land; [[gate]] in tollhouse.toml adds one");
    } else {
        let row =
            |gate: &GateSpec| vec![gate.name.clone(), format!("{:?}", gate.kind).to_lowercase(), gate.run.to_string()];
        context.printer.out(&table(&gates.iter().map(row).collect::<Vec<_>>()))?;
    }
    Ok(Answer::Yes)
}

fn run_by_hand(names: &[String], rev: &str, context: &mut Context) -> Result<Answer, CliError> {
    require_person("gate run")?;
    let site = context.site()?;
    let config = project(&site)?;
    let chosen = gates_in_order(&config.gates, names).map_err(|unknown| {
        CliError::new(ErrorKind::NotFound, "not_found", format!("there is no gate {}", unknown.join(", ")))
            .hint("`toll gate list` shows them")
    })?;
    let commit = site.project()?.resolve(rev).map_err(RunnerError::from)?;
    let store = site.open_ledger()?;
    let signals = Signals::listen()?;
    let switch = KillSwitch::default();
    signals.throw(switch.clone());
    let by_hand = GatesByHand { site: &site, store: &store, person: person(), workspace: &config.workspace, switch };
    let done = by_hand.run(&chosen, commit).map_err(|error| signals.name(error))?;
    for gate in &done.left_out {
        context.printer.note(&format!("{gate} is left out: a gate that it needs did not pass"));
    }
    let rows: Vec<GateRow> = done.gate_runs.iter().map(GateRow::from).collect();
    if context.printer.json {
        context.printer.out(&Document::new(GateRuns { gate_runs: rows, next: None }).to_json())?;
    } else {
        let text = show_rows(&rows, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(if done.is_yes() { Answer::Yes } else { Answer::No })
}

fn show(text: &str, context: &mut Context) -> Result<Answer, CliError> {
    let site: Site = context.site()?;
    let store = read_ledger(&site)?;
    let record = find_one(&store, Kind::GateRun, text)?;
    let mut gate_run = GateRun::from_record(&record).map_err(ViewError::from)?;
    if let Some(printed) = gate_run.end.as_mut().and_then(|end| end.output.as_mut()) {
        match Blobs::of(&site).whole(printed.clone()) {
            Ok(whole) => *printed = whole,
            // The rest of the record is good, and the end of what was printed is in it.
            Err(error) => context.printer.remark(&format!("only the end of what it printed is shown: {error}")),
        }
    }
    if context.printer.json {
        context.printer.out(&Document::new(gate_run).to_json())?;
        return Ok(Answer::Yes);
    }
    let printer = &context.printer;
    let mut lines = vec![
        format!(
            "gate {} {} · {}",
            printer.paint(Look::Bold, &gate_run.gate.name),
            printer.paint(Look::Dim, &gate_run.id.to_string()),
            gate_run.state
        ),
        format!("runs      {}", gate_run.gate.run),
        format!("on tree   {}", gate_run.tree),
    ];
    if let Some(patch) = gate_run.patch {
        lines.push(format!("of patch  {patch}"));
    }
    if let Some(reason) = &gate_run.reason {
        lines.push(format!("reason    {reason}"));
    }
    if let Some(output) = gate_run.end.and_then(|end| end.output) {
        lines.push(String::new());
        lines.push(output.text.trim_end().to_owned());
    }
    context.printer.out(&lines.join("\n"))?;
    Ok(Answer::Yes)
}

fn show_rows(rows: &[GateRow], printer: &Printer) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let look = if row.state == GateRunState::Passed { Look::Good } else { Look::Bad };
            vec![
                row.gate.clone(),
                printer.paint(look, row.state.as_str()),
                row.took.map_or(String::new(), |took| took.to_string()),
                row.id.random_part()[..6].to_owned(),
                brief(row.reason.as_deref().unwrap_or_default(), 80),
            ]
        })
        .collect();
    table(&cells)
}
