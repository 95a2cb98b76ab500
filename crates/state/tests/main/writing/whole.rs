//! Whether a ledger holds what was said of it, whole.
//!
//! The commits that are found are made anew in the model, in their order, from what their ids say; then everything that
//! the ledger shows must be what the model shows. The model computes every hash, and checks that hashes link, that
//! positions, places in streams and versions have no gaps, and that records are as their last events say.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::{Event, Record, Stream};
use tollhouse_state::conformance::dump;
use tollhouse_state::{Cursor, Find, MemoryStore, Novelty, SqliteStore, Store, StoreError};

use super::draft;
use super::word::{Account, Positions};

/// Of what there is much of, one in so many is looked at by each other way.
const SOME: usize = 8;

/// What a ledger shows of its records and their history.
#[derive(Debug, Clone, Default)]
struct Contents {
    records: Vec<Record>,
    events: Vec<Event>,
}

/// What is wrong with a ledger, if anything is. Where nothing is, the commits that were tried are made once more, and so
/// the ledger is another one afterwards.
pub(crate) fn differs(store: &SqliteStore, account: &Account) -> Result<(), String> {
    store.check().map_err(|error| format!("its pages do not hold together: {error}"))?;
    let contents = Contents::read(store).map_err(|error| format!("it cannot be read: {error}"))?;
    let model = contents.as_the_model(account)?;
    by_other_ways(store, &contents)?;
    come_again(store, &model, account)
}

impl Contents {
    fn read(store: &SqliteStore) -> Result<Self, StoreError> {
        Ok(Self { records: store.find(&Find::default())?, events: store.events(&Cursor::default())? })
    }

    /// A model with the same contents.
    fn as_the_model(&self, account: &Account) -> Result<MemoryStore, String> {
        let model = MemoryStore::new();
        let made = self.made_in(&model)?;
        for (id, positions) in &account.made {
            match made.get(id) {
                None => return Err(format!("lost: commit {id:?} was acknowledged at {positions:?}")),
                Some(found) if found != positions => {
                    return Err(format!("moved: commit {id:?} was acknowledged at {positions:?}, and is at {found:?}"));
                }
                Some(_) => {}
            }
        }
        for id in made.keys() {
            if !account.tried.contains(id) || account.refused.contains(id) {
                return Err(format!("made up: commit {id:?} was refused, or nobody tried it"));
            }
        }
        let expected = dump(&model);
        same("event", &self.events, &expected.events)?;
        same("record", &self.records, &expected.records)?;
        Ok(model)
    }

    /// Makes each commit that there is an event of in the model.
    fn made_in(&self, model: &MemoryStore) -> Result<BTreeMap<String, Positions>, String> {
        let mut made = BTreeMap::new();
        for events in self.events.chunk_by(|one, other| one.commit == other.commit) {
            let id = &events[0].commit;
            let found = (events[0].position, events[events.len() - 1].position);
            let commit = draft::commit(id).ok_or_else(|| format!("made up: nobody would call a commit {id:?}"))?;
            let answer = model
                .commit(&commit)
                .map_err(|error| format!("impossible after what is before it: {id:?}: {error}"))?;
            if (answer.first, answer.last) != found || answer.novelty != Novelty::Fresh {
                return Err(format!("half: commit {id:?} has events {found:?}, and should have {answer:?}"));
            }
            made.insert(id.clone(), found);
        }
        Ok(made)
    }
}

/// The first thing in which two lists differ.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &[T], expected: &[T]) -> Result<(), String> {
    if let Some((found, expected)) = found.iter().zip(expected).find(|(found, expected)| found != expected) {
        return Err(format!("not as written: {what} {found:?} should be {expected:?}"));
    }
    if found.len() != expected.len() {
        return Err(format!("there are {} of {what}, and should be {}", found.len(), expected.len()));
    }
    Ok(())
}

/// What is found by an index is what is there.
fn by_other_ways(store: &SqliteStore, contents: &Contents) -> Result<(), String> {
    let failed = |error: StoreError| format!("it cannot be read: {error}");
    let streams: BTreeSet<Stream> = contents.events.iter().map(|event| event.stream).collect();
    for stream in streams {
        let found = store.events(&Cursor { stream: Some(stream), ..Cursor::default() }).map_err(failed)?;
        let expected: Vec<_> = contents.events.iter().filter(|event| event.stream == stream).cloned().collect();
        same("event of a stream", &found, &expected)?;
    }
    let ids: Vec<_> = contents.records.iter().map(|record| record.id).collect();
    let found: Vec<_> = store.get(&ids).map_err(failed)?.into_iter().flatten().collect();
    same("record by its id", &found, &contents.records)?;
    let keys: BTreeSet<_> = contents.records.iter().flat_map(|record| record.keys.clone()).collect();
    for key in keys.into_iter().step_by(SOME) {
        let found = store.find(&Find { key: Some(key.clone()), ..Find::default() }).map_err(failed)?;
        let of_key = |record: &&Record| record.keys.get(&key.0) == Some(&key.1);
        let expected: Vec<_> = contents.records.iter().filter(of_key).cloned().collect();
        same("record by its key", &found, &expected)?;
    }
    Ok(())
}

/// Whoever did not hear an answer asks again: what is there is known again, and what is not leaves nothing behind that
/// would be in its way.
fn come_again(store: &SqliteStore, model: &MemoryStore, account: &Account) -> Result<(), String> {
    let heard = account.made.keys().step_by(SOME);
    for id in account.tried.iter().filter(|id| !account.made.contains_key(*id)).chain(heard) {
        let commit = draft::commit(id).expect("what was tried has an id that says what it holds");
        let (answer, expected) = (store.commit(&commit), model.commit(&commit));
        if answer != expected {
            return Err(format!("commit {id:?} comes again: {answer:?} should be {expected:?}"));
        }
    }
    let contents = Contents::read(store).map_err(|error| format!("it cannot be read: {error}"))?;
    let expected = dump(model);
    same("event after all came again", &contents.events, &expected.events)?;
    same("record after all came again", &contents.records, &expected.records)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::writing::Word;

    const IDS: [&str; 4] = ["a 0@1 5@1 5@2", "b 7@1 11@1", "c 5@3 8@1 ~7@1", "d 8@2 11@2"];

    /// A ledger of a few commits, all of them acknowledged but for one that nobody heard of again.
    fn ledger() -> (TempDir, SqliteStore, Account) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(folder.path().join("ledger.db")).unwrap();
        let mut account = Account::default();
        for id in IDS {
            let committed = store.commit(&draft::commit(id).unwrap()).unwrap();
            account.hear(Word::Trying(id.to_owned()));
            account.hear(Word::Made(id.to_owned(), (committed.first, committed.last)));
        }
        account.hear(Word::Trying("e 9@1".to_owned()));
        account.hear(Word::Trying("f 9@7".to_owned()));
        account.hear(Word::Refused("f 9@7".to_owned()));
        (folder, store, account)
    }

    #[test]
    fn a_whole_ledger_is_as_it_was_said_to_be() {
        let (_folder, store, account) = ledger();
        assert_eq!(differs(&store, &account), Ok(()));
    }

    #[test]
    fn what_is_not_as_it_was_said_to_be_is_told() {
        type Tamper = fn(&mut Contents, &mut Account);
        let cases: [(&str, Tamper); 13] = [
            ("half: commit \"b", |contents, _| drop(contents.events.remove(4))),
            ("half: commit \"a", |contents, _| drop(contents.events.remove(2))),
            ("half: commit \"a", |contents, _| drop(contents.events.remove(0))),
            ("half: commit \"d", |contents, _| drop(contents.events.pop())),
            ("lost: commit \"d", |contents, _| contents.events.truncate(7)),
            ("impossible", |contents, _| drop(contents.events.drain(3..5))),
            ("impossible", |contents, _| contents.events.swap(3, 5)),
            ("half: commit \"c", |contents, _| contents.events.swap(6, 7)),
            ("not as written: event", |contents, _| contents.events[6].hash.replace_range(..1, "x")),
            ("not as written: event", |contents, _| contents.events[1].event.body = "{}".to_owned()),
            ("not as written: record", |contents, _| contents.records[2].version -= 1),
            ("made up", |_, account| account.hear(Word::Refused(IDS[1].to_owned()))),
            ("moved", |_, account| account.hear(Word::Made(IDS[1].to_owned(), (5, 6)))),
        ];
        let (_folder, store, account) = ledger();
        let whole = Contents::read(&store).unwrap();
        assert!(whole.as_the_model(&account).is_ok());
        for (number, (expected, tamper)) in cases.into_iter().enumerate() {
            let (mut contents, mut account) = (whole.clone(), account.clone());
            tamper(&mut contents, &mut account);
            let complaint = contents.as_the_model(&account).map(drop).unwrap_err();
            assert!(complaint.starts_with(expected), "{number}: {complaint}");
        }
    }

    #[test]
    fn an_answer_that_is_another_one_is_told() {
        let (_folder, store, account) = ledger();
        let model = Contents::read(&store).unwrap().as_the_model(&account).unwrap();
        model.commit(&draft::commit("e 9@1").unwrap()).unwrap();
        let complaint = come_again(&store, &model, &account).unwrap_err();
        assert!(complaint.starts_with("commit \"e 9@1\" comes again"), "{complaint}");
    }
}
