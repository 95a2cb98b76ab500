//! For how long runs stay on the ledger once they are over, and which of them may leave it for an archive.

use std::collections::BTreeMap;

use tollhouse_core::entity::Run;
use tollhouse_core::lifecycle::{
    AttemptState, EffectState, GateRunState, PatchState, RunState, TaskState, WorkstreamState,
};
use tollhouse_core::{Kind, Span, Timestamp};
use tollhouse_state::Tally;

use crate::view::Lifecycle;

/// For how long runs stay on the ledger, by how they ended. Those that ended otherwise stay for ever.
///
/// ```
/// use tollhouse_core::Span;
/// use tollhouse_core::lifecycle::RunState;
/// use tollhouse_engine::retention::Retention;
/// let retention = Retention::from_iter([(RunState::Succeeded, Span::from_secs(90 * 86_400))]);
/// assert_eq!(retention.of(RunState::Failed), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    spans: BTreeMap<RunState, Span>,
}

impl Retention {
    /// The states that a run can end in.
    pub fn ends() -> impl Iterator<Item = RunState> {
        RunState::ALL.iter().copied().filter(|state| state.is_finished())
    }

    /// The same for all runs, however they ended.
    pub fn of_all(span: Span) -> Self {
        Self::ends().map(|state| (state, span)).collect()
    }

    /// For how long a run stays that ended so; `None`: for ever.
    pub fn of(&self, state: RunState) -> Option<Span> {
        self.spans.get(&state).copied()
    }

    /// Whether every run stays for ever.
    pub fn is_endless(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether a run's time on the ledger is over.
    pub fn is_over(&self, run: &Run, now: Timestamp) -> bool {
        let Some(span) = self.of(run.state) else { return false };
        run.finished_at.is_some_and(|ended| ended.after(span) <= now)
    }
}

impl FromIterator<(RunState, Span)> for Retention {
    fn from_iter<I: IntoIterator<Item = (RunState, Span)>>(spans: I) -> Self {
        Self { spans: spans.into_iter().collect() }
    }
}

/// Whether nothing of a run can go on: all that belongs to it is over, and no patch waits for somebody to let it in again. Asked of
/// how many of its records are of each kind in each state.
pub fn is_at_rest(tallies: &[Tally]) -> bool {
    tallies.iter().all(|Tally { kind, state, .. }| match kind {
        Kind::Run => is_finished::<RunState>(state),
        Kind::Task => is_finished::<TaskState>(state),
        Kind::Attempt => is_finished::<AttemptState>(state),
        Kind::Patch => is_finished::<PatchState>(state) && state != PatchState::Quarantined.as_str(),
        Kind::GateRun => is_finished::<GateRunState>(state),
        Kind::Effect => is_finished::<EffectState>(state),
        Kind::Workstream => is_finished::<WorkstreamState>(state),
        // These have no end of their own.
        Kind::Worker | Kind::Breaker | Kind::CostEntry | Kind::Budget => true,
    })
}

fn is_finished<S: Lifecycle>(name: &str) -> bool {
    S::EVERY.iter().any(|state| state.text() == name && state.is_over())
}
