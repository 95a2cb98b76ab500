//! Folding: what a record is after an event. Live, in recovery and in verification it is the same function.

mod attempt;
mod breaker;
mod budget;
mod cost_entry;
mod effect;
mod gate_run;
mod patch;
mod run;
mod task;
mod worker;
mod workstream;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tollhouse_core::entity::Entity;
use tollhouse_core::lifecycle::IllegalTransition;
use tollhouse_core::{Severity, Timestamp};

/// A record that its events build.
pub trait Apply: Entity {
    /// What can happen to it.
    type Event: Serialize + DeserializeOwned;

    /// The record after the event, from the one before it; `None` before it was created.
    ///
    /// # Errors
    /// The lifecycle's table does not have the pair.
    fn apply(current: Option<Self>, event: &Self::Event, at: Timestamp) -> Result<Self, IllegalTransition>;

    /// The event's name in the database and in JSON.
    fn event_name(event: &Self::Event) -> &'static str;

    /// Why it happened, where the event says it.
    fn event_reason(event: &Self::Event) -> Option<&str>;

    /// How much it deserves a person's eye.
    fn event_severity(event: &Self::Event) -> Severity;
}

/// The part of `apply` that every kind shares: the table first, then the record to change, or the record as created.
macro_rules! fold {
    ($current:expr, $event:expr, $state:ident, $created:pat => $record:expr) => {{
        let state = $state::next($current.as_ref().map(|record| record.state), $event)?;
        let mut record = match ($current, $event) {
            (_, $created) => (**$record).clone(),
            (Some(record), _) => record,
            (None, _) => unreachable!("the table lets nothing but a creation come first"),
        };
        record.state = state;
        record
    }};
}
use fold;
