//! Whether a task whose try did not succeed is tried again, and when.
//!
//! What ends in the same way again and again is not: another try would be paid for what the last ones brought.

use tollhouse_core::entity::{Attempt, ErrorClass, Patch, Task};
use tollhouse_core::lifecycle::{AttemptState, PatchState, RetryOr, TaskState};
use tollhouse_core::limits;

use super::draft::Draft;
use super::{breaker, task, winding};
use crate::guard::{Guard, stops};
use crate::outcome::RateLimit;

/// What follows after a try that ended or was refused, with the reason that its task gets. The attempt's end, or its patch's, must
/// be in the draft already.
pub(super) fn judge(
    draft: &mut Draft<'_>,
    task: &Task,
    class: ErrorClass,
    reason: String,
    rate_limit: Option<RateLimit>,
) -> (RetryOr, String) {
    let RetryOr::Retrying { due } = task::retry_or_fail(draft, task, class) else {
        return (RetryOr::Failed, reason);
    };
    let learns_nothing = class == ErrorClass::Policy && !has_refused_patch(draft, task);
    if stops(Guard::PolicyRetryNeedsPatch, learns_nothing) {
        return (RetryOr::Failed, reason);
    }
    if let Some(row) = in_a_row(draft, task).filter(|_| stops(Guard::SameEndsAreCounted, true)) {
        return (RetryOr::Failed, format!("{row}, so it is not tried again: {reason}"));
    }
    let asked = draft.now.after(breaker::pause_of(rate_limit));
    // Where another agent may take it, the breaker of this one is enough.
    let alone = task.candidates().nth(1).is_none();
    let waits = stops(Guard::RateLimitIsWaitedFor, class == ErrorClass::RateLimited && alone);
    (RetryOr::Retrying { due: if waits { due.max(asked) } else { due } }, reason)
}

fn has_refused_patch(draft: &Draft<'_>, task: &Task) -> bool {
    let patch = task.patch.and_then(|patch| draft.peek::<Patch>(patch));
    patch.is_some_and(|patch| matches!(patch.state, PatchState::Quarantined | PatchState::Dropped))
}

/// What the last tries at a task have in common, where that is too much and everybody has tried who may. Those of agents that have
/// handed it on do not count.
fn in_a_row(draft: &Draft<'_>, task: &Task) -> Option<String> {
    let most = limits::SAME_ENDS_MAX;
    let next = Task { state: TaskState::Retrying, ..task.clone() };
    let mut attempts = draft.under::<Attempt>(task.id);
    attempts.retain(|attempt| next.candidates().any(|agent| agent == attempt.agent));
    let has_tried = |agent: &str| attempts.iter().any(|attempt| attempt.agent == agent);
    if winding::able(draft.view(), task.run, &next).any(|agent| !has_tried(agent)) {
        return None;
    }
    attempts.sort_unstable_by_key(|attempt| std::cmp::Reverse(attempt.number));
    if attempts.len() < most {
        return None;
    }
    let signatures = attempts.iter().filter_map(|attempt| signature(draft, attempt));
    if are_the_same(signatures.take(most), most) {
        return Some(format!("it ended in the same way {most} times in a row"));
    }
    // A try that was stopped or lost says nothing, whatever it had changed by then.
    let judged = attempts.iter().filter(|attempt| {
        matches!(attempt.state, AttemptState::Succeeded | AttemptState::Failed | AttemptState::TimedOut)
    });
    let patches = judged.map(|attempt| patch_of(draft, attempt).map(|patch| patch.patch_id.as_str()));
    let known = patches.take(most).map_while(|patch| patch.filter(|id| !id.is_empty()));
    are_the_same(known, most).then(|| format!("it made the same patch {most} times in a row"))
}

/// Whether there are as many, and all alike.
fn are_the_same<T: PartialEq>(mut ends: impl Iterator<Item = T>, count: usize) -> bool {
    let Some(first) = ends.next() else { return false };
    let mut seen = 1;
    let alike = ends.inspect(|_| seen += 1).all(|end| end == first);
    alike && seen == count
}

fn patch_of<'d>(draft: &'d Draft<'_>, attempt: &Attempt) -> Option<&'d Patch> {
    attempt.end.as_ref().and_then(|end| end.patch).and_then(|patch| draft.peek::<Patch>(patch))
}

/// How a try ended, without what differs from one to the next. None where that was not its agent's doing: it says nothing.
///
/// All of the reason counts and not only its first line, which is the same whichever test fails.
fn signature(draft: &Draft<'_>, attempt: &Attempt) -> Option<String> {
    let end = attempt.end.as_ref()?;
    let taken_out = |reason: &str| normalised(reason, end.workspace.as_deref());
    match attempt.state {
        AttemptState::Failed | AttemptState::TimedOut => {
            let class = end.error_class.unwrap_or(ErrorClass::Unknown);
            let passes = matches!(class, ErrorClass::RateLimited | ErrorClass::ResourceLimit | ErrorClass::Conflict);
            (!passes).then(|| format!("{class:?} {}", taken_out(end.reason.as_deref().unwrap_or_default())))
        }
        AttemptState::Succeeded => match patch_of(draft, attempt) {
            None => Some("nothing changed".to_owned()),
            // One that does not fit met another branch each time.
            Some(patch) if patch.state == PatchState::Quarantined && patch.refused_by.as_deref() != Some("fits") => {
                let rule = patch.refused_by.as_deref().unwrap_or_default();
                Some(format!("{rule} {}", taken_out(patch.reason.as_deref().unwrap_or_default())))
            }
            Some(_) => None,
        },
        _ => None,
    }
}

/// A text without digits, hashes, ids, times and the path of a workspace: whatever holds a digit is taken out.
fn normalised(text: &str, workspace: Option<&str>) -> String {
    let text = match workspace.filter(|path| !path.is_empty()) {
        Some(path) => text.replace(path, ""),
        None => text.to_owned(),
    };
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric();
        let end = rest.find(|c: char| is_word(c) != is_word(first)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        rest = tail;
        if !(is_word(first) && word.contains(|c: char| c.is_ascii_digit())) {
            plain.push_str(word);
            continue;
        }
        // A time or a version is one number.
        if let Some(before) = plain.strip_suffix(['.', ':', '-', '+', ',']).filter(|before| before.ends_with('#')) {
            plain.truncate(before.len());
        } else {
            plain.push('#');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_differs_from_one_try_to_the_next_is_taken_out() {
        let first = "at 12:30:05.123 in /w/att_01JD3W/src: thread 7 panicked, c0ffee1 is not 3f2a; took 1.5s";
        let second = "at 9:01:00 in /w/att_01JZZZ9/src: thread 12 panicked, deadbee4 is not 9bc1; took 20s";
        let (one, other) = (normalised(first, Some("/w/att_01JD3W")), normalised(second, Some("/w/att_01JZZZ9")));
        assert_eq!(one, other);
        assert_eq!(one, "at # in /src: thread # panicked, # is not #; took #");
    }

    #[test]
    fn other_words_are_another_failure() {
        assert_ne!(normalised("test a failed", None), normalised("test b failed", None));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_and_no_digit_is_left(text: String, workspace: Option<String>) {
            prop_assert!(!normalised(&text, workspace.as_deref()).contains(|c: char| c.is_ascii_digit()));
        }

        #[test]
        fn as_many_as_are_asked_for_have_to_be_alike(ends in proptest::collection::vec(0_u8..2, 0..6)) {
            let alike = ends.len() == 3 && ends.iter().all(|end| *end == ends[0]);
            prop_assert_eq!(are_the_same(ends.iter(), 3), alike);
        }
    }
}
