//! What runs, gates and killed programs leave behind: found, and taken away where the engine says that it may go.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tollhouse_core::entity::{Attempt, Effect, Entity, GateRun, Patch, Run, Work};
use tollhouse_core::lifecycle::{EffectState, PatchState};
use tollhouse_core::{Actor, GateRunId, Kind, PatchId, RecordId, RunId, Span};
use tollhouse_engine::leftovers::{Fate, LeftoverKind, Owner, fate_of};
use tollhouse_engine::{Command, Engine, EngineError, Found, Liveness, Outcome, Refusal, View, ViewError, Witness};
use tollhouse_state::{Find, Store};

use crate::archive::SCRATCH;
use crate::clock;
use crate::conductor::{carry_out, liveness_of, look_at_conductor};
use crate::error::RunnerError;
use crate::git::Workspace;
use crate::lock::{self, Lock};
use crate::process::{GRACE, end_strays, find_strays};
use crate::site::Site;

/// Something that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is.
    pub kind: LeftoverKind,
    /// Where it is: a path, a ref, a process.
    pub place: String,
    /// Whether it may go.
    pub fate: Fate,
    /// Why.
    pub why: &'static str,
    hold: Hold,
}

/// By what it is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hold {
    Folder(PathBuf),
    /// Of an archive: alone with the lock of archives it is known that nobody is making it.
    UnfinishedArchive(PathBuf),
    File(PathBuf),
    Processes(PathBuf),
    ProjectRef(String),
    LedgerRef(String),
}

/// Looks for all that was left, and judges it.
///
/// # Errors
/// The ledger, the repository or a folder cannot be read.
pub fn find(site: &Site, store: &dyn Store) -> Result<Vec<Leftover>, RunnerError> {
    let mut search = Search { site, store, found: Vec::new() };
    search.folders()?;
    search.pins()?;
    search.files();
    Ok(search.found)
}

/// Takes away what may go; the answer is what could not be taken away, and why.
///
/// # Errors
/// The repository cannot be opened.
pub fn clear(site: &Site, found: &[Leftover]) -> Result<Vec<(String, String)>, RunnerError> {
    let project = site.project()?;
    let repo = site.read_repo()?;
    let mut failed = Vec::new();
    for left in found.iter().filter(|left| left.fate == Fate::Goes) {
        let done = match &left.hold {
            Hold::Processes(dir) => {
                end_strays(dir, GRACE);
                Ok(())
            }
            Hold::Folder(dir) => Workspace::remove(dir).map_err(|error| error.to_string()),
            Hold::UnfinishedArchive(dir) => Lock::take(&site.archives, lock::Hold::Alone)
                .map_err(|error| error.to_string())
                .and_then(|_lock| Workspace::remove(dir).map_err(|error| error.to_string())),
            Hold::File(path) => fs::remove_file(path).map_err(|error| error.to_string()),
            Hold::ProjectRef(name) => project.unpin(name).map_err(|error| error.to_string()),
            Hold::LedgerRef(name) => {
                repo.as_ref().map_or(Ok(()), |repo| repo.unpin(name)).map_err(|error| error.to_string())
            }
        };
        failed.extend(done.err().map(|why| (left.place.clone(), why)));
    }
    for entry in fs::read_dir(&site.workspaces).into_iter().flatten().flatten() {
        // Only where nothing is left in it.
        let _ = fs::remove_dir(entry.path());
    }
    Ok(failed)
}

/// Says of gates of no run that nobody knows how they went, where whoever ran them did not live to say so.
///
/// # Errors
/// The ledger fails.
pub fn settle_gates(store: &dyn Store, person: &str) -> Result<(), RunnerError> {
    for (effect, gate_run) in gates_of_no_run(store)? {
        let Some(liveness) = over_for(&effect) else { continue };
        let mut engine = Engine::open_project_with(store, &[effect.id.into(), gate_run.into()])?;
        let found = Found::outcome(Outcome::Stopped { reason: "its program is gone".to_owned() });
        let command = Command::Settle { effect: effect.id, by: Witness::Anybody(liveness), found };
        match carry_out(&mut engine, &command, &Actor::Person(person.to_owned()), clock::at()) {
            // Somebody else said so at the same time.
            Err(EngineError::Refused(Refusal::AlreadyFinished { .. })) => {}
            done => drop(done?),
        }
    }
    Ok(())
}

/// The gates of no run that somebody began and nobody ended.
fn gates_of_no_run(store: &dyn Store) -> Result<Vec<(Effect, GateRunId)>, RunnerError> {
    let states = vec![EffectState::Started.as_str().to_owned()];
    let records = store.find(&Find { kind: Some(Kind::Effect), states, ..Find::default() })?;
    let mut found = Vec::new();
    for record in records.iter().filter(|record| record.run.is_none()) {
        let effect = Effect::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)))?;
        if let Work::Gate { gate_run } = effect.work {
            found.push((effect, gate_run));
        }
    }
    Ok(found)
}

/// What is seen of the program of an effect that will not end any more; `None` where it may. However long it takes, one that is
/// seen to run is at it: its time says nothing of how long the setup before it takes.
pub(crate) fn over_for(effect: &Effect) -> Option<Liveness> {
    let seen = effect.process.as_ref().map(liveness_of);
    let is_late = effect.until.is_some_and(|until| until < clock::now());
    match seen {
        Some(Liveness::Alive) => None,
        Some(Liveness::Gone) => seen,
        Some(Liveness::OutOfSight { .. }) | None => is_late.then_some(seen.unwrap_or(Liveness::Alive)),
    }
}

struct Search<'a> {
    site: &'a Site,
    store: &'a dyn Store,
    found: Vec<Leftover>,
}

impl Search<'_> {
    fn add(&mut self, kind: LeftoverKind, place: String, owner: Owner, hold: Hold) {
        let (fate, why) = fate_of(owner);
        self.found.push(Leftover { kind, place, fate, why, hold });
    }

    /// The folders of runs, and those of gates that belong to no run.
    fn folders(&mut self) -> Result<(), RunnerError> {
        for folder in children(&self.site.workspaces) {
            let run = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<RunId>().ok());
            for dir in children(&folder) {
                let owner = match run {
                    Some(run) => self.run(run, Some(&dir))?,
                    None => self.gate_by_hand(&dir)?,
                };
                if !find_strays(&dir).is_empty() {
                    let place = format!("of {}", dir.display());
                    self.add(LeftoverKind::Process, place, owner, Hold::Processes(dir.clone()));
                }
                self.add(LeftoverKind::Workspace, dir.display().to_string(), owner, Hold::Folder(dir));
            }
        }
        Ok(())
    }

    /// A run, as far as it matters to what was left of it. A folder or a pin of it is needed where the work of its attempt
    /// was not read, or may come back.
    fn run(&self, id: RunId, dir: Option<&Path>) -> Result<Owner, RunnerError> {
        let view = View::load(&self.store, id).map_err(EngineError::from)?;
        let Some(run) = view.get::<Run>(id) else {
            return Ok(Owner::Nobody { age: clock::now().since(RecordId::from(id).made_at()) });
        };
        let seen = look_at_conductor(self.store, &view, id)?;
        let is_driven = seen.is_some_and(|seen| seen.liveness != Liveness::Gone);
        let is_needed = match dir {
            Some(dir) => self.holds_unread_work(&view, dir)?,
            None => false,
        };
        Ok(Owner::Run { state: run.state, is_driven, is_needed })
    }

    /// Whether a workspace of an attempt is the only place where its work is.
    fn holds_unread_work(&self, view: &View, dir: &Path) -> Result<bool, RunnerError> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if dir.extension().is_some_and(|extension| extension == "notes") {
            return Ok(false);
        }
        let of_this = |attempt: &&Attempt| name.ends_with(&attempt.id.random_part()[..8]);
        let Some(attempt) = view.all::<Attempt>().find(of_this) else { return Ok(false) };
        let kept =
            self.site.read_repo()?.is_some_and(|repo| repo.pinned(&format!("attempts/{}", attempt.id)).is_some());
        // One that changed nothing, or that could not be read, has nothing kept.
        let read = attempt.end.as_ref().is_some_and(|end| end.exit.is_some() && end.error_class.is_none());
        Ok(!kept && !read)
    }

    fn gate_by_hand(&self, dir: &Path) -> Result<Owner, RunnerError> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let random = name.rsplit('-').next().map(str::to_owned);
        let find = Find { kind: Some(Kind::GateRun), random_prefix: random, limit: Some(2), ..Find::default() };
        let known = self.store.find(&find)?;
        let [record] = known.as_slice() else { return Ok(Owner::Nobody { age: age(dir) }) };
        let gate_run = GateRun::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)))?;
        let begun = gates_of_no_run(self.store)?.into_iter().find(|(_, of)| *of == gate_run.id);
        let is_over = begun.is_some_and(|(effect, _)| over_for(&effect).is_some());
        Ok(Owner::GateRun { state: gate_run.state, is_over })
    }

    /// The refs that keep what is borrowed, in the maintainer's repository and in the ledger's.
    fn pins(&mut self) -> Result<(), RunnerError> {
        let project = self.site.project()?;
        for name in project.pinned_names()? {
            let owner = self.owner_of_pin(&name)?;
            self.add(LeftoverKind::Pin, format!("refs/tollhouse/{name}"), owner, Hold::ProjectRef(name));
        }
        let Some(repo) = self.site.read_repo()? else { return Ok(()) };
        for name in repo.pinned_names().map_err(crate::git::GitError::from)? {
            // What an attempt or a submission did is evidence for as long as the ledger speaks of it.
            if let Some(id) = name.rsplit('/').next().and_then(|id| id.parse::<RecordId>().ok())
                && self.store.get(&[id])?.pop().flatten().is_none()
            {
                let owner = Owner::Nobody { age: clock::now().since(id.made_at()) };
                let place = format!("refs/tollhouse/{name} of the ledger's repository");
                self.add(LeftoverKind::Pin, place, owner, Hold::LedgerRef(name));
            }
        }
        Ok(())
    }

    fn owner_of_pin(&self, name: &str) -> Result<Owner, RunnerError> {
        let parts: Vec<&str> = name.split('/').collect();
        match parts.as_slice() {
            ["runs", run, of] => match run.parse::<RunId>() {
                Ok(run) => self.owner_of_run_pin(run, of),
                Err(_) => Ok(Owner::Nobody { age: Span::from_secs(u64::MAX / 1000) }),
            },
            ["submissions", patch] => match patch.parse::<PatchId>() {
                Ok(patch) => self.owner_of_submission(patch),
                Err(_) => Ok(Owner::Nobody { age: Span::from_secs(u64::MAX / 1000) }),
            },
            _ => Ok(Owner::Nobody { age: Span::from_secs(u64::MAX / 1000) }),
        }
    }

    /// What a patch was made on is needed while it is on its way, also in a run that is over, and when it is let in again.
    fn owner_of_run_pin(&self, id: RunId, of: &str) -> Result<Owner, RunnerError> {
        let owner = self.run(id, None)?;
        let view = View::load(&self.store, id).map_err(EngineError::from)?;
        let is_needed = view.all::<Patch>().any(|patch| {
            let attempt = patch.attempt.map(|attempt| attempt.to_string());
            let lives = patch.state == PatchState::Quarantined || !patch.state.is_finished();
            lives && (attempt.as_deref() == Some(of) || patch.id.to_string() == of)
        });
        Ok(match owner {
            Owner::Run { state, is_driven, .. } => Owner::Run { state, is_driven, is_needed },
            other => other,
        })
    }

    fn owner_of_submission(&self, id: PatchId) -> Result<Owner, RunnerError> {
        let Some(record) = self.store.get(&[id.into()])?.pop().flatten() else {
            return Ok(Owner::Nobody { age: clock::now().since(RecordId::from(id).made_at()) });
        };
        let patch = Patch::from_record(&record).map_err(|error| EngineError::from(ViewError::from(error)))?;
        Ok(Owner::Patch { state: patch.state })
    }

    /// Locks and half-written files of programs that were killed, in what is ours alone.
    fn files(&mut self) {
        let ours = [self.site.common_dir.join("refs/tollhouse"), self.site.repo.join("refs")];
        for path in ours.iter().flat_map(|dir| files_below(dir)) {
            if path.extension().is_some_and(|extension| extension == "lock") {
                let owner = Owner::Nobody { age: age(&path) };
                self.add(LeftoverKind::Lock, path.display().to_string(), owner, Hold::File(path));
            }
        }
        let beside = self.site.ledger.parent().map(children).unwrap_or_default();
        let unpacked = beside.iter().filter(|path| is_cut_off(path, ".toll-restore-"));
        let unpacked = unpacked.map(|path| (path.clone(), Hold::Folder(path.clone())));
        let archives = children(&self.site.archives).into_iter().filter(|path| is_cut_off(path, SCRATCH));
        let archives = archives.map(|path| (path.clone(), Hold::UnfinishedArchive(path)));
        for (path, hold) in unpacked.chain(archives).collect::<Vec<_>>() {
            let owner = Owner::Nobody { age: age(&path) };
            self.add(LeftoverKind::Scratch, path.display().to_string(), owner, hold);
        }
        let kept = children(&self.site.blobs).into_iter();
        for path in files_below(&self.site.repo).into_iter().chain(beside).chain(kept) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_scratch = [".tmp", "tmp_obj", "tmp_pack", ".toll-"].iter().any(|start| name.starts_with(start));
            if is_scratch && path.is_file() {
                let owner = Owner::Nobody { age: age(&path) };
                self.add(LeftoverKind::Scratch, path.display().to_string(), owner, Hold::File(path));
            }
        }
    }
}

/// Whether a backup was unpacked there, or an archive made, and did not come to its end.
fn is_cut_off(path: &Path, start: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(start) && path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
}

/// How long ago something was changed; what cannot be asked is young.
fn age(path: &Path) -> Span {
    let changed = path.symlink_metadata().and_then(|metadata| metadata.modified()).ok();
    let age = changed.and_then(|changed| SystemTime::now().duration_since(changed).ok()).unwrap_or(Duration::ZERO);
    Span::from_secs(age.as_secs())
}

/// What a folder holds, in order. One that cannot be read holds nothing for us.
fn children(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    found.sort();
    found
}

/// All files below a folder; links are not followed.
fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut next = vec![dir.to_owned()];
    while let Some(dir) = next.pop() {
        for path in children(&dir) {
            match path.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => next.push(path),
                Ok(metadata) if metadata.is_file() => found.push(path),
                _ => {}
            }
        }
    }
    found
}
