//! Which transitions met which faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tollhouse_core::Kind;

/// What went wrong around a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weather {
    /// Nothing.
    Fair,
    /// The store failed before anything was written.
    FailBefore,
    /// The store failed after everything was written.
    FailAfter,
    /// The program that made it died before it did anything else.
    CrashAfter,
    /// The clock had been set back, before what the ledger holds already.
    ClockBack,
    /// The clock had jumped forward.
    ClockForward,
}

impl Weather {
    /// All there is.
    pub const ALL: [Self; 6] =
        [Self::Fair, Self::FailBefore, Self::FailAfter, Self::CrashAfter, Self::ClockBack, Self::ClockForward];

    /// Its name in a table and in a trace.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fair => "fair",
            Self::FailBefore => "fail before",
            Self::FailAfter => "fail after",
            Self::CrashAfter => "crash after",
            Self::ClockBack => "clock back",
            Self::ClockForward => "clock forward",
        }
    }
}

/// An event of a lifecycle, as `task lease`.
pub type Transition = (Kind, String);

/// How often each transition met each fault. Its text is a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    met: BTreeMap<Transition, BTreeMap<Weather, u64>>,
}

impl Coverage {
    pub(super) fn note(&mut self, kind: Kind, event: &str, weather: Weather) {
        *self.met.entry((kind, event.to_owned())).or_default().entry(weather).or_default() += 1;
    }

    /// Adds what another simulation met.
    pub fn add(&mut self, other: &Self) {
        for (transition, met) in &other.met {
            let mine = self.met.entry(transition.clone()).or_default();
            for (weather, count) in met {
                *mine.entry(*weather).or_default() += count;
            }
        }
    }

    /// How often a transition met a fault.
    pub fn count(&self, kind: Kind, event: &str, weather: Weather) -> u64 {
        self.met.get(&(kind, event.to_owned())).and_then(|met| met.get(&weather)).copied().unwrap_or(0)
    }

    /// The transitions that happened at all.
    pub fn transitions(&self) -> BTreeSet<&Transition> {
        self.met.keys().collect()
    }

    /// How many pairs of transition and fault were met.
    pub fn pairs(&self) -> usize {
        self.met.values().map(BTreeMap::len).sum()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<28}", "")?;
        for weather in Weather::ALL {
            write!(f, "{:>14}", weather.as_str())?;
        }
        for (kind, event) in self.transitions() {
            write!(f, "\n{:<28}", format!("{kind} {event}"))?;
            for weather in Weather::ALL {
                write!(f, "{:>14}", self.count(*kind, event, weather))?;
            }
        }
        Ok(())
    }
}
