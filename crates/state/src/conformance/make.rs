//! Records and commits for the checks: different enough from each other to be told apart, and short to write.

use std::collections::BTreeMap;

use tollhouse_core::{Actor, Change, Commit, Happening, Kind, Record, RecordId, RunId, Severity, Stream, Timestamp};

use crate::store::{CommitError, Committed, Store};

/// The id of this kind with this number. Larger numbers are newer; the random parts are spread.
pub fn id(kind: Kind, number: u64) -> RecordId {
    let at = Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number).expect("a small number") * 1000);
    let random = u128::from(number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    RecordId::from_parts(kind, at, random)
}

/// A new record without a parent; a run belongs to itself, anything else to no run.
pub fn new(kind: Kind, number: u64) -> Record {
    let id = id(kind, number);
    Record {
        id,
        run: RunId::try_from(id).ok(),
        parent: None,
        state: kind.states()[0].to_owned(),
        version: 1,
        keys: BTreeMap::new(),
        body: format!(r#"{{"number":{number}}}"#),
    }
}

/// A new record of this run.
pub fn new_in(run: &Record, kind: Kind, number: u64) -> Record {
    Record { run: run.run, ..new(kind, number) }
}

/// The record after one more change: another version, state and body.
#[must_use]
pub fn moved(record: &Record) -> Record {
    let states = record.kind().states();
    let turn = usize::try_from(record.version).expect("a small number") % states.len();
    Record {
        state: states[turn].to_owned(),
        version: record.version + 1,
        body: format!(r#"{{"turn":{turn}}}"#),
        ..record.clone()
    }
}

/// A record as it is after a change, with an event.
pub fn change(record: Record) -> Change {
    let event = Happening {
        name: if record.version == 1 { "made" } else { "moved" }.to_owned(),
        severity: [Severity::Info, Severity::Warning, Severity::Error][record.state.len() % 3],
        reason: record.version.is_multiple_of(2).then(|| format!("because of {}", record.version)),
        body: format!(r#"{{"to":{:?}}}"#, record.state),
    };
    Change { record, event }
}

/// A commit of these records, relying on nothing but their versions.
pub fn commit(id: impl Into<String>, records: impl IntoIterator<Item = Record>) -> Commit {
    Commit {
        id: id.into(),
        at: Timestamp::from_micros(1_700_000_123_456_789),
        actor: Actor::Worker("one".to_owned()),
        trace: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
        relies_on: Vec::new(),
        follows: None,
        changes: records.into_iter().map(change).collect(),
    }
}

/// The commit, relying also on these records as they are here.
#[must_use]
pub fn relying<'a>(mut commit: Commit, on: impl IntoIterator<Item = &'a Record>) -> Commit {
    commit.relies_on.extend(on.into_iter().map(|record| (record.id, record.version)));
    commit
}

/// The commit, following this event of a stream.
#[must_use]
pub fn following(commit: Commit, stream: Stream, seq: u64) -> Commit {
    Commit { follows: Some((stream, seq)), ..commit }
}

/// Commits these records.
///
/// # Panics
/// Where the store refuses.
pub fn put(store: &impl Store, id: impl Into<String>, records: impl IntoIterator<Item = Record>) -> Committed {
    must(store, &commit(id, records))
}

/// Makes a commit.
///
/// # Panics
/// Where the store refuses.
pub fn must(store: &impl Store, commit: &Commit) -> Committed {
    store.commit(commit).expect("a sound commit is made")
}

/// The error of a commit that must be refused.
///
/// # Panics
/// Where the store makes it.
pub fn refused(store: &impl Store, commit: &Commit) -> CommitError {
    store.commit(commit).expect_err("the commit must be refused")
}
