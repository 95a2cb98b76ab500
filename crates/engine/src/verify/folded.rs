//! One record being folded, whatever its kind.

use serde_json::Value;
use tollhouse_core::entity::{
    Attempt, Breaker, Budget, CostEntry, Effect, GateRun, Patch, Run, Task, Worker, Workstream,
};
use tollhouse_core::{Event, Kind, Record, Version};

use crate::apply::Apply;

pub(super) trait Folded {
    /// Lets the next event happen. The error says what is impossible about it; nothing can be asked after that.
    fn take(&mut self, event: &Event) -> Result<(), String>;

    /// As a store would keep it.
    fn record(&self, version: Version) -> Record;

    /// Whether a stored record reads as the same.
    fn is_read_from(&self, stored: &Record) -> bool;
}

/// The fold of a record of this kind, before its first event.
pub(super) fn folded(kind: Kind) -> Box<dyn Folded> {
    match kind {
        Kind::Run => Box::new(Fold::<Run>(None)),
        Kind::Task => Box::new(Fold::<Task>(None)),
        Kind::Attempt => Box::new(Fold::<Attempt>(None)),
        Kind::Patch => Box::new(Fold::<Patch>(None)),
        Kind::GateRun => Box::new(Fold::<GateRun>(None)),
        Kind::Effect => Box::new(Fold::<Effect>(None)),
        Kind::Worker => Box::new(Fold::<Worker>(None)),
        Kind::Workstream => Box::new(Fold::<Workstream>(None)),
        Kind::Breaker => Box::new(Fold::<Breaker>(None)),
        Kind::CostEntry => Box::new(Fold::<CostEntry>(None)),
        Kind::Budget => Box::new(Fold::<Budget>(None)),
    }
}

struct Fold<T>(Option<T>);

impl<T: Apply> Folded for Fold<T> {
    fn take(&mut self, event: &Event) -> Result<(), String> {
        let happening = &event.event;
        let typed: T::Event =
            serde_json::from_str(&happening.body).map_err(|error| format!("its content cannot be read: {error}"))?;
        let next = T::apply(self.0.take(), &typed, event.at).map_err(|error| error.to_string())?;
        if next.record_id() != event.record {
            return Err(format!("it makes {}, and stands as an event of {}", next.record_id(), event.record));
        }
        let name = T::event_name(&typed);
        if happening.name != name {
            return Err(format!("it is called {:?}, and its content is a {name:?}", happening.name));
        }
        if event.state != next.state_name() {
            return Err(format!("it leads to {:?}, and says {:?}", next.state_name(), event.state));
        }
        if happening.reason.as_deref() != T::event_reason(&typed) {
            return Err("its reason is not the one in its content".to_owned());
        }
        if happening.severity < T::event_severity(&typed) {
            return Err(format!("it says {:?}, and is worse", happening.severity.as_str()));
        }
        self.0 = Some(next);
        Ok(())
    }

    fn record(&self, version: Version) -> Record {
        self.0.as_ref().expect("it is asked for after an event").to_record(version)
    }

    fn is_read_from(&self, stored: &Record) -> bool {
        let made = self.record(stored.version);
        T::from_record(stored).is_ok_and(|read| read.to_record(stored.version) == made)
            && (made.run, made.parent, &made.state) == (stored.run, stored.parent, &stored.state)
            && stored.keys.iter().all(|(name, value)| made.keys.get(name) == Some(value))
    }
}

/// In what two records of one id differ.
pub(super) fn differences(made: &Record, stored: &Record) -> String {
    let mut differ: Vec<String> = Vec::new();
    let mut note = |what: &str, differs: bool| differ.extend(differs.then(|| what.to_owned()));
    note("run", made.run != stored.run);
    note("parent", made.parent != stored.parent);
    note("state", made.state != stored.state);
    note("version", made.version != stored.version);
    note("keys", made.keys != stored.keys);
    if made.body != stored.body {
        let read = |record: &Record| serde_json::from_str::<Value>(&record.body).ok();
        match (read(made), read(stored)) {
            (Some(Value::Object(made)), Some(Value::Object(stored))) => {
                let names: std::collections::BTreeSet<&String> = made.keys().chain(stored.keys()).collect();
                let fields: Vec<&String> =
                    names.into_iter().filter(|name| made.get(*name) != stored.get(*name)).collect();
                differ.extend(fields.iter().map(|name| format!("body /{name}")));
                if fields.is_empty() {
                    differ.push("how the body is written".to_owned());
                }
            }
            (_, None) => differ.push("the body is not JSON".to_owned()),
            _ => differ.push("body".to_owned()),
        }
    }
    if differ.is_empty() { "nothing".to_owned() } else { differ.join(", ") }
}
