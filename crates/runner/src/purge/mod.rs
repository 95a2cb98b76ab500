//! Forgetting contents at a person's word: on the ledger first, then wherever they lie. Each step may be cut off and done again:
//! what is to be removed is named by hashes and ids, and those stay.

mod contents;
mod workspaces;

use std::time::SystemTime;

use tollhouse_core::entity::{Effect, Work};
use tollhouse_core::{EffectId, RecordId};
use tollhouse_engine::forget::{Left, reach};
use tollhouse_engine::{Command, Engine, EngineError, Outcome, Refusal};
use tollhouse_state::Store;

use self::contents::Contents;
use crate::blobs::{Blobs, Hold, Lock};
use crate::errands::Errands;
use crate::error::RunnerError;
use crate::failpoint::around;
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
    pub store: &'a dyn Store,
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
        let effect = self.ask(record, reason)?;
        let told = self.look(record)?;
        self.finish()?;
        let done = self.store.get(&[effect.into()])?.pop().flatten().filter(|record| record.state == "done");
        match done {
            Some(_) => Ok(told),
            None => Err(EngineError::from(Refusal::PurgeUnderWay { id: record }).into()),
        }
    }

    /// Finishes what was asked for and is not under way; the answer is how many were.
    ///
    /// # Errors
    /// The ledger fails, or something cannot be removed.
    pub fn finish(&self) -> Result<u64, RunnerError> {
        // What is copied to an archive meanwhile would stay there.
        let _lock = Lock::take(&self.site.archives, Hold::Alone)?;
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
        let mut engine = Engine::open_project_with(self.store, &about)?;
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
        contents.remove_patches(self.site, since)?;
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
