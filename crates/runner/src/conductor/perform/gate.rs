//! A gate: a checkout of exactly one tree, and a program that judges it.

use std::path::{Path, PathBuf};

use tollhouse_core::ChangeKind;
use tollhouse_core::entity::GateRun;
use tollhouse_core::spec::WorkspaceSpec;
use tollhouse_engine::patch::parse;
use tollhouse_engine::{GateFacts, Outcome};

use super::{Hands, RunFacts, traceparent};
use crate::blobs::Blobs;
use crate::environment::Environment;
use crate::error::RunnerError;
use crate::git::{GitError, LedgerRepo, Oid, Workspace, diff_text};
use crate::process::{GRACE, How, Job, KillSwitch, argv, end_strays};
use crate::site::{Site, make_workspaces_dir};
use crate::workspace::{Prepared, prepare};

/// Runs a gate of a run.
pub(super) fn perform(
    hands: &Hands<'_>,
    run: &RunFacts,
    task: Option<&str>,
    gate_run: &GateRun,
) -> Result<Outcome, RunnerError> {
    let mut environment = Environment::base(&[]);
    environment.set("TOLLHOUSE_RUN", run.id.to_string());
    environment.set("TRACEPARENT", traceparent(&run.trace, &gate_run.id.to_string()));
    if let Some(task) = task {
        environment.set("TOLLHOUSE_TASK", task);
    }
    let place = Place { site: hands.site, dir: &hands.site.run_dir(run.id), workspace: &run.workspace };
    let switch = hands.switches.of(gate_run.id);
    run_gate(&place, gate_run, environment, &switch)
}

/// Where a gate runs, and how its checkout is made ready.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    /// The repository.
    pub(crate) site: &'a Site,
    /// The folder that its checkout is made in.
    pub(crate) dir: &'a Path,
    /// How the checkout is made ready.
    pub(crate) workspace: &'a WorkspaceSpec,
}

/// Runs a gate on its tree.
///
/// # Errors
/// The machine or git fails. What the gate's program did is an answer.
pub(crate) fn run_gate(
    place: &Place<'_>,
    gate_run: &GateRun,
    mut environment: Environment,
    switch: &KillSwitch,
) -> Result<Outcome, RunnerError> {
    let repo = place.site.open_repo()?;
    // Where nothing landed yet, what is judged is a commit.
    let tree = repo.peeled_tree(&gate_run.tree)?;
    let commit = repo.candidate_commit(&tree.to_string(), &gate_run.parent)?;
    let dir = checkout_of(place.dir, gate_run);
    make_workspaces_dir(place.dir)?;
    let checkout = Workspace::create(&repo, commit, &dir, "candidate")?;
    environment.set("TOLLHOUSE_WORKSPACE", &dir);
    environment.pass_on(&gate_run.gate.env_pass);
    environment.set_all(&gate_run.gate.env);
    let prepared = prepare(place.site, &repo, &checkout, place.workspace, &environment, switch);
    let facts = prepared.and_then(|prepared| match prepared {
        Prepared::Failed { reason } => Ok(GateFacts { trouble: Some(reason), ..GateFacts::default() }),
        Prepared::Ready { tree: prepared, .. } => Ok(match touched_by_setup(&repo, tree, prepared)? {
            Some(trouble) => GateFacts { trouble: Some(trouble), ..GateFacts::default() },
            None => judge(place.site, gate_run, &dir, &environment, switch)?,
        }),
    });
    end_strays(&dir, GRACE);
    // A checkout holds nothing that is not in the object database.
    let _ = Workspace::remove(&dir);
    // What we stopped says nothing of the gate.
    if switch.is_thrown() {
        return Ok(Outcome::Stopped { reason: "it was stopped".to_owned() });
    }
    facts.map(Outcome::Gated)
}

fn checkout_of(dir: &Path, gate_run: &GateRun) -> PathBuf {
    dir.join(format!("gate-{}-{}", gate_run.gate.name, &gate_run.id.random_part()[..8]))
}

/// Ends and removes what is left of a gate run whose runner is gone.
pub(crate) fn clear(dir: &Path, gate_run: &GateRun) {
    let dir = checkout_of(dir, gate_run);
    end_strays(&dir, GRACE);
    // What cannot be removed stays for `gc`, which says so.
    let _ = Workspace::remove(&dir);
}

/// What setup did to files of the tree: the gate would judge another tree than the one that lands.
fn touched_by_setup(repo: &LedgerRepo, judged: Oid, prepared: Oid) -> Result<Option<String>, RunnerError> {
    if judged == prepared {
        return Ok(None);
    }
    let text = diff_text(repo, judged, prepared)?;
    let diff = parse(&text).map_err(|problems| GitError::unreadable_diff(&problems))?;
    let touched: Vec<String> = diff
        .describe()
        .files
        .iter()
        .filter(|file| !matches!(file.kind, ChangeKind::Added | ChangeKind::Copied))
        .take(10)
        .map(|file| file.path.to_string())
        .collect();
    let told = || format!("[workspace] setup changes files of the tree that is to be judged: {}", touched.join(", "));
    Ok((!touched.is_empty()).then(told))
}

fn judge(
    site: &Site,
    gate_run: &GateRun,
    checkout: &Path,
    environment: &Environment,
    switch: &KillSwitch,
) -> Result<GateFacts, RunnerError> {
    let gate = &gate_run.gate;
    let dir = gate.cwd.as_ref().map_or_else(|| checkout.to_owned(), |cwd| checkout.join(cwd));
    // Resolved, so that a link that a patch brought does not lead the gate out of its checkout.
    let inside = dir.canonicalize().is_ok_and(|dir| checkout.canonicalize().is_ok_and(|root| dir.starts_with(root)));
    if !inside || !dir.is_dir() {
        let trouble = format!("its folder {} is not in the tree", gate.cwd.as_deref().unwrap_or("."));
        return Ok(GateFacts { trouble: Some(trouble), ..GateFacts::default() });
    }
    let timeout = Some(gate.timeout.as_duration());
    let job = Job { argv: argv(&gate.run), dir: &dir, environment, stdin: Vec::new(), timeout };
    match job.run(switch) {
        Err(error) => Ok(GateFacts { trouble: Some(error.to_string()), ..GateFacts::default() }),
        Ok(ended) => {
            let trouble = match ended.how {
                How::ByItself => None,
                How::TimedOut => Some(format!("it took longer than its {}", gate.timeout)),
                How::Killed => Some("it was stopped".to_owned()),
            };
            let exit = Some(ended.exit);
            Ok(GateFacts { exit, output: Some(Blobs::of(site).keep(&ended.output)?), trouble })
        }
    }
}
