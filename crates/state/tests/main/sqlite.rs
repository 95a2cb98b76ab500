//! The SQLite store passes the suite.

use std::cell::Cell;

use tempfile::TempDir;
use tollhouse_state::conformance::Fixture;
use tollhouse_state::{SqliteStore, conformance_tests};

/// Files in a folder of its own.
struct Files {
    folder: TempDir,
    made: Cell<u32>,
}

impl Files {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), made: Cell::new(0) }
    }
}

impl Fixture for Files {
    type Store = SqliteStore;

    fn store(&self) -> SqliteStore {
        self.made.set(self.made.get() + 1);
        SqliteStore::open_or_create(self.folder.path().join(format!("{}.db", self.made.get()))).unwrap()
    }

    fn reopen(&self, store: SqliteStore) -> SqliteStore {
        let path = store.path().to_owned();
        drop(store);
        SqliteStore::open(path).unwrap()
    }
}

conformance_tests!(Files::new());
