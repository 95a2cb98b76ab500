//! `toll gate`: the gates, by hand.

use clap::{Args, Subcommand};
use tollhouse::entity::{Effect, Entity, GateRun, Work};
use tollhouse::lifecycle::GateRunState;
use tollhouse::report::GateRow;
use tollhouse::spec::GateSpec;
use tollhouse::{
    Actor, Command, Environment, GateRunId, Kind, Outcome, Place, Site, SqliteStore, ViewError, clock,
    process::KillSwitch, run_gate,
};

use crate::context::{Context, person, project, read_ledger, require_person};
use crate::document::{Document, GateRuns, Gates};
use crate::error::{Answer, CliError, ErrorKind};
use crate::lookup::find_one;
use crate::printer::{Look, Printer};
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
    /// Run gates on a tree, in a checkout of its own
    Run {
        /// Which ones [default: all]
        names: Vec<String>,
        /// The commit whose tree they judge
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
    let chosen = choose(&config.gates, names)?;
    let commit = site.project()?.resolve(rev).map_err(tollhouse::RunnerError::from)?;
    let tree = site.open_repo()?.tree_of(commit).map_err(tollhouse::RunnerError::from)?;
    let store = site.open_ledger()?;
    let dir = site.workspaces.join("by-hand");
    let place = Place { site: &site, dir: &dir, workspace: &config.workspace };
    let mut rows: Vec<GateRow> = Vec::new();
    for gate in chosen {
        let missed = gate
            .needs
            .iter()
            .find(|need| rows.iter().any(|row| row.gate == **need && row.state != GateRunState::Passed));
        if let Some(missed) = missed {
            context.printer.note(&format!("{} is left out: it needs {missed}, which did not pass", gate.name));
            continue;
        }
        let done = one(&store, &place, gate, (&tree.to_string(), &commit.to_string()))?;
        rows.push((&done).into());
    }
    let all_passed = rows.iter().all(|row| row.state == GateRunState::Passed);
    if context.printer.json {
        context.printer.out(&Document::new(GateRuns { gate_runs: rows, next: None }).to_json())?;
    } else {
        let text = show_rows(&rows, &context.printer);
        context.printer.out(&text)?;
    }
    Ok(if all_passed { Answer::Yes } else { Answer::No })
}

/// The gates that were asked for, each after those it needs.
fn choose<'g>(gates: &'g [GateSpec], names: &[String]) -> Result<Vec<&'g GateSpec>, CliError> {
    let unknown: Vec<&str> =
        names.iter().filter(|name| gates.iter().all(|gate| gate.name != **name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        return Err(CliError::new(
            ErrorKind::NotFound,
            "not_found",
            format!("there is no gate {}", unknown.join(", ")),
        )
        .hint("`toll gate list` shows them"));
    }
    let mut left: Vec<&GateSpec> = gates.iter().filter(|gate| names.is_empty() || names.contains(&gate.name)).collect();
    let mut ordered: Vec<&GateSpec> = Vec::new();
    // Reading the configuration refused cycles, so each round finds one.
    while !left.is_empty() {
        let waits = |gate: &&GateSpec| gate.needs.iter().any(|need| left.iter().any(|other| other.name == *need));
        let next = left.iter().position(|gate| !waits(gate)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    Ok(ordered)
}

/// One gate run, on the ledger from its beginning to its end.
fn one(
    store: &SqliteStore,
    place: &Place<'_>,
    gate: &GateSpec,
    (tree, commit): (&str, &str),
) -> Result<GateRun, CliError> {
    let actor = Actor::Person(person());
    let at = clock::at();
    let id = GateRunId::from_parts(at.now, clock::random_id_bits());
    let mut engine = tollhouse::Engine::open_project(store)?;
    let create = Command::CreateGateRun {
        gate_run: id,
        gate: Box::new(gate.clone()),
        tree: tree.to_owned(),
        parent: commit.to_owned(),
    };
    engine.execute(&create, &actor, at)?;
    let wanted = |effect: &&Effect| effect.work == Work::Gate { gate_run: id };
    let effect = engine.view().all::<Effect>().find(wanted).expect("it was just asked for").id;
    let until = clock::now().after(gate.timeout);
    engine.execute(&Command::Claim { effect, owner: person(), until }, &actor, clock::at())?;
    let gate_run = engine.view().get::<GateRun>(id).expect("it was just made").clone();
    let outcome = match run_gate(place, &gate_run, Environment::base(&[]), &KillSwitch::default()) {
        Ok(facts) => Outcome::Gated(facts),
        Err(error) => Outcome::Failed { class: tollhouse::entity::ErrorClass::Unknown, reason: error.to_string() },
    };
    let epoch = engine.view().get::<Effect>(effect).map_or(0, |effect| effect.epoch);
    engine.execute(&Command::Report { effect, epoch, outcome: Box::new(outcome) }, &actor, clock::at())?;
    Ok(engine.view().get::<GateRun>(id).expect("it was just made").clone())
}

fn show(text: &str, context: &mut Context) -> Result<Answer, CliError> {
    let site: Site = context.site()?;
    let store = read_ledger(&site)?;
    let record = find_one(&store, Kind::GateRun, text)?;
    let gate_run = GateRun::from_record(&record).map_err(ViewError::from)?;
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
