//! A named group of a run's tasks.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Entity, ErrorClass};
use crate::id::{Kind, RecordId, RunId, WorkstreamId};
use crate::lifecycle::WorkstreamState;
use crate::spec::WorkstreamSpec;
use crate::time::Timestamp;

/// A person's word that a workstream is over, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It is not to go on, and counts as missed.
    Canceled(String),
    /// It is left out, and counts as done for what needs it.
    Skipped(String),
}

/// A named group of a run's tasks. Its state follows from theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Workstream {
    /// Its id.
    pub id: WorkstreamId,
    /// The run that it belongs to.
    pub run: RunId,
    /// Its place in the plan: 0, 1, 2, …
    pub place: u32,
    /// What it was asked for.
    pub spec: WorkstreamSpec,
    /// Where it is.
    pub state: WorkstreamState,
    /// A person's word that it is over.
    pub ended: Option<Ending>,
    /// Why it is where it is, where that needs words.
    pub reason: Option<String>,
    /// What kind of miss ended it, where one did.
    #[serde(default)]
    pub error_class: Option<ErrorClass>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When work on it began.
    pub started_at: Option<Timestamp>,
    /// When it was finished.
    pub finished_at: Option<Timestamp>,
}

impl Workstream {
    /// Whether it is missed: failed, canceled, or skipped because something needed was missed.
    pub fn is_missed(&self) -> bool {
        match self.state {
            WorkstreamState::Failed | WorkstreamState::Canceled => true,
            WorkstreamState::Skipped => self.error_class == Some(ErrorClass::DependencyMissed),
            _ => false,
        }
    }
}

impl Entity for Workstream {
    const KIND: Kind = Kind::Workstream;

    fn record_id(&self) -> RecordId {
        self.id.into()
    }

    fn run_id(&self) -> Option<RunId> {
        Some(self.run)
    }

    fn parent_id(&self) -> Option<RecordId> {
        Some(self.run.into())
    }

    fn state_name(&self) -> &'static str {
        self.state.as_str()
    }

    fn keys(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("name".to_owned(), self.spec.name.clone())])
    }
}
