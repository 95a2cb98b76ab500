//! Forgetting contents at a person's word: on the ledger first, then wherever they lie. Each step may be cut off and done again:
//! what is to be removed is named by hashes and ids, and those stay.

mod contents;
mod workspaces;

use std::time::SystemTime;

use tollhouse_core::entity::{Effect, Entity, Work};
use tollhouse_core::{Actor, EffectId, Kind, RecordId, limits};
use tollhouse_engine::forget::reach;
use tollhouse_engine::{
    At, Claimant, Command, Engine, EngineError, Found, Liveness, Outcome, Refusal, ViewError, Witness,
};
use tollhouse_state::{Find, Store};

use self::contents::Contents;
use crate::blobs::Blobs;
use crate::clock;
use crate::conductor::{carry_out, this_process};
use crate::error::RunnerError;
use crate::failpoint::around;
use crate::leftovers::over_for;
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
        let mut count = 0;
        for effect in self.unfinished()? {
            let mut engine = Engine::open_project_with(self.store, &[effect.id.into()])?;
            if effect.state.as_str() != "requested" {
                let Some(liveness) = gone(&effect) else { continue };
                let found = Found::NotDone { reason: "its program is gone".to_owned() };
                self.tell(&mut engine, &Command::Settle { effect: effect.id, by: Witness::Anybody(liveness), found })?;
            }
            let Work::Purge { record, .. } = effect.work else { continue };
            self.carry_out(&mut engine, effect.id, record)?;
            count += 1;
        }
        Ok(count)
    }

    /// Notes on the ledger what is to be forgotten, and why.
    fn ask(&self, record: RecordId, reason: &str) -> Result<EffectId, RunnerError> {
        let run = self.store.get(&[record])?.pop().flatten().and_then(|record| record.run);
        let mut about: Vec<RecordId> = run.map(RecordId::from).into_iter().chain([record]).collect();
        about.extend(self.unfinished()?.iter().map(|effect| RecordId::from(effect.id)));
        let mut engine = Engine::open_project_with(self.store, &about)?;
        self.tell(&mut engine, &Command::Purge { record, reason: reason.to_owned() })?;
        let is_it = |effect: &&Effect| {
            matches!(effect.work, Work::Purge { record: other, .. } if other == record) && !effect.state.is_finished()
        };
        let asked = engine.view().all::<Effect>().find(is_it);
        Ok(asked.expect("it was just asked for").id)
    }

    fn carry_out(&self, engine: &mut Engine<&dyn Store>, id: EffectId, record: RecordId) -> Result<(), RunnerError> {
        let until = clock::now().after(limits::GATE_TIMEOUT_DEFAULT);
        let by = Claimant { owner: self.person.clone(), conductor: 0, process: Some(this_process()), worker: None };
        self.tell(engine, &Command::Claim { effect: id, by, until })?;
        let epoch = engine.view().get::<Effect>(id).map_or(0, |effect| effect.epoch);
        around("effect.purge", || self.remove(record))?;
        let outcome = Box::new(Outcome::Purged);
        self.tell(engine, &Command::Report { effect: id, epoch, outcome })
    }

    /// Removes all of it, the ledger's own part first: from then on nothing names what lies elsewhere.
    fn remove(&self, record: RecordId) -> Result<(), RunnerError> {
        let since = SystemTime::now();
        let contents = self.contents(record)?;
        around("effect.rewrite", || self.store.rewrite(&contents.rewrite))?;
        contents.remove_blobs(self.store, &Blobs::of(self.site), since)?;
        contents.remove_patches(self.site, since)?;
        for dir in workspaces::of(self.site, &contents.records) {
            workspaces::remove(&dir)?;
        }
        Ok(())
    }

    fn contents(&self, record: RecordId) -> Result<Contents, RunnerError> {
        let records = reach(self.store, record)?;
        Contents::of(self.site, self.store, records)
    }

    /// What was asked for and did not come to its end.
    fn unfinished(&self) -> Result<Vec<Effect>, RunnerError> {
        let key = Some(("do".to_owned(), "purge".to_owned()));
        let states = ["requested", "started", "unknown"].map(str::to_owned).to_vec();
        let find = Find { kind: Some(Kind::Effect), key, states, ..Find::default() };
        let read =
            |record| Effect::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)).into());
        self.store.find(&find)?.iter().map(read).collect()
    }

    fn tell(&self, engine: &mut Engine<&dyn Store>, command: &Command) -> Result<(), RunnerError> {
        let at: At = clock::at();
        carry_out(engine, command, &Actor::Person(self.person.clone()), at)?;
        Ok(())
    }
}

/// What is seen of a program that does not purge any more; nothing where it does.
fn gone(effect: &Effect) -> Option<Liveness> {
    // This one does one thing at a time, so what it began before it gave up.
    let is_own = effect.process.as_ref() == Some(&this_process());
    if is_own { Some(Liveness::Gone) } else { over_for(effect) }
}
