//! The one list of all checks: what [`conformance_tests!`](crate::conformance_tests) makes tests of, and [`checks()`] gives as data.

use std::fmt;

use crate::conformance::Fixture;

/// One claim about a store.
pub struct Check<F> {
    /// What the claim is about: the module of [`checks`](mod@crate::conformance::checks) that it is in.
    pub group: &'static str,
    /// The claim.
    pub name: &'static str,
    /// Puts it to the test, and panics where it does not hold.
    pub run: fn(&F),
}

impl<F> fmt::Debug for Check<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Its path below [`checks`](mod@crate::conformance::checks), by which no two are the same.
impl<F> fmt::Display for Check<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.group, self.name)
    }
}

/// All checks, in the order of the list: for who wants more of them than [`conformance_tests!`](crate::conformance_tests)
/// makes, such as to run them against stores that are known to be broken.
///
/// ```
/// use tollhouse_state::{MemoryStore, conformance::{Fixture, checks}};
///
/// struct InMemory;
///
/// impl Fixture for InMemory {
///     type Store = MemoryStore;
///     fn store(&self) -> MemoryStore {
///         MemoryStore::new()
///     }
///     fn reopen(&self, store: MemoryStore) -> MemoryStore {
///         store
///     }
/// }
///
/// for check in checks::<InMemory>().into_iter().filter(|check| check.group == "pulses") {
///     println!("{check}");
///     (check.run)(&InMemory);
/// }
/// ```
pub fn checks<F: Fixture>() -> Vec<Check<F>> {
    crate::conformance_tests! { @list checks }
}

/// Expands to one `#[test]` for each check, in one module for each group. Takes an expression that makes a
/// [`Fixture`](crate::conformance::Fixture); each test evaluates it anew.
#[macro_export]
macro_rules! conformance_tests {
    ($fixture:expr) => {
        $crate::conformance_tests! { @list tests $fixture }
    };
    (@list $made:ident $($fixture:expr)?) => {
        $crate::conformance_tests! { @$made $($fixture)?;
            atomicity {
                a_refused_commit_leaves_no_trace
                a_commit_that_fails_at_its_last_change_leaves_no_trace
                a_read_sees_whole_commits
                a_reader_of_events_sees_whole_commits
            }
            versions {
                a_record_starts_at_version_1
                a_record_moves_only_from_the_version_that_is_stored
                what_is_relied_on_must_still_be_so
                relying_on_version_0_is_relying_on_absence
                what_no_store_has_reached_is_not_so
                the_first_mismatch_is_named
                one_record_may_change_several_times
                the_last_change_counts
            }
            contents {
                a_record_reads_as_it_was_written
                each_id_is_answered_in_the_order_asked_for
                any_json_comes_back_as_it_was_written
                any_text_comes_back_as_it_was_written
                times_of_all_ages_come_back
                ten_thousand_keys_come_back
                very_long_keys_come_back
                a_commit_of_very_many_changes_reads_as_it_was_written
            }
            skew {
                two_commits_that_rely_on_what_the_other_changes
                pause_against_lease
                two_leases_with_overlapping_scopes
                land_against_drop
                two_reservations_of_the_last_dollar
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
                ids_are_told_apart_by_their_bytes
                the_id_of_a_refused_commit_is_free
                of_equal_commits_at_once_one_is_made
                of_different_commits_with_one_id_at_once_one_is_made
            }
            chain {
                every_hash_covers_its_event_and_the_one_before
                an_event_vouches_for_its_body_and_its_record
                each_stream_counts_from_1
                events_tell_what_was_committed
            }
            finding {
                each_criterion_and_all_together
                keys_are_told_apart_by_their_bytes
                a_random_part_is_found_by_how_it_starts
                pages_cover_everything_once
                a_limit_of_0_finds_nothing
                pages_are_stable_under_inserts
                keys_are_those_of_the_last_change
                ids_of_one_moment_are_ordered_by_randomness_then_kind
            }
            counting {
                a_tally_counts_what_is_found
                a_tally_follows_each_change
                tallies_are_ordered_by_the_names_of_kind_and_state
            }
            feed {
                positions_have_no_gaps
                each_criterion_and_all_together
                newest_limits_from_the_end
                a_page_that_is_used_again_holds_the_answer_alone
                a_reader_beside_writers_skips_nothing
                a_reader_of_one_stream_skips_nothing
                what_was_announced_can_be_read
                what_was_given_out_never_changes
            }
            waiting {
                who_is_behind_does_not_wait
                nothing_new_is_reported_when_the_time_is_up
                a_commit_of_another_thread_wakes
                all_who_wait_are_woken
            }
            pulses {
                a_pulse_is_no_history
                the_last_pulse_counts
                each_has_a_pulse_of_its_own
            }
            rewriting {
                contents_are_replaced_and_nothing_else
                a_rewrite_that_cannot_be_made_changes_nothing
                a_rewritten_record_is_found_by_its_new_keys
                a_rewrite_may_come_again
                what_was_rewritten_goes_on
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
                an_actor_without_a_name
                the_longest_body_is_kept_and_one_more_byte_is_not
                a_body_far_beyond_the_limit_is_refused_and_the_store_goes_on
            }
        }
    };
    (@tests $fixture:expr; $($group:ident { $($check:ident)+ })+) => {
        $(mod $group {
            use super::*;
            $(#[test] fn $check() { $crate::conformance::checks::$group::$check(&$fixture); })+
        })+
    };
    (@checks; $($group:ident { $($check:ident)+ })+) => {
        vec![$($($crate::conformance::Check {
            group: stringify!($group),
            name: stringify!($check),
            run: $crate::conformance::checks::$group::$check,
        }),+),+]
    };
}
