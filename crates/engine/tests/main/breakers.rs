//! What keeps an agent that fails again and again, or whose provider asks to slow down, from being asked.

use tollhouse_core::entity::{Attempt, Breaker, Effect, ExitStatus, Task, Work};
use tollhouse_core::lifecycle::{AttemptState, BreakerState, EffectState, RunState, TaskState};
use tollhouse_core::spec::{RunSpec, TaskSpec};
use tollhouse_core::{Actor, BreakerId, EffectId, RunId, Span, Timestamp};
use tollhouse_engine::report::explain;
use tollhouse_engine::{At, AttemptFacts, Command, Engine, EngineError, Outcome, RateLimit, View, next_deadline};
use tollhouse_state::{Cursor, MemoryStore, Store};

use crate::world::{Luck, SLOW_DOWN, World, claimant, process, spec, task};

/// One run among several of a project, at a time that the test says.
struct Side<'s> {
    engine: Engine<&'s dyn Store>,
    run: RunId,
    now: Timestamp,
    seed: u64,
}

impl<'s> Side<'s> {
    fn new(store: &'s MemoryStore, number: u64, plan: &RunSpec) -> Self {
        let now = Timestamp::from_micros(1_700_000_000_000_000);
        let run = RunId::from_parts(now, u128::from(number));
        let engine = Engine::open(store as &dyn Store, run).expect("a store in memory opens");
        let mut side = Self { engine, run, now, seed: number << 32 };
        let spec = Box::new(plan.clone());
        side.ask(&Command::CreateRun { run, spec, started_by: "ada".to_owned(), legacy: None })
            .expect("a new run is made");
        let number = u32::try_from(number).expect("a small number");
        side.ask(&Command::Drive { run, process: process(number), seen: None }).expect("nobody drives it");
        side.ask(&Command::StartRun { run, base: "base".to_owned() }).expect("a new run starts");
        side
    }

    fn ask(&mut self, command: &Command) -> Result<(), EngineError> {
        self.seed += 1;
        let at = At { now: self.now, seed: self.seed };
        self.engine.execute(command, &Actor::Engine, at).map(|_| ())
    }

    fn tick(&mut self) {
        self.ask(&Command::Tick { run: self.run }).expect("a look at the clock is never refused");
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now.after(Span::from_secs(seconds));
        self.tick();
    }

    fn view(&self) -> &View {
        self.engine.view()
    }

    /// What is asked to be begun.
    fn asked(&self) -> Vec<EffectId> {
        let effects = self.view().all::<Effect>();
        let spawns = effects.filter(|effect| matches!(effect.work, Work::Spawn { .. }));
        spawns.filter(|effect| effect.state == EffectState::Requested).map(|effect| effect.id).collect()
    }

    /// Has everything that is asked for begun and end like this.
    fn end_all(&mut self, facts: &AttemptFacts) {
        for effect in self.asked() {
            let until = self.now.after(Span::from_secs(600));
            self.ask(&Command::Claim { effect, by: claimant(1), until }).expect("a requested effect can be claimed");
            self.report(effect, facts);
        }
    }

    fn report(&mut self, effect: EffectId, facts: &AttemptFacts) {
        let outcome = Box::new(Outcome::Spawned(facts.clone()));
        self.ask(&Command::Report { effect, epoch: 1, outcome }).expect("a report in time is taken");
    }

    fn breaker(&self) -> Option<Breaker> {
        self.view().get::<Breaker>(BreakerId::of_agent("script")).cloned()
    }

    fn state(&self) -> BreakerState {
        self.breaker().expect("there is one").state
    }

    /// How long until a trial may go, in seconds.
    fn wait_left(&self) -> u64 {
        self.breaker().and_then(|breaker| breaker.until).expect("it is open").since(self.now).as_millis() / 1000
    }
}

fn many(count: usize, parallel: u32) -> RunSpec {
    let tasks = (0..count).map(|n| TaskSpec { attempts: 1, ..task(&format!("t{n}"), &[]) });
    spec(tasks.collect(), parallel)
}

fn bad() -> AttemptFacts {
    AttemptFacts { exit: Some(ExitStatus::Code(3)), ..AttemptFacts::default() }
}

fn well() -> AttemptFacts {
    AttemptFacts { exit: Some(ExitStatus::Code(0)), ..AttemptFacts::default() }
}

fn limited(retry_after: Option<u64>) -> AttemptFacts {
    AttemptFacts { rate_limit: Some(RateLimit { retry_after: retry_after.map(Span::from_secs) }), ..bad() }
}

/// A run whose agent failed five times in a row.
fn tripped(store: &MemoryStore) -> Side<'_> {
    let mut side = Side::new(store, 1, &many(20, 1));
    for _ in 0..5 {
        side.end_all(&bad());
    }
    assert_eq!(side.state(), BreakerState::Open);
    side
}

#[test]
pub(crate) fn five_failures_in_a_row_keep_an_agent_from_work_for_a_minute() {
    let store = MemoryStore::new();
    let mut side = tripped(&store);
    assert_eq!((side.asked().len(), side.wait_left()), (0, 60));
    assert_eq!(next_deadline(side.view(), side.run), side.breaker().unwrap().until);
    side.wait(59);
    assert_eq!(side.asked().len(), 0);
    side.wait(1);
    assert_eq!((side.asked().len(), side.state()), (1, BreakerState::HalfOpen));
}

#[test]
fn a_success_between_failures_counts_them_anew_and_one_more_writes_nothing() {
    let store = MemoryStore::new();
    let mut side = Side::new(&store, 1, &many(20, 1));
    side.end_all(&well());
    assert_eq!(side.breaker(), None, "there is nothing to say of an agent that does well");
    for _ in 0..4 {
        side.end_all(&bad());
    }
    side.end_all(&well());
    assert_eq!(side.breaker().unwrap().failures_in_a_row, 0);
    let events = |side: &Side<'_>| {
        let record = Some(BreakerId::of_agent("script").into());
        side.engine.store().events(&Cursor { record, ..Cursor::default() }).unwrap().len()
    };
    let before = events(&side);
    side.end_all(&well());
    assert_eq!(events(&side), before);
    for _ in 0..4 {
        side.end_all(&bad());
    }
    assert_eq!(side.state(), BreakerState::Closed);
}

#[test]
pub(crate) fn what_is_not_the_agents_fault_does_not_count() {
    let store = MemoryStore::new();
    let mut side = Side::new(&store, 1, &many(20, 1));
    for _ in 0..9 {
        for effect in side.asked() {
            let until = side.now.after(Span::from_secs(600));
            side.ask(&Command::Claim { effect, by: claimant(1), until }).unwrap();
            let gone = Outcome::Vanished { facts: AttemptFacts::default(), reason: "it was killed".to_owned() };
            side.ask(&Command::Report { effect, epoch: 1, outcome: Box::new(gone) }).unwrap();
        }
    }
    let lost = side.view().all::<Attempt>().filter(|attempt| attempt.state == AttemptState::Lost).count();
    assert_eq!((lost, side.breaker()), (9, None));
}

#[test]
pub(crate) fn a_rate_limit_keeps_its_agent_from_work_at_once_for_as_long_as_it_asks() {
    let store = MemoryStore::new();
    let mut side = Side::new(&store, 1, &many(20, 3));
    let spawns = side.asked();
    for effect in &spawns {
        let until = side.now.after(Span::from_secs(600));
        side.ask(&Command::Claim { effect: *effect, by: claimant(1), until }).unwrap();
    }
    side.report(spawns[0], &limited(None));
    assert_eq!((side.state(), side.wait_left(), side.asked().len()), (BreakerState::Open, 60, 0));
    side.report(spawns[1], &limited(Some(300)));
    assert_eq!(side.wait_left(), 300, "one that asks for longer is heard");
    side.report(spawns[2], &limited(Some(10)));
    assert_eq!(side.wait_left(), 300, "one that asks for less is not");
}

#[test]
fn no_rate_limit_is_believed_for_more_than_a_day() {
    let store = MemoryStore::new();
    let mut side = Side::new(&store, 1, &many(3, 1));
    side.end_all(&limited(Some(u64::MAX / 1000)));
    assert_eq!(side.wait_left(), 24 * 60 * 60);
}

#[test]
fn a_trial_that_ends_well_lets_everybody_work_again() {
    let store = MemoryStore::new();
    let mut side = tripped(&store);
    side.wait(60);
    side.end_all(&well());
    assert_eq!((side.state(), side.asked().len()), (BreakerState::Closed, 1));
}

#[test]
fn each_trial_that_does_not_end_well_doubles_the_wait_up_to_ten_minutes() {
    let store = MemoryStore::new();
    let mut side = tripped(&store);
    let mut waits = Vec::new();
    for _ in 0..6 {
        side.wait(side.wait_left());
        side.end_all(&bad());
        waits.push(side.wait_left());
    }
    assert_eq!(waits, [120, 240, 480, 600, 600, 600]);
}

#[test]
fn a_canceled_trial_did_not_end_well() {
    let store = MemoryStore::new();
    let mut side = tripped(&store);
    side.wait(60);
    side.ask(&Command::CancelRun { run: side.run, reason: "enough".to_owned() }).unwrap();
    assert_eq!((side.state(), side.wait_left()), (BreakerState::Open, 120));
}

#[test]
pub(crate) fn an_attempt_that_began_before_says_nothing_about_the_trial() {
    let store = MemoryStore::new();
    let mut side = Side::new(&store, 1, &many(20, 6));
    let spawns = side.asked();
    for effect in &spawns {
        let until = side.now.after(Span::from_secs(600));
        side.ask(&Command::Claim { effect: *effect, by: claimant(1), until }).unwrap();
    }
    side.report(spawns[0], &limited(Some(30)));
    side.wait(30);
    assert_eq!(side.state(), BreakerState::HalfOpen);
    side.report(spawns[1], &well());
    side.report(spawns[2], &bad());
    assert_eq!((side.state(), side.asked().len()), (BreakerState::HalfOpen, 1), "nobody else is sent");
}

#[test]
fn of_two_runs_one_sends_the_trial_and_the_other_hears_how_it_went() {
    let store = MemoryStore::new();
    let mut one = tripped(&store);
    let mut other = Side::new(&store, 2, &many(3, 1));
    assert_eq!((other.state(), other.asked().len()), (BreakerState::Open, 0), "a new run knows what others met");
    one.wait(60);
    other.wait(60);
    assert_eq!((one.asked().len(), other.asked().len()), (1, 0));
    one.end_all(&well());
    let news = other.engine.catch_up().unwrap();
    assert_eq!(news.iter().map(|event| event.event.name.as_str()).collect::<Vec<_>>(), ["close"]);
    other.tick();
    assert_eq!(other.asked().len(), 1);
}

#[test]
pub(crate) fn a_decision_on_a_breaker_that_moved_meanwhile_is_made_again() {
    let store = MemoryStore::new();
    let mut one = Side::new(&store, 1, &many(20, 1));
    let mut other = Side::new(&store, 2, &many(20, 1));
    // Each fails three times, and neither looks at the other.
    for _ in 0..3 {
        one.end_all(&bad());
        other.end_all(&bad());
    }
    assert_eq!((one.breaker().is_some(), other.state()), (true, BreakerState::Open), "failures of all runs add up");
    one.engine.catch_up().unwrap();
    assert_eq!(one.breaker(), other.breaker());
    assert_eq!(&View::load(&store, one.run).unwrap(), one.view());
}

#[test]
fn a_trial_that_nobody_hears_of_is_forgotten() {
    let store = MemoryStore::new();
    let mut gone = tripped(&store);
    gone.wait(60);
    assert_eq!(gone.state(), BreakerState::HalfOpen);
    let mut other = Side::new(&store, 2, &many(3, 1));
    other.now = gone.now;
    other.tick();
    assert_eq!(other.asked().len(), 0);
    let due = next_deadline(other.view(), other.run).unwrap();
    other.now = due;
    other.tick();
    assert_eq!((other.state(), other.asked().len()), (BreakerState::HalfOpen, 1));
}

#[test]
fn explain_says_that_an_agent_gets_no_work_and_why() {
    let store = MemoryStore::new();
    let side = tripped(&store);
    let waits = side.view().all::<Task>().find(|task| task.state == TaskState::Queued).unwrap().id;
    let explanation = explain(side.view(), waits.into(), None).unwrap();
    let until = side.breaker().unwrap().until.unwrap();
    assert_eq!(
        explanation.because[0],
        format!(
            "agent script gets no work now; one trial may go from {until}: \
             5 failures in a row, the last: the agent ended with exit status 3"
        )
    );
    assert_eq!(explanation.next, Some(format!("toll explain {}", side.breaker().unwrap().id.random_part())));
}

#[test]
fn a_run_that_waits_for_a_provider_goes_on_by_itself() {
    let mut world = World::new(&spec(vec![task("a", &[])], 1), &[("a", &[Luck::RateLimited])], 7);
    let begun = world.now;
    world.go();
    assert_eq!((world.run_record().state, world.branch().len()), (RunState::Succeeded, 1));
    assert!(world.now >= begun.after(SLOW_DOWN));
}
