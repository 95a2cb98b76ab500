//! An attempt: a workspace, an agent in it, and what it changed.

use std::ffi::OsString;

use tollhouse_core::entity::{Attempt, ErrorClass, Task};
use tollhouse_core::limits;
use tollhouse_core::spec::AgentSpec;
use tollhouse_engine::patch::{content_hash, parse, patch_id};
use tollhouse_engine::{AttemptFacts, NewPatch, Outcome};

use super::desk::Desk;
use super::{Hands, RunFacts, traceparent};
use crate::blobs::{Blobs, only_end};
use crate::conductor::head::head_in_run;
use crate::environment::Environment;
use crate::error::RunnerError;
use crate::git::{GitError, LedgerRepo, Oid, Workspace, diff_text};
use crate::process::{GRACE, Job, ProcessError, end_strays};
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
    let head = head_in_run(&project, run)?;
    project.pin(&format!("runs/{}/{}", run.id, attempt.id), head.commit)?;
    let desk = Desk::new(&hands.site.run_dir(run.id), task, attempt)?;
    let workspace = Workspace::create(&repo, head.commit, &desk.workspace, &format!("task/{}", task.spec.name))?;
    let mut environment = environment(run, task, attempt, &desk);
    environment.pass_on(&agent.env_pass);
    environment.set_all(&agent.env);
    let (excludes, before) = match prepare(hands.site, &repo, &workspace, &run.workspace, &environment, &switch)? {
        Prepared::Ready { excludes, tree } => (excludes, tree),
        Prepared::Failed { reason } => return Ok(Outcome::Failed { class: ErrorClass::ToolFailure, reason }),
    };
    // From here on there may be work to keep, whatever happens to us.
    desk.note_beginning()?;
    let job = Job {
        argv: agent.command.iter().map(|word| fill_in(word, task, &desk)).collect(),
        dir: &desk.workspace,
        environment: &environment,
        stdin: attempt.prompt.clone().into_bytes(),
        timeout: None,
    };
    let ran = job.run(&switch);
    // What still writes there would make another patch of each look.
    end_strays(&desk.workspace, GRACE);
    let ended = match ran {
        Ok(ended) => ended,
        Err(error) => {
            let reason = format!("agent {}: {error}", agent.name);
            // A program that is not there will not be there for the next attempt.
            let class = match error {
                ProcessError::NotFound { .. } => ErrorClass::PlanInconsistent,
                _ => ErrorClass::ResourceLimit,
            };
            return Ok(Outcome::Failed { class, reason });
        }
    };
    let (output, trouble) = match Blobs::of(hands.site).keep(&ended.output) {
        Ok(output) => (output, None),
        // Its end is told all the same. What is not on record whole did not end well.
        Err(error) => (only_end(&ended.output), Some(format!("what it printed cannot be kept: {error}"))),
    };
    let facts = AttemptFacts {
        base: Some(head.commit.to_string()),
        exit: Some(ended.exit),
        output: Some(output),
        trouble,
        ..AttemptFacts::default()
    };
    let read = Reading { repo: &repo, workspace: &workspace, excludes: &excludes, before, base: head.commit };
    Ok(Outcome::Spawned(match read.change(attempt) {
        Ok(change) => AttemptFacts { change, ..facts },
        // What the agent printed is kept; what it left cannot be read, so the attempt did not end well.
        Err(error) => AttemptFacts { trouble: Some(format!("what it changed cannot be read: {error}")), ..facts },
    }))
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
    environment.set("TRACEPARENT", traceparent(&run.trace, &attempt.id.to_string()));
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

/// What an agent left whose runner is gone; `None` where it never began.
///
/// # Errors
/// It began, and what it left cannot be read.
pub(in crate::conductor) fn read_what_was_left(
    hands: &Hands<'_>,
    run: &RunFacts,
    attempt: &Attempt,
    desk: &Desk,
) -> Result<Option<AttemptFacts>, RunnerError> {
    let (repo, project) = (hands.site.open_repo()?, hands.site.project()?);
    if let Some(kept) = repo.kept(&kept_as(attempt)).map_err(GitError::from)? {
        let change = NewPatch { blob: kept.blob.to_string(), ..new_patch(&kept.text, kept.base)? };
        let base = Some(kept.base.to_string());
        return Ok(Some(AttemptFacts { base, change: Some(change), ..AttemptFacts::default() }));
    }
    if !desk.has_begun() {
        return Ok(None);
    }
    let Some(base) = project.pinned(&format!("runs/{}/{}", run.id, attempt.id)) else { return Ok(None) };
    let workspace = Workspace::reopen(&repo, base, &desk.workspace)?;
    // What is no work for the agent is none for the evidence.
    let mut excludes: Vec<String> = String::from_utf8_lossy(&project.excludes()).lines().map(str::to_owned).collect();
    excludes.extend(run.workspace.copy.iter().map(|name| format!("/{name}")));
    let before = workspace.base();
    let read = Reading { repo: &repo, workspace: &workspace, excludes: &excludes, before, base };
    let change = read.change(attempt)?;
    Ok(Some(AttemptFacts { base: Some(base.to_string()), change, ..AttemptFacts::default() }))
}

/// Reading what an agent changed.
struct Reading<'r> {
    repo: &'r LedgerRepo,
    workspace: &'r Workspace,
    excludes: &'r [String],
    /// The tree before the agent began.
    before: Oid,
    base: Oid,
}

impl Reading<'_> {
    /// Reads it into the ledger's repository; none where nothing changed.
    fn change(&self, attempt: &Attempt) -> Result<Option<NewPatch>, RunnerError> {
        let mut snapshot = self.workspace.snapshot(self.repo, self.excludes)?;
        if snapshot.tree == self.before && snapshot.unrepresentable.is_empty() {
            return Ok(None);
        }
        let text = diff_text(self.repo, self.before, snapshot.tree)?;
        // Read before it is kept: what cannot be read is not kept as if it could.
        let patch = new_patch(&text, self.base)?;
        let blob = self.repo.keep(&kept_as(attempt), self.base, snapshot.tree, &text)?;
        snapshot.unrepresentable.truncate(limits::UNREPRESENTABLE_TOLD_MAX);
        Ok(Some(NewPatch { blob: blob.to_string(), unrepresentable: snapshot.unrepresentable, ..patch }))
    }
}

/// The name under which an attempt's work is kept.
fn kept_as(attempt: &Attempt) -> String {
    format!("attempts/{}", attempt.id)
}

/// A patch by its text; where that is kept is not known yet.
pub(crate) fn new_patch(text: &[u8], base: Oid) -> Result<NewPatch, RunnerError> {
    let diff = parse(text).map_err(|problems| GitError::unreadable_diff(&problems))?;
    if diff.files.len() > limits::PATCH_FILES_MAX {
        return Err(RunnerError::TooMuch { what: "files", found: diff.files.len(), most: limits::PATCH_FILES_MAX });
    }
    Ok(NewPatch {
        content: content_hash(text),
        blob: String::new(),
        bytes: text.len() as u64,
        patch_id: patch_id(&diff),
        base: base.to_string(),
        description: diff.describe(),
        unrepresentable: Vec::new(),
    })
}
