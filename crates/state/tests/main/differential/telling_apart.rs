//! Whether the random commits would notice: they tell broken stores from the model.

use std::panic::{self, AssertUnwindSafe};

use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::*;
use crate::broken::{Breaking, Broken, flaws, hush};

impl Handles for Breaking {
    fn reader(&self, _: &Broken) -> Option<Box<dyn Store>> {
        None
    }
}

/// What random commits of one thread cannot show: races, those who wait, what is rewritten, and contents that are not drawn.
const UNSEEN: &[&str] = &[
    "records are read while half of them are written",
    "a list of records is not of one moment",
    "events are read while half of them are written",
    "half of a commit is announced",
    "versions are compared in 32 bits",
    "ids are compared before the lock is taken",
    "a record has at most 1,000 keys",
    "of a key, 64 KiB are kept",
    "a commit has at most 1,000 changes",
    "at most 32,766 ids are answered",
    "ids that look like numbers are numbers",
    "of an id, 10,000 bytes are kept",
    "find looks at 15 characters of the random part",
    "records of one moment are in the order in which they were made",
    "nobody is ever woken",
    "everybody is answered at once",
    "who waits for ever is not answered",
    "one of those who wait is woken",
    "who waits is woken by the next commit, whatever it waits for",
    "the announcement of a commit is lost",
    "a body may be of any length",
    "the limit of a body is one byte less",
    "after a body that is far too long nothing works any more",
    "a rewrite is answered and not made",
    "a rewrite leaves the events",
    "a rewrite makes what it can",
    "a rewritten record keeps its old keys",
    "a rewrite is made once",
    "what was rewritten takes no commit",
];

#[test]
fn random_commits_tell_broken_stores_from_the_model() {
    hush();
    let flaws = flaws::all().filter(|flaw| !UNSEEN.contains(&flaw.name));
    let unseen: Vec<&str> = flaws.filter(|flaw| !told_apart(&Breaking(*flaw))).map(|flaw| flaw.name).collect();
    assert_eq!(unseen, [""; 0]);
}

fn told_apart(fixture: &Breaking) -> bool {
    let mut runner = TestRunner::deterministic();
    (0..200).any(|_| {
        let ops = ops().new_tree(&mut runner).unwrap().current();
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| answers_as_the_model_does(&ops, fixture)));
        !matches!(outcome, Ok(Ok(())))
    })
}
