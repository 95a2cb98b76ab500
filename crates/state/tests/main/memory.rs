//! The in-memory store passes the suite.

use tollhouse_state::conformance::Fixture;
use tollhouse_state::{MemoryStore, conformance_tests};

struct InMemory;

impl Fixture for InMemory {
    type Store = MemoryStore;

    fn store(&self) -> MemoryStore {
        MemoryStore::new()
    }

    fn reopen(&self, store: MemoryStore) -> MemoryStore {
        store.check();
        store
    }
}

conformance_tests!(InMemory);
