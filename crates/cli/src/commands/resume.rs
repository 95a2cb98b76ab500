//! `toll resume`: goes on with a run that was paused, or whose program died.

use clap::Args;
use tollhouse::entity::{Budget, BudgetScope};
use tollhouse::{BudgetId, Find, Kind, Money};

use super::driving::{KnownRun, Strictness, open, tell};
use super::task::read;
use crate::context::{Context, require_person};
use crate::error::{Answer, CliError, ErrorKind};

/// Go on with a run that was paused, or whose program died
///
/// What was begun is looked at first: what landed is found and not landed again, processes that were left are ended, and
/// what they did is kept as evidence. A run that paused because its budget was used up goes on with a larger one.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Its id or a prefix of it; @ is the newest
    #[arg(default_value = "@")]
    run: String,
    /// Let it spend so much, all in all. Needs --reason
    #[arg(long, value_name = "USD", value_parser = dollars)]
    budget: Option<Money>,
    /// Exit with 1 if any task failed, not only a critical one
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &ResumeArgs, context: &mut Context) -> Result<Answer, CliError> {
    require_person("resume")?;
    let reason = match args.budget {
        Some(_) => context.required_reason("resume --budget")?,
        None => context.reason_or("a person let it go on"),
    };
    super::supersede::settle(&open(context)?.0, context)?;
    let run = KnownRun::find(&args.run, context)?;
    let raise = args.budget.map(|limit| Ok::<_, CliError>((budget_of(&run)?, limit))).transpose()?;
    let status = run.drive(context, |conductor, watch| conductor.resume_with(run.id, &reason, raise, watch))?;
    tell(&status, &run.site, if args.strict { Strictness::All } else { Strictness::Critical }, context)
}

/// More than nothing.
fn dollars(text: &str) -> Result<Money, String> {
    let amount: Money = text.parse().map_err(|error: tollhouse::InvalidMoney| error.to_string())?;
    if amount > Money::default() { Ok(amount) } else { Err("a run may spend more than nothing".to_owned()) }
}

fn budget_of(run: &KnownRun) -> Result<BudgetId, CliError> {
    let find = Find { kind: Some(Kind::Budget), run: Some(run.id), ..Find::default() };
    let own = read::<Budget>(&run.store, &find)?.into_iter().find(|budget| budget.scope == BudgetScope::Run);
    own.map(|budget| budget.id).ok_or_else(|| {
        CliError::new(
            ErrorKind::Conflict,
            "no_budget",
            format!("{} has no budget: nothing limits what it spends", run.id),
        )
        .hint("resume it without --budget")
    })
}
