//! What kind of repository this is: its name, the checks that it has, the agents that are there. For `toll init`.
//!
//! It names only commands that the repository's own files speak of, and runs none of them. One file a kind of project, one
//! for the files of a CI, which say best what a change must pass.

mod agents;
mod cargo;
mod ci;
mod command;
mod findings;
mod folder;
mod go;
mod make;
mod node;
mod python;
mod render;
mod yaml;

use std::ffi::OsStr;
use std::path::Path;

use tollhouse_core::spec::GateKind;

use findings::Findings;
use folder::Folder;

pub use render::render;

/// A longer name fits no title.
const NAME_CHARS_MAX: usize = 60;

/// More folders of a repository that is no project itself are not looked at.
const FOLDERS_MAX: usize = 40;

/// Folders that hold what others made.
const FOREIGN: [&str; 8] = ["node_modules", "vendor", "third_party", "target", "build", "dist", "venv", "examples"];

/// What makes a folder a project.
const MANIFESTS: [&str; 8] =
    ["Cargo.toml", "package.json", "pyproject.toml", "setup.py", "setup.cfg", "go.mod", "go.work", "tox.ini"];

/// A check that the repository has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedGate {
    /// A name for it, unique among those found.
    pub name: String,
    /// What kind of check it is.
    pub kind: GateKind,
    /// The line that runs it.
    pub run: String,
    /// The folder that it runs in, where that is not the root.
    pub cwd: Option<String>,
    /// What speaks of it: a file, and in a CI the line.
    pub because: String,
    /// What is not sure about it.
    pub doubt: Option<String>,
    /// Variables that say where its toolchain is, where they are set: a gate sees no others than it is passed.
    pub env_pass: Vec<String>,
}

/// An agent that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedAgent {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub command: Vec<String>,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Detected {
    /// The project's name: from its manifest, else the folder's.
    pub name: Option<String>,
    /// What makes a fresh checkout ready.
    pub setup: Option<String>,
    /// The checks.
    pub gates: Vec<DetectedGate>,
    /// The agents on the search path.
    pub agents: Vec<DetectedAgent>,
}

/// Looks at the files of a repository, and at the search path for agents. What cannot be read is not there.
pub fn detect(root: &Path) -> Detected {
    with_search_path(found_in(root), std::env::var_os("PATH").as_deref())
}

/// The agents that are there, and a mark on each check whose program is not: a gate that cannot be run says no to everything.
fn with_search_path(mut found: Detected, path: Option<&OsStr>) -> Detected {
    found.agents = agents::agents_on(path);
    for gate in &mut found.gates {
        let program = gate.run.split(' ').next().unwrap_or_default();
        if gate.doubt.is_none() && !program.contains('/') && !agents::is_on(path, program) {
            gate.doubt = Some(format!("{program} is not on the search path here"));
        }
    }
    found
}

/// What the files say.
fn found_in(root: &Path) -> Detected {
    let mut findings = Findings::default();
    let folder = Folder::root(root);
    // First what the repository says of itself.
    ci::look(&folder, &mut findings);
    look(&folder, &mut findings);
    if folder.first(&MANIFESTS).is_none() && findings.is_empty() {
        let names = folder.folders_in(".").into_iter().filter(|name| !FOREIGN.contains(&name.as_str()));
        for inner in names.take(FOLDERS_MAX).filter_map(|name| folder.inner(&name)) {
            look(&inner, &mut findings);
        }
    }
    let mut found = findings.finish();
    let folder = || root.file_name().and_then(OsStr::to_str).map(str::to_owned);
    found.name = found.name.take().or_else(folder).and_then(|name| one_line(&name));
    found
}

fn look(folder: &Folder, findings: &mut Findings) {
    cargo::look(folder, findings);
    node::look(folder, findings);
    python::look(folder, findings);
    go::look(folder, findings);
    // Last: its targets mostly call what was found already.
    make::look(folder, findings);
}

fn one_line(name: &str) -> Option<String> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    (!name.trim().is_empty()).then_some(name)
}

#[cfg(test)]
mod tests;
