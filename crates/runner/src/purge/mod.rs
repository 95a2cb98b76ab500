//! Forgetting contents at a person's word: on the ledger first, then wherever they lie. Each step may be cut off and done again:
//! what is to be removed is named by hashes and ids, and those stay.

mod contents;
mod workspaces;

use std::time::SystemTime;

use tollhouse_core::entity::{Effect, Work};
use tollhouse_core::{EffectId, RecordId};
use tollhouse_engine::forget::{Left, reach};
use tollhouse_engine::{Command, Engine, EngineError, Outcome, Refusal};
use tollhouse_state::{SqliteStore, Store};

use self::contents::Contents;
use crate::archive::Archiving;
use crate::blobs::Blobs;
use crate::errands::Errands;
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::lock::{Hold, Lock};
use crate::site::Site;

/// What was forgotten, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// How many records.
    pub records: u64,
    /// How many events of theirs.
    pub events: u64,
    /// How many of those events give a reason of several lines, which may quote what was printed. Reasons stay: the hash of an
    /// event covers its reason.
    pub long_reasons: u64,
    /// How many contents beside the ledger, which nothing else names.
    pub blobs: u64,
    /// How many patches, with their texts.
    pub patches: u64,
    /// How many folders that something was worked in.
    pub workspaces: u64,
    /// The commits that landed of it. They are the maintainer's, and stay with all that is in them.
    pub landed: Vec<String>,
}

/// Forgets contents, for a person.
#[expect(missing_debug_implementations, reason = "a store need not be printable")]
pub struct Purging<'a> {
    /// The repository.
    pub site: &'a Site,
    /// The ledger.
    pub store: &'a SqliteStore,
    /// Who wants it.
    pub person: String,
}

impl Purging<'_> {
    /// What would be forgotten with a record.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn look(&self, record: RecordId) -> Result<Forgotten, RunnerError> {
        Ok(self.contents(record)?.told)
    }

    /// Forgets a record, and what was asked to be forgotten before and was not finished.
    ///
    /// # Errors
    /// The engine refuses, or something cannot be removed: then the same call goes on with it.
    pub fn purge(&self, record: RecordId, reason: &str) -> Result<Forgotten, RunnerError> {
        let _lock = self.alone()?;
        if self.store.get(&[record])?.iter().all(Option::is_none) {
            return Err(EngineError::from(Refusal::NotFound { id: record }).into());
        }
        let effect = self.ask(record, reason)?;
        let told = self.look(record)?;
        self.go_on()?;
        let done = self.store.get(&[effect.into()])?.pop().flatten().filter(|record| record.state == "done");
        match done {
            Some(_) => Ok(told),
            None => Err(EngineError::from(Refusal::PurgeUnderWay { id: record }).into()),
        }
    }

    /// The lock of the archives, with nothing of any run on its way to one: what was copied there would stay.
    fn alone(&self) -> Result<Lock, RunnerError> {
        let lock = Lock::take(&self.site.archives, Hold::Alone)?;
        let Self { site, store, person } = self;
        let archiving = Archiving { site, store, person: person.clone() };
        match archiving.go_on_alone()? {
            None => Ok(lock),
            Some(run) => Err(EngineError::from(Refusal::PurgeUnderWay { id: run.into() }).into()),
        }
    }

    /// Finishes what was asked for and is not under way; the answer is how many were.
    ///
    /// # Errors
    /// The ledger fails, or something cannot be removed.
    pub fn finish(&self) -> Result<u64, RunnerError> {
        if self.errands().unfinished()?.is_empty() {
            return Ok(0);
        }
        let _lock = self.alone()?;
        self.go_on()
    }

    fn go_on(&self) -> Result<u64, RunnerError> {
        let mut count = 0;
        for effect in self.errands().unfinished()? {
            let Work::Purge { record, .. } = effect.work else { continue };
            let act = || around("effect.purge", || self.remove(record)).map(|left| Outcome::Purged { left });
            count += u64::from(self.errands().run(&effect, act)?);
        }
        Ok(count)
    }

    /// Notes on the ledger what is to be forgotten, and why.
    fn ask(&self, record: RecordId, reason: &str) -> Result<EffectId, RunnerError> {
        let run = self.store.get(&[record])?.pop().flatten().and_then(|record| record.run);
        let mut about: Vec<RecordId> = run.map(RecordId::from).into_iter().chain([record]).collect();
        about.extend(self.errands().unfinished()?.iter().map(|effect| RecordId::from(effect.id)));
        let mut engine = Engine::open_project_with(self.store as &dyn Store, &about)?;
        self.errands().tell(&mut engine, &Command::Purge { record, reason: reason.to_owned() })?;
        let is_it = |effect: &&Effect| {
            matches!(effect.work, Work::Purge { record: other, .. } if other == record) && !effect.state.is_finished()
        };
        let asked = engine.view().all::<Effect>().find(is_it);
        Ok(asked.expect("it was just asked for").id)
    }

    fn errands(&self) -> Errands<'_> {
        Errands { store: self.store, person: &self.person, work: "purge" }
    }

    /// Removes all of it, the ledger's own part first: from then on nothing names what lies elsewhere. The answer is the digest of
    /// what is left.
    fn remove(&self, record: RecordId) -> Result<String, RunnerError> {
        let since = SystemTime::now();
        let contents = self.contents(record)?;
        around("effect.rewrite", || self.store.rewrite(&contents.rewrite))?;
        contents.remove_blobs(self.store, &Blobs::of(self.site), since)?;
        contents.remove_patches(self.site, self.store, since)?;
        for dir in workspaces::of(self.site, &contents.records) {
            workspaces::remove(&dir)?;
        }
        Ok(Left::of(&contents.rewrite.events))
    }

    fn contents(&self, record: RecordId) -> Result<Contents, RunnerError> {
        let records = reach(self.store, record)?;
        Contents::of(self.site, self.store, records)
    }
}
