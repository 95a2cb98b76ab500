//! A person who runs a gate by hand, now and then: work that belongs to no run and has no conductor.

use tollhouse_core::entity::Effect;
use tollhouse_core::lifecycle::EffectState;
use tollhouse_core::{Actor, EffectId, GateRunId, Span, Timestamp};

use super::Acting;
use crate::command::{Claimant, Command, Liveness, Witness};
use crate::engine::Engine;
use crate::outcome::{Found, Outcome};
use crate::simulator::hands::LeftBehind;
use crate::simulator::invariants::Broken;
use crate::simulator::plan::{gate, process};
use crate::simulator::stage::{Answer, Halt, Life, Pid, Sky, Stage};

/// A person who runs gates by hand.
pub(in crate::simulator) struct Bystander {
    pid: Pid,
    /// How many gates are still to be run.
    left: u32,
    /// What was asked for and has not ended, and who began it.
    open: Option<(EffectId, Option<Pid>)>,
}

impl Bystander {
    pub(in crate::simulator) fn new(stage: &mut Stage<'_>) -> Self {
        Self { pid: stage.begin_process(), left: stage.random.u32(0..3), open: None }
    }

    fn turn(&mut self, stage: &mut Stage<'_>) -> Result<(), Halt> {
        let Some((effect, begun_by)) = self.open else { return self.ask(stage) };
        let Ok(mut engine) = Engine::open_project_with(stage.store, &[effect.into()]) else { return Ok(()) };
        let Some(held) = engine.view().get::<Effect>(effect).cloned() else { return Ok(()) };
        let gate_run = held.work.subject();
        let Ok(with_subject) = Engine::open_project_with(stage.store, &[effect.into(), gate_run]) else {
            return Ok(());
        };
        engine = with_subject;
        let actor = Actor::Person("bob".to_owned());
        match held.state {
            EffectState::Requested => {
                let by =
                    Claimant { owner: "bob".to_owned(), conductor: 0, process: Some(process(self.pid)), worker: None };
                let until = stage.clock.wall().max(engine.newest_at()).after(Span::from_secs(60));
                self.open = Some((effect, Some(self.pid)));
                stage.execute(&mut engine, &Command::Claim { effect, by, until }, &actor)?;
            }
            EffectState::Started if begun_by == Some(self.pid) => {
                let job = stage.hands.job(engine.view(), &held);
                let outcome: Box<Outcome> = Box::new(stage.hands.carry_out(&job));
                stage.execute(&mut engine, &Command::Report { effect, epoch: held.epoch, outcome }, &actor)?;
            }
            EffectState::Started | EffectState::Unknown => {
                let gone = begun_by.is_none_or(|pid| stage.life_of(pid) == Life::Dead);
                let by = Witness::Anybody(if gone { Liveness::Gone } else { Liveness::Alive });
                let found: Found = stage.hands.look(engine.view(), &held, LeftBehind::Nothing);
                stage.execute(&mut engine, &Command::Settle { effect, by, found }, &actor)?;
            }
            EffectState::Done | EffectState::Failed => self.open = None,
        }
        Ok(())
    }

    fn ask(&mut self, stage: &mut Stage<'_>) -> Result<(), Halt> {
        let Ok(mut engine) = Engine::open_project(stage.store) else { return Ok(()) };
        self.left = self.left.saturating_sub(1);
        let id = GateRunId::from_parts(stage.clock.now(), stage.random.u128(..));
        let (gate, tree, parent) = (Box::new(gate("unit", &[])), "tree".to_owned(), "parent".to_owned());
        let create = Command::CreateGateRun { gate_run: id, gate, tree, parent };
        let asked = stage.execute(&mut engine, &create, &Actor::Person("bob".to_owned()));
        let of_it = |effect: &&Effect| effect.work.subject() == id.into();
        self.open = stage.truth().all::<Effect>().find(of_it).map(|effect| (effect.id, None));
        match asked? {
            Answer::Done => Ok(()),
            Answer::Refused(refusal) => {
                Err(Broken { claim: "a gate can be run by hand", what: refusal.to_string() }.into())
            }
        }
    }
}

impl<'s> Acting<'s> for Bystander {
    fn act(&mut self, stage: &mut Stage<'s>) -> Result<Option<Timestamp>, Broken> {
        if self.open.is_none() && (self.left == 0 || stage.sky == Sky::Calm) {
            return Ok(None);
        }
        match self.turn(stage) {
            Err(Halt::Broken(broken)) => return Err(broken),
            Err(Halt::Gone) => {
                stage.let_process(self.pid, Life::Dead);
                self.pid = stage.begin_process();
            }
            Ok(()) => {}
        }
        Ok(Some(stage.in_seconds(1, 30)))
    }
}
