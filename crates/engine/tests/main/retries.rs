//! What is tried again, when, by whom, and what is not.

use tollhouse_core::Span;
use tollhouse_core::entity::{Attempt, Effect, ErrorClass, ExitStatus, Work};
use tollhouse_core::lifecycle::TaskState;
use tollhouse_core::spec::{AgentSpec, Escalation, RouteSpec, RunSpec, TaskSpec};
use tollhouse_engine::{AttemptFacts, Command, Outcome};

use crate::world::{Luck, SLOW_DOWN, World, claimant, spec, task};

fn often(name: &str) -> TaskSpec {
    TaskSpec { attempts: 9, ..task(name, &[]) }
}

fn done(plan: &RunSpec, luck: &[Luck]) -> World {
    let mut world = World::new(plan, &[("a", luck)], 7);
    world.go();
    world
}

/// The agents of a task's tries, in their order.
fn agents(world: &World) -> Vec<String> {
    let mut attempts: Vec<&Attempt> = world.view().all::<Attempt>().collect();
    attempts.sort_by_key(|attempt| attempt.number);
    attempts.into_iter().map(|attempt| attempt.agent.clone()).collect()
}

fn reason(world: &World) -> &str {
    world.task("a").reason.as_deref().expect("it failed for a reason")
}

/// Ends whatever is at work like this.
fn end_with(world: &mut World, outcome: &Outcome) {
    let is_asked = |effect: &&Effect| matches!(effect.work, Work::Spawn { .. }) && !effect.state.is_finished();
    let effect = world.view().all::<Effect>().find(is_asked).expect("one is asked for").id;
    let until = world.now.after(Span::from_secs(600));
    world.execute(&Command::Claim { effect, by: claimant(world.conductor), until }).expect("it can be begun");
    let report = Command::Report { effect, epoch: 1, outcome: Box::new(outcome.clone()) };
    world.execute(&report).expect("a report in time is taken");
}

#[test]
pub(crate) fn what_ends_in_the_same_way_three_times_in_a_row_is_not_tried_again() {
    let world = done(&spec(vec![often("a")], 1), &[Luck::GateSaysNo; 9]);
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Failed, 3));
    let said = "it ended in the same way 3 times in a row, so it is not tried again: gate unit failed: exit status 1";
    assert_eq!(reason(&world), said);
}

#[test]
fn what_ends_in_another_way_between_is_tried_again() {
    let luck = [Luck::GateSaysNo, Luck::GateSaysNo, Luck::AgentFails, Luck::GateSaysNo, Luck::GateSaysNo, Luck::Good];
    assert_eq!(done(&spec(vec![often("a")], 1), &luck).state_of("a"), TaskState::Completed);
}

#[test]
fn what_a_provider_or_another_change_does_is_no_end_of_the_same_kind() {
    for luck in [Luck::RateLimited, Luck::Conflict] {
        let world = done(&spec(vec![often("a")], 1), &[luck; 5]);
        assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Completed, 6));
    }
}

#[test]
fn the_same_patch_three_times_in_a_row_is_not_paid_for_again() {
    let luck = [Luck::GateSaysNo, Luck::Conflict, Luck::Forbidden, Luck::Good];
    let mut world = World::new(&spec(vec![often("a")], 1), &[("a", &luck)], 7);
    world.hands.same_patch = Some("the same".to_owned());
    world.go();
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Failed, 3));
    assert!(reason(&world).starts_with("it made the same patch 3 times in a row"), "{}", reason(&world));
}

#[test]
pub(crate) fn a_rule_that_refused_no_patch_teaches_nothing() {
    let mut world = World::new(&spec(vec![often("a")], 1), &[], 7);
    let refused = Outcome::Failed { class: ErrorClass::Policy, reason: "not allowed here".to_owned() };
    end_with(&mut world, &refused);
    assert_eq!((world.state_of("a"), reason(&world)), (TaskState::Failed, "not allowed here"));
}

#[test]
pub(crate) fn a_provider_that_asked_to_slow_down_is_not_asked_before_its_time() {
    let mut world = World::new(&spec(vec![often("a")], 1), &[("a", &[Luck::RateLimited])], 7);
    world.go_until(|world| world.state_of("a") == TaskState::Retrying);
    let ended = world.view().all::<Attempt>().next().unwrap().finished_at.unwrap();
    assert!(world.task("a").due_at.unwrap() >= ended.after(SLOW_DOWN));
    assert_eq!(world.task("a").error_class, Some(ErrorClass::RateLimited));
}

#[test]
fn after_so_many_tries_another_agent_takes_over() {
    let mut plan = spec(vec![often("a")], 1);
    let other = |name: &str| AgentSpec { name: name.to_owned(), ..plan.agents[0].clone() };
    let others = [other("second"), other("third")];
    plan.agents.extend(others);
    let step = |after, agent: &str| Escalation { after, agent: agent.to_owned() };
    plan.tasks[0].escalate = vec![step(3, "third"), step(1, "second")];
    let luck = [Luck::AgentFails, Luck::GateSaysNo, Luck::Forbidden, Luck::Nothing];
    let world = done(&plan, &luck);
    assert_eq!(agents(&world), ["script", "second", "second", "third", "third"]);
    assert_eq!(world.state_of("a"), TaskState::Completed);
}

#[test]
fn who_takes_over_may_try_although_the_last_ones_all_ended_in_the_same_way() {
    let mut plan = spec(vec![often("a")], 1);
    let second = AgentSpec { name: "second".to_owned(), ..plan.agents[0].clone() };
    plan.agents.push(second);
    plan.tasks[0].escalate = vec![Escalation { after: 3, agent: "second".to_owned() }];
    let world = done(&plan, &[Luck::GateSaysNo; 9]);
    assert_eq!(agents(&world), ["script", "script", "script", "second", "second", "second"]);
    assert_eq!((world.state_of("a"), world.task("a").attempts_used), (TaskState::Failed, 6));
    assert!(reason(&world).starts_with("it ended in the same way 3 times in a row"), "{}", reason(&world));
}

#[test]
fn everybody_in_a_route_is_asked_before_it_counts_that_all_end_in_the_same_way() {
    let mut plan = spec(vec![often("a")], 1);
    let names = ["script", "second", "third", "fourth"];
    let others: Vec<AgentSpec> =
        names[1..].iter().map(|name| AgentSpec { name: (*name).to_owned(), ..plan.agents[0].clone() }).collect();
    plan.agents.extend(others);
    let route = RouteSpec { agents: names.map(str::to_owned).to_vec(), ..RouteSpec::default() };
    plan.tasks[0].route = Some(route);
    let world = done(&plan, &[Luck::GateSaysNo; 9]);
    assert_eq!(agents(&world), names);
    assert!(reason(&world).starts_with("it ended in the same way 3 times in a row"), "{}", reason(&world));
    let world = done(&plan, &[Luck::GateSaysNo, Luck::GateSaysNo, Luck::GateSaysNo, Luck::Good]);
    assert_eq!((world.state_of("a"), agents(&world).len()), (TaskState::Completed, 4));
}

#[test]
fn a_try_that_was_stopped_is_done_again_by_the_same_agent() {
    let mut plan = spec(vec![often("a")], 1);
    plan.tasks[0].escalate = vec![Escalation { after: 1, agent: "second".to_owned() }];
    let mut world = World::new(&plan, &[], 7);
    world.execute(&Command::PauseRun { run: world.run, reason: "lunch".to_owned() }).unwrap();
    world.execute(&Command::ResumeRun { run: world.run, reason: "back".to_owned() }).unwrap();
    assert_eq!(agents(&world), ["script", "script"]);
}

#[test]
fn the_limit_that_counts_is_that_of_the_agent_that_takes_over() {
    let mut plan = spec(vec![often("a"), often("b"), often("c")], 3);
    let second = AgentSpec { name: "second".to_owned(), max_parallel: Some(1), ..plan.agents[0].clone() };
    plan.agents.push(second);
    for task in &mut plan.tasks {
        task.escalate = vec![Escalation { after: 1, agent: "second".to_owned() }];
    }
    let mut world = World::new(&plan, &[], 7);
    let failed = AttemptFacts { exit: Some(ExitStatus::Code(3)), ..AttemptFacts::default() };
    for _ in 0..3 {
        end_with(&mut world, &Outcome::Spawned(failed.clone()));
    }
    world.now = world.now.after(Span::from_secs(5));
    world.execute(&Command::Tick { run: world.run }).unwrap();
    let mut states = ["a", "b", "c"].map(|name| world.state_of(name));
    states.sort_unstable();
    assert_eq!(states, [TaskState::Queued, TaskState::Queued, TaskState::Running]);
}
