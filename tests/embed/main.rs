//! What a Rust program that links Tollhouse would do.
#![expect(clippy::unwrap_used, reason = "what the tests share is a test too")]

mod archives;
mod faults;
#[path = "../../benches/large_ledger/mod.rs"]
mod large_ledger;
mod tampering;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tollhouse::entity::{Effect, Task};
use tollhouse::lifecycle::{EffectState, PatchState, RunState, TaskState};
use tollhouse::plan::{Defaults, PromptTexts, SingleTask, Source, read_plan, read_project, resolve, single};
use tollhouse::{
    Actor, Command, Conductor, Cursor, Engine, GENESIS, Progress, Site, Store, TaskWish, clock, event_hash, git,
};

const CONFIG: &str = r#"
[agents.script]
command = ["sh", "-c", "echo landed > result.txt"]

[[gate]]
name = "there"
run = "test ! -e result.txt || grep -qx landed result.txt"
"#;

fn site_in(scratch: &Path) -> Site {
    let dir = scratch.join("project");
    fs::create_dir(&dir).expect("a folder can be made");
    fs::write(dir.join("tollhouse.toml"), CONFIG).expect("a file can be written");
    git::make_repository(&dir, "Begin").expect("a repository can be made");
    let site = Site::discover(&dir, None).expect("it is a repository");
    Site { workspaces: scratch.join("workspaces"), ..site }
}

#[test]
fn what_is_canceled_in_the_moment_it_would_begin_does_not_stop_the_run() {
    let scratch = tempfile::tempdir().unwrap();
    let site = site_in(scratch.path());
    let project = read_project(&Source::new("tollhouse.toml", CONFIG)).unwrap();
    let plan =
        "plan = \"p\"\n[[task]]\nid = \"a\"\nprompt = \"A\"\n[[task]]\nid = \"b\"\nprompt = \"B\"\ncritical = false\n";
    let defaults = Defaults { project: "project".to_owned(), target: "main".to_owned(), ..Defaults::default() };
    let plan = read_plan(&Source::new("plan.toml", plan));
    let spec = resolve(&project, &plan, &PromptTexts::default(), &defaults).unwrap();
    let store = site.open_ledger().unwrap();
    let mut canceled = false;
    // Somebody else is quick: once one of two agents was claimed, the other one's task is canceled.
    let mut cancel_the_other = |progress: &Progress<'_>| {
        let begun = |effect: &Effect| effect.run.is_some() && effect.state == EffectState::Started;
        if canceled || !progress.view.all::<Effect>().any(begun) {
            return;
        }
        canceled = true;
        let task = progress.view.all::<Task>().find(|task| task.spec.name == "b").unwrap().id;
        let command = Command::OverrideTask { task, wish: TaskWish::Cancel, reason: "not now".to_owned() };
        let mut other = Engine::open(&store as &dyn Store, progress.run).unwrap();
        other.execute(&command, &Actor::Person("eve".to_owned()), clock::at()).unwrap();
    };
    let interrupted = AtomicBool::new(false);
    let conductor = Conductor::new(&site, &store, "ada".to_owned(), &interrupted);
    let status = conductor.run(&spec, None, &mut cancel_the_other).unwrap();
    let tasks: Vec<TaskState> = status.tasks.iter().map(|task| task.state).collect();
    assert_eq!(tasks, [TaskState::Completed, TaskState::Canceled]);
}

#[test]
fn a_program_runs_a_task_and_reads_the_ledger() {
    let scratch = tempfile::tempdir().unwrap();
    let site = site_in(scratch.path());
    let project = read_project(&Source::new("tollhouse.toml", CONFIG)).unwrap();
    let task = SingleTask { prompt: "Make the result".to_owned(), ..SingleTask::default() };
    let defaults = Defaults { project: "project".to_owned(), target: "main".to_owned(), ..Defaults::default() };
    let spec = single(&project, &task, &defaults).unwrap();
    let store = site.open_ledger().unwrap();
    let interrupted = AtomicBool::new(false);
    let mut seen = 0;
    let status = Conductor::new(&site, &store, "ada".to_owned(), &interrupted)
        .run(&spec, None, &mut |progress| seen += progress.events.len())
        .unwrap();

    assert_eq!(status.run.state, RunState::Succeeded);
    assert_eq!(status.patches[0].state, PatchState::Committed);
    let events = store.events(&Cursor::default()).unwrap();
    assert_eq!(seen, events.len(), "every event was shown as it happened");
    // What belongs to no run, as the gate on the target, has a chain of its own.
    let mut heads = BTreeMap::new();
    for event in &events {
        let before = heads.insert(event.stream, event.hash.clone());
        assert_eq!(event.previous_hash, before.unwrap_or_else(|| GENESIS.to_owned()));
        assert_eq!(event.hash, event_hash(event));
    }
}
