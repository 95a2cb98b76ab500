//! The suite that every store must pass: each check is a claim about [`Store`], and there is one list of them.
//!
//! A backend's tests hold one line. It must never know which backend it runs on, and it never sleeps.
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
pub mod make;

#[expect(missing_docs, reason = "the name of a check is its claim")]
pub mod checks {
    pub mod atomicity;
    pub mod chain;
    pub mod feed;
    pub mod finding;
    pub mod malformed;
    pub mod pulses;
    pub mod reopening;
    pub mod repetition;
    pub mod skew;
    pub mod versions;
    pub mod waiting;
}

pub use dump::{Dump, dump};

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

/// Expands to one `#[test]` for each check, in one module for each group. Takes an expression that makes a [`Fixture`];
/// each test evaluates it anew.
#[macro_export]
macro_rules! conformance_tests {
    ($fixture:expr) => {
        $crate::conformance_tests! { @groups $fixture;
            atomicity {
                a_refused_commit_leaves_no_trace
                a_commit_that_fails_at_its_last_change_leaves_no_trace
                a_read_sees_whole_commits
            }
            versions {
                a_record_starts_at_version_1
                a_record_moves_only_from_the_version_that_is_stored
                what_is_relied_on_must_still_be_so
                relying_on_version_0_is_relying_on_absence
                the_first_mismatch_is_named
                one_record_may_change_several_times
                the_last_change_counts
                a_record_reads_as_it_was_written
                a_commit_of_very_many_changes_reads_as_it_was_written
            }
            skew {
                two_commits_that_rely_on_what_the_other_changes
                pause_against_lease
                two_leases_that_rely_on_the_version_of_the_run
                land_against_drop
                two_reservations_on_one_budget
                two_creations_of_one_record
                relied_on_but_unchanged
                what_follows_a_stream_is_stale_once_it_went_on
                an_empty_stream_is_followed_at_0
                another_stream_does_not_matter
                of_two_that_follow_one_event_one_is_made
            }
            repetition {
                a_commit_that_comes_again_is_answered_as_before
                an_id_with_other_content_is_refused
                the_id_of_a_refused_commit_is_free
                of_equal_commits_at_once_one_is_made
            }
            chain {
                every_hash_covers_its_event_and_the_one_before
                each_stream_counts_from_1
                events_tell_what_was_committed
            }
            finding {
                each_criterion_and_all_together
                pages_cover_everything_once
                pages_are_stable_under_inserts
                keys_are_those_of_the_last_change
                ids_of_one_moment_are_ordered_by_randomness_then_kind
            }
            feed {
                positions_have_no_gaps
                each_criterion_and_all_together
                newest_limits_from_the_end
                a_reader_beside_writers_skips_nothing
            }
            waiting {
                who_is_behind_does_not_wait
                nothing_new_is_reported_when_the_time_is_up
                a_commit_of_another_thread_wakes
            }
            pulses {
                a_pulse_is_no_history
                the_last_pulse_counts
            }
            reopening {
                everything_is_there_again
                history_goes_on_where_it_was
            }
            malformed {
                no_change_at_all
                a_jump_in_versions
                version_0
                an_unknown_state
                a_state_of_another_kind
                a_body_that_is_not_json
                an_event_body_that_is_not_json
                a_record_that_leaves_its_run
                a_record_that_leaves_its_parent
                relying_on_two_versions_of_one_record
                relying_on_one_version_and_moving_another
                the_longest_body_is_kept_and_one_more_byte_is_not
            }
        }
    };
    (@groups $fixture:expr; $($group:ident { $($check:ident)+ })+) => {
        $(mod $group {
            use super::*;
            $(#[test] fn $check() { $crate::conformance::checks::$group::$check(&$fixture); })+
        })+
    };
}
