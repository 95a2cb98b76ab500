//! Random commits and questions, good and bad, on the model and on SQLite: equal answers, equal contents.

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use tempfile::TempDir;
use tollhouse_core::{Commit, Kind, Timestamp};
use tollhouse_state::conformance::{Fixture, dump, make, rounds};
use tollhouse_state::{CommitError, Committed, Cursor, MemoryStore, SqliteStore, Store};

mod draw;
mod telling_apart;

use draw::{Handle, Op, altered, commit, nearly_json, ops, original};

/// A fixture whose stores may have handles that only read.
trait Handles: Fixture {
    fn reader(&self, store: &Self::Store) -> Option<Box<dyn Store>>;
}

struct Files(TempDir);

impl Fixture for Files {
    type Store = SqliteStore;

    fn store(&self) -> SqliteStore {
        SqliteStore::open_or_create(self.0.path().join("ledger.db")).unwrap()
    }

    fn reopen(&self, store: SqliteStore) -> SqliteStore {
        let path = store.path().to_owned();
        drop(store);
        SqliteStore::open(path).unwrap()
    }
}

impl Handles for Files {
    fn reader(&self, store: &SqliteStore) -> Option<Box<dyn Store>> {
        Some(Box::new(SqliteStore::open_read_only(store.path()).unwrap()))
    }
}

/// Does all of it on the model and on a store of this fixture.
fn answers_as_the_model_does(ops: &[Op], fixture: &impl Handles) -> TestCaseResult {
    let model = MemoryStore::new();
    let mut store = fixture.store();
    let mut tried: Vec<Commit> = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        let next = match op {
            Op::Commit(decision) => {
                let earlier = decision.reused.and_then(|reused| tried.get(reused)).map(|earlier| earlier.id.clone());
                let id = earlier.unwrap_or_else(|| format!("commit {number}"));
                Some(commit(&model, id, decision))
            }
            Op::Repeat(earlier) => tried.get(*earlier).cloned(),
            Op::Alter(earlier, how) => tried.get(*earlier).map(|earlier| altered(earlier.clone(), *how)),
            Op::Reopen => {
                store = fixture.reopen(store);
                prop_assert_eq!(dump(&store), dump(&model));
                None
            }
            Op::Pulse(record, at) => {
                let (id, at) = (original(*record).id, Timestamp::from_micros(*at));
                model.pulse(&id, at).unwrap();
                store.pulse(&id, at).unwrap();
                prop_assert_eq!(store.last_pulse(&id), model.last_pulse(&id));
                None
            }
            question => {
                asked(question, &model, &store, fixture)?;
                None
            }
        };
        if let Some(next) = next {
            let expected: Result<Committed, CommitError> = model.commit(&next);
            prop_assert_eq!(store.commit(&next), expected, "{:?}", next);
            tried.push(next);
        }
    }
    prop_assert_eq!(dump(&store), dump(&model));
    model.check();
    Ok(())
}

fn asked<F: Handles>(question: &Op, model: &MemoryStore, store: &F::Store, fixture: &F) -> TestCaseResult {
    let reader = match question {
        Op::Get(Handle::Reading, _)
        | Op::Find(Handle::Reading, _)
        | Op::Tally(Handle::Reading, _)
        | Op::Events(Handle::Reading, _)
        | Op::WaitFor(Handle::Reading, _) => fixture.reader(store),
        _ => None,
    };
    let store: &dyn Store = reader.as_deref().unwrap_or(store);
    match question {
        Op::Get(_, numbers) => {
            let ids: Vec<_> = numbers.iter().map(|number| original(*number).id).collect();
            prop_assert_eq!(store.get(&ids), model.get(&ids), "{:?}", ids);
        }
        Op::Find(_, find) => prop_assert_eq!(store.find(find), model.find(find), "{:?}", find),
        Op::Tally(_, find) => prop_assert_eq!(store.tally(find), model.tally(find), "{:?}", find),
        Op::Events(_, cursor) => {
            prop_assert_eq!(store.events(cursor), model.events(cursor), "{:?}", cursor);
            // In a page that held something else.
            let mut page = model.events(&Cursor::default()).unwrap();
            page.reverse();
            store.events_into(cursor, &mut page).unwrap();
            prop_assert_eq!(Ok(page), model.events(cursor), "{:?}", cursor);
        }
        Op::WaitFor(_, position) => {
            let no_time = std::time::Duration::ZERO;
            prop_assert_eq!(store.wait_for(*position, no_time), model.wait_for(*position, no_time));
        }
        _ => {}
    }
    Ok(())
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: u32::try_from(rounds()).unwrap(), failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sqlite_answers_as_the_model_does(ops in ops()) {
        answers_as_the_model_does(&ops, &Files(tempfile::tempdir().unwrap()))?;
    }

    /// SQLite has a reader of JSON of its own, which must not refuse what ours lets pass.
    #[test]
    fn what_is_json_is_so_for_both(bodies in proptest::collection::vec(nearly_json(), 1..40)) {
        let folder = Files(tempfile::tempdir().unwrap());
        let (model, sqlite) = (MemoryStore::new(), folder.store());
        for (body, number) in bodies.into_iter().zip(0..) {
            let mut commit = make::commit(format!("{number}"), [make::new(Kind::Task, number)]);
            if number % 2 == 0 {
                commit.changes[0].record.body = body;
            } else {
                commit.changes[0].event.body = body;
            }
            prop_assert_eq!(sqlite.commit(&commit), model.commit(&commit), "{:?}", commit);
        }
        prop_assert_eq!(dump(&sqlite), dump(&model));
    }
}
