//! Who did something.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::parsed::parsed;

/// A text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{text:?} is not an actor: engine, worker:NAME or person:NAME")]
pub struct InvalidActor {
    /// What was given.
    pub text: String,
}

/// Who caused an event. Text: `engine`, `worker:NAME`, `person:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Actor {
    /// A rule of the engine.
    Engine,
    /// What executes attempts and effects, by its name.
    Worker(String),
    /// A person, by the name they go by.
    Person(String),
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => f.write_str("engine"),
            Self::Worker(name) => write!(f, "worker:{name}"),
            Self::Person(name) => write!(f, "person:{name}"),
        }
    }
}

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        match text.split_once(':') {
            None if text == "engine" => Ok(Self::Engine),
            Some(("worker", name)) if !name.is_empty() => Ok(Self::Worker(name.to_owned())),
            Some(("person", name)) if !name.is_empty() => Ok(Self::Person(name.to_owned())),
            _ => Err(InvalidActor { text: text.to_owned() }),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parsed(deserializer)
    }
}

impl JsonSchema for Actor {
    fn schema_name() -> Cow<'static, str> {
        "Actor".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^(engine|(worker|person):.+)$"})
    }
}
