//! Where a workstream is: a function of its tasks, its gates, its flags, its run and the workstreams that it needs.
//!
//! Tasks count, whatever the order they are looked at in. Nothing here changes anything.

use tollhouse_core::entity::{ErrorClass, Task, Workstream};
use tollhouse_core::lifecycle::{RunState, TaskState, WorkstreamState};
use tollhouse_core::spec::{OnDependencyFailure, Weight};

/// How many of a workstream's tasks are what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All of them.
    pub(crate) tasks: i64,
    unfinished: i64,
    completed: i64,
    skipped: i64,
    given_up: i64,
    begun: i64,
    pub(crate) critical_missed: i64,
}

impl Tally {
    /// One task is something else now than it was.
    pub(crate) fn shift(&mut self, before: Option<&Task>, now: &Task) {
        if let Some(before) = before {
            self.count(before, -1);
        }
        self.count(now, 1);
    }

    fn count(&mut self, task: &Task, by: i64) {
        let one = |is: bool| if is { by } else { 0 };
        self.tasks += by;
        self.unfinished += one(!task.state.is_finished());
        self.completed += one(task.state == TaskState::Completed);
        self.skipped += one(task.state == TaskState::Skipped);
        self.given_up += one(task.state == TaskState::Skipped && task.is_missed());
        self.begun += one(task.attempt.is_some());
        self.critical_missed += one(task.spec.weight == Weight::Critical && task.is_missed());
    }
}

/// What the own gates of a workstream, or of a run, say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Say {
    /// One has yet to end.
    Open,
    /// Every required one passed.
    Passed,
    /// A required one did not: which, and why.
    Missed(String),
}

/// What the state of a workstream follows from.
#[derive(Debug, Clone)]
pub(crate) struct Inputs<'a> {
    /// Where its run is.
    pub(crate) run: RunState,
    /// Its tasks.
    pub(crate) tally: Tally,
    /// The critical task that was missed first, in words, where one was.
    pub(crate) cause: Option<String>,
    /// The workstreams that it needs.
    pub(crate) needs: &'a [&'a Workstream],
    /// Its own gates.
    pub(crate) gates: Say,
}

/// Where a workstream is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Derived {
    pub(crate) state: WorkstreamState,
    pub(crate) reason: Option<String>,
    pub(crate) class: Option<ErrorClass>,
}

impl Derived {
    const fn plain(state: WorkstreamState) -> Self {
        Self { state, reason: None, class: None }
    }

    fn told(state: WorkstreamState, reason: impl Into<String>) -> Self {
        Self { state, reason: Some(reason.into()), class: None }
    }
}

/// Derives where a workstream is. What is finished stays as it is: a person's word on it is among that.
pub(crate) fn derive(workstream: &Workstream, inputs: &Inputs<'_>) -> Derived {
    use WorkstreamState as S;
    if workstream.state.is_finished() {
        let (reason, class) = (workstream.reason.clone(), workstream.error_class);
        return Derived { state: workstream.state, reason, class };
    }
    let tally = inputs.tally;
    if matches!(inputs.run, RunState::Canceling | RunState::Canceled | RunState::Quarantined) {
        return Derived::told(S::Canceled, format!("its run is {}", inputs.run));
    }
    if workstream.spec.skip {
        return Derived::told(S::Skipped, "the plan leaves it out");
    }
    if tally.tasks == 0 {
        return Derived::told(S::Skipped, "it has no tasks");
    }
    if let Some(missed) = first_by_place(inputs.needs.iter().filter(|need| need.is_missed())) {
        let reason = format!("it needs workstream {}, which is {}", missed.spec.name, missed.state);
        return Derived { class: Some(ErrorClass::DependencyMissed), ..Derived::told(given_up(workstream), reason) };
    }
    if inputs.run == RunState::Pending {
        return Derived::plain(S::Planned);
    }
    if let Some(cause) = &inputs.cause {
        return Derived::told(S::Failed, cause.clone());
    }
    if tally.unfinished == 0 {
        return finished(tally, &inputs.gates);
    }
    if tally.begun > 0 {
        return Derived::plain(S::Executing);
    }
    if inputs.needs.iter().any(|need| !need.state.is_finished()) {
        return Derived::plain(S::Blocked);
    }
    Derived::plain(S::Ready)
}

/// Where a workstream is once each of its tasks is finished.
fn finished(tally: Tally, gates: &Say) -> Derived {
    use WorkstreamState as S;
    if tally.completed > 0 {
        return match gates {
            Say::Open => Derived::plain(S::Validating),
            Say::Passed => Derived::plain(S::Completed),
            Say::Missed(why) => {
                Derived { class: Some(ErrorClass::GateFailure), ..Derived::told(S::Failed, why.clone()) }
            }
        };
    }
    if tally.skipped < tally.tasks {
        return Derived::told(S::Failed, "none of its tasks was completed");
    }
    let class = (tally.given_up > 0).then_some(ErrorClass::DependencyMissed);
    Derived { class, ..Derived::told(S::Skipped, "all of its tasks were skipped") }
}

/// What becomes of a workstream that needs a missed one.
pub(crate) const fn given_up(workstream: &Workstream) -> WorkstreamState {
    match workstream.spec.on_dependency_failure {
        OnDependencyFailure::Skip => WorkstreamState::Skipped,
        OnDependencyFailure::Fail => WorkstreamState::Failed,
    }
}

fn first_by_place<'a>(found: impl Iterator<Item = &'a &'a Workstream>) -> Option<&'a Workstream> {
    found.min_by_key(|workstream| workstream.place).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tollhouse_core::spec::{TaskSpec, WorkstreamSpec};
    use tollhouse_core::{AttemptId, RunId, TaskId, Timestamp, WorkstreamId};

    use super::*;

    fn workstream(place: u32, state: WorkstreamState, spec: WorkstreamSpec) -> Workstream {
        Workstream {
            id: WorkstreamId::from_parts(Timestamp::EPOCH, u128::from(place)),
            run: RunId::from_parts(Timestamp::EPOCH, 1),
            place,
            spec,
            state,
            ended: None,
            reason: None,
            error_class: None,
            created_at: Timestamp::EPOCH,
            started_at: None,
            finished_at: None,
        }
    }

    fn task(state: TaskState, weight: Weight, class: Option<ErrorClass>, begun: bool) -> Task {
        let attempt = begun.then(|| AttemptId::from_parts(Timestamp::EPOCH, 1));
        Task {
            id: TaskId::from_parts(Timestamp::EPOCH, 1),
            run: RunId::from_parts(Timestamp::EPOCH, 1),
            place: 0,
            source: None,
            added_by: None,
            spec: TaskSpec { weight, ..TaskSpec::default() },
            also_needs: Vec::new(),
            state,
            blocked_by: Vec::new(),
            lease: None,
            attempts_used: 0,
            attempts_lost: 0,
            attempts_granted: 0,
            attempt,
            asked: None,
            patch: None,
            feedback: None,
            due_at: None,
            queued_at: None,
            reason: None,
            error_class: class,
            created_at: Timestamp::EPOCH,
            started_at: None,
            finished_at: None,
        }
    }

    fn any_task() -> impl Strategy<Value = Task> {
        let class = proptest::option::of(Just(ErrorClass::DependencyMissed));
        let state = proptest::sample::select(TaskState::ALL.to_vec());
        (state, any::<bool>(), class, any::<bool>()).prop_map(|(state, critical, class, begun)| {
            let weight = if critical { Weight::Critical } else { Weight::Optional };
            task(state, weight, class, begun)
        })
    }

    fn any_workstream() -> impl Strategy<Value = Workstream> {
        let state = proptest::sample::select(WorkstreamState::ALL.to_vec());
        (0_u32..9, state, any::<bool>(), any::<bool>()).prop_map(|(place, state, skip, fails)| {
            let on_dependency_failure = if fails { OnDependencyFailure::Fail } else { OnDependencyFailure::Skip };
            let spec =
                WorkstreamSpec { name: place.to_string(), skip, on_dependency_failure, ..WorkstreamSpec::default() };
            workstream(place, state, spec)
        })
    }

    fn tally(tasks: &[Task]) -> Tally {
        let mut tally = Tally::default();
        for task in tasks {
            tally.shift(None, task);
        }
        tally
    }

    proptest! {
        #[test]
        fn the_order_of_tasks_and_needs_changes_nothing(
            own in any_workstream(),
            (tasks, shuffled) in proptest::collection::vec(any_task(), 0..6)
                .prop_flat_map(|tasks| (Just(tasks.clone()), Just(tasks).prop_shuffle())),
            needs in proptest::collection::btree_map(0_u32..9, any_workstream(), 0..4),
            run in proptest::sample::select(RunState::ALL.to_vec()),
            gates in proptest::sample::select(vec![Say::Open, Say::Passed, Say::Missed("no".to_owned())]),
        ) {
            let needs: Vec<Workstream> =
                needs.into_iter().map(|(place, one)| Workstream { place, ..one }).collect();
            let forward: Vec<&Workstream> = needs.iter().collect();
            let backward: Vec<&Workstream> = needs.iter().rev().collect();
            let cause = |tally: Tally| (tally.critical_missed > 0).then(|| "a is critical and failed".to_owned());
            let one = Inputs { run, tally: tally(&tasks), cause: cause(tally(&tasks)), needs: &forward, gates: gates.clone() };
            let other = Inputs { run, tally: tally(&shuffled), cause: cause(tally(&shuffled)), needs: &backward, gates };
            prop_assert_eq!(derive(&own, &one), derive(&own, &other));
        }

        #[test]
        fn a_finished_state_is_kept(
            own in any_workstream(),
            tasks in proptest::collection::vec(any_task(), 0..6),
            run in proptest::sample::select(RunState::ALL.to_vec()),
        ) {
            let inputs = Inputs { run, tally: tally(&tasks), cause: None, needs: &[], gates: Say::Passed };
            let derived = derive(&own, &inputs);
            prop_assert!(!own.state.is_finished() || derived.state == own.state);
        }

        /// Counting on from what was, as tasks change, comes to the same as counting anew.
        #[test]
        fn a_tally_that_follows_is_the_one_that_counts(
            before in proptest::collection::vec(any_task(), 4),
            now in proptest::collection::vec(any_task(), 4),
        ) {
            let now: Vec<Task> = now.into_iter().zip(&before).map(|(now, before)| {
                Task { spec: before.spec.clone(), ..now }
            }).collect();
            let mut followed = tally(&before);
            before.iter().zip(&now).for_each(|(before, now)| followed.shift(Some(before), now));
            prop_assert_eq!(followed, tally(&now));
        }
    }

    #[test]
    fn what_stands_first_in_the_order_wins() {
        use WorkstreamState as S;
        let missed = workstream(1, S::Failed, WorkstreamSpec::default());
        let open = workstream(1, S::Executing, WorkstreamSpec::default());
        let queued = tally(&[task(TaskState::Queued, Weight::Critical, None, false)]);
        let begun = tally(&[task(TaskState::Queued, Weight::Critical, None, true)]);
        let of = |skip: bool, run: RunState, needs: &[&Workstream], tally: Tally| {
            let own = workstream(0, S::Planned, WorkstreamSpec { skip, ..WorkstreamSpec::default() });
            derive(&own, &Inputs { run, tally, cause: None, needs, gates: Say::Passed }).state
        };
        let cases = [
            (of(true, RunState::Canceling, &[&missed], queued), S::Canceled),
            (of(true, RunState::Pending, &[&missed], queued), S::Skipped),
            (of(false, RunState::Pending, &[&missed], queued), S::Skipped),
            (of(false, RunState::Pending, &[&open], begun), S::Planned),
            (of(false, RunState::Running, &[&open], begun), S::Executing),
            (of(false, RunState::Running, &[&open], queued), S::Blocked),
            (of(false, RunState::Running, &[], queued), S::Ready),
            (of(false, RunState::Running, &[], Tally::default()), S::Skipped),
        ];
        for (at, (is, expected)) in cases.into_iter().enumerate() {
            assert_eq!(is, expected, "{at}");
        }
    }
}
