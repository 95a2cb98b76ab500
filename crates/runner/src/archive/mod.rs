//! Archives: runs that are over leave the ledger for a file of their own, beside which lies what they keep outside of it.
//!
//! First all of it is written to the archive, compared with the ledger, and put in its place. Then the ledger says so; from there
//! on the archive counts. Only then are the runs taken out. Wherever that is cut off, nothing is in neither of the two, and
//! the next [`Archiving::archive`] goes on with it, and so does a purge.

mod joined;
mod make;
mod name;
mod orphans;

use std::time::SystemTime;

use tollhouse_core::entity::{Archive, ArchivedRun, Entity, ErrorClass, Run, Work};
use tollhouse_core::{Kind, RecordId, RunId, Stream};
use tollhouse_engine::archives::{Archives, events_in};
use tollhouse_engine::retention::{Retention, is_at_rest};
use tollhouse_engine::verify::{Anchor, verify_anchor};
use tollhouse_engine::{Command, Engine, EngineError, Outcome, ViewError};
use tollhouse_state::{Cursor, Find, Order, SqliteStore, Store, StoreError};

use crate::belongings::{Belongings, needed_by_others};
use crate::clock;
use crate::errands::Errands;
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::git::GitError;
use crate::lock::{Hold, Lock};
use crate::records::each_record;
use crate::site::Site;

pub use joined::Joined;
pub(crate) use make::SCRATCH;

/// How many runs one archive takes at most. What the ledger says of them is one event.
const RUNS_MAX: usize = 1000;

/// What was taken out of the ledger, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archived {
    /// The files that were written.
    pub files: Vec<String>,
    /// How many runs.
    pub runs: u64,
    /// How many events.
    pub events: u64,
    /// How many bytes of the ledger's file were given back.
    pub bytes: u64,
}

/// Takes runs out of a ledger, for a person.
#[derive(Debug)]
pub struct Archiving<'a> {
    /// The repository.
    pub site: &'a Site,
    /// The ledger.
    pub store: &'a SqliteStore,
    /// Who wants it.
    pub person: String,
}

impl Archiving<'_> {
    /// What would be taken out.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn look(&self, retention: &Retention) -> Result<Archived, RunnerError> {
        let due = self.due(retention)?;
        let (runs, events) = (due.len() as u64, events_in(&due));
        Ok(Archived { runs, events, ..Archived::default() })
    }

    /// Takes out the runs whose time is over and of which nothing can go on. What was begun before and not finished is finished
    /// first.
    ///
    /// # Errors
    /// The ledger is damaged, or the machine fails.
    pub fn archive(&self, retention: &Retention) -> Result<Archived, RunnerError> {
        if !self.has_work(retention)? {
            return Ok(Archived::default());
        }
        let _lock = Lock::take(&self.site.archives, Hold::Alone)?;
        let mut archived = Archived::default();
        if self.go_on(&mut archived.bytes)?.is_some() {
            return Ok(archived);
        }
        for runs in self.due(retention)?.chunks(RUNS_MAX) {
            let archive = make::archive(self.site, self.store, runs)?;
            let file = archive.file.clone();
            self.ask(archive)?;
            self.go_on(&mut archived.bytes)?;
            let gone = self.gone(runs)?;
            archived.files.push(file);
            archived.runs += gone.len() as u64;
            archived.events = archived.events.saturating_add(events_in(&gone));
        }
        Ok(archived)
    }

    /// Whether there is anything to be looked at under the lock, whose folder is made only then.
    fn has_work(&self, retention: &Retention) -> Result<bool, RunnerError> {
        let is_there = self.site.archives.symlink_metadata().is_ok();
        Ok(is_there || !self.errands().unfinished()?.is_empty() || !self.due(retention)?.is_empty())
    }

    /// Finishes what was begun and is not under way; whoever calls has the lock. The answer is a run that another program is still
    /// taking out.
    pub(crate) fn go_on_alone(&self) -> Result<Option<RunId>, RunnerError> {
        self.go_on(&mut 0)
    }

    fn go_on(&self, bytes: &mut u64) -> Result<Option<RunId>, RunnerError> {
        orphans::remove(self.site, self.store)?;
        let mut under_way = None;
        for effect in self.errands().unfinished()? {
            let Work::Archive { archive } = &effect.work else { continue };
            let act = || {
                // What is not in the archive stays in the ledger, and goes to another one.
                if let Err(reason) = self.compare(archive)? {
                    return Ok(Outcome::Failed { class: ErrorClass::Unknown, reason });
                }
                around("effect.archive", || self.take_out(archive, bytes)).map(|()| Outcome::Archived)
            };
            if !self.errands().run(&effect, act)? {
                under_way = Some(archive.oldest.run);
            }
        }
        Ok(under_way)
    }

    /// Those that are not in the ledger any more.
    fn gone(&self, runs: &[ArchivedRun]) -> Result<Vec<ArchivedRun>, RunnerError> {
        let ids: Vec<RecordId> = runs.iter().map(|archived| archived.run.into()).collect();
        let found = self.store.get(&ids)?;
        Ok(runs.iter().zip(found).filter(|(_, found)| found.is_none()).map(|(run, _)| run.clone()).collect())
    }

    /// The runs that may leave, the oldest first.
    fn due(&self, retention: &Retention) -> Result<Vec<ArchivedRun>, RunnerError> {
        let (mut due, now) = (Vec::new(), clock::now());
        if retention.is_endless() {
            return Ok(due);
        }
        each_record(self.store, Kind::Run, Err, |record| {
            let run = Run::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)))?;
            if retention.is_over(&run, now) && self.may_leave(run.id)? {
                due.extend(self.as_it_is(run.id)?);
            }
            Ok(())
        })?;
        Ok(due)
    }

    /// Whether nothing of a run can go on, and no folder may hold work of it that is nowhere else.
    fn may_leave(&self, run: RunId) -> Result<bool, RunnerError> {
        let tallies = self.store.tally(&Find { run: Some(run), ..Find::default() })?;
        Ok(is_at_rest(&tallies) && !self.site.run_dir(run).exists())
    }

    fn as_it_is(&self, run: RunId) -> Result<Option<ArchivedRun>, RunnerError> {
        let stream = Some(Stream::Run(run));
        let newest = Cursor { stream, limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let newest = self.store.events(&newest)?.pop();
        Ok(newest.map(|event| ArchivedRun { run, events: event.seq, last: event.position, head: event.hash }))
    }

    /// Notes on the ledger what is to be taken out, and where it is.
    fn ask(&self, archive: Archive) -> Result<(), RunnerError> {
        let about: Vec<_> = archive.runs().map(|archived| archived.run.into()).collect();
        let mut engine = Engine::open_project_with(self.store as &dyn Store, &about)?;
        self.errands().tell(&mut engine, &Command::Archive { archive: Box::new(archive) })
    }

    /// Whether an archive holds what is to be taken out, with all that lies beside it; else why not.
    fn compare(&self, archive: &Archive) -> Result<Result<(), String>, RunnerError> {
        let place = self.site.archive(&archive.file);
        let amiss = |error: StoreError| match error {
            StoreError::NotOpenable { .. } | StoreError::Damaged { .. } => Ok(Err(error.to_string())),
            error => Err(error.into()),
        };
        let copy = match SqliteStore::open_read_only(&place.ledger).and_then(|copy| expect_archive(copy, archive)) {
            Ok(copy) => copy,
            Err(error) => return amiss(error),
        };
        match make::compare(&place, &copy) {
            Err(RunnerError::Store(error)) => amiss(error),
            compared => compared.map(Ok),
        }
    }

    /// Takes runs out that are in an archive.
    fn take_out(&self, archive: &Archive, bytes: &mut u64) -> Result<(), RunnerError> {
        let since = SystemTime::now();
        let copy = SqliteStore::open_read_only(&self.site.archive(&archive.file).ledger)?;
        *bytes += around("effect.take_out", || self.store.take_out(archive.runs()))?;
        let belongings = self.belongings(&copy, archive)?;
        if let Some(repo) = self.site.read_repo()? {
            repo.forget(&belongings.objects, &needed_by_others(self.store, |_| false)?, since)
                .map_err(GitError::from)?;
        }
        let project = self.site.project()?;
        belongings.borrowed.iter().try_for_each(|name| project.unpin(name)).map_err(GitError::from)?;
        Ok(())
    }

    /// What the runs that were taken out kept outside the ledger's file. A run that went on meanwhile stays, with all that is its.
    fn belongings(&self, copy: &SqliteStore, archive: &Archive) -> Result<Belongings, RunnerError> {
        let mut belongings = Belongings::default();
        for archived in archive.runs() {
            if self.store.get(&[archived.run.into()])?.pop().flatten().is_none() {
                belongings.take_run(copy, archived.run)?;
            }
        }
        Ok(belongings)
    }

    fn errands(&self) -> Errands<'_> {
        Errands { store: self.store, person: &self.person, work: "archive" }
    }
}

/// The archives of a ledger that are at hand.
pub(crate) struct AtHand {
    /// The name of each and what is in it, in the order in which they were made.
    pub(crate) parts: Vec<(String, SqliteStore)>,
    /// What is in the place of others and cannot be read, and why.
    pub(crate) amiss: Vec<(String, String)>,
}

impl AtHand {
    /// Those of these archives.
    ///
    /// # Errors
    /// What is there may not be read, or the machine fails.
    pub(crate) fn of(site: &Site, archives: &Archives) -> Result<Self, RunnerError> {
        let (mut parts, mut amiss) = (Vec::new(), Vec::new());
        for archive in archives.iter().filter(|archive| name::is_plain(&archive.file)) {
            let place = site.archive(&archive.file);
            if place.ledger.symlink_metadata().is_err() {
                continue;
            }
            let file = archive.file.clone();
            match place.read_ledger().and_then(|part| part.map(|part| expect_archive(part, archive)).transpose()) {
                Ok(Some(part)) => parts.push((file, part)),
                Ok(None) => amiss.push((file, "it is empty".to_owned())),
                Err(error @ (StoreError::NotOpenable { .. } | StoreError::Damaged { .. })) => {
                    amiss.push((file, error.to_string()));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { parts, amiss })
    }
}

/// Refuses what is not this archive, or does not hold the runs that are to be in it to their ends.
fn expect_archive(part: SqliteStore, archive: &Archive) -> Result<SqliteStore, StoreError> {
    let refused = |what: String| StoreError::NotOpenable { path: part.path().display().to_string(), what };
    match part.origin()? {
        Some(origin) if origin == archive.ledger => {}
        Some(origin) => {
            return Err(refused(format!("it is an archive of the ledger {origin}, not of {}", archive.ledger)));
        }
        None => return Err(refused("it is a ledger, and no archive".to_owned())),
    }
    for ArchivedRun { run, last, head, .. } in archive.runs() {
        let noted = Anchor { ledger: archive.ledger.clone(), position: *last, hash: head.clone() };
        if let Some(finding) = verify_anchor(&part, &noted, "the ledger")? {
            return Err(refused(format!("of {run}, {}: {}", finding.place, finding.what)));
        }
    }
    Ok(part)
}
