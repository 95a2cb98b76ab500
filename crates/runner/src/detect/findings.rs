//! What is found on the way: each check once, the repository's own words before what its files only let guess.

use tollhouse_core::spec::GateKind;

use super::folder::Folder;
use super::{Detected, DetectedGate};

/// So many lines of a CI that run the same tool are taken.
const SAME_MAX: usize = 3;

/// A check, before it has a name that no other has.
pub(super) struct Check {
    /// What makes two checks the same one, said twice.
    identity: &'static str,
    gate: DetectedGate,
}

impl Check {
    pub(super) fn new(
        identity: &'static str,
        kind: GateKind,
        run: impl Into<String>,
        because: impl Into<String>,
    ) -> Self {
        let run = run.into();
        let env_pass = toolchain_of(&run);
        let gate = DetectedGate {
            name: identity.to_owned(),
            kind,
            run,
            cwd: None,
            because: because.into(),
            doubt: None,
            env_pass,
        };
        Self { identity, gate }
    }

    pub(super) fn named(mut self, name: impl Into<String>) -> Self {
        self.gate.name = name.into();
        self
    }

    pub(super) fn in_folder(mut self, folder: &Folder) -> Self {
        self.gate.cwd.clone_from(&folder.below);
        self
    }

    pub(super) fn doubt(mut self, doubt: &str) -> Self {
        self.gate.doubt = Some(doubt.to_owned());
        self
    }
}

/// What was found so far.
#[derive(Default)]
pub(super) struct Findings {
    checks: Vec<Check>,
    /// Checks that call others: kind and folder.
    wrapped: Vec<(GateKind, Option<String>)>,
    setups: Vec<String>,
    name: Option<String>,
}

impl Findings {
    /// A line of a CI: what the repository says itself.
    pub(super) fn say(&mut self, check: Check) {
        let same = |known: &&Check| known.identity == check.identity && known.gate.cwd == check.gate.cwd;
        let is_new =
            self.checks.iter().all(|known| known.gate.run != check.gate.run || known.gate.cwd != check.gate.cwd);
        if is_new && self.checks.iter().filter(same).count() < SAME_MAX {
            if matches!(check.identity, "make" | "xtask" | "tox" | "nox") {
                self.wrapped.push((check.gate.kind, check.gate.cwd.clone()));
            }
            self.checks.push(check);
        }
    }

    /// What a file lets one guess, where nothing said it better.
    pub(super) fn offer(&mut self, check: Check) {
        let is_known = self.checks.iter().any(|known| {
            known.gate.cwd == check.gate.cwd
                && known.identity == check.identity
                && (known.gate.name == check.gate.name || known.gate.kind == GateKind::Unit)
        });
        let is_wrapped = self.wrapped.iter().any(|(kind, cwd)| *kind == check.gate.kind && *cwd == check.gate.cwd);
        if !is_known && !is_wrapped {
            self.checks.push(check);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    /// Whether a check of this kind was found for a folder.
    pub(super) fn has_kind(&self, kind: GateKind, folder: &Folder) -> bool {
        self.checks.iter().any(|known| known.gate.kind == kind && known.gate.cwd == folder.below)
    }

    /// The first manifest names the project.
    pub(super) fn name(&mut self, name: Option<&str>) {
        if self.name.is_none() {
            self.name = name.map(str::to_owned);
        }
    }

    /// What makes a fresh checkout ready, in a folder.
    pub(super) fn setup(&mut self, folder: &Folder, line: Option<&str>) {
        let Some(line) = line else { return };
        self.setups.push(match &folder.below {
            Some(below) => format!("(cd {below} && {line})"),
            None => line.to_owned(),
        });
    }

    /// All of it: the quick kinds first, and names that differ.
    pub(super) fn finish(self) -> Detected {
        let mut gates: Vec<DetectedGate> = self.checks.into_iter().map(|check| check.gate).collect();
        gates.sort_by_key(|gate| gate.kind != GateKind::Lint);
        names(&mut gates);
        let setup = (!self.setups.is_empty()).then(|| self.setups.join(" && "));
        Detected { name: self.name, setup, gates, agents: Vec::new() }
    }
}

/// Where there is only one check of a kind, the kind is its name. Others are told apart by folder and number.
fn names(gates: &mut [DetectedGate]) {
    for gate in gates.iter_mut() {
        if let Some(cwd) = &gate.cwd {
            gate.name = format!("{}-{}", cwd.replace('/', "-"), gate.name);
        }
        gate.name.truncate(80);
    }
    for (kind, word) in [(GateKind::Unit, "unit"), (GateKind::Lint, "lint")] {
        let mut of_kind = gates.iter_mut().filter(|gate| gate.kind == kind);
        if let (Some(gate), None) = (of_kind.next(), of_kind.next()) {
            word.clone_into(&mut gate.name);
        }
    }
    for at in 1..gates.len() {
        let (before, from) = gates.split_at_mut(at);
        let is_taken = |name: &str| before.iter().any(|gate| gate.name == name);
        let plain = from[0].name.clone();
        let mut number = 2;
        while is_taken(&from[0].name) {
            from[0].name = format!("{plain}-{number}");
            number += 1;
        }
    }
}

/// Where toolchains are told to be, by the program that asks.
const TOOLCHAIN: [(&str, &[&str]); 3] = [
    ("cargo ", &["CARGO_HOME", "RUSTUP_HOME"]),
    ("go ", &["GOPATH", "GOCACHE", "GOMODCACHE"]),
    ("golangci-lint ", &["GOPATH", "GOCACHE", "GOMODCACHE"]),
];

/// The variables among them that are set here: a gate sees no others than it is passed.
fn toolchain_of(run: &str) -> Vec<String> {
    let asks = |(program, _): &&(&str, &[&str])| run.starts_with(program);
    let names = TOOLCHAIN.iter().filter(asks).flat_map(|(_, names)| *names);
    names.filter(|name| std::env::var_os(name).is_some()).map(|name| (*name).to_owned()).collect()
}
