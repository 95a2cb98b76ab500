//! How a run would fill its time, in the words of the report.

use schemars::JsonSchema;
use serde::Serialize;
use tollhouse_core::Span;

use crate::analysis::{Course, Estimate, Moment, Rehearsal};

/// A profile of more moments is drawn with as many.
const MOMENTS_MAX: usize = 100;

/// What the lengths of tasks are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What agents took before.
    History,
    /// What agents took before; their timeouts where that is unknown.
    Mixed,
    /// Their timeouts, for nothing else is known.
    Timeouts,
}

/// How a run would fill its time if every task landed at its first try.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CheckedSchedule {
    /// What the lengths of tasks are taken from. Where it is not history, no time here is an estimate.
    pub basis: Basis,
    /// How long agents work from the first beginning to the last end, in seconds.
    pub makespan: Span,
    /// How long all of them work together, in seconds.
    pub work: Span,
    /// The most tasks at once.
    pub peak: u64,
    /// How many are under way on average.
    pub parallelism: f64,
    /// More at once than this would make it no faster.
    pub useful_parallel: u32,
    /// How much longer it takes because of tasks that never run together, in seconds.
    pub overlap_cost: Span,
    /// How many tasks are under way, from each moment to the next: at most a hundred moments, each with the most until the
    /// next.
    pub profile: Vec<CheckedMoment>,
}

/// How many tasks are under way from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckedMoment {
    /// From the beginning of the run, in seconds.
    pub at: Span,
    /// So many.
    pub running: u64,
}

/// How a run would go with another number at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct WhatIf {
    /// So many at once.
    pub max_parallel: u32,
    /// How long agents would work from the first beginning to the last end, in seconds.
    pub makespan: Span,
    /// How many times as fast that is as it is now: less than 1 is slower.
    pub speed_up: f64,
}

pub(super) fn schedule(course: &Course, rehearsal: &Rehearsal<'_>, estimates: &[Estimate]) -> CheckedSchedule {
    let known = estimates.iter().filter(|estimate| estimate.time.is_some()).count();
    let basis = match known {
        0 => Basis::Timeouts,
        _ if known == estimates.len() => Basis::History,
        _ => Basis::Mixed,
    };
    let cost = if course.waits.is_empty() {
        0
    } else {
        course.makespan.as_millis().saturating_sub(rehearsal.play_without_clashes().makespan.as_millis())
    };
    CheckedSchedule {
        basis,
        makespan: course.makespan,
        work: course.work,
        peak: course.peak as u64,
        parallelism: ratio(course.work, course.makespan),
        useful_parallel: rehearsal.useful_parallel(),
        overlap_cost: Span::from_millis(cost),
        profile: thinned(course),
    }
}

pub(super) fn what_if(max_parallel: u32, course: &Course, rehearsal: &Rehearsal<'_>) -> WhatIf {
    let makespan = rehearsal.play_with(max_parallel).makespan;
    WhatIf { max_parallel, makespan, speed_up: ratio(course.makespan, makespan) }
}

/// With two decimals, which is more than is known. 1 where nothing takes any time.
#[expect(clippy::cast_precision_loss, reason = "two decimals are kept of it")]
fn ratio(one: Span, other: Span) -> f64 {
    if other == Span::default() {
        return 1.0;
    }
    (one.as_millis() as f64 / other.as_millis() as f64 * 100.0).round() / 100.0
}

/// The moments, where they are few; else of as many equal parts of the time the most that are under way in each.
fn thinned(course: &Course) -> Vec<CheckedMoment> {
    let checked = |moment: &Moment| CheckedMoment { at: moment.at, running: moment.running as u64 };
    if course.profile.len() <= MOMENTS_MAX {
        return course.profile.iter().map(checked).collect();
    }
    let parts = MOMENTS_MAX as u64 - 1;
    let width = course.makespan.as_millis().div_ceil(parts).max(1);
    let mut thinned: Vec<CheckedMoment> = Vec::new();
    let mut before = 0;
    let mut moments = course.profile.iter().peekable();
    for part in 0..parts {
        let (begin, end) = (part.saturating_mul(width), (part + 1).saturating_mul(width));
        let mut most = if moments.peek().is_some_and(|next| next.at.as_millis() == begin) { 0 } else { before };
        while let Some(moment) = moments.next_if(|next| next.at.as_millis() < end) {
            before = moment.running as u64;
            most = most.max(before);
        }
        if thinned.last().is_none_or(|last| last.running != most) {
            thinned.push(CheckedMoment { at: Span::from_millis(begin), running: most });
        }
    }
    thinned.push(CheckedMoment { at: course.makespan, running: 0 });
    thinned
}
