//! Things that need each other by name: names told apart, needs that exist, no circles.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle;
use super::nearest::{did_you_mean, quoted};
use super::problem::{Lines, Place, Problems};
use super::read::At;

/// Hints are looked for this often: in a file of wrong names they would cost more than they tell.
const HINTS_MAX: usize = 200;

/// A thing with a name, and the names that it needs.
pub(super) struct Needy<'a> {
    pub(super) name: &'a At<String>,
    pub(super) needs: &'a [At<String>],
}

/// Tells names that stand twice, needs that are unknown, doubled or the thing itself, and every circle. The `others` are there,
/// and need none of these.
pub(super) fn tell_needs(
    what: &str,
    things: &[Needy<'_>],
    others: &BTreeSet<&str>,
    lines: &Lines,
    problems: &mut Problems,
) {
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, thing) in things.iter().enumerate() {
        let name = thing.name.value.as_str();
        if let Some(first) = index.get(name) {
            let line = lines.line(things[*first].name.place.at);
            let message = format!("another {what} is named {}", quoted(name));
            problems.wrong(&thing.name.place, message, format!("the first stands on line {line}"));
        } else {
            index.insert(name, number);
        }
    }
    let known = Known { what, index: &index, others };
    let needs: Vec<Vec<usize>> =
        things.iter().enumerate().map(|(number, thing)| known_needs(&known, number, thing, problems)).collect();
    let circles = cycle::cycles(&needs);
    let behind = if circles.is_empty() { 0 } else { cycle::behind(&needs) };
    for (at, circle) in circles.into_iter().enumerate() {
        let names: Vec<&str> = circle.iter().map(|number| things[*number].name.value.as_str()).collect();
        let message = format!("{what}s need each other in a circle: {}", cycle::show(&names));
        let mut hint = "take one of these needs out".to_owned();
        if at == 0 && behind > 0 {
            hint = format!("{hint}; {behind} more could never run, for they need what is in a circle");
        }
        problems.wrong(need_place(&things[circle[0]], names.get(1)), message, hint);
    }
}

/// Where a thing says that it needs another.
fn need_place<'a>(thing: &Needy<'a>, need: Option<&&str>) -> &'a Place {
    let says = |found: &&At<String>| need.is_some_and(|need| found.value == *need);
    thing.needs.iter().find(says).map_or(&thing.name.place, |found| &found.place)
}

/// What may be needed.
struct Known<'a> {
    what: &'a str,
    index: &'a BTreeMap<&'a str, usize>,
    others: &'a BTreeSet<&'a str>,
}

fn known_needs(
    Known { what, index, others }: &Known<'_>,
    number: usize,
    thing: &Needy<'_>,
    problems: &mut Problems,
) -> Vec<usize> {
    let mut known = Vec::with_capacity(thing.needs.len());
    let mut seen = BTreeSet::new();
    for need in thing.needs {
        let name = need.value.as_str();
        if !seen.insert(name) {
            problems.wrong(&need.place, format!("{} stands in needs twice", quoted(name)), "take one out");
        } else if name == thing.name.value {
            problems.wrong(&need.place, format!("{what} {} needs itself", quoted(name)), "take it out");
        } else if let Some(found) = index.get(name) {
            // A second thing of the same name is told above, and has no needs that anybody waits for.
            if index.get(thing.name.value.as_str()) == Some(&number) {
                known.push(*found);
            }
        } else if !others.contains(name) {
            let (message, hint) = unknown(what, name, index.keys().chain(others.iter()).copied(), problems);
            problems.absent(&need.place, message, hint);
        }
    }
    known
}

/// What is said of a name that nothing has, and what it was probably meant to be.
pub(super) fn unknown<'a>(
    what: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    problems: &Problems,
) -> (String, Option<String>) {
    let hint = if problems.len() < HINTS_MAX { did_you_mean(name, known) } else { None };
    (format!("unknown {what} {}", quoted(name)), hint)
}
