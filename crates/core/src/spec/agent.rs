//! Agents, and what they may do.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who does the work.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AgentSpec {
    /// Its name in the configuration.
    pub name: String,
    /// Program and arguments. `{task}`, `{prompt_file}` and `{workspace}` are replaced; the prompt is on standard input.
    pub command: Vec<String>,
    /// How many of its attempts may run at once; absent: as many as the run allows.
    pub max_parallel: Option<u32>,
    /// Variables that it gets.
    pub env: BTreeMap<String, String>,
    /// Variables that are passed on to it.
    pub env_pass: Vec<String>,
    /// What it is able to do, in the person's own words.
    #[serde(default)]
    pub capabilities: BTreeSet<String>,
}

/// One level of policy. Each level can only narrow the ones above it, because a patch must satisfy them all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PolicySpec {
    /// Which level it is and where it stands, as in `project (tollhouse.toml)`.
    pub source: String,
    /// Globs that may be changed; absent: all but what is forbidden.
    pub write: Option<Vec<String>>,
    /// Globs that may not be changed. Wins over `write`.
    pub forbid: Vec<String>,
    /// At most so many files.
    pub max_files_changed: Option<u64>,
    /// At most so many lines, added and removed together; lock files weigh nothing.
    pub max_lines_changed: Option<u64>,
}
