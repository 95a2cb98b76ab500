//! An attempt: a workspace, an agent in it, and what it changed.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tollhouse_core::entity::{Attempt, ErrorClass, Task};
use tollhouse_core::spec::AgentSpec;
use tollhouse_engine::patch::{content_hash, parse, patch_id};
use tollhouse_engine::secret::redact;
use tollhouse_engine::{AttemptFacts, NewPatch, Outcome};

use super::{Hands, RunFacts};
use crate::conductor::head::head_in_run;
use crate::environment::Environment;
use crate::error::RunnerError;
use crate::git::{LedgerRepo, Workspace, diff_text};
use crate::process::Job;
use crate::workspace::{Prepared, prepare};

/// Runs an agent for an attempt.
pub(super) fn spawn(
    hands: &Hands<'_>,
    run: &RunFacts,
    task: &Task,
    attempt: &Attempt,
    agent: &AgentSpec,
) -> Result<Outcome, RunnerError> {
    let switch = hands.switches.of(attempt.id);
    let repo = hands.site.open_repo()?;
    let project = hands.site.project()?;
    let head = head_in_run(&project, &run.target, &run.land_on)?;
    project.pin(&format!("runs/{}/{}", run.id, attempt.id), head.commit)?;
    let desk = Desk::new(&hands.site.run_dir(run.id), task, attempt)?;
    let workspace = Workspace::create(&repo, head.commit, &desk.workspace, &format!("task/{}", task.spec.name))?;
    let mut environment = environment(run, task, attempt, &desk);
    let prepared = prepare(hands.site, &repo, &workspace, &run.workspace, &environment, &switch)?;
    if let Prepared::Failed { reason } = prepared {
        desk.clear();
        return Ok(Outcome::Failed { class: ErrorClass::ToolFailure, reason });
    }
    environment.set_all(&agent.env);
    for (name, value) in Environment::base(&agent.env_pass).vars() {
        if agent.env_pass.iter().any(|pass| name == pass.as_str()) {
            environment.set(&name.to_string_lossy(), value.clone());
        }
    }
    let job = Job {
        argv: agent.command.iter().map(|word| fill_in(word, task, &desk)).collect(),
        dir: &desk.workspace,
        environment: &environment,
        stdin: attempt.prompt.clone().into_bytes(),
        timeout: None,
    };
    let ended = match job.run(&switch) {
        Ok(ended) => ended,
        Err(error) => {
            desk.clear();
            let reason = format!("agent {}: {error}", agent.name);
            return Ok(Outcome::Failed { class: ErrorClass::ToolFailure, reason });
        }
    };
    let change = read_change(&repo, &workspace, attempt, head.commit, &prepared)?;
    desk.clear();
    Ok(Outcome::Spawned(AttemptFacts {
        base: Some(head.commit.to_string()),
        workspace: None,
        exit: Some(ended.exit),
        output: Some(ended.output),
        change,
    }))
}

/// Where an attempt works: its workspace, and beside it what we tell it and what it tells us.
struct Desk {
    workspace: PathBuf,
    notes: PathBuf,
}

impl Desk {
    fn new(run_dir: &Path, task: &Task, attempt: &Attempt) -> Result<Self, RunnerError> {
        // Short, because some programs cannot take long paths; the random part keeps it apart from all others.
        let name = format!("{}-{}", task.spec.name, &attempt.id.random_part()[..8]);
        let desk = Self { workspace: run_dir.join(&name), notes: run_dir.join(format!("{name}.notes")) };
        let io = |what: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| RunnerError::Io { what, path, source }
        };
        fs::create_dir_all(&desk.notes).map_err(io("make", &desk.notes))?;
        let write = |name: &str, text: &str| {
            let path = desk.notes.join(name);
            fs::write(&path, redact(text).as_bytes()).map_err(io("write", &path))
        };
        write("prompt.md", &attempt.prompt)?;
        write("feedback.md", attempt.feedback.as_deref().unwrap_or_default())?;
        write("report.jsonl", "")?;
        Ok(desk)
    }

    /// Gives the place back. What was done is reachable from a ref of the ledger by now.
    fn clear(&self) {
        // What cannot be removed is no reason to lose the attempt; it stays where `toll` will find it.
        let _ = Workspace::remove(&self.workspace);
        let _ = fs::remove_dir_all(&self.notes);
    }
}

fn environment(run: &RunFacts, task: &Task, attempt: &Attempt, desk: &Desk) -> Environment {
    let mut environment = Environment::base(&[]);
    environment.set("TOLLHOUSE_RUN", run.id.to_string());
    environment.set("TOLLHOUSE_TASK", &task.spec.name);
    environment.set("TOLLHOUSE_ATTEMPT", attempt.number.to_string());
    environment.set("TOLLHOUSE_EPOCH", attempt.epoch.to_string());
    environment.set("TOLLHOUSE_WORKSPACE", &desk.workspace);
    environment.set("TOLLHOUSE_PROMPT_FILE", desk.notes.join("prompt.md"));
    environment.set("TOLLHOUSE_FEEDBACK_FILE", desk.notes.join("feedback.md"));
    environment.set("TOLLHOUSE_REPORT", desk.notes.join("report.jsonl"));
    // The span is the attempt: the first 64 bits of its id's hash.
    let span = &content_hash(attempt.id.to_string().as_bytes())[..16];
    environment.set("TRACEPARENT", format!("00-{}-{span}-01", run.trace));
    environment
}

/// A word of the agent's command, with its places filled in.
fn fill_in(word: &str, task: &Task, desk: &Desk) -> OsString {
    let prompt = desk.notes.join("prompt.md");
    // Whole words keep paths that are not UTF-8 as they are.
    match word {
        "{prompt_file}" => return prompt.into(),
        "{workspace}" => return desk.workspace.clone().into(),
        _ => {}
    }
    word.replace("{task}", &task.spec.name)
        .replace("{prompt_file}", &prompt.to_string_lossy())
        .replace("{workspace}", &desk.workspace.to_string_lossy())
        .into()
}

/// Reads what the agent changed into the ledger's repository; none where nothing changed.
fn read_change(
    repo: &LedgerRepo,
    workspace: &Workspace,
    attempt: &Attempt,
    base: crate::git::Oid,
    prepared: &Prepared,
) -> Result<Option<NewPatch>, RunnerError> {
    let snapshot = workspace.snapshot(repo, prepared.excludes())?;
    let base_tree = repo.tree_of(base)?;
    if snapshot.tree == base_tree && snapshot.unrepresentable.is_empty() {
        return Ok(None);
    }
    let text = diff_text(repo, base_tree, snapshot.tree)?;
    let diff = parse(&text).map_err(|problems| crate::git::GitError::unreadable_diff(&problems))?;
    let blob = repo.keep(&format!("attempts/{}", attempt.id), base, snapshot.tree, &text)?;
    Ok(Some(NewPatch {
        content: content_hash(&text),
        blob: blob.to_string(),
        bytes: text.len() as u64,
        patch_id: patch_id(&diff),
        base: base.to_string(),
        description: diff.describe(),
        unrepresentable: snapshot.unrepresentable,
    }))
}
