//! `toll verify`: history, records, the contents beside the ledger, and what landed. The engine hashes and folds; what is in
//! files and in git is looked at here.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Entity, Patch, Run};
use tollhouse_core::lifecycle::PatchState;
use tollhouse_core::{Kind, PatchId, Record, RunId};
use tollhouse_engine::archives::{Absent, Archives, events_in};
use tollhouse_engine::verify::{self, Anchor, Finding, FindingCode, Verified, verify_anchor};
use tollhouse_state::{SqliteSnapshot, SqliteStore, Store, StoreError};

use crate::archive::{AtHand, Joined};
use crate::blobs::{Blobs, verify_blobs};
use crate::error::RunnerError;
use crate::git::{CommitFacts, LEDGER_TRAILER, Oid, PATCH_TRAILER, Project, RUN_TRAILER, trailer};
use crate::records::each_record;
use crate::site::Site;
use crate::texts::verify_texts;

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// Of history and the records.
    pub ledger: Verified,
    /// How many contents beside the ledger were looked at, of those that records name.
    pub blobs: u64,
    /// How many texts of patches were looked at.
    pub texts: u64,
    /// How many commits that landed were compared with the ledger.
    pub landed: u64,
    /// How many commits on the same branches were landed with another ledger, or with one that this one took the place of.
    pub foreign: u64,
    /// The ledger's archives.
    pub archives: Vec<AuditedArchive>,
}

/// An archive of a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedArchive {
    /// The name of its file, in the folder of the ledger's archives.
    pub file: String,
    /// How many runs were taken out to it.
    pub runs: u64,
    /// How many events.
    pub events: u64,
    /// Whether it was there, and looked at with the ledger.
    pub is_at_hand: bool,
}

/// Verifies a ledger as its newest commit left it, whatever is committed and lands meanwhile: the events after a position (0:
/// all), the records that they made, the file, every content that a record names, the text of every patch, and what landed.
///
/// Its archives that are at hand are read with it, as if nothing had been taken out. An archive by itself is verified as the part
/// of a ledger that it is.
///
/// # Errors
/// The ledger or the repository cannot be read at all. What is damaged in the ledger is a finding.
pub fn audit(site: &Site, store: &SqliteStore, since: u64) -> Result<Audit, RunnerError> {
    let project = site.project()?;
    let archives = Archives::of(store)?;
    let AtHand { parts, amiss } = AtHand::of(site, &archives)?;
    // Before the ledger: what is on the branches by now is in it, and what lands from now on need not be.
    let stores = std::iter::once(store).chain(parts.iter().map(|(_, part)| part));
    let tips = tips(&project, stores.map(|store| store as &dyn Store))?;
    let snapshot = store.snapshot()?;
    if parts.is_empty() {
        let mut audit = Audit::of(verify_files((store, &snapshot), &Blobs::of(site), since)?);
        audit.look_at_texts(site, &snapshot)?;
        audit.look_back(&archives, &parts, amiss);
        let (ledger, absent) = match store.origin()? {
            Some(ledger) => (Some(ledger), Absent::all_else()),
            None => (verify::ledger_name(&snapshot)?, archives.absent(&snapshot)?),
        };
        return landings((&snapshot, &project), (ledger, &absent), &tips, audit);
    }
    let joined = Joined::of(&snapshot, parts.iter().map(|(_, part)| part))?;
    let mut audit = Audit::of((verify::verify(&joined, since)?, 0));
    audit.look_at_file((store, &snapshot), &Blobs::of(site), "")?;
    audit.look_at_texts(site, &snapshot)?;
    for (file, part) in &parts {
        let (place, part) = (site.archive(file), (part, &part.snapshot()?));
        audit.look_at_file(part, &Blobs::of(&place), &format!("archive {file}, "))?;
        audit.look_at_texts(&place, part.1)?;
    }
    audit.look_back(&archives, &parts, amiss);
    let (ledger, absent) = (verify::ledger_name(&joined)?, archives.absent(&joined)?);
    landings((&joined, &project), (ledger, &absent), &tips, audit)
}

impl Audit {
    fn of((ledger, blobs): (Verified, u64)) -> Self {
        Self { ledger, blobs, texts: 0, landed: 0, foreign: 0, archives: Vec::new() }
    }

    /// Says of each archive whether it was at hand, and what is amiss with it.
    fn look_back(&mut self, archives: &Archives, at_hand: &[(String, SqliteStore)], amiss: Vec<(String, String)>) {
        for (file, what) in amiss {
            self.ledger.find(FindingCode::ArchiveDiffers, format!("archive {file}"), what);
        }
        let audited = archives.iter().map(|archive| AuditedArchive {
            file: archive.file.clone(),
            runs: archive.runs().count() as u64,
            events: events_in(archive.runs()),
            is_at_hand: at_hand.iter().any(|(file, _)| *file == archive.file),
        });
        self.archives = audited.collect();
    }

    fn look_at_texts(&mut self, site: &Site, snapshot: &SqliteSnapshot) -> Result<(), RunnerError> {
        self.texts += verify_texts(snapshot, site.read_repo()?.as_ref(), &mut self.ledger)?;
        Ok(())
    }

    fn look_at_file(
        &mut self,
        file: (&SqliteStore, &SqliteSnapshot),
        contents: &Blobs,
        which: &str,
    ) -> Result<(), RunnerError> {
        self.blobs += verify_file(file, contents, &mut self.ledger, which)?;
        Ok(())
    }
}

fn landings<S: Store>(
    (store, project): (&S, &Project),
    (ledger, absent): (Option<String>, &Absent),
    tips: &[Oid],
    audit: Audit,
) -> Result<Audit, RunnerError> {
    let (found, seen) = (BTreeMap::new(), BTreeSet::new());
    let mut landings = Landings { store, project, ledger, absent, audit, found, seen };
    landings.of_branches(tips)?;
    landings.of_patches()?;
    Ok(landings.audit)
}

/// Verifies what is in a ledger's own files, whatever repository it belongs to: history, the records, the pages of the database at a
/// moment, and the contents beside it; also says how many of those were looked at.
///
/// # Errors
/// As [`audit`].
pub(crate) fn verify_files(
    (store, snapshot): (&SqliteStore, &SqliteSnapshot),
    contents: &Blobs,
    since: u64,
) -> Result<(Verified, u64), RunnerError> {
    let mut verified = match store.origin()? {
        // An archive holds a part of a ledger.
        Some(_) => verify::verify_without(snapshot, since, &Absent::all_else())?,
        None => verify::verify(snapshot, since)?,
    };
    let blobs = verify_file((store, snapshot), contents, &mut verified, "")?;
    Ok((verified, blobs))
}

/// Looks at the file itself, and at the contents beside it that its records name; the answer is how many those are.
fn verify_file(
    (store, snapshot): (&SqliteStore, &SqliteSnapshot),
    contents: &Blobs,
    verified: &mut Verified,
    which: &str,
) -> Result<u64, RunnerError> {
    match store.check() {
        Ok(()) => {}
        Err(StoreError::Damaged { place, what }) => verified.find(FindingCode::Pages, format!("{which}{place}"), what),
        Err(error) => return Err(error.into()),
    }
    verify_blobs(snapshot, contents, verified)
}

/// Where the branches of all runs are.
fn tips<'a>(project: &Project, stores: impl IntoIterator<Item = &'a dyn Store>) -> Result<Vec<Oid>, RunnerError> {
    let mut branches = BTreeSet::new();
    for store in stores {
        each(store, Kind::Run, |record| {
            if let Ok(run) = Run::from_record(record) {
                branches.extend([run.spec.land_on, run.spec.target]);
            }
        })?;
    }
    let tips = branches.iter().map(|branch| project.branch(branch)).collect::<Result<Vec<_>, _>>()?;
    Ok(tips.into_iter().flatten().collect())
}

/// What landed, as git has it and as the ledger has it.
struct Landings<'a, S> {
    store: &'a S,
    project: &'a Project,
    /// The name of this ledger; none while it is empty.
    ledger: Option<String>,
    /// What of it is elsewhere.
    absent: &'a Absent,
    audit: Audit,
    /// The patches that landed with this ledger.
    found: BTreeMap<PatchId, Oid>,
    /// The commits that were looked at.
    seen: BTreeSet<Oid>,
}

impl<S: Store> Landings<'_, S> {
    fn find(&mut self, commit: Oid, what: impl Into<String>) {
        self.audit.ledger.find(FindingCode::LandedDiffers, format!("commit {commit}"), what);
    }

    /// Compares what is on the branches with the ledger.
    fn of_branches(&mut self, tips: &[Oid]) -> Result<(), RunnerError> {
        let mut seen = std::mem::take(&mut self.seen);
        for tip in tips {
            self.project.walk_back(*tip, &mut seen, |commit| self.of_commit(&commit))?;
        }
        self.seen = seen;
        Ok(())
    }

    fn of_commit(&mut self, commit: &CommitFacts) -> Result<(), RunnerError> {
        let message = &commit.message;
        let Some(name) = trailer(message, PATCH_TRAILER) else { return Ok(()) };
        let anchor = trailer(message, LEDGER_TRAILER).and_then(Anchor::from_text);
        let run = trailer(message, RUN_TRAILER).and_then(|text| text.parse::<RunId>().ok());
        let Ok(patch) = name.parse::<PatchId>() else { return Ok(()) };
        let is_ours = match (&anchor, run) {
            (Some(anchor), _) => Some(&anchor.ledger) == self.ledger.as_ref(),
            // Landed before heads were noted.
            (None, Some(run)) => self.read(&[run.into()])?.is_some(),
            (None, None) => false,
        };
        if !is_ours {
            self.audit.foreign += 1;
            return Ok(());
        }
        if self.is_elsewhere(run)? {
            return Ok(());
        }
        self.audit.landed += 1;
        if let Some(anchor) = anchor {
            let finding: Option<Finding> = verify_anchor(self.store, &anchor, &format!("commit {}", commit.id))?;
            if let Some(finding) = finding {
                self.audit.ledger.add(finding);
            }
        }
        match self.store.get(&[patch.into()]).map(|mut found| found.pop().flatten()) {
            Ok(Some(record)) => {
                if let Ok(patch) = Patch::from_record(&record) {
                    self.compare(commit, &patch);
                }
            }
            Err(StoreError::Damaged { place, what }) => {
                // Most often it was told where records are compared.
                if self.audit.ledger.findings.iter().all(|found| found.place != place) {
                    self.audit.ledger.find(FindingCode::Unreadable, place, what);
                }
            }
            Err(error) => return Err(error.into()),
            Ok(None) => self.find(commit.id, format!("it landed {patch}, and the ledger has no such patch")),
        }
        self.found.insert(patch, commit.id);
        Ok(())
    }

    /// Whether a run is one of this ledger that is not at hand.
    fn is_elsewhere(&self, run: Option<RunId>) -> Result<bool, RunnerError> {
        let Some(run) = run else { return Ok(false) };
        Ok(self.absent.has(run) || (self.absent.is_all_else() && self.read(&[run.into()])?.is_none()))
    }

    fn compare(&mut self, commit: &CommitFacts, patch: &Patch) {
        let id = commit.id;
        match &patch.commit {
            Some(landed) if *landed == id.to_string() => {}
            Some(landed) => return self.find(id, format!("it landed {}, and the ledger says {landed} did", patch.id)),
            // The branch has moved, and the ledger is about to hear of it; where its program died, the next one sees to that.
            None if patch.state == PatchState::Verified => {}
            None => {
                return self
                    .find(id, format!("it landed {}, and the ledger says that it is {}", patch.id, patch.state));
            }
        }
        let Some(candidate) = &patch.candidate else { return };
        let tree = commit.tree.to_string();
        if tree != candidate.tree {
            self.find(id, format!("its tree is {tree}, and the gates saw {}", candidate.tree));
        }
        let parent = commit.parent.map(|parent| parent.to_string()).unwrap_or_default();
        if parent != candidate.parent {
            self.find(id, format!("its parent is {parent}, and the gates saw it on {}", candidate.parent));
        }
    }

    /// Looks for what the ledger says has landed.
    fn of_patches(&mut self) -> Result<(), RunnerError> {
        let mut missing = Vec::new();
        each(self.store, Kind::Patch, |record| {
            let landed = [PatchState::Committed.as_str(), PatchState::RolledBack.as_str()];
            if landed.contains(&record.state.as_str())
                && let Ok(patch) = Patch::from_record(record)
                && !self.found.contains_key(&patch.id)
            {
                missing.push((patch.id, patch.commit.unwrap_or_default()));
            }
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        // Some may have landed after it was looked where the branches are.
        let mut since = BTreeSet::new();
        for tip in tips(self.project, [self.store as &dyn Store])? {
            self.project.walk_back(tip, &mut self.seen, |commit| {
                since.insert(commit.id.to_string());
                Ok::<(), RunnerError>(())
            })?;
        }
        missing.retain(|(_, commit)| !since.contains(commit));
        for (patch, commit) in missing {
            let is_there = Oid::from_str(&commit).is_ok_and(|id| self.project.has_commit(id));
            let what = if is_there {
                format!("it landed as {commit}, which is on none of the branches of its run any more")
            } else {
                format!("it landed as {commit}, which is not in this repository")
            };
            self.audit.ledger.find(FindingCode::LandedDiffers, patch.to_string(), what);
        }
        Ok(())
    }

    /// A record; nothing where it cannot be read, which is a finding already.
    fn read(&self, ids: &[tollhouse_core::RecordId]) -> Result<Option<Record>, RunnerError> {
        match self.store.get(ids) {
            Ok(mut found) => Ok(found.pop().flatten()),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Every record of a kind that can be read. That others cannot is found where records are compared.
fn each<S: Store + ?Sized>(store: &S, kind: Kind, mut take: impl FnMut(&Record)) -> Result<(), RunnerError> {
    each_record(
        store,
        kind,
        |_| Ok(()),
        |record| {
            take(record);
            Ok(())
        },
    )
}
