//! What is asked for in a simulation: small plans, and the names that programs and patches go by.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::Process;
use tollhouse_core::spec::{
    AgentSpec, GateKind, GateSpec, PolicySpec, Program, Requirement, RunSpec, TaskSpec, Weight,
};
use tollhouse_core::{ChangeKind, Description, FileChange, RepoPath, Span};

use crate::command::Claimant;
use crate::outcome::NewPatch;

/// A task with this name that needs those: two attempts of a minute each, and not critical.
pub fn task(name: &str, needs: &[&str]) -> TaskSpec {
    TaskSpec {
        name: name.to_owned(),
        prompt: format!("Do {name}"),
        agent: "script".to_owned(),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        timeout: Span::from_secs(60),
        attempts: 2,
        weight: Weight::Optional,
        ..TaskSpec::default()
    }
}

/// A required unit test with this name that needs those gates.
pub fn gate(name: &str, needs: &[&str]) -> GateSpec {
    GateSpec {
        name: name.to_owned(),
        kind: GateKind::Unit,
        run: Program::Shell("true".to_owned()),
        paths: Vec::new(),
        cwd: None,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        timeout: Span::from_secs(60),
        needs: needs.iter().map(|need| (*need).to_owned()).collect(),
        requirement: Requirement::Required,
        retries: 0,
        flaky: tollhouse_core::spec::OnFlaky::default(),
    }
}

/// A run of these tasks, at most so many at once. What passes the gates `lint` and then `unit` lands; `secrets/**` is forbidden.
pub fn spec(tasks: Vec<TaskSpec>, max_parallel: u32) -> RunSpec {
    let agent = AgentSpec {
        name: "script".to_owned(),
        command: vec!["agent".to_owned()],
        max_parallel: None,
        env: BTreeMap::new(),
        env_pass: Vec::new(),
        capabilities: BTreeSet::new(),
    };
    let policy = PolicySpec {
        source: "project (tollhouse.toml)".to_owned(),
        write: None,
        forbid: vec!["secrets/**".to_owned()],
        max_files_changed: None,
        max_lines_changed: None,
    };
    RunSpec {
        plan: "plan".to_owned(),
        project: "project".to_owned(),
        target: "main".to_owned(),
        land_on: "toll/main".to_owned(),
        agents: vec![agent],
        gates: vec![gate("lint", &[]), gate("unit", &["lint"])],
        policy: vec![policy],
        max_parallel,
        tasks,
        ..RunSpec::default()
    }
}

/// A runner of this machine that works for the conductor of this epoch; 0: for none.
pub fn claimant(conductor: u64) -> Claimant {
    Claimant { owner: "local".to_owned(), conductor, process: None, worker: None }
}

/// A program of this machine.
pub fn process(pid: u32) -> Process {
    Process { host: "here".to_owned(), boot: "1".to_owned(), pid, started: "1".to_owned() }
}

/// A patch of one line in one file.
pub fn new_patch(path: &str, content: &str, base: &str) -> NewPatch {
    let change = FileChange {
        path: RepoPath::from(path),
        old_path: None,
        kind: ChangeKind::Modified,
        old_mode: Some("100644".to_owned()),
        new_mode: Some("100644".to_owned()),
        lines_added: 1,
        lines_removed: 0,
        binary: false,
        added_id: None,
        removed_id: None,
    };
    NewPatch {
        content: content.to_owned(),
        blob: "blob".to_owned(),
        bytes: 1,
        patch_id: content.to_owned(),
        base: base.to_owned(),
        description: Description { files: vec![change] },
        unrepresentable: Vec::new(),
    }
}
