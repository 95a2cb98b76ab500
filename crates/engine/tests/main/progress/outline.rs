//! An outline says of a run what all of its records say, only less.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tollhouse_core::entity::{Effect, GateRun, Task};
use tollhouse_core::lifecycle::{EffectState, GateRunState, RunState, TaskState};
use tollhouse_core::spec::{LandMode, RunSpec};
use tollhouse_engine::report::{ProgressFacts, RunOutline, SHOWN_FIRST, ShortIds, TaskRow, run_progress, run_status};
use tollhouse_engine::{Command, Liveness, Seen, View};

use super::figures::{any_run, day_of, plan};
use crate::world::{Luck, World, spec, task};

const ALL: u32 = 1000;

fn outline(world: &World, (tasks_min, shown_max): (u64, u32), seen: Option<Seen>) -> Option<RunOutline> {
    RunOutline::load(world.engine.store(), world.run, (tasks_min, shown_max), (world.now, seen))
        .expect("the store can be read")
}

/// What a person who sees all tasks looks for first.
fn first(tasks: &[TaskRow]) -> Vec<TaskRow> {
    let place = |task: &TaskRow| SHOWN_FIRST.iter().position(|states| states.contains(&task.state));
    let mut shown: Vec<TaskRow> = tasks.iter().filter(|task| place(task).is_some()).cloned().collect();
    shown.sort_by_key(place);
    shown
}

/// The outline, compared with what follows from all records.
fn assert_agrees(world: &World, is_gone: bool) -> RunOutline {
    let conductor = world.run_record().conductor.as_ref();
    let gone = |epoch| Seen { epoch, liveness: Liveness::Gone };
    let seen = conductor.map(|conductor| conductor.epoch).map(gone).filter(|_| is_gone);
    let outline = outline(world, (0, ALL), seen).expect("it has tasks");
    let view = View::load(world.engine.store(), world.run).expect("the store can be read");
    let whole = run_status(&view, world.run, world.now).expect("it is there");
    let whole = if seen.is_some() { whole.abandoned(&view) } else { whole };
    let progress =
        run_progress(&view, world.run, world.now, &ProgressFacts { history: None, seen }).expect("it is there");

    assert_eq!((&outline.run, outline.elapsed), (&whole.run, whole.elapsed));
    assert_eq!((&outline.driven_by, outline.is_abandoned()), (&whole.driven_by, whole.is_abandoned()));
    assert_eq!(outline.next, whole.next, "{:?}", whole.run);
    for state in TaskState::ALL {
        let count = view.all::<Task>().filter(|task| task.state == *state).count();
        assert_eq!(outline.count(&[*state]), count as u64, "{state}");
    }
    assert_eq!((outline.count(TaskState::ALL), outline.landed), (whole.counts.tasks, whole.counts.landed));
    assert_eq!(outline.shown, first(&whole.tasks));
    let ids = ShortIds::of(whole.patches.iter().map(|patch| patch.id.into()));
    for task in &outline.shown {
        let own = |patches: &[tollhouse_engine::report::PatchRow]| {
            patches.iter().find(|patch| Some(patch.id) == task.patch).cloned()
        };
        assert_eq!(own(&outline.patches), own(&whole.patches));
        if let Some(patch) = task.patch {
            assert_eq!(outline.ids.of_one(patch.into()), ids.of_one(patch.into()));
        }
    }
    let run_now: BTreeSet<_> = outline.gate_runs.iter().map(|one| one.id).collect();
    let all = view.all::<GateRun>().filter(|one| one.state == GateRunState::Running);
    assert_eq!(run_now, all.map(|one| one.id).collect());
    assert_eq!(outline.workstreams, whole.workstreams);
    assert_eq!(outline.budget, progress.budget);
    assert_eq!(outline.stillness.is_some(), progress.quiet.is_some(), "{:?}", progress.quiet);
    if let (Some(stillness), Some(quiet)) = (outline.stillness, progress.quiet) {
        assert!(stillness.waits_for.is_none_or(|what| what == quiet.waits_for), "{stillness:?} {quiet:?}");
    }
    if let Some(because) = &outline.unknown {
        assert_eq!(Some(because), progress.eta.because.as_ref());
    }
    outline
}

proptest! {
    #[test]
    fn an_outline_says_what_all_records_say(
        luck in proptest::array::uniform4(proptest::array::uniform2(0_usize..13)),
        chaos in prop_oneof![Just(0_u64), Just(5), Just(15)],
        (budget, holds, is_gone) in any::<(Option<u8>, bool, bool)>(),
        seed in any::<u64>(),
    ) {
        let land = if holds { LandMode::Hold } else { LandMode::default() };
        let plan = RunSpec { land, ..plan(budget.map(|more| 20 + i64::from(more) % 40)) };
        day_of(&plan, &luck, chaos, seed).go_until(|world| {
            assert_agrees(world, is_gone);
            world.run_record().state.is_finished()
        });
    }
}

#[test]
fn a_run_of_fewer_tasks_is_to_be_read_whole() {
    let world = World::new(&spec(vec![task("a", &[]), task("b", &[])], 1), &[], 7);
    assert!(outline(&world, (2, ALL), None).is_none());
    assert!(outline(&world, (1, ALL), None).is_some());
    let nothing = RunOutline::load(world.engine.store(), any_run(), (0, ALL), (world.now, None)).unwrap();
    assert!(nothing.is_none(), "there is no such run");
}

#[test]
fn no_more_tasks_are_shown_than_there_is_room_for() {
    let names: Vec<String> = (0..9).map(|number| format!("task-{number}")).collect();
    let tasks = names.iter().map(|name| task(name, &[])).collect();
    let luck: Vec<(&str, &[Luck])> =
        names.iter().take(4).map(|name| (name.as_str(), &[Luck::AgentFails; 2][..])).collect();
    let mut world = World::new(&spec(tasks, 2), &luck, 7);
    let is_any = |world: &World, state| world.view().all::<Task>().any(|task| task.state == state);
    world.go_until(|world| is_any(world, TaskState::Failed) && is_any(world, TaskState::Running));
    let all = outline(&world, (0, ALL), None).unwrap().shown;
    for room in 0..=u32::try_from(all.len()).unwrap() {
        let some = outline(&world, (0, room), None).unwrap().shown;
        assert_eq!(some.len(), room as usize);
        let states = |rows: &[TaskRow]| rows.iter().map(|row| row.state == TaskState::Failed).collect::<Vec<_>>();
        assert_eq!(states(&some), states(&all)[..some.len()], "those that failed come first");
    }
}

#[test]
fn what_is_on_its_way_after_the_end_is_seen() {
    let mut world = World::new(&spec(vec![task("a", &[]), task("b", &["a"])], 1), &[("a", &[Luck::Hangs; 2])], 7);
    world.go_until(|world| world.view().all::<Effect>().any(|effect| effect.state == EffectState::Started));
    let quarantine = Command::QuarantineRun { run: world.run, reason: "enough".to_owned() };
    world.execute(&quarantine).unwrap();
    assert_eq!(world.run_record().state, RunState::Quarantined);
    for is_gone in [true, false] {
        let next = assert_agrees(&world, is_gone).next;
        assert_eq!(next.is_some(), is_gone, "who drives it ends what is alive");
    }
}
