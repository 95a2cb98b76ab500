//! Workers: registered, looked at, silent, gone, drained; given what they can do, and nothing of others.

use std::collections::BTreeSet;

use tollhouse_core::entity::{Attempt, AttemptEnd, Effect, ErrorClass, Run, Task, Work, Worker};
use tollhouse_core::lifecycle::{AttemptState, EffectState, TaskState, WorkerState};
use tollhouse_core::spec::{OnDependencyFailure, TaskSpec, Weight, WorkstreamSpec};
use tollhouse_core::{AttemptId, EffectId, RunId, Span, WorkerId};
use tollhouse_engine::{
    AttemptFacts, Command, Found, Liveness, Outcome, Seen, TaskWish, Witness, WorkerSeen, WorkerWish,
};

use crate::world::{self, Luck, World, process, task};
use crate::yard::{Yard, claimant, code, done, newcomer, own, shared};

/// A yard with a run of these tasks.
fn yard(tasks: Vec<TaskSpec>) -> (Yard, RunId) {
    let mut yard = Yard::new();
    let run = yard.begin(&shared(tasks, 4));
    (yard, run)
}

/// A worker that executes the one task of a run.
fn busy() -> (Yard, RunId, WorkerId, AttemptId) {
    let (mut yard, run) = yard(vec![task("a", &[])]);
    let worker = yard.register("one");
    let (attempt, _) = yard.give(worker);
    (yard, run, worker, attempt)
}

/// Who drives the run looks at what a lost worker left, and finds nothing.
fn vanish(yard: &mut Yard, run: RunId, attempt: AttemptId) {
    let epoch = yard.conductor(run).expect("it is driven").epoch;
    let reason = "its worker is gone".to_owned();
    let found = Found::outcome(Outcome::Vanished { facts: AttemptFacts::default(), reason });
    let settle = Command::Settle { effect: yard.spawn_of(attempt).id, by: Witness::Conductor(epoch), found };
    yard.conduct(run, &settle).expect("what was seen is taken");
}

fn alive(yard: &mut Yard, worker: WorkerId) {
    yard.look(worker, Liveness::Alive).expect("a living one is looked at");
}

fn silent_for(yard: &mut Yard, worker: WorkerId, span: Span) {
    let last = yard.now;
    yard.now = last.after(span);
    yard.miss(worker, last);
}

const MOMENT: Span = Span::from_millis(1);

fn a_moment_more(span: Span) -> Span {
    Span::from_millis(span.as_millis() + MOMENT.as_millis())
}

#[test]
fn a_worker_that_registers_is_idle() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    assert_eq!((yard.state(worker), &yard.worker(worker).holds), (WorkerState::Idle, &None));
}

#[test]
fn registering_again_with_the_same_content_changes_nothing() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    let again = Command::RegisterWorker { worker, newcomer: Box::new(newcomer("one", 2, &[])) };
    assert_eq!(yard.ask(&again).unwrap(), []);
}

#[test]
fn registering_again_with_other_content_is_refused() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    for other in [newcomer("two", 2, &[]), newcomer("one", 3, &[]), newcomer("one", 2, &["gpu"])] {
        assert_eq!(code(yard.ask(&Command::RegisterWorker { worker, newcomer: Box::new(other) })), "id_reused");
    }
}

#[test]
fn a_name_is_taken_while_its_worker_lives() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    assert_eq!(code(yard.try_register(&newcomer("one", 3, &[]))), "name_taken");
    yard.wish(worker, WorkerWish::Terminate).unwrap();
    yard.register("one");
}

#[test]
fn a_worker_is_silent_after_three_missed_heartbeats_and_not_before() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    silent_for(&mut yard, worker, Span::from_secs(15));
    assert_eq!(yard.state(worker), WorkerState::Idle);
    silent_for(&mut yard, worker, a_moment_more(Span::from_secs(15)));
    assert_eq!(yard.state(worker), WorkerState::Unresponsive);
}

#[test]
fn a_lease_is_over_after_half_a_minute_of_silence_and_not_before() {
    let (mut yard, run, worker, attempt) = busy();
    silent_for(&mut yard, worker, Span::from_secs(30));
    assert_eq!(yard.task_state(run, "a"), TaskState::Running);
    silent_for(&mut yard, worker, a_moment_more(Span::from_secs(30)));
    assert_eq!(yard.task_state(run, "a"), TaskState::Retrying);
    assert_eq!(yard.attempt(attempt).state, AttemptState::Lost);
    assert_eq!(yard.state(worker), WorkerState::Unresponsive);
}

#[test]
fn what_was_lost_with_its_worker_is_counted_apart() {
    let (mut yard, run, worker, _) = busy();
    silent_for(&mut yard, worker, Span::from_secs(31));
    let task = yard.task(run, "a");
    assert_eq!((task.attempts_used, task.attempts_lost), (0, 1));
    assert_eq!(task.error_class, Some(ErrorClass::WorkerLost));
}

#[test]
fn the_report_of_a_lease_that_is_over_is_refused_and_changes_nothing() {
    let (mut yard, run, worker, attempt) = busy();
    silent_for(&mut yard, worker, Span::from_secs(31));
    let (spawn, before) = (yard.spawn_of(attempt).id, yard.view().clone());
    assert_eq!(code(yard.report(spawn, done("x"))), "stale_lease");
    vanish(&mut yard, run, attempt);
    assert_eq!(code(yard.report(spawn, done("x"))), "already_finished");
    assert_eq!(yard.view().get::<Task>(yard.task(run, "a").id), before.get::<Task>(yard.task(run, "a").id));
}

#[test]
fn a_worker_is_gone_after_a_minute_of_silence_and_not_before() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    silent_for(&mut yard, worker, Span::from_secs(60));
    assert_eq!(yard.state(worker), WorkerState::Unresponsive);
    silent_for(&mut yard, worker, a_moment_more(Span::from_secs(60)));
    assert_eq!(yard.state(worker), WorkerState::Crashed);
}

#[test]
fn a_worker_that_never_spoke_counts_from_when_it_registered() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    for (seconds, state) in [(60, WorkerState::Unresponsive), (1, WorkerState::Crashed)] {
        yard.pass(seconds);
        yard.look(worker, Liveness::OutOfSight { last_seen: None }).unwrap();
        assert_eq!(yard.state(worker), state);
    }
}

#[test]
fn a_dead_process_on_the_same_machine_is_gone_at_once() {
    let (mut yard, run, worker, attempt) = busy();
    yard.look(worker, Liveness::Gone).unwrap();
    assert_eq!((yard.state(worker), yard.worker(worker).lost), (WorkerState::Crashed, 1));
    assert_eq!(yard.task_state(run, "a"), TaskState::Retrying);
    assert_eq!(yard.spawn_of(attempt).state, EffectState::Unknown);
}

#[test]
fn what_a_dead_worker_never_began_is_taken_back() {
    let (mut yard, _) = yard(vec![task("a", &[])]);
    let worker = yard.register("one");
    let attempt = yard.work(worker).unwrap();
    yard.look(worker, Liveness::Gone).unwrap();
    assert_eq!(yard.spawn_of(attempt).state, EffectState::Failed);
}

#[test]
fn a_worker_that_speaks_again_is_what_it_was() {
    let (mut yard, _) = yard(vec![task("a", &[]), task("b", &[]), task("c", &[])]);
    let workers = ["idle", "busy", "paused", "paused at work", "draining"].map(|name| yard.register(name));
    let [idle, busy, paused, paused_at_work, draining] = workers;
    for worker in [busy, paused_at_work, draining] {
        yard.give(worker);
    }
    yard.wish(paused, WorkerWish::Pause).unwrap();
    yard.wish(paused_at_work, WorkerWish::Pause).unwrap();
    yard.wish(draining, WorkerWish::Drain).unwrap();
    let before = workers.map(|worker| yard.state(worker));
    assert_eq!(before, [idle, busy, paused, paused_at_work, draining].map(|worker| yard.state(worker)));
    let heard = yard.now;
    yard.pass(16);
    for worker in workers {
        yard.miss(worker, heard);
        assert_eq!(yard.state(worker), WorkerState::Unresponsive);
        alive(&mut yard, worker);
    }
    assert_eq!(workers.map(|worker| yard.state(worker)), before);
    assert_eq!(
        before,
        [WorkerState::Idle, WorkerState::Busy, WorkerState::Paused, WorkerState::Paused, WorkerState::Draining]
    );
}

#[test]
fn a_worker_whose_attempt_is_over_is_idle_once_it_speaks_again() {
    let (mut yard, run, worker, attempt) = busy();
    silent_for(&mut yard, worker, Span::from_secs(31));
    vanish(&mut yard, run, attempt);
    alive(&mut yard, worker);
    let worker = yard.worker(worker);
    assert_eq!((worker.state, &worker.holds, worker.lost), (WorkerState::Idle, &None, 1));
}

#[test]
fn a_worker_keeps_what_may_still_run_until_somebody_looked_at_it() {
    let (mut yard, _, worker, _) = busy();
    silent_for(&mut yard, worker, Span::from_secs(31));
    alive(&mut yard, worker);
    assert_eq!(yard.state(worker), WorkerState::Busy);
    assert_eq!(code(yard.ask(&Command::Work { worker })), "worker_not_idle");
}

#[test]
fn an_attempt_that_ended_well_while_its_worker_was_silent_is_not_lost() {
    let (mut yard, _, worker, attempt) = busy();
    silent_for(&mut yard, worker, Span::from_secs(20));
    let spawn = yard.spawn_of(attempt).id;
    yard.report(spawn, done("x")).unwrap();
    assert_eq!(yard.attempt(attempt).state, AttemptState::Succeeded);
    alive(&mut yard, worker);
    let worker = yard.worker(worker);
    assert_eq!((worker.state, worker.lost, worker.failures), (WorkerState::Idle, 0, 0));
}

#[test]
fn a_draining_worker_whose_attempt_is_over_ends_once_it_speaks_again() {
    let (mut yard, run, worker, attempt) = busy();
    yard.wish(worker, WorkerWish::Drain).unwrap();
    silent_for(&mut yard, worker, Span::from_secs(31));
    vanish(&mut yard, run, attempt);
    alive(&mut yard, worker);
    assert_eq!(yard.state(worker), WorkerState::Terminated);
}

#[test]
fn a_worker_that_was_given_up_is_refused_whatever_it_says() {
    let (mut yard, _, worker, attempt) = busy();
    yard.look(worker, Liveness::Gone).unwrap();
    let spawn = yard.spawn_of(attempt).id;
    let before = yard.view().clone();
    let seen = WorkerSeen { liveness: Liveness::Alive, last_output: None };
    assert_eq!(code(yard.ask(&Command::LookAtWorker { worker, seen })), "already_finished");
    assert_eq!(code(yard.ask(&Command::Work { worker })), "already_finished");
    assert_eq!(code(yard.wish(worker, WorkerWish::Resume)), "already_finished");
    assert_eq!(code(yard.claim(spawn, claimant(worker))), "stale_lease");
    assert_eq!(code(yard.report(spawn, done("late"))), "stale_lease");
    assert_eq!(*yard.view(), before);
}

/// A worker of this name registers and crashes.
fn crash(yard: &mut Yard, name: &str) {
    let worker = yard.register(name);
    yard.pass(1);
    yard.look(worker, Liveness::Gone).expect("one that was just registered may crash");
}

#[test]
fn after_three_crashes_of_one_name_the_next_waits_for_a_person() {
    let mut yard = Yard::new();
    let mut states = Vec::new();
    for _ in 0..4 {
        let worker = yard.register("one");
        states.push(yard.state(worker));
        yard.pass(1);
        yard.look(worker, Liveness::Gone).unwrap();
    }
    let idle = WorkerState::Idle;
    assert_eq!(states, [idle, idle, idle, WorkerState::Paused]);
    let other = yard.register("two");
    assert_eq!(yard.state(other), idle);
}

#[test]
fn a_person_who_resumes_a_worker_lets_its_crashes_be_counted_anew() {
    let mut yard = Yard::new();
    for _ in 0..3 {
        crash(&mut yard, "one");
    }
    let paused = yard.register("one");
    yard.wish(paused, WorkerWish::Resume).unwrap();
    assert_eq!(yard.state(paused), WorkerState::Idle);
    yard.pass(1);
    yard.look(paused, Liveness::Gone).unwrap();
    crash(&mut yard, "one");
    let third = yard.register("one");
    assert_eq!(yard.state(third), WorkerState::Idle);
    yard.pass(1);
    yard.look(third, Liveness::Gone).unwrap();
    let fourth = yard.register("one");
    assert_eq!(yard.state(fourth), WorkerState::Paused);
}

#[test]
fn a_crash_counts_for_a_day() {
    for (hours, state) in [(23, WorkerState::Paused), (25, WorkerState::Idle)] {
        let mut yard = Yard::new();
        for _ in 0..3 {
            crash(&mut yard, "one");
        }
        yard.pass(hours * 60 * 60);
        let next = yard.register("one");
        assert_eq!(yard.state(next), state, "after {hours} hours");
    }
}

#[test]
fn a_worker_that_drains_finishes_what_it_holds_and_ends() {
    let (mut yard, run, worker, attempt) = busy();
    yard.wish(worker, WorkerWish::Drain).unwrap();
    assert_eq!((yard.state(worker), yard.task_state(run, "a")), (WorkerState::Draining, TaskState::Running));
    let spawn = yard.spawn_of(attempt).id;
    yard.report(spawn, done("x")).unwrap();
    assert_eq!((yard.state(worker), yard.task_state(run, "a")), (WorkerState::Terminated, TaskState::Validating));
}

#[test]
fn a_worker_that_drains_and_holds_nothing_ends_at_once() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    yard.wish(worker, WorkerWish::Drain).unwrap();
    assert_eq!(yard.state(worker), WorkerState::Terminated);
}

#[test]
fn a_paused_worker_keeps_what_it_holds_and_takes_nothing_new() {
    let (mut yard, run) = yard(vec![task("a", &[]), task("b", &[])]);
    let worker = yard.register("one");
    let (attempt, spawn) = yard.give(worker);
    yard.wish(worker, WorkerWish::Pause).unwrap();
    assert_eq!(yard.task_state(run, "a"), TaskState::Running);
    yard.report(spawn, done("x")).unwrap();
    assert_eq!(yard.attempt(attempt).state, AttemptState::Succeeded);
    assert_eq!((yard.state(worker), &yard.worker(worker).holds), (WorkerState::Paused, &None));
    assert_eq!(code(yard.ask(&Command::Work { worker })), "worker_not_idle");
    yard.wish(worker, WorkerWish::Resume).unwrap();
    assert!(yard.work(worker).is_some());
}

#[test]
fn a_paused_worker_that_holds_something_goes_on_with_it() {
    let (mut yard, _, worker, _) = busy();
    yard.wish(worker, WorkerWish::Pause).unwrap();
    yard.wish(worker, WorkerWish::Resume).unwrap();
    assert_eq!(yard.state(worker), WorkerState::Busy);
}

#[test]
fn only_a_worker_that_holds_nothing_is_ended() {
    let (mut yard, _, worker, attempt) = busy();
    assert_eq!(code(yard.wish(worker, WorkerWish::Terminate)), "worker_not_idle");
    yard.wish(worker, WorkerWish::Pause).unwrap();
    assert_eq!(code(yard.wish(worker, WorkerWish::Terminate)), "worker_not_idle");
    let spawn = yard.spawn_of(attempt).id;
    yard.report(spawn, done("x")).unwrap();
    yard.wish(worker, WorkerWish::Terminate).unwrap();
    assert_eq!(yard.state(worker), WorkerState::Terminated);
}

/// Why an attempt ended.
fn end(yard: &Yard, attempt: AttemptId) -> (AttemptState, AttemptEnd) {
    let attempt = yard.attempt(attempt);
    (attempt.state, attempt.end.clone().expect("it ended"))
}

#[test]
fn stalled_and_overdue_and_silent_are_told_apart() {
    let patient = || vec![TaskSpec { timeout: Span::from_secs(3600), ..task("a", &[]) }];
    let begun = || {
        let (mut yard, run) = yard(patient());
        let worker = yard.register("one");
        let (attempt, _) = yard.give(worker);
        (yard, run, worker, attempt)
    };
    let (mut yard, _, worker, attempt) = begun();
    let output = yard.now;
    yard.pass(600);
    let seen = WorkerSeen { liveness: Liveness::Alive, last_output: Some(output) };
    yard.ask(&Command::LookAtWorker { worker, seen }).unwrap();
    let (state, stalled) = end(&yard, attempt);
    assert_eq!((state, stalled.error_class), (AttemptState::TimedOut, Some(ErrorClass::Timeout)));
    assert_eq!(stalled.reason.as_deref(), Some("stalled: nothing came from it for 10m00s"));

    let (mut yard, run, _, attempt) = begun();
    yard.pass(3600);
    yard.ask(&Command::Tick { run }).unwrap();
    let (state, overdue) = end(&yard, attempt);
    assert_eq!((state, overdue.error_class), (AttemptState::TimedOut, Some(ErrorClass::Timeout)));
    assert_eq!(overdue.reason.as_deref(), Some("the attempt took longer than its 1h00m"));

    let (mut yard, run, worker, attempt) = begun();
    silent_for(&mut yard, worker, Span::from_secs(31));
    let (state, silent) = end(&yard, attempt);
    assert_eq!((state, silent.error_class), (AttemptState::Lost, Some(ErrorClass::WorkerLost)));
    assert!(silent.reason.as_ref().unwrap().starts_with("its lease is over: nothing was heard of it since"));
    assert_eq!(yard.task(run, "a").reason, silent.reason);
}

#[test]
fn an_attempt_is_stalled_once_nothing_came_for_long_and_not_before() {
    let (mut yard, run) = yard(vec![TaskSpec { timeout: Span::from_secs(3600), ..task("a", &[]) }]);
    let worker = yard.register("one");
    let long_ago = yard.now;
    yard.pass(1000);
    yard.give(worker);
    let look = |yard: &mut Yard, last_output| {
        let seen = WorkerSeen { liveness: Liveness::Alive, last_output };
        yard.ask(&Command::LookAtWorker { worker, seen }).unwrap();
        yard.task_state(run, "a")
    };
    // What came before it was given this says nothing.
    yard.pass(599);
    assert_eq!(look(&mut yard, Some(long_ago)), TaskState::Running);
    let output = yard.now;
    yard.pass(599);
    assert_eq!(look(&mut yard, Some(output)), TaskState::Running);
    assert_eq!(look(&mut yard, None), TaskState::Running);
    yard.pass(1);
    assert_eq!(look(&mut yard, Some(output)), TaskState::Retrying);
}

#[test]
fn a_stalled_attempt_keeps_its_worker_until_its_processes_are_gone() {
    let (mut yard, run) = yard(vec![TaskSpec { timeout: Span::from_secs(3600), ..task("a", &[]) }]);
    let worker = yard.register("one");
    let (_, spawn) = yard.give(worker);
    let output = yard.now;
    yard.pass(600);
    let seen = WorkerSeen { liveness: Liveness::Alive, last_output: Some(output) };
    yard.ask(&Command::LookAtWorker { worker, seen }).unwrap();
    assert_eq!(yard.state(worker), WorkerState::Busy);
    yard.land_all(run);
    assert_eq!(yard.state(worker), WorkerState::Busy);
    yard.report(spawn, Outcome::Failed { class: ErrorClass::Timeout, reason: "killed".to_owned() }).unwrap();
    assert_eq!((yard.state(worker), yard.worker(worker).failures), (WorkerState::Idle, 1));
}

#[test]
fn a_worker_begins_only_what_it_was_given() {
    let (mut yard, run) = yard(vec![task("a", &[]), task("b", &[])]);
    let (one, two) = (yard.register("one"), yard.register("two"));
    let (of_one, of_two) = (yard.work(one).unwrap(), yard.work(two).unwrap());
    let spawn = yard.spawn_of(of_one).id;
    assert_eq!(code(yard.claim(spawn, claimant(two))), "stale_lease");
    // Nor does who drives the run begin what a worker was given.
    let conductor = world::claimant(yard.conductor(run).unwrap().epoch);
    assert_eq!(code(yard.claim(spawn, conductor)), "stale_lease");
    yard.start(one);
    let spawn = yard.start(two);
    yard.report(spawn, done("x")).unwrap();
    assert_eq!(yard.attempt(of_two).state, AttemptState::Succeeded);
    // What is done with a patch is for who drives the run.
    let apply = yard.view().all::<Effect>().find(|effect| matches!(effect.work, Work::Apply { .. })).unwrap().id;
    for worker in [one, two] {
        assert_eq!(code(yard.claim(apply, claimant(worker))), "stale_lease");
    }
}

#[test]
fn what_is_to_be_ended_is_ended_by_who_holds_it() {
    let (mut yard, run, worker, attempt) = busy();
    let task = yard.task(run, "a").id;
    let reason = "not that".to_owned();
    yard.conduct(run, &Command::OverrideTask { task, wish: TaskWish::Cancel, reason }).unwrap();
    let kill = yard.view().all::<Effect>().find(|effect| effect.work == Work::Kill { attempt }).unwrap().id;
    let conductor = world::claimant(yard.conductor(run).unwrap().epoch);
    assert_eq!(code(yard.claim(kill, conductor)), "stale_lease");
    yard.claim(kill, claimant(worker)).unwrap();
    // It dies over it: who drives the run has to look.
    yard.look(worker, Liveness::Gone).unwrap();
    assert_eq!(yard.view().get::<Effect>(kill).unwrap().state, EffectState::Unknown);
}

/// A worker executes something that a person cancels: it is asked to end it.
fn to_be_ended() -> (Yard, RunId, WorkerId, EffectId, EffectId) {
    let (mut yard, run, worker, attempt) = busy();
    let task = yard.task(run, "a").id;
    let reason = "not that".to_owned();
    yard.conduct(run, &Command::OverrideTask { task, wish: TaskWish::Cancel, reason }).expect("a run goes on");
    let kills = |effect: &&Effect| effect.work == Work::Kill { attempt };
    let kill = yard.view().all::<Effect>().find(kills).expect("what was begun is ended").id;
    let spawn = yard.spawn_of(attempt).id;
    (yard, run, worker, spawn, kill)
}

#[test]
fn what_ended_before_its_worker_came_to_end_it_keeps_no_run_waiting() {
    let (mut yard, run, worker, spawn, kill) = to_be_ended();
    yard.report(spawn, done("x")).unwrap();
    // Nobody holds it any more, so nobody could.
    assert_eq!(yard.view().get::<Effect>(kill).unwrap().state, EffectState::Failed);
    assert_eq!((yard.state(worker), yard.run(run).state.is_finished()), (WorkerState::Idle, true));
}

#[test]
fn a_worker_holds_what_it_ends_until_that_is_over() {
    let (mut yard, run, worker, spawn, kill) = to_be_ended();
    yard.claim(kill, claimant(worker)).unwrap();
    yard.report(spawn, done("x")).unwrap();
    assert_eq!((yard.state(worker), yard.run(run).state.is_finished()), (WorkerState::Busy, false));
    yard.report(kill, Outcome::Killed).unwrap();
    assert_eq!((yard.state(worker), yard.run(run).state.is_finished()), (WorkerState::Idle, true));
}

#[test]
fn what_a_worker_does_goes_on_when_another_program_drives_its_run() {
    let (mut yard, run, worker, attempt) = busy();
    let seen = Some(Seen { epoch: 1, liveness: Liveness::Gone });
    yard.conduct(run, &Command::Drive { run, process: process(7), seen }).unwrap();
    let spawn = yard.spawn_of(attempt);
    assert_eq!((spawn.state, yard.state(worker)), (EffectState::Started, WorkerState::Busy));
    let spawn = spawn.id;
    yard.report(spawn, done("x")).unwrap();
    assert_eq!(yard.task_state(run, "a"), TaskState::Validating);
}

#[test]
fn a_worker_lets_go_of_what_its_run_ended_once_it_is_looked_at() {
    let (mut yard, run) = yard(vec![task("a", &[])]);
    let worker = yard.register("one");
    yard.work(worker).unwrap();
    // Nobody began it, so nothing has to be ended; who drives the run does not know the worker.
    yard.conduct(run, &Command::CancelRun { run, reason: "enough".to_owned() }).unwrap();
    assert!(yard.run(run).state.is_finished());
    assert_eq!(yard.state(worker), WorkerState::Busy);
    // Nor does it matter that its run is over when the fleet is opened.
    yard.fleet = tollhouse_engine::Engine::open_fleet(yard.store).unwrap();
    alive(&mut yard, worker);
    assert_eq!((yard.state(worker), yard.worker(worker).failures), (WorkerState::Idle, 0));
}

#[test]
fn a_task_goes_only_to_a_worker_that_can_do_all_that_it_asks_for() {
    let able = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<String>>();
    let (mut yard, run) = yard(vec![TaskSpec { capabilities: able(&["gpu", "rust"]), ..task("a", &[]) }]);
    for (name, words) in [("none", &[][..]), ("gpu", &["gpu"]), ("rust", &["rust", "go"])] {
        let worker = yard.try_register(&newcomer(name, 2, words)).unwrap();
        assert_eq!(yard.work(worker), None, "{name}");
    }
    let worker = yard.try_register(&newcomer("all", 2, &["gpu", "rust", "go"])).unwrap();
    assert!(yard.work(worker).is_some());
    assert_eq!(yard.task_state(run, "a"), TaskState::Running);
}

#[test]
fn a_worker_takes_what_it_can_do_though_another_task_stands_first() {
    let able = BTreeSet::from(["gpu".to_owned()]);
    let (mut yard, run) = yard(vec![
        TaskSpec { capabilities: able, ..task("first", &[]) },
        task("second", &[]),
        task("after", &["first"]),
    ]);
    let worker = yard.register("one");
    yard.work(worker).unwrap();
    assert_eq!(yard.task_state(run, "second"), TaskState::Running);
}

#[test]
fn a_worker_counts_what_it_did() {
    let (mut yard, run) = yard(vec![task("a", &[]), task("b", &[]), task("c", &[])]);
    let worker = yard.register("one");
    yard.pass(10);
    let (_, spawn) = yard.give(worker);
    yard.pass(20);
    yard.report(spawn, done("x")).unwrap();
    yard.land_all(run);
    let (_, spawn) = yard.give(worker);
    yard.pass(5);
    yard.report(spawn, Outcome::Failed { class: ErrorClass::ToolFailure, reason: "no".to_owned() }).unwrap();
    let counted = |worker: &Worker| (worker.attempts, worker.failures, worker.lost, worker.busy);
    assert_eq!(counted(yard.worker(worker)), (2, 1, 0, Span::from_secs(25)));
    yard.give(worker);
    yard.pass(15);
    // What it holds now counts, too: 40 of 50 seconds.
    assert_eq!(yard.worker(worker).utilisation(yard.now).to_string(), "0.8");
    yard.look(worker, Liveness::Gone).unwrap();
    assert_eq!(counted(yard.worker(worker)), (3, 1, 1, Span::from_secs(40)));
    yard.pass(50);
    assert_eq!(yard.worker(worker).utilisation(yard.now).to_string(), "0.8");
}

#[test]
fn a_worker_that_just_registered_was_not_used() {
    let mut yard = Yard::new();
    let worker = yard.register("one");
    assert_eq!(yard.worker(worker).utilisation(yard.now).to_string(), "0");
}

fn own_workers(world: &World) -> Vec<&Worker> {
    world.view().all::<Worker>().filter(|worker| worker.run == Some(world.run)).collect()
}

#[test]
fn a_run_has_as_many_workers_of_its_own_as_it_needs_and_no_more_than_run_at_once() {
    for (tasks, max_parallel, needed) in [(1, 4, 1), (3, 4, 3), (9, 4, 4)] {
        let names: Vec<String> = (0..tasks).map(|n| format!("t{n}")).collect();
        let tasks = names.iter().map(|name| task(name, &[])).collect();
        let mut world = World::new(&own(tasks, max_parallel), &[], 7);
        world.go();
        assert_eq!(own_workers(&world).len(), needed);
    }
}

#[test]
fn the_workers_of_a_run_end_with_it() {
    let lucks: [&[Luck]; 2] = [&[Luck::Good], &[Luck::AgentFails, Luck::AgentFails]];
    for luck in lucks {
        let mut world = World::new(&own(vec![task("a", &[]), task("b", &[])], 2), &[("a", luck)], 7);
        world.go();
        let states: Vec<WorkerState> = own_workers(&world).iter().map(|worker| worker.state).collect();
        assert_eq!(states, [WorkerState::Terminated; 2]);
    }
}

#[test]
fn a_worker_that_a_person_paused_ends_with_its_run() {
    let mut world = World::new(&own(vec![task("a", &[])], 2), &[], 7);
    let worker = own_workers(&world)[0].id;
    let wish = WorkerWish::Pause;
    world.execute(&Command::OverrideWorker { worker, wish, reason: "because".to_owned() }).unwrap();
    world.go();
    assert_eq!(own_workers(&world)[0].state, WorkerState::Terminated);
}

#[test]
fn the_workers_that_hold_nothing_end_when_their_program_steps_down() {
    let mut world = World::new(&own(vec![task("a", &[]), task("b", &["a"])], 2), &[], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Validating);
    assert_eq!(own_workers(&world)[0].state, WorkerState::Idle);
    world.execute(&Command::StepDown { run: world.run, epoch: world.conductor }).unwrap();
    assert_eq!(own_workers(&world)[0].state, WorkerState::Terminated);
}

#[test]
fn the_workers_of_a_program_that_is_gone_are_gone_with_it() {
    let mut world = World::new(&own(vec![task("a", &[])], 2), &[], 7);
    world.drive();
    assert_eq!(own_workers(&world)[0].state, WorkerState::Crashed);
    assert_eq!(own_workers(&world)[0].lost, 1);
}

fn workstream(name: &str) -> WorkstreamSpec {
    WorkstreamSpec {
        name: name.to_owned(),
        needs: Vec::new(),
        weight: Weight::Optional,
        gates: Vec::new(),
        on_dependency_failure: OnDependencyFailure::Skip,
        skip: false,
    }
}

#[test]
fn the_worker_that_knows_a_workstream_goes_on_in_it() {
    let of = |workstream: &str, spec: TaskSpec| TaskSpec { workstream: Some(workstream.to_owned()), ..spec };
    let tasks = vec![
        of("parser", task("a", &[])),
        of("printer", task("b", &[])),
        of("printer", task("c", &["a", "b"])),
        of("parser", task("d", &["c"])),
    ];
    let mut plan = own(tasks, 2);
    plan.workstreams = ["parser", "printer"].map(workstream).to_vec();
    let mut world = World::new(&plan, &[], 7);
    world.go();
    let by = |world: &World, name: &str| {
        let task = world.task(name).id;
        world.view().all::<Attempt>().find(|attempt| attempt.task == task).unwrap().by
    };
    assert_ne!(by(&world, "a"), by(&world, "b"));
    assert_eq!(by(&world, "c"), by(&world, "b"));
    assert_eq!(by(&world, "d"), by(&world, "a"));
}

#[test]
fn a_run_of_shared_workers_has_none_of_its_own() {
    let (yard, run) = yard(vec![task("a", &[])]);
    assert_eq!(yard.view().all::<Worker>().count(), 0);
    assert_eq!((yard.task_state(run, "a"), yard.view().get::<Run>(run).unwrap().epoch), (TaskState::Queued, 0));
}
