//! A yard of shared workers over a store in memory: registered, looked at, given work of several runs. The clock stands still
//! unless a test moves it.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Attempt, Conductor, Effect, ExitStatus, Run, Task, Work, Worker};
use tollhouse_core::lifecycle::{EffectState, TaskState, WorkerState};
use tollhouse_core::spec::{Crew, RunSpec, TaskSpec};
use tollhouse_core::{Actor, AttemptId, EffectId, Event, RunId, Span, Timestamp, WorkerId};
use tollhouse_engine::{
    At, AttemptFacts, Claimant, Command, Engine, EngineError, Found, Liveness, Newcomer, Outcome, Refusal, View,
    Witness, WorkerSeen, WorkerWish,
};
use tollhouse_state::MemoryStore;

use crate::world::{new_patch, process, spec};

/// A ledger that several engines are open on at once.
pub(crate) type Ledger = &'static MemoryStore;

pub(crate) struct Yard {
    pub(crate) store: Ledger,
    pub(crate) fleet: Engine<Ledger>,
    pub(crate) now: Timestamp,
    seed: u64,
}

/// A run whose tasks shared workers do, without gates.
pub(crate) fn shared(tasks: Vec<TaskSpec>, max_parallel: u32) -> RunSpec {
    RunSpec { crew: Crew::Shared, ..own(tasks, max_parallel) }
}

/// A run whose tasks are done by who drives it, without gates.
pub(crate) fn own(tasks: Vec<TaskSpec>, max_parallel: u32) -> RunSpec {
    RunSpec { gates: Vec::new(), ..spec(tasks, max_parallel) }
}

pub(crate) fn newcomer(name: &str, pid: u32, able: &[&str]) -> Newcomer {
    let capabilities: BTreeSet<String> = able.iter().map(|word| (*word).to_owned()).collect();
    Newcomer { name: name.to_owned(), process: process(pid), capabilities }
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, EngineError>) -> &'static str {
    match answer.expect_err("it is refused") {
        EngineError::Refused(refusal) => Refusal::code(&refusal),
        other => panic!("{other}"),
    }
}

/// What an agent gives that ended well.
pub(crate) fn done(content: &str) -> Outcome {
    done_in("src/lib.rs", content)
}

/// The same, with a change there.
pub(crate) fn done_in(path: &str, content: &str) -> Outcome {
    let change = Some(new_patch(path, content, "base"));
    Outcome::Spawned(AttemptFacts { exit: Some(ExitStatus::Code(0)), change, ..AttemptFacts::default() })
}

impl Yard {
    pub(crate) fn new() -> Self {
        let store: Ledger = Box::leak(Box::default());
        let fleet = Engine::open_fleet(store).expect("a store in memory opens");
        Self { store, fleet, now: Timestamp::from_micros(1_700_000_000_000_000), seed: 0 }
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.after(Span::from_secs(seconds));
    }

    pub(crate) fn at(&mut self) -> At {
        self.seed += 1;
        At { now: self.now, seed: self.seed }
    }

    pub(crate) fn view(&self) -> &View {
        self.fleet.view()
    }

    /// Has the fleet do something.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Vec<Event>, EngineError> {
        let at = self.at();
        self.fleet.execute(command, &Actor::Engine, at)
    }

    /// Has who drives a run do something; the fleet sees it.
    pub(crate) fn conduct(&mut self, run: RunId, command: &Command) -> Result<(), EngineError> {
        let at = self.at();
        let mut engine = Engine::open(self.store, run).expect("a store in memory opens");
        let answer = engine.execute(command, &Actor::Engine, at).map(|_| ());
        self.fleet.catch_up().expect("what is on the ledger can be followed");
        answer
    }

    /// A run is made, driven and begun.
    pub(crate) fn begin(&mut self, spec: &RunSpec) -> RunId {
        self.seed += 1;
        let run = RunId::from_parts(self.now, u128::from(self.seed));
        let create =
            Command::CreateRun { run, spec: Box::new(spec.clone()), started_by: "ada".to_owned(), legacy: None };
        self.conduct(run, &create).expect("a new run is made");
        self.conduct(run, &Command::Drive { run, process: process(1), seen: None }).expect("nobody drives it");
        self.conduct(run, &Command::StartRun { run, base: "base".to_owned() }).expect("a new run starts");
        run
    }

    pub(crate) fn try_register(&mut self, worker: &Newcomer) -> Result<WorkerId, EngineError> {
        self.seed += 1;
        let id = WorkerId::from_parts(self.now, u128::from(self.seed));
        let command = Command::RegisterWorker { worker: id, newcomer: Box::new(worker.clone()) };
        self.ask(&command).map(|_| id)
    }

    pub(crate) fn register(&mut self, name: &str) -> WorkerId {
        self.try_register(&newcomer(name, 2, &[])).expect("its name is free")
    }

    pub(crate) fn look(&mut self, worker: WorkerId, liveness: Liveness) -> Result<Vec<Event>, EngineError> {
        self.ask(&Command::LookAtWorker { worker, seen: WorkerSeen { liveness, last_output: None } })
    }

    /// Nothing was heard of a worker since some time.
    pub(crate) fn miss(&mut self, worker: WorkerId, last_seen: Timestamp) {
        self.look(worker, Liveness::OutOfSight { last_seen: Some(last_seen) }).expect("a look is taken");
    }

    pub(crate) fn wish(&mut self, worker: WorkerId, wish: WorkerWish) -> Result<Vec<Event>, EngineError> {
        self.ask(&Command::OverrideWorker { worker, wish, reason: "because".to_owned() })
    }

    /// A worker asks for work; the answer is what it holds then.
    pub(crate) fn work(&mut self, worker: WorkerId) -> Option<AttemptId> {
        self.ask(&Command::Work { worker }).expect("an idle worker may ask");
        self.worker(worker).holds.as_ref().map(|holding| holding.attempt)
    }

    pub(crate) fn worker(&self, id: WorkerId) -> &Worker {
        self.view().get::<Worker>(id).expect("it registered")
    }

    pub(crate) fn state(&self, id: WorkerId) -> WorkerState {
        self.worker(id).state
    }

    pub(crate) fn run(&self, id: RunId) -> &Run {
        self.view().get::<Run>(id).expect("it was made")
    }

    pub(crate) fn conductor(&self, id: RunId) -> Option<&Conductor> {
        self.run(id).conductor.as_ref()
    }

    pub(crate) fn attempt(&self, id: AttemptId) -> &Attempt {
        self.view().get::<Attempt>(id).expect("it was leased")
    }

    pub(crate) fn task(&self, run: RunId, name: &str) -> &Task {
        let mut tasks = self.view().all::<Task>();
        tasks.find(|task| task.run == run && task.spec.name == name).expect("the plan has it")
    }

    pub(crate) fn task_state(&self, run: RunId, name: &str) -> TaskState {
        self.task(run, name).state
    }

    /// The effect that begins an attempt.
    pub(crate) fn spawn_of(&self, attempt: AttemptId) -> &Effect {
        let mut effects = self.view().all::<Effect>();
        effects.find(|effect| effect.work == Work::Spawn { attempt }).expect("a lease asks for it")
    }

    pub(crate) fn claim(&mut self, effect: EffectId, by: Claimant) -> Result<Vec<Event>, EngineError> {
        let until = self.now.after(Span::from_secs(600));
        self.ask(&Command::Claim { effect, by, until })
    }

    /// A worker begins what it holds.
    pub(crate) fn start(&mut self, worker: WorkerId) -> EffectId {
        let attempt = self.worker(worker).holds.as_ref().expect("it holds something").attempt;
        let effect = self.spawn_of(attempt).id;
        self.claim(effect, claimant(worker)).expect("its own may be claimed");
        effect
    }

    pub(crate) fn report(&mut self, effect: EffectId, outcome: Outcome) -> Result<Vec<Event>, EngineError> {
        let epoch = self.view().get::<Effect>(effect).expect("it was asked for").epoch;
        self.ask(&Command::Report { effect, epoch, outcome: Box::new(outcome) })
    }

    /// A worker is given something and begins it.
    pub(crate) fn give(&mut self, worker: WorkerId) -> (AttemptId, EffectId) {
        let attempt = self.work(worker).expect("there is something for it");
        (attempt, self.start(worker))
    }

    /// Everything else that is asked for is done, as it should be, by who drives the run.
    pub(crate) fn land_all(&mut self, run: RunId) {
        loop {
            let is_ours = |effect: &&Effect| {
                effect.run == Some(run) && !effect.state.is_finished() && !matches!(effect.work, Work::Spawn { .. })
            };
            let Some(effect) = self.view().all::<Effect>().find(is_ours).cloned() else { return };
            let outcome = match &effect.work {
                Work::Apply { patch } => Outcome::Applied {
                    candidate: tollhouse_core::entity::Candidate {
                        tree: format!("tree of {patch}"),
                        parent: "head".to_owned(),
                    },
                    facts: tollhouse_core::TreeFacts::default(),
                },
                Work::Land { patch } => Outcome::Landed { commit: format!("commit of {patch}") },
                Work::Kill { .. } => Outcome::Killed,
                Work::Purge { .. } => Outcome::Purged { left: String::new() },
                Work::Archive { .. } => Outcome::Archived,
                Work::Gate { .. } | Work::Spawn { .. } => return,
            };
            let epoch = self.run(run).conductors;
            let kill = matches!(effect.work, Work::Kill { .. });
            if effect.state == EffectState::Unknown {
                let found = Found::outcome(outcome);
                let settle = Command::Settle { effect: effect.id, by: Witness::Conductor(epoch), found };
                self.conduct(run, &settle).expect("what was seen is taken");
                continue;
            }
            if effect.state == EffectState::Requested {
                let by = if kill { self.holder(&effect) } else { crate::world::claimant(epoch) };
                let until = self.now.after(Span::from_secs(600));
                self.conduct_or_ask(run, kill, &Command::Claim { effect: effect.id, by, until });
            }
            let epoch = self.view().get::<Effect>(effect.id).expect("it is there").epoch;
            let report = Command::Report { effect: effect.id, epoch, outcome: Box::new(outcome) };
            self.conduct_or_ask(run, kill, &report);
        }
    }

    fn conduct_or_ask(&mut self, run: RunId, by_worker: bool, command: &Command) {
        if by_worker && self.run(run).spec.crew == Crew::Shared {
            self.ask(command).expect("a worker ends what it holds");
        } else {
            self.conduct(run, command).expect("who drives may");
        }
    }

    /// Who ends what an effect is about.
    fn holder(&self, effect: &Effect) -> Claimant {
        let run = effect.run.expect("it belongs to a run");
        let holds = |worker: &&Worker| {
            worker.run.is_none()
                && worker.holds.as_ref().is_some_and(|held| effect.work.subject() == held.attempt.into())
        };
        let worker = self.view().all::<Worker>().find(holds);
        worker.map_or_else(|| crate::world::claimant(self.run(run).conductors), |worker| claimant(worker.id))
    }
}

/// A shared worker that begins what it was given.
pub(crate) fn claimant(worker: WorkerId) -> Claimant {
    Claimant { owner: "worker".to_owned(), conductor: 0, process: None, worker: Some(worker) }
}
