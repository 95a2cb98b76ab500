//! What a Rust program that links Tollhouse would do.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::AtomicBool;

use tollhouse::lifecycle::{PatchState, RunState};
use tollhouse::plan::{Defaults, SingleTask, Source, read_project, single};
use tollhouse::{Conductor, Cursor, GENESIS, Site, Store, event_hash, git};

const CONFIG: &str = r#"
[agents.script]
command = ["sh", "-c", "echo landed > result.txt"]

[[gate]]
name = "there"
run = "test ! -e result.txt || grep -qx landed result.txt"
"#;

#[test]
fn a_program_runs_a_task_and_reads_the_ledger() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("project");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("tollhouse.toml"), CONFIG).unwrap();
    git::make_repository(&dir, "Begin").unwrap();
    let mut site = Site::discover(&dir, None).unwrap();
    site.workspaces = scratch.path().join("workspaces");

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
