//! A store that fails: what was asked for happens once, whether it is asked for again or not.

use proptest::prelude::*;
use tollhouse_core::entity::{Effect, Run};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_core::{Actor, Event, GateRunId, RunId, Span, Timestamp};
use tollhouse_engine::simulator::{Hands, claimant, gate, process, spec, task};
use tollhouse_engine::{At, Command, Engine, EngineError, View, next_deadline};
use tollhouse_state::{Call, Cursor, Fault, FaultStore, MemoryStore, Moment, Store, Told};

fn the_run() -> RunId {
    RunId::from_parts(Timestamp::from_micros(1_700_000_000_000_000), 1)
}

/// A program that drives a run alone. Each command may be met by a fault, and then it is given again.
struct Driver {
    engine: Engine<FaultStore<MemoryStore>>,
    hands: Hands,
    now: Timestamp,
    seed: u64,
    told: Vec<Event>,
}

impl Driver {
    fn new() -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let engine = Engine::open(FaultStore::new(MemoryStore::new()), RunId::from_parts(now, 1)).expect("it is empty");
        Self { engine, hands: Hands::default(), now, seed: 0, told: Vec::new() }
    }

    fn say(&mut self, command: &Command, fault: Option<(Call, u64, Fault)>) {
        self.now = self.now.after(Span::from_millis(10));
        self.seed += 1;
        let at = At { now: self.now, seed: self.seed };
        if let Some((call, nth, fault)) = fault {
            self.engine.store().fail_nth(call, nth, fault);
        }
        let events = match self.engine.execute(command, &Actor::Engine, at) {
            Ok(events) => events,
            Err(EngineError::Refused(refusal)) => panic!("{refusal}"),
            Err(_) => self.engine.execute(command, &Actor::Engine, at).expect("given again, it is carried out once"),
        };
        self.engine.store().heal();
        self.told.extend(events);
    }

    /// Makes a run and lets it come to its end; every command meets the next of these faults.
    fn go(mut self, faults: &[Option<(Call, u64, Fault)>]) -> Self {
        let mut faults = faults.iter().copied().chain(std::iter::repeat(None));
        let run = the_run();
        let spec = Box::new(spec(vec![task("a", &[]), task("b", &["a"])], 2));
        let create = Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None };
        let drive = Command::Drive { run, process: process(1), seen: None };
        let start = Command::StartRun { run, base: "base".to_owned() };
        for command in [create, drive, start] {
            self.say(&command, faults.next().flatten());
        }
        while self.engine.view().get::<Run>(run).expect("it was made").state == RunState::Running {
            let open = |effect: &&Effect| !effect.state.is_finished();
            let command = match self.engine.view().all::<Effect>().find(open).cloned() {
                Some(effect) if effect.state == EffectState::Requested => {
                    Command::Claim { effect: effect.id, by: claimant(1), until: self.now.after(Span::from_secs(60)) }
                }
                Some(effect) => {
                    let job = self.hands.job(self.engine.view(), &effect);
                    let outcome = Box::new(self.hands.carry_out(&job));
                    Command::Report { effect: effect.id, epoch: effect.epoch, outcome }
                }
                None => {
                    self.now = self.now.max(next_deadline(self.engine.view(), run).expect("something is due"));
                    Command::Tick { run }
                }
            };
            self.say(&command, faults.next().flatten());
        }
        self
    }

    fn ledger(&self) -> Vec<Event> {
        self.engine.store().inner().events(&Cursor::default()).expect("it is in memory")
    }
}

fn any_fault() -> impl Strategy<Value = Option<(Call, u64, Fault)>> {
    let moment = proptest::sample::select(vec![Moment::Before, Moment::After]);
    let error = proptest::sample::select(vec![Told::Busy, Told::Failed]);
    let call = proptest::sample::select(vec![Call::Commit, Call::Events]);
    proptest::option::weighted(0.7, (call, 1_u64..3, moment, error))
        .prop_map(|some| some.map(|(call, nth, moment, error)| (call, nth, Fault { moment, error })))
}

proptest! {
    /// Whatever fails, and whether it was written or not: given again, the ledger is what it is without any fault, and every
    /// event is told once.
    #[test]
    fn what_is_given_again_after_a_fault_happens_once(faults in proptest::collection::vec(any_fault(), 0..60)) {
        let (fair, rough) = (Driver::new().go(&[]), Driver::new().go(&faults));
        let ledger = rough.ledger();
        prop_assert_eq!(&ledger, &fair.ledger());
        prop_assert_eq!(&ledger, &rough.told);
        prop_assert_eq!(&View::load(rough.engine.store(), the_run()).unwrap(), rough.engine.view());
    }
}

#[test]
fn a_command_that_was_carried_out_is_known_also_after_others_and_a_clock_that_was_set_back() {
    let mut driver = Driver::new().go(&[]);
    let run = the_run();
    // Before the newest event: the decision is made for a later time than the command says.
    let at = At { now: Timestamp::EPOCH, seed: 99 };
    let lets_go = Command::StepDown { run, epoch: 1 };
    driver.engine.store().fail_nth(Call::Commit, 1, Fault { moment: Moment::After, error: Told::Busy });
    driver.engine.execute(&lets_go, &Actor::Engine, at).unwrap_err();
    driver.say(&Command::Drive { run, process: process(2), seen: None }, None);
    let before = driver.ledger().len();
    driver.engine.execute(&lets_go, &Actor::Engine, at).unwrap();
    assert_eq!(driver.ledger().len(), before);
}

#[test]
fn an_engine_that_begins_anew_does_nothing_twice_for_one_at() {
    let mut driver = Driver::new().go(&[]);
    let run = the_run();
    let at = At { now: driver.now, seed: 99 };
    driver.engine.execute(&Command::StepDown { run, epoch: 1 }, &Actor::Engine, at).unwrap();
    let before = driver.ledger().len();
    let mut anew = Engine::open(driver.engine.store(), run).unwrap();
    let drive = Command::Drive { run, process: process(2), seen: None };
    assert_eq!(anew.execute(&drive, &Actor::Engine, at).unwrap_err().code(), "commit_id_reused");
    assert_eq!(driver.ledger().len(), before);
}

#[test]
fn time_never_goes_back_in_a_stream_though_another_stream_is_behind_it() {
    let mut driver = Driver::new().go(&[]);
    let store = driver.engine.store();
    let gate_run = GateRunId::from_parts(driver.now, 1);
    let by_hand = Command::CreateGateRun {
        gate_run,
        gate: Box::new(gate("unit", &[])),
        tree: "tree".to_owned(),
        parent: "parent".to_owned(),
    };
    let mut project = Engine::open_project(store).unwrap();
    let later = driver.now.after(Span::from_secs(3600));
    project.execute(&by_hand, &Actor::Engine, At { now: later, seed: 98 }).unwrap();
    // The run's own engine does not look at the project's stream: the newest event of all is earlier than one before it.
    driver.say(&Command::StepDown { run: the_run(), epoch: 1 }, None);
    assert!(driver.now < later);
    assert_eq!(Engine::open_project(driver.engine.store()).unwrap().newest_at(), later);
}
