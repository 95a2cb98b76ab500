//! Cost entries: as they were written.

use tollhouse_core::entity::CostEntry;
use tollhouse_core::lifecycle::{CostEntryEvent, CostEntryState, IllegalTransition};
use tollhouse_core::{Severity, Timestamp};

use super::Apply;

impl Apply for CostEntry {
    type Event = CostEntryEvent;

    fn apply(current: Option<Self>, event: &CostEntryEvent, _: Timestamp) -> Result<Self, IllegalTransition> {
        let state = CostEntryState::next(current.map(|entry| entry.state), event)?;
        let CostEntryEvent::Created { entry } = event;
        Ok(Self { state, ..(**entry).clone() })
    }

    fn event_name(event: &CostEntryEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &CostEntryEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(_: &CostEntryEvent) -> Severity {
        Severity::Info
    }
}
