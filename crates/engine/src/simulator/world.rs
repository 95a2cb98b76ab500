//! A world that a test leads step by step: one engine, whose conductor may die, and effects that end when the test says so.

use tollhouse_core::entity::{Budget, Effect, Patch, Run, Task, Work};
use tollhouse_core::lifecycle::{EffectState, RunState, TaskState};
use tollhouse_core::spec::{LandMode, RunSpec};
use tollhouse_core::{Actor, Money, RunId, Span, Timestamp};
use tollhouse_state::MemoryStore;

use super::branch::Branch;
use super::hands::{Hands, LeftBehind};
use super::invariants::{alive, hold};
use super::luck::Luck;
use super::plan::{claimant, process};
use crate::command::{At, Command, Liveness, PatchWish, Seen, Witness};
use crate::engine::{Engine, EngineError, next_deadline};
use crate::outcome::Outcome;
use crate::refusal::Refusal;
use crate::report::waits_to_land;
use crate::view::View;

/// A world that a test leads step by step. It panics where the engine breaks a promise.
///
/// ```
/// use tollhouse_engine::simulator::{Luck, World, spec, task};
///
/// let mut world = World::new(&spec(vec![task("a", &[])], 1), &[("a", &[Luck::GateSaysNo])], 7);
/// world.go();
/// assert_eq!(world.task("a").attempts_used, 2);
/// assert_eq!(world.branch().len(), 1);
/// ```
#[derive(Debug)]
pub struct World {
    /// The engine.
    pub engine: Engine<MemoryStore>,
    /// The run.
    pub run: RunId,
    /// The time.
    pub now: Timestamp,
    /// How many agents were alive at once, at most.
    pub most_at_once: usize,
    /// The epoch of the conductor that drives now; 0: none does.
    pub conductor: u64,
    /// Of a hundred steps, how many meet the death of the conductor, and a person who pauses.
    pub chaos: u64,
    /// How often the conductor died.
    pub deaths: u32,
    /// What the world outside of the ledger has in store.
    pub hands: Hands,
    random: fastrand::Rng,
}

impl World {
    /// A world in which a run begins; each try of a task meets the luck given for it by the task's name, each run of a gate that
    /// judges no patch the one given for `gate:NAME`, and beyond that good luck.
    pub fn new(spec: &RunSpec, luck: &[(&str, &[Luck])], seed: u64) -> Self {
        let run = RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), u128::from(seed));
        let create =
            Command::CreateRun { run, spec: Box::new(spec.clone()), started_by: "ada".to_owned(), legacy: None };
        let mut world = Self::empty(run, seed);
        world.hands = Hands::with_luck(luck.iter().map(|(name, luck)| ((*name).to_owned(), luck.to_vec())).collect());
        world.begin(&create);
        world
    }

    /// A world in which a run is made by this command.
    pub fn from_command(run: RunId, command: &Command, seed: u64) -> Self {
        let mut world = Self::empty(run, seed);
        world.begin(command);
        world
    }

    /// A world in which a run was made, and nothing ever drove it.
    pub fn made(run: RunId, spec: &RunSpec, seed: u64) -> Self {
        let spec = Box::new(spec.clone());
        let mut world = Self::empty(run, seed);
        let create = Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None };
        world.execute(&create).expect("a new run is made");
        world
    }

    fn empty(run: RunId, seed: u64) -> Self {
        Self {
            engine: Engine::open(MemoryStore::new(), run).expect("a store in memory opens"),
            run,
            now: Timestamp::from_micros(1_700_000_000_000_000),
            random: fastrand::Rng::with_seed(seed),
            hands: Hands::default(),
            most_at_once: 0,
            conductor: 0,
            chaos: 0,
            deaths: 0,
        }
    }

    fn begin(&mut self, command: &Command) {
        self.execute(command).expect("a new run is made");
        self.drive();
        if self.run_record().state == RunState::Pending {
            let start = Command::StartRun { run: self.run, base: "base".to_owned() };
            self.execute(&start).expect("a new run starts");
        }
    }

    /// The records.
    pub fn view(&self) -> &View {
        self.engine.view()
    }

    /// Has a command carried out a little later.
    ///
    /// # Errors
    /// As [`Engine::execute`].
    pub fn execute(&mut self, command: &Command) -> Result<(), EngineError> {
        self.now = self.now.after(Span::from_millis(self.random.u64(0..50)));
        let at = At { now: self.now, seed: self.random.u64(..) };
        self.engine.execute(command, &Actor::Engine, at).map(|_| ())
    }

    /// Where the task with this name is.
    pub fn state_of(&self, name: &str) -> TaskState {
        self.task(name).state
    }

    /// The task with this name.
    pub fn task(&self, name: &str) -> &Task {
        self.view().all::<Task>().find(|task| task.spec.name == name).expect("the plan has it")
    }

    /// The run.
    pub fn run_record(&self) -> &Run {
        self.view().get::<Run>(self.run).expect("the run was made")
    }

    /// What the run may spend, and what of that is spent and set aside.
    pub fn budget(&self) -> &Budget {
        self.view().all::<Budget>().next().expect("the run has one")
    }

    /// The landing branch.
    pub const fn branch(&self) -> &Branch {
        &self.hands.branch
    }

    /// A new program takes the run, whatever drove it before.
    pub fn drive(&mut self) {
        let before = self.run_record().conductor.as_ref().map(|conductor| conductor.epoch);
        let pid = u32::try_from(self.conductor + 1).expect("a small number");
        let process = process(pid);
        let seen = before.map(|epoch| Seen { epoch, liveness: Liveness::Gone });
        self.execute(&Command::Drive { run: self.run, process, seen }).expect("who is gone is replaced");
        self.conductor = self.run_record().conductors;
    }

    /// The conductor dies, another looks at the world for each effect that nobody knows the end of.
    pub fn die_and_recover(&mut self) {
        self.deaths += 1;
        self.drive();
        let lost: Vec<Effect> =
            self.view().all::<Effect>().filter(|effect| effect.state == EffectState::Unknown).cloned().collect();
        for effect in lost {
            let left = if self.random.bool() { LeftBehind::Change } else { LeftBehind::Nothing };
            let found = self.hands.look(self.engine.view(), &effect, left);
            let settle = Command::Settle { effect: effect.id, by: Witness::Conductor(self.conductor), found };
            self.execute(&settle).expect("what was seen is taken");
        }
    }

    /// A person lets everything land that waits for one, and the run goes on.
    fn answer(&mut self) {
        let view = self.view();
        let waiting = view.all::<Patch>().filter(|patch| waits_to_land(view, patch));
        let waiting: Vec<_> = waiting.map(|patch| patch.id).collect();
        for patch in waiting {
            let command = Command::OverridePatch { patch, wish: PatchWish::Land, reason: "looks good".to_owned() };
            self.execute(&command).expect("what is held may be landed");
        }
        let resume = Command::ResumeRun { run: self.run, reason: "go on".to_owned() };
        match self.execute(&resume) {
            Err(EngineError::Refused(Refusal::BudgetSpent { .. })) => {
                let (budget, limit) = (self.budget().id, self.budget().limit.saturating_add(Money::from_nanos(10)));
                let raise = Command::ChangeBudget { budget, limit, reason: "go on".to_owned() };
                self.execute(&raise).expect("a limit can be raised");
            }
            resumed => resumed.expect("a paused run goes on"),
        }
    }

    /// Lets the world go on until the run is finished; effects end in an order that the seed chooses.
    pub fn go(&mut self) {
        self.go_until(|world| world.run_record().state.is_finished());
    }

    /// The same, whatever holds or does not on the way.
    pub fn unchecked_go(&mut self) {
        for _ in 0..10_000 {
            if self.run_record().state.is_finished() {
                return;
            }
            self.turn();
        }
        panic!("it never ends");
    }

    /// Lets the world go on until something holds.
    pub fn go_until(&mut self, holds: impl Fn(&Self) -> bool) {
        for _ in 0..10_000 {
            self.check();
            if holds(self) {
                return;
            }
            self.turn();
        }
        panic!("it never comes to that");
    }

    /// Has everything done that is asked for, whatever the run's state.
    pub fn settle_effects(&mut self) {
        loop {
            let next = self.view().all::<Effect>().find(|effect| !effect.state.is_finished()).cloned();
            let Some(effect) = next else { return };
            self.step(&effect);
        }
    }

    fn turn(&mut self) {
        if self.random.u64(0..100) < self.chaos {
            return self.mischief();
        }
        let paused = self.run_record().state == RunState::Paused;
        let unsettled: Vec<Effect> =
            self.view().all::<Effect>().filter(|effect| !effect.state.is_finished()).cloned().collect();
        // In a paused run only what ends something is begun.
        let may = |effect: &Effect| {
            !paused || effect.state == EffectState::Started || matches!(effect.work, Work::Kill { .. })
        };
        let able: Vec<Effect> = unsettled
            .into_iter()
            .filter(|effect| may(effect) && !self.hands.hangs(self.engine.view(), effect))
            .collect();
        if able.is_empty() && paused {
            return self.answer();
        }
        if able.is_empty() {
            let due = next_deadline(self.view(), self.run).expect("a run that waits for nothing is over");
            self.now = self.now.max(due);
            return self.execute(&Command::Tick { run: self.run }).expect("a look at the clock is never refused");
        }
        let effect = able[self.random.usize(0..able.len())].clone();
        self.step(&effect);
    }

    /// What a bad day brings.
    fn mischief(&mut self) {
        let started: Vec<Effect> =
            self.view().all::<Effect>().filter(|effect| effect.state == EffectState::Started).cloned().collect();
        match self.random.u8(0..3) {
            // Something was done, and nobody lived to say so.
            0 if !started.is_empty() => {
                let effect = started[self.random.usize(0..started.len())].clone();
                if matches!(effect.work, Work::Land { .. }) || !self.hands.hangs(self.engine.view(), &effect) {
                    let _ = self.outcome(&effect);
                }
                self.die_and_recover();
            }
            1 if self.run_record().state == RunState::Running => {
                let pause = Command::PauseRun { run: self.run, reason: "lunch".to_owned() };
                self.execute(&pause).expect("a running run can be paused");
            }
            _ => self.die_and_recover(),
        }
    }

    fn step(&mut self, effect: &Effect) {
        if effect.state == EffectState::Requested {
            let until = self.now.after(Span::from_secs(600));
            let claim = |conductor| Command::Claim { effect: effect.id, by: claimant(conductor), until };
            let refused = self.execute(&claim(self.conductor - 1)).expect_err("who does not drive claims nothing");
            assert!(matches!(refused, EngineError::Refused(Refusal::StaleLease { .. })), "{refused}");
            let claim = claim(self.conductor);
            self.execute(&claim).expect("a requested effect can be claimed");
            return;
        }
        let outcome = Box::new(self.outcome(effect));
        // Somebody with an older epoch is always too late.
        let stale = Command::Report { effect: effect.id, epoch: effect.epoch - 1, outcome: outcome.clone() };
        let refused = self.execute(&stale).expect_err("an old epoch is refused");
        assert!(matches!(refused, EngineError::Refused(Refusal::StaleLease { .. })), "{refused}");
        let report = Command::Report { effect: effect.id, epoch: effect.epoch, outcome };
        self.execute(&report).expect("a report in time is taken");
        let late = self.execute(&report).expect_err("a second report is refused");
        assert!(matches!(late, EngineError::Refused(Refusal::AlreadyFinished { .. })), "{late}");
    }

    /// Does an effect, as it is asked for now.
    fn outcome(&mut self, effect: &Effect) -> Outcome {
        let job = self.hands.job(self.engine.view(), effect);
        // It may move while the change is held, or while nobody drives.
        let doubted = self.view().all::<Patch>().any(|patch| patch.doubt.is_some());
        let may_move = self.chaos > 0 || doubted || self.run_record().spec.land == LandMode::Hold;
        if let Some(stands_on) = job.stands_on().filter(|_| !may_move) {
            assert_eq!(stands_on, self.hands.branch.head(), "what lands stands on the branch as it is");
        }
        self.hands.carry_out(&job)
    }

    /// What holds at every moment.
    fn check(&mut self) {
        if let Err(broken) = hold(self.view(), &self.hands.branch) {
            panic!("{broken}");
        }
        let run = self.run_record();
        if run.state.is_finished() {
            let open = self.view().all::<Effect>().filter(|effect| !effect.state.is_finished()).count();
            assert_eq!(open, 0, "a finished run has no unsettled effect");
        }
        self.most_at_once = self.most_at_once.max(alive(self.view(), self.run_record()));
    }
}
