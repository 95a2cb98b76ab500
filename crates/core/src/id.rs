//! Typed ids: a visible prefix, then a ULID (48 bits of milliseconds, 80 random bits). A caller may supply one, so that
//! a retried command is recognised. Nothing in here draws randomness: whoever makes an id brings the bits.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use thiserror::Error;
use ulid::Ulid;

use crate::parsed::parsed;
use crate::time::Timestamp;

/// How many leading characters of a ULID are its time; the rest is random.
const TIME_CHARS: usize = 10;

/// How many characters a ULID has.
const ULID_CHARS: usize = 26;

/// How many characters the longest id has: the longest prefix, an underscore, a ULID.
const ID_CHARS_MAX: usize = 5 + 1 + ULID_CHARS;

/// How many bytes of a ULID are random.
const RANDOM_BYTES: usize = 10;

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an id of the form {expected}_ followed by 26 characters of Crockford base 32")]
pub struct InvalidId {
    /// What was given.
    pub text: String,
    /// The prefix that was expected.
    pub expected: &'static str,
}

/// What a record is. The prefix of its id says it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One execution of a plan or a task.
    Run,
    /// The unit of work.
    Task,
    /// One try at a task.
    Attempt,
    /// A unified diff with its base.
    Patch,
    /// One execution of a gate on one tree.
    GateRun,
    /// What the engine asked the runner to do.
    Effect,
    /// What executes attempts, one at a time.
    Worker,
    /// A named group of a run's tasks.
    Workstream,
    /// What keeps an agent that fails again and again from being asked.
    Breaker,
    /// What something cost.
    CostEntry,
    /// How much may be spent on something.
    Budget,
}

impl Kind {
    /// Every kind, in the order of the house.
    pub const ALL: [Self; 11] = [
        Self::Run,
        Self::Task,
        Self::Attempt,
        Self::Patch,
        Self::GateRun,
        Self::Effect,
        Self::Worker,
        Self::Workstream,
        Self::Breaker,
        Self::CostEntry,
        Self::Budget,
    ];

    /// The name in the database, in JSON and in Python.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Task => "task",
            Self::Attempt => "attempt",
            Self::Patch => "patch",
            Self::GateRun => "gate_run",
            Self::Effect => "effect",
            Self::Worker => "worker",
            Self::Workstream => "workstream",
            Self::Breaker => "breaker",
            Self::CostEntry => "cost_entry",
            Self::Budget => "budget",
        }
    }

    /// What an id of this kind starts with, before the underscore.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Task => "task",
            Self::Attempt => "att",
            Self::Patch => "patch",
            Self::GateRun => "gate",
            Self::Effect => "eff",
            Self::Worker => "wrk",
            Self::Workstream => "ws",
            Self::Breaker => "brk",
            Self::CostEntry => "cost",
            Self::Budget => "bud",
        }
    }

    /// The kind whose ids start like this.
    fn from_prefix(prefix: &str) -> Option<Self> {
        Some(match prefix {
            "run" => Self::Run,
            "task" => Self::Task,
            "att" => Self::Attempt,
            "patch" => Self::Patch,
            "gate" => Self::GateRun,
            "eff" => Self::Effect,
            "wrk" => Self::Worker,
            "ws" => Self::Workstream,
            "brk" => Self::Breaker,
            "cost" => Self::CostEntry,
            "bud" => Self::Budget,
            _ => return None,
        })
    }

    /// The kind with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The id of any record.
///
/// ```
/// # use tollhouse_core::{Kind, RecordId};
/// let id: RecordId = "patch_01JD3W5Z8Q4T6Y7B9N0M2K3HXV".parse()?;
/// assert_eq!(id.kind(), Kind::Patch);
/// assert_eq!(id.random_part(), "4T6Y7B9N0M2K3HXV");
/// # Ok::<(), tollhouse_core::InvalidId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId {
    kind: Kind,
    ulid: Ulid,
}

impl RecordId {
    /// Makes an id from a time and 80 random bits (the high 48 bits of `random` are ignored).
    pub fn from_parts(kind: Kind, at: Timestamp, random: u128) -> Self {
        Self { kind, ulid: Ulid::from_parts(at.as_millis(), random) }
    }

    /// What it is the id of.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Its text, as [`Display`](fmt::Display) writes it.
    pub fn text(&self) -> IdText {
        let mut text = IdText { bytes: [0; ID_CHARS_MAX], length: 0 };
        for byte in self.kind.prefix().bytes().chain([b'_']) {
            text.bytes[text.length] = byte;
            text.length += 1;
        }
        let mut digits = [0; ULID_CHARS];
        self.ulid.array_to_str(&mut digits);
        text.bytes[text.length..text.length + ULID_CHARS].copy_from_slice(&digits);
        text.length += ULID_CHARS;
        text
    }

    /// The 16 random characters. Any unique prefix of them names the record.
    pub fn random_part(&self) -> String {
        self.ulid.to_string().split_off(TIME_CHARS)
    }

    /// When it was made, in whole milliseconds.
    pub fn made_at(&self) -> Timestamp {
        let ms = i64::try_from(self.ulid.timestamp_ms()).unwrap_or(i64::MAX / 1000);
        Timestamp::from_micros(ms.saturating_mul(1000))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// The text of an id, without an allocation: [`RecordId::text`].
#[derive(Debug, Clone, Copy)]
pub struct IdText {
    bytes: [u8; ID_CHARS_MAX],
    length: usize,
}

impl Deref for IdText {
    type Target = str;

    fn deref(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).expect("prefixes and digits are ASCII")
    }
}

impl FromStr for RecordId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let expected = "run, task, att, patch, gate, eff, wrk, ws, brk, cost or bud";
        let invalid = || InvalidId { text: text.to_owned(), expected };
        let (prefix, random) = text.split_once('_').ok_or_else(invalid)?;
        let kind = Kind::from_prefix(prefix).ok_or_else(invalid)?;
        let ulid = Ulid::from_string(random).map_err(|_| invalid())?;
        // Lower case and a first character above 7 decode too; one id has one spelling.
        let is_lower = |byte: u8| byte & 0x60 == 0x60;
        if random.starts_with(|first| first > '7') || random.bytes().fold(false, |any, byte| any | is_lower(byte)) {
            return Err(invalid());
        }
        Ok(Self { kind, ulid })
    }
}

impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl JsonSchema for RecordId {
    fn schema_name() -> Cow<'static, str> {
        "RecordId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = "^(run|task|att|patch|gate|eff|wrk|ws|brk|cost|bud)_[0-9A-HJKMNP-TV-Z]{26}$";
        json_schema!({"type": "string", "pattern": pattern})
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $kind:expr, $pattern:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// Makes an id from a time and 80 random bits (the high 48 bits of `random` are ignored).
            pub fn from_parts(at: Timestamp, random: u128) -> Self {
                Self(Ulid::from_parts(at.as_millis(), random))
            }

            /// The 16 random characters. Any unique prefix of them names the record.
            pub fn random_part(&self) -> String {
                RecordId::from(*self).random_part()
            }
        }

        impl From<$name> for RecordId {
            fn from(id: $name) -> Self {
                Self { kind: $kind, ulid: id.0 }
            }
        }

        impl TryFrom<RecordId> for $name {
            type Error = InvalidId;

            fn try_from(id: RecordId) -> Result<Self, InvalidId> {
                if id.kind == $kind {
                    Ok(Self(id.ulid))
                } else {
                    Err(InvalidId { text: id.to_string(), expected: $kind.prefix() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                RecordId::from(*self).fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = |_| InvalidId { text: text.to_owned(), expected: $kind.prefix() };
                text.parse::<RecordId>().map_err(invalid)?.try_into().map_err(invalid)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                RecordId::from(*self).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                parsed(deserializer)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    };
}

id_type!(
    /// The id of a run.
    RunId, Kind::Run, "^run_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a task.
    TaskId, Kind::Task, "^task_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of an attempt.
    AttemptId, Kind::Attempt, "^att_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a patch.
    PatchId, Kind::Patch, "^patch_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a gate run.
    GateRunId, Kind::GateRun, "^gate_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of an effect.
    EffectId, Kind::Effect, "^eff_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a worker.
    WorkerId, Kind::Worker, "^wrk_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a workstream.
    WorkstreamId, Kind::Workstream, "^ws_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of an agent's circuit breaker.
    BreakerId, Kind::Breaker, "^brk_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a cost entry.
    CostEntryId, Kind::CostEntry, "^cost_[0-9A-HJKMNP-TV-Z]{26}$"
);
id_type!(
    /// The id of a budget.
    BudgetId, Kind::Budget, "^bud_[0-9A-HJKMNP-TV-Z]{26}$"
);

impl BreakerId {
    /// The breaker of the agent with this name: the first 80 bits of the name's SHA-256, made at the beginning of time.
    /// So it is looked up without a search, and two who make it at once make the same one.
    ///
    /// ```
    /// # use tollhouse_core::BreakerId;
    /// assert_eq!(BreakerId::of_agent("claude"), BreakerId::of_agent("claude"));
    /// assert_ne!(BreakerId::of_agent("claude"), BreakerId::of_agent("codex"));
    /// ```
    pub fn of_agent(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let random = digest.iter().take(RANDOM_BYTES).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        Self::from_parts(Timestamp::EPOCH, random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_comes_back_from_its_text(ms in 0_i64..1 << 47, random: u128) {
            let id = PatchId::from_parts(Timestamp::from_micros(ms * 1000), random);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().parse::<RecordId>(), Ok(id.into()));
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let id = PatchId::from_parts(Timestamp::from_micros(0), 7).to_string();
        assert_eq!(id.parse::<RunId>(), Err(InvalidId { text: id, expected: "run" }));
    }

    #[test]
    fn a_breaker_is_where_its_agents_name_says_for_ever() {
        assert_eq!(BreakerId::of_agent("claude").to_string(), "brk_0000000000S1BX17DJ7SM25RV0");
    }

    #[test]
    fn the_id_of_each_kind_comes_back_from_its_text() {
        for kind in Kind::ALL {
            let id = RecordId::from_parts(kind, Timestamp::EPOCH, 7);
            assert_eq!(id.to_string().parse(), Ok(id), "{kind}");
            assert_eq!(Kind::from_name(kind.as_str()), Some(kind));
        }
    }

    #[test]
    fn one_id_has_one_spelling() {
        assert!("run_01JD3W5Z8Q4T6Y7B9N0M2K3HXV".parse::<RunId>().is_ok());
        for other in
            ["run_01jd3w5z8q4t6y7b9n0m2k3hxv", "run_01JD3W5Z8Q4T6Y7B9N0M2K3HXv", "run_81JD3W5Z8Q4T6Y7B9N0M2K3HXV"]
        {
            assert!(other.parse::<RunId>().is_err(), "{other}");
        }
    }
}
