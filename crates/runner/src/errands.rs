//! What is done to the ledger itself at a person's word: asked for on the ledger first, then begun, done and reported, so that
//! whatever is cut off is gone on with.

use tollhouse_core::entity::{Effect, Entity};
use tollhouse_core::{Actor, Kind, limits};
use tollhouse_engine::{Claimant, Command, Engine, EngineError, Found, Liveness, Outcome, ViewError, Witness};
use tollhouse_state::{Find, Store};

use crate::clock;
use crate::conductor::{carry_out, this_process};
use crate::error::RunnerError;
use crate::leftovers::over_for;

/// The effects of one kind of errand.
pub(crate) struct Errands<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) person: &'a str,
    /// The name of their work.
    pub(crate) work: &'static str,
}

impl Errands<'_> {
    /// What was asked for and did not come to its end.
    pub(crate) fn unfinished(&self) -> Result<Vec<Effect>, RunnerError> {
        let key = Some(("do".to_owned(), self.work.to_owned()));
        let states = ["requested", "started", "unknown"].map(str::to_owned).to_vec();
        let find = Find { kind: Some(Kind::Effect), key, states, ..Find::default() };
        let read =
            |record| Effect::from_record(record).map_err(|error| EngineError::from(ViewError::from(error)).into());
        self.store.find(&find)?.iter().map(read).collect()
    }

    /// Does one, unless another program is at it; the answer is whether.
    pub(crate) fn run(
        &self,
        effect: &Effect,
        act: impl FnOnce() -> Result<Outcome, RunnerError>,
    ) -> Result<bool, RunnerError> {
        let mut engine = Engine::open_project_with(self.store, &[effect.id.into()])?;
        if effect.state.as_str() != "requested" {
            let Some(liveness) = gone(effect) else { return Ok(false) };
            let found = Found::NotDone { reason: "its program is gone".to_owned() };
            self.tell(&mut engine, &Command::Settle { effect: effect.id, by: Witness::Anybody(liveness), found })?;
        }
        let until = clock::now().after(limits::GATE_TIMEOUT_DEFAULT);
        let by = Claimant { owner: self.person.to_owned(), conductor: 0, process: Some(this_process()), worker: None };
        self.tell(&mut engine, &Command::Claim { effect: effect.id, by, until })?;
        let epoch = engine.view().get::<Effect>(effect.id).map_or(0, |effect| effect.epoch);
        let outcome = act()?;
        self.tell(&mut engine, &Command::Report { effect: effect.id, epoch, outcome: Box::new(outcome) })?;
        Ok(true)
    }

    pub(crate) fn tell(&self, engine: &mut Engine<&dyn Store>, command: &Command) -> Result<(), RunnerError> {
        carry_out(engine, command, &Actor::Person(self.person.to_owned()), clock::at())?;
        Ok(())
    }
}

/// What is seen of a program that does not do it any more; nothing where it does.
fn gone(effect: &Effect) -> Option<Liveness> {
    // This one does one thing at a time, so what it began before it gave up.
    let is_own = effect.process.as_ref() == Some(&this_process());
    if is_own { Some(Liveness::Gone) } else { over_for(effect) }
}
