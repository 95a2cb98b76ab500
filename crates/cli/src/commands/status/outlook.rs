//! How far a run is and how long it may still take, in a few lines.

use tollhouse::Span;
use tollhouse::lifecycle::{RunState, TaskState};
use tollhouse::report::{
    BudgetProgress, Eta, Quiet, Rates, RunOutline, RunProgress, Stillness, TaskCounts, WaitCounts, WaitsFor,
    WorkstreamRow,
};

use crate::table::brief;

/// A rate of a shorter time says nothing to people.
const WINDOW_MIN: Span = Span::from_secs(60);

/// The lines of a run, each with what it is about. Of one that is over, only what it spent.
pub(super) fn lines(progress: &RunProgress) -> Vec<String> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if !progress.state.is_finished() {
        if progress.counts.tasks > 0 {
            rows.push(("progress", counted(&progress.counts, &progress.waits)));
        }
        rows.push(("left", left(progress)));
        rows.extend(lately(&progress.rates).map(|text| ("lately", text)));
        rows.extend(progress.quiet.as_ref().map(|quiet| ("quiet", still(quiet))));
    }
    rows.extend(progress.budget.as_ref().map(|budget| ("budget", spent(budget))));
    laid_out(rows)
}

/// The same of a run that is too large to be read whole: nothing that takes all its tasks.
pub(super) fn lines_of_outline(outline: &RunOutline) -> Vec<String> {
    let mut rows: Vec<(&str, String)> = Vec::new();
    if !outline.run.state.is_finished() {
        rows.push(("progress", counted_by_state(outline)));
        let id = outline.run.id.random_part();
        let left = match &outline.unknown {
            Some(because) => format!("unknown: {because}"),
            None => format!("not worked out of so many tasks; `toll status {id} --json` does"),
        };
        rows.push(("left", left));
        rows.extend(outline.stillness.map(|stillness| ("quiet", nothing_stirs(stillness))));
    }
    rows.extend(outline.budget.as_ref().map(|budget| ("budget", spent(budget))));
    laid_out(rows)
}

fn laid_out(rows: Vec<(&str, String)>) -> Vec<String> {
    rows.into_iter().map(|(what, text)| format!("  {what:<8}  {text}")).collect()
}

/// Where a workstream is, and how many of its tasks are done where that is known.
pub(super) fn workstream(row: &WorkstreamRow, done: Option<String>) -> String {
    let why = row.reason.as_deref().map(|why| format!(": {}", brief(why, 90))).unwrap_or_default();
    let done = done.map(|done| format!(", {done}")).unwrap_or_default();
    format!("  workstream {} is {}{done}{why}", row.name, row.state)
}

/// How many tasks are in which state.
fn counted_by_state(outline: &RunOutline) -> String {
    use TaskState as S;
    let runs = outline.run.state == RunState::Running;
    let named: [(&[S], &str); 10] = [
        (&[S::Skipped], "skipped"),
        (&[S::Failed], "failed"),
        (&[S::Canceled], "canceled"),
        (&[S::Running], "running"),
        (&[S::Validating], "at the gate"),
        (&[S::Waiting], "waiting for a person"),
        (if runs { &[S::Pending, S::Blocked] } else { &[S::Blocked] }, "waiting for what they need"),
        (&[S::Retrying], "before another try"),
        (if runs { &[S::Queued] } else { &[] }, "queued"),
        (if runs { &[] } else { &[S::Pending, S::Queued] }, "waiting for the run"),
    ];
    let counted = named.into_iter().map(|(states, what)| (outline.count(states), what)).filter(|(count, _)| *count > 0);
    let done = format!("{} of {} tasks completed", outline.count(&[S::Completed]), outline.count(S::ALL));
    std::iter::once(done).chain(counted.map(|(count, what)| format!("{count} {what}"))).collect::<Vec<_>>().join(", ")
}

fn nothing_stirs(stillness: Stillness) -> String {
    let what = match stillness.waits_for {
        Some(WaitsFor::Person) => ": it waits for a person",
        Some(WaitsFor::Conductor) => ": nothing drives it",
        _ => "",
    };
    format!("nothing is alive, and nothing of it was recorded for {}{what}", stillness.time)
}

fn spent(budget: &BudgetProgress) -> String {
    let aside = match budget.reserved.as_nanos() {
        0 => String::new(),
        _ => format!(", ${} set aside", budget.reserved),
    };
    format!("{}: ${} of ${} spent{aside}", budget.state, budget.spent, budget.limit)
}

/// How many tasks of a group are done, and what of the rest.
pub(super) fn done_of(counts: &TaskCounts) -> String {
    let missed = if counts.missed > 0 { format!(", {} missed", counts.missed) } else { String::new() };
    format!("{} of {} tasks done{missed}", counts.done, counts.tasks)
}

fn counted(counts: &TaskCounts, waits: &WaitCounts) -> String {
    let mut parts = vec![done_of(counts)];
    for (count, what) in [(counts.running, "running"), (counts.validating, "at the gate"), (counts.waiting, "waiting")]
    {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let named = [
        (waits.needs, "for what they need"),
        (waits.person, "for a person"),
        (waits.backoff, "before another try"),
        (waits.worker, "for a worker that can"),
        (waits.agent, "for their agent"),
        (waits.room, "for room"),
        (waits.money, "for money"),
        (waits.turn, "for their turn"),
        (waits.run, "for the run"),
    ];
    let waits: Vec<String> =
        named.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    let waits = if waits.is_empty() { String::new() } else { format!(" ({})", waits.join(", ")) };
    format!("{}{waits}", parts.join(", "))
}

/// How long it may still take, or why nobody knows.
fn left(progress: &RunProgress) -> String {
    let Eta { remaining, because, observations, .. } = &progress.eta;
    let chain = progress.critical_path.as_ref().map_or(0, |path| path.tasks.len());
    let chain = if chain > 1 { format!("; the longest chain has {chain} tasks") } else { String::new() };
    match remaining {
        Some(range) if range.least == range.most => format!("about {}, by {}{chain}", range.most, seen(*observations)),
        Some(range) => format!("{} to {}, by {}{chain}", range.least, range.most, seen(*observations)),
        None => format!("unknown: {}{chain}", because.as_deref().unwrap_or("nobody can say")),
    }
}

fn seen(observations: u64) -> String {
    match observations {
        1 => "1 attempt that was seen".to_owned(),
        count => format!("{count} attempts that were seen"),
    }
}

/// What was done lately, where that was long enough to mean something.
fn lately(rates: &Rates) -> Option<String> {
    let attempts = &rates.attempts;
    if rates.window < WINDOW_MIN || attempts.made == 0 {
        return None;
    }
    let mut parts = vec![format!("{} completed", rates.completed), format!("{} attempts", attempts.made)];
    if attempts.retries > 0 {
        parts.push(format!("{} of them retries", attempts.retries));
    }
    parts.extend(attempts.failures.iter().map(|failure| {
        let class = serde_json::to_value(failure.class).unwrap_or_default();
        format!("{} failed ({})", failure.attempts, class.as_str().unwrap_or("unknown"))
    }));
    Some(format!("{} in {}", parts.join(", "), rates.window))
}

fn still(quiet: &Quiet) -> String {
    let what = match quiet.waits_for {
        WaitsFor::Person => "it waits for a person",
        WaitsFor::Conductor => "nothing drives it",
        WaitsFor::Worker if quiet.is_stuck => "it is stuck: no worker can do what is queued",
        WaitsFor::Worker => "no worker can do what is queued",
        WaitsFor::Time => "it waits before another try",
        WaitsFor::Nothing => "it goes on at once",
        WaitsFor::Unknown => "its workers are not known here",
    };
    let until = match (quiet.waits_for, quiet.until) {
        (WaitsFor::Worker, Some(until)) if !quiet.is_stuck => format!("; it is stuck at {until}"),
        (WaitsFor::Time, Some(until)) => format!(" until {until}"),
        _ => String::new(),
    };
    format!("nothing is alive for {}: {what}{until}", quiet.time)
}
