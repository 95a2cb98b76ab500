//! Gates: the checks that a change must pass.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// A line for `sh -eu -c`.
    Shell(String),
    /// A program and its arguments, run as they are.
    Argv(Vec<String>),
}

impl std::fmt::Display for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Argv(words) => f.write_str(&words.join(" ")),
        }
    }
}

/// What kind of check a gate is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// Style and static checks.
    Lint,
    /// Unit tests.
    Unit,
    /// Integration tests.
    Integration,
    /// End-to-end tests.
    E2e,
    /// Security checks.
    Security,
    /// Anything else.
    Custom,
}

/// Whether a patch must pass a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Requirement {
    /// It must.
    Required,
    /// It is told, and lands all the same.
    Advisory,
}

/// What follows where a gate failed and then passed on one tree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFlaky {
    /// A person looks before the change lands; no attempt is used up. What landed already counts as refused.
    #[default]
    Hold,
    /// It counts as failed.
    Fail,
    /// It counts as passed.
    Pass,
}

/// A check that a change must pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateSpec {
    /// Its name in the configuration.
    pub name: String,
    /// What kind of check it is.
    pub kind: GateKind,
    /// What is run. Exit status 0 is yes.
    pub run: Program,
    /// Only if the patch touches one of these globs; empty: always.
    pub paths: Vec<String>,
    /// Where it runs, relative to the root of the checkout.
    pub cwd: Option<String>,
    /// Variables that it gets.
    pub env: BTreeMap<String, String>,
    /// Variables that are passed on to it.
    pub env_pass: Vec<String>,
    /// How long it may take, in seconds.
    pub timeout: Span,
    /// Gates that must have passed on the same tree before.
    pub needs: Vec<String>,
    /// Whether a patch must pass it.
    pub requirement: Requirement,
    /// How often it is run again on a tree where it failed.
    #[serde(default)]
    pub retries: u32,
    /// What follows where it failed and then passed on one tree.
    #[serde(default)]
    pub flaky: OnFlaky,
}
