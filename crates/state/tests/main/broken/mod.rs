//! Each check of the suite fails against a store in which just that is broken.

pub(super) mod flaws;
mod store;

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tollhouse_state::conformance::{Check, checks};

pub(super) use self::store::{Breaking, Broken};
use self::store::{Flaw, SOUND};

/// The name of the threads in which checks are run.
const THREAD: &str = "a check of a broken store";

/// Far longer than any check takes against a store that is broken.
const LONG: Duration = Duration::from_mins(2);

/// What became of a check.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed(String),
    NeverEnded,
}

/// Runs a check in a thread of its own, so that one that never ends is named.
fn run(flaw: Flaw, check: &Check<Breaking>) -> Outcome {
    let (ended, outcome) = mpsc::channel();
    let run = check.run;
    let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || {
        let caught = panic::catch_unwind(AssertUnwindSafe(|| run(&Breaking(flaw))));
        // Nobody listens any more where this took too long.
        let _ = ended.send(caught.map_err(|panic| words(panic.as_ref())));
    });
    match outcome.recv_timeout(LONG) {
        Ok(outcome) => {
            thread.unwrap().join().unwrap();
            outcome.map_or_else(Outcome::Failed, |()| Outcome::Passed)
        }
        Err(_) => Outcome::NeverEnded,
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or_default().to_owned()
}

/// Keeps the panics of checks out of the output, and those of the threads that checks start: they have no name.
pub(super) fn hush() {
    let loud = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !matches!(thread::current().name(), None | Some(THREAD)) {
            loud(info);
        }
    }));
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn every_check_is_failed_by_a_store_that_breaks_it() {
    hush();
    let checks = checks::<Breaking>();
    let known: BTreeSet<String> = checks.iter().map(Check::to_string).collect();
    assert_eq!(known.len(), checks.len(), "no two checks have one name");
    let mut caught = BTreeSet::new();
    let mut complaints = Vec::new();
    for flaw in flaws::all() {
        let claimed = named(flaw.caught_by);
        complaints.extend(claimed.difference(&known).map(|name| format!("{}: there is no check {name}", flaw.name)));
        if claimed.is_empty() {
            complaints.push(format!("{}: it says nothing of what catches it", flaw.name));
        }
        for check in checks.iter().filter(|check| claimed.contains(&check.to_string())) {
            match run(flaw, check) {
                Outcome::Failed(_) => drop(caught.insert(check.to_string())),
                outcome => complaints.push(format!("{}: {check}: {outcome:?}", flaw.name)),
            }
        }
    }
    complaints.extend(known.difference(&caught).map(|check| format!("no broken store fails {check}")));
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[test]
fn no_two_stores_are_broken_under_one_name() {
    let names: BTreeSet<_> = flaws::all().map(|flaw| flaw.name).collect();
    assert_eq!(names.len(), flaws::all().count());
}

mod unbroken {
    use super::*;

    // Where this fails, the stores are broken in more than what they say.
    tollhouse_state::conformance_tests!(Breaking(SOUND));
}
