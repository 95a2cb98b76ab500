//! What `toll check` found, for people.

use std::collections::BTreeMap;

use tollhouse::analysis::Extent;
use tollhouse::report::{Basis, CheckReport, CheckedSchedule, CheckedTask, Conflict};

use crate::context::CONFIG;
use crate::printer::{Look, Printer};
use crate::table::table;

/// More conflicts than these are shown to programs only.
const CONFLICTS_SHOWN_MAX: usize = 20;

/// A plan of more tasks is shown by its waves.
const TASKS_SHOWN_MAX: usize = 200;

/// Of more waves the first are shown.
const WAVES_SHOWN_MAX: usize = 20;

/// Of a longer list of names its beginning is shown.
const NAMES_SHOWN_MAX: usize = 8;

pub(super) fn show(report: &CheckReport, printer: &Printer) -> String {
    let what = report.plan.as_ref().map_or_else(
        || format!("{CONFIG} of {}", report.project),
        |plan| format!("{plan} · {}", count(report.tasks.len(), "task")),
    );
    let mut lines = vec![
        format!(
            "{} · from {}, landing on {} · at most {} at once",
            printer.paint(Look::Bold, &what),
            report.target,
            report.land_on,
            report.max_parallel,
        ),
        String::new(),
    ];
    if report.plan.is_none() {
        lines.push(format!("  agents  {}", listed(&report.agents)));
        lines.push(format!("  gates   {}", listed(&report.gates)));
    }
    if report.tasks.len() <= TASKS_SHOWN_MAX {
        lines.extend(waves(report, printer));
    } else {
        lines.extend(waves_in_short(report, printer));
    }
    lines.extend(conflicts(report, printer));
    lines.extend(estimates(report, printer));
    for warning in &report.warnings {
        lines.push(String::new());
        lines.push(format!("{}: {}", printer.paint(Look::Odd, "warning"), warning.message));
        lines.push(format!("  hint: {}", warning.hint));
    }
    if report.warnings_left_out > 0 {
        lines.push(format!("\n… and {} more like these", count(report.warnings_left_out, "warning")));
    }
    lines.join("\n").trim_end().to_owned()
}

fn count(number: impl TryInto<u64>, what: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// The names, shortened in the middle where they are many: the last of a chain says what it leads to.
fn chain(names: &[String]) -> String {
    if names.len() <= NAMES_SHOWN_MAX + 2 {
        return names.join(" → ");
    }
    let last = names.last().map(String::as_str).unwrap_or_default();
    let left_out = names.len() - NAMES_SHOWN_MAX - 1;
    format!("{} → … {left_out} more → {last}", names[..NAMES_SHOWN_MAX].join(" → "))
}

fn waves(report: &CheckReport, printer: &Printer) -> Vec<String> {
    let mut of_wave: BTreeMap<u64, Vec<&CheckedTask>> = BTreeMap::new();
    for task in &report.tasks {
        of_wave.entry(task.wave).or_default().push(task);
    }
    let mut lines = Vec::new();
    for (number, tasks) in of_wave {
        let title = if number == 0 { "Never".to_owned() } else { format!("Wave {number}") };
        lines.push(printer.paint(Look::Bold, &title));
        lines.push(table(&tasks.into_iter().map(|task| row(task, printer)).collect::<Vec<_>>()));
    }
    lines
}

fn waves_in_short(report: &CheckReport, printer: &Printer) -> Vec<String> {
    let row = |(wave, number): (&Vec<String>, usize)| {
        let more = if wave.len() > NAMES_SHOWN_MAX { ", …" } else { "" };
        let names = wave[..wave.len().min(NAMES_SHOWN_MAX)].join(", ");
        vec![format!("  {number}"), count(wave.len(), "task"), format!("{names}{more}")]
    };
    let rows: Vec<Vec<String>> = report.waves.iter().zip(1..).take(WAVES_SHOWN_MAX).map(row).collect();
    let mut lines = vec![printer.paint(Look::Bold, "Waves"), table(&rows)];
    if report.waves.len() > WAVES_SHOWN_MAX {
        lines.push(format!("  … and {} more", report.waves.len() - WAVES_SHOWN_MAX));
    }
    lines
}

fn row(task: &CheckedTask, printer: &Printer) -> Vec<String> {
    let mut gates = listed(&task.gates.required);
    if !task.gates.advisory.is_empty() {
        gates = format!("{gates}; told: {}", task.gates.advisory.join(", "));
    }
    let about = task.estimate.time.map_or_else(String::new, |time| format!(", about {time}"));
    vec![
        format!("  {}", task.name),
        who(task),
        format!("{} × {}{about}", task.attempts, task.timeout),
        format!("gates {gates}"),
        format!("writes {}", task.write.as_ref().map_or_else(|| "anything".to_owned(), |write| write.join(", "))),
        if task.needs.is_empty() {
            String::new()
        } else {
            let shown = task.needs[..task.needs.len().min(NAMES_SHOWN_MAX)].join(", ");
            let rest = task.needs.len().saturating_sub(NAMES_SHOWN_MAX);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            printer.paint(Look::Dim, &format!("after {shown}{more}"))
        },
    ]
}

/// The agent of a task, or those that it may go to, with how one of them is chosen and who says so.
fn who(task: &CheckedTask) -> String {
    let Some(route) = &task.route else { return task.agent.clone() };
    let rule = route.rule.as_ref().map_or_else(String::new, |rule| format!(", {rule}"));
    format!("{} [{}{rule}]", route.agents.join(", "), route.strategy)
}

fn conflicts(report: &CheckReport, printer: &Printer) -> Vec<String> {
    let is_whole = report.conflicts_extent == Extent::Whole;
    if report.conflicts.is_empty() && is_whole {
        return Vec::new();
    }
    let why = |conflict: &Conflict| match (&conflict.conflict_group, &conflict.write) {
        (Some(group), _) => format!("share the conflict group {group}"),
        (None, Some([one, other])) => format!("may both write: {one} and {other}"),
        (None, None) => String::new(),
    };
    let wait = |conflict: &Conflict| match (&conflict.waits, conflict.wait) {
        (Some(task), Some(time)) => format!("{task} waits {time}"),
        _ => String::new(),
    };
    let row = |conflict: &Conflict| {
        vec![format!("  {}", conflict.tasks.join(", ")), why(conflict), printer.paint(Look::Dim, &wait(conflict))]
    };
    let shown: Vec<Vec<String>> = report.conflicts.iter().take(CONFLICTS_SHOWN_MAX).map(row).collect();
    let mut lines = vec![String::new(), printer.paint(Look::Bold, "Never together")];
    if !shown.is_empty() {
        lines.push(table(&shown));
    }
    let rest = report.conflicts.len().saturating_sub(CONFLICTS_SHOWN_MAX) as u64 + report.conflicts_left_out;
    if rest > 0 {
        lines.push(format!("  … and {}{rest} more", if is_whole { "" } else { "at least " }));
    }
    if !is_whole {
        lines.push("  not all pairs were looked at: there are too many that might meet".to_owned());
    }
    lines
}

fn estimates(report: &CheckReport, printer: &Printer) -> Vec<String> {
    let (Some(path), Some(bound), Some(schedule)) = (&report.critical_path, &report.time_bound, &report.schedule)
    else {
        return Vec::new();
    };
    let mut rows = vec![
        ("longest", format!("{} · {}", chain(&path.tasks), path.length)),
        ("bound", format!("agents work at most {} along {}", bound.agents, chain(&bound.tasks))),
        ("", printer.paint(Look::Dim, &bound.source)),
        ("time", time(report, schedule)),
        ("at once", at_once(schedule)),
    ];
    if report.tasks.len() > TASKS_SHOWN_MAX {
        rows.push(("profile", profile(schedule)));
    }
    if schedule.overlap_cost.as_millis() > 0 {
        rows.push(("overlaps", format!("it takes {} longer for what never runs together", schedule.overlap_cost)));
    }
    if let Some(what_if) = &report.what_if {
        let speed = format!("{:.2} times as fast", what_if.speed_up);
        rows.push(("what if", format!("with {} at once {}: {speed}", what_if.max_parallel, what_if.makespan)));
    }
    rows.push(("cost", cost(report)));
    let rows: Vec<Vec<String>> = rows.into_iter().map(|(name, text)| vec![format!("  {name}"), text]).collect();
    vec![String::new(), printer.paint(Look::Bold, "Estimates"), table(&rows)]
}

fn time(report: &CheckReport, schedule: &CheckedSchedule) -> String {
    let known = report.tasks.iter().filter(|task| task.estimate.time.is_some()).count();
    match schedule.basis {
        Basis::History => format!("about {}, by what agents took before", schedule.makespan),
        Basis::Mixed => format!(
            "unknown: of {} nothing is known yet; {} with their timeouts",
            count(report.tasks.len() - known, "task"),
            schedule.makespan
        ),
        Basis::Timeouts => {
            format!("unknown: no such agent finished anything here yet; {} with all timeouts", schedule.makespan)
        }
    }
}

fn cost(report: &CheckReport) -> String {
    let unknown = report.tasks.iter().filter(|task| task.estimate.cost.is_none()).count();
    match report.cost_estimate {
        Some(cost) => format!("about ${cost}, if each task needs one try"),
        None => format!("unknown: nobody saw yet what {} cost", count(unknown, "task")),
    }
}

fn at_once(schedule: &CheckedSchedule) -> String {
    format!(
        "{} at most, {:.2} on average; more than {} would make it no faster",
        schedule.peak, schedule.parallelism, schedule.useful_parallel
    )
}

/// How many are under way over time, one sign for each of equal parts.
fn profile(schedule: &CheckedSchedule) -> String {
    const SIGNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const PARTS: u64 = 50;
    let mut line = String::new();
    for part in 0..PARTS {
        let at = schedule.makespan.as_millis() / PARTS * part;
        let upto = schedule.profile.partition_point(|moment| moment.at.as_millis() <= at);
        let running =
            upto.checked_sub(1).and_then(|last| schedule.profile.get(last)).map_or(0, |moment| moment.running);
        let sign = (running * 8).div_ceil(schedule.peak.max(1)).clamp(1, 8) - 1;
        line.push(usize::try_from(sign).ok().and_then(|sign| SIGNS.get(sign)).copied().unwrap_or(' '));
    }
    format!("{line} over {}", schedule.makespan)
}
