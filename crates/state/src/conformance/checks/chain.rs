use std::collections::BTreeMap;

use tollhouse_core::{Actor, Commit, Digests, GENESIS, Kind, Severity, Stream, event_hash};

use crate::conformance::{Fixture, dump, make};
use crate::store::Store;

pub fn every_hash_covers_its_event_and_the_one_before<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    history(&store);
    let mut heads: BTreeMap<Stream, String> = BTreeMap::new();
    for event in dump(&store).events {
        let head = heads.insert(event.stream, event.hash.clone());
        assert_eq!(event.previous_hash, head.unwrap_or_else(|| GENESIS.to_owned()), "{event:?}");
        assert_eq!(event.hash, event_hash(&event), "{event:?}");
    }
    assert_eq!(heads.len(), 3);
}

pub fn an_event_vouches_for_its_body_and_its_record<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let commits = history(&store);
    let changes = commits.iter().flat_map(|commit| &commit.changes);
    for (event, change) in dump(&store).events.iter().zip(changes) {
        assert_eq!(event.digests, Some(Digests::of(change)), "{event:?}");
    }
}

pub fn each_stream_counts_from_1<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    history(&store);
    let mut counts: BTreeMap<Stream, u64> = BTreeMap::new();
    for event in dump(&store).events {
        let count = counts.entry(event.stream).or_default();
        *count += 1;
        assert_eq!(event.seq, *count, "{event:?}");
    }
}

pub fn events_tell_what_was_committed<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let commits = history(&store);
    let mut events = dump(&store).events.into_iter();
    for commit in commits {
        for change in &commit.changes {
            let event = events.next().expect("one event for each change");
            assert_eq!(event.stream, change.record.stream());
            assert_eq!((event.record, event.version), (change.record.id, change.record.version));
            assert_eq!(event.state, change.record.state);
            assert_eq!(event.event, change.event);
            assert_eq!((&event.actor, event.at), (&commit.actor, commit.at));
            assert_eq!((&event.trace, &event.commit), (&commit.trace, &commit.id));
        }
    }
    assert_eq!(events.next(), None);
}

/// Three streams, interleaved within and between commits.
fn history<S: Store>(store: &S) -> Vec<Commit> {
    let runs = [make::new(Kind::Run, 1), make::new(Kind::Run, 2)];
    let mut records =
        vec![make::new_in(&runs[0], Kind::Task, 3), make::new_in(&runs[1], Kind::Task, 4), make::new(Kind::Patch, 5)];
    records.extend(runs);
    let mut commits = Vec::new();
    for turn in 0..6 {
        let mut commit = make::commit(format!("turn {turn}"), records.iter().rev().cloned());
        if turn % 2 == 0 {
            commit.actor = Actor::Person("ä".to_owned());
            commit.trace = None;
            commit.changes[0].event.reason = Some(String::new());
            commit.changes[0].event.severity = Severity::Error;
        }
        make::must(store, &commit);
        commits.push(commit);
        records = records.iter().map(make::moved).collect();
        records.rotate_left(1);
    }
    commits
}
