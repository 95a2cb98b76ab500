//! What holds of circuit breakers: an agent that is left alone gets nothing, and one trial at a time decides.

use std::collections::BTreeMap;

use tollhouse_core::entity::Attempt;
use tollhouse_core::lifecycle::{AttemptEvent, BreakerEvent, BreakerState};
use tollhouse_core::{AttemptId, BreakerId, Event, Kind, RecordId, Timestamp, limits};

use super::invariants::{Broken, claim};

/// Where each breaker is, as far as the ledger was read.
#[derive(Debug, Default)]
pub(super) struct Breakers {
    known: BTreeMap<RecordId, Known>,
    /// What was begun while its agent's breaker was not closed, and has to be the trial.
    trial: Option<AttemptId>,
}

#[derive(Debug)]
struct Known {
    state: String,
    /// From when a trial may go.
    from: Timestamp,
    trial: Option<AttemptId>,
}

impl Breakers {
    /// Takes in an event.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Broken> {
        match event.record.kind() {
            Kind::Breaker => self.moved(event),
            Kind::Attempt => match serde_json::from_str(&event.event.body) {
                Ok(AttemptEvent::Created { attempt }) => self.begun(&attempt, event),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// Whether an agent may be given something at this time.
    pub(super) fn lets(&self, agent: &str, at: Timestamp) -> bool {
        let known = self.known.get(&BreakerId::of_agent(agent).into());
        known.is_none_or(|known| known.state == BreakerState::Closed.as_str() || at >= known.from)
    }

    /// What can be said at the end of a commit.
    pub(super) fn commit(&mut self) -> Result<(), Broken> {
        let left = self.trial.take();
        claim(left.is_none(), "what goes to an agent that was left alone is its trial", || format!("{left:?}"))
    }

    fn begun(&mut self, attempt: &Attempt, event: &Event) -> Result<(), Broken> {
        let Some(known) = self.known.get(&BreakerId::of_agent(&attempt.agent).into()) else { return Ok(()) };
        if known.state == BreakerState::Closed.as_str() {
            return Ok(());
        }
        self.trial = Some(attempt.id);
        let told = || format!("{} at {}: {known:?}", attempt.id, event.position);
        claim(event.at >= known.from, "an agent that is left alone gets nothing", told)
    }

    fn moved(&mut self, event: &Event) -> Result<(), Broken> {
        let before = self.known.remove(&event.record);
        let mut now = Known { state: event.state.clone(), from: event.at, trial: None };
        match serde_json::from_str(&event.event.body) {
            Ok(BreakerEvent::Probe { attempt }) => {
                let told = || format!("{attempt} at {}", event.position);
                claim(self.trial.take() == Some(attempt), "the trial is what was just begun", told)?;
                now.trial = Some(attempt);
                now.from = event.at.after(limits::TRIAL_FORGOTTEN_AFTER);
            }
            Ok(
                BreakerEvent::Trip { until, .. }
                | BreakerEvent::Reopen { until, .. }
                | BreakerEvent::Extend { until, .. },
            ) => now.from = until,
            Ok(BreakerEvent::Close) => {
                let trial = before.is_some_and(|before| before.trial.is_some());
                claim(trial, "only a trial closes a breaker", || event.record.to_string())?;
            }
            _ => {}
        }
        self.known.insert(event.record, now);
        Ok(())
    }
}
