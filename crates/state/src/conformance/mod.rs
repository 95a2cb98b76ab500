//! The suite that every store must pass: each check is a claim about [`Store`], and there is one list of them.
//!
//! A backend's tests hold one line, with the feature `testing`. The suite must never know which backend it runs on, it never
//! sleeps, and against a store that is broken it ends: each check is shown to fail against one in which only what it claims is
//! not so.
//!
//! ```
//! mod memory {
//!     use tollhouse_state::{MemoryStore, Store, conformance::Fixture};
//!
//!     struct InMemory;
//!
//!     impl Fixture for InMemory {
//!         type Store = MemoryStore;
//!         fn store(&self) -> MemoryStore {
//!             MemoryStore::new()
//!         }
//!         fn reopen(&self, store: MemoryStore) -> MemoryStore {
//!             store
//!         }
//!     }
//!
//!     tollhouse_state::conformance_tests!(InMemory);
//! }
//! ```

mod dump;
mod list;
pub mod make;

#[expect(missing_docs, reason = "the name of a check is its claim")]
pub mod checks {
    pub mod atomicity;
    pub mod chain;
    pub mod contents;
    pub mod counting;
    pub mod feed;
    pub mod finding;
    pub mod malformed;
    pub mod pulses;
    pub mod reopening;
    pub mod repetition;
    pub mod rewriting;
    pub mod skew;
    pub mod versions;
    pub mod waiting;
}

pub use dump::{Dump, dump};
pub use list::{Check, checks};

use crate::store::Store;

/// Makes stores for the checks.
pub trait Fixture {
    /// What is checked.
    type Store: Store;

    /// A store with nothing in it, of its own.
    fn store(&self) -> Self::Store;

    /// Closes a store and opens it again, as a process that starts anew would.
    fn reopen(&self, store: Self::Store) -> Self::Store;
}

/// How often the checks that race threads do so: `TOLLHOUSE_TEST_ROUNDS`, or 64.
pub fn rounds() -> u64 {
    std::env::var("TOLLHOUSE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(64)
}
