//! effectum in `benches/peers.rs`: an operation is a job added to the queue. Callers that wait together share a commit there,
//! too.
//!
//! What its users get is a rollback journal and `synchronous = NORMAL`: it asks for WAL by a pragma that SQLite does not know,
//! and has no option for either. That syncs the journal and the database at each commit, but not that the journal is gone, so a
//! power cut may still undo the newest one ("PRAGMA synchronous", EXTRA). It is taken for equal, in effectum's favour.

#[path = "../../contestant.rs"]
mod contestant;

use std::sync::Arc;
use std::time::Duration;

use contestant::{Lap, Task, WARM_UP, payload};
use effectum::{Job, Queue};
use rusqlite::Connection;
use tokio::sync::Barrier;

// As effectum's documentation begins.
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let task = Task::from_arguments();
    let queue = Arc::new(Queue::new(&task.file).await.expect("a queue"));
    let settings = settings(&queue, &task).await;
    let start = Arc::new(Barrier::new(task.callers));
    let callers: Vec<_> = (0..task.callers)
        .map(|caller| {
            let (queue, start, operations) = (Arc::clone(&queue), Arc::clone(&start), task.share(caller));
            tokio::spawn(async move {
                for _ in 0..WARM_UP {
                    add(&queue, "work").await;
                }
                start.wait().await;
                let mut lap = Lap::begin();
                for _ in 0..operations {
                    add(&queue, "work").await;
                    lap.acknowledged();
                }
                lap
            })
        })
        .collect();
    let mut laps = Vec::new();
    for caller in callers {
        laps.push(caller.await.expect("every job is added"));
    }
    queue.close(Duration::from_secs(10)).await.expect("it closes");
    let connection = Connection::open(&task.file).expect("the database");
    let count = "SELECT count(*) FROM jobs JOIN active_jobs USING (job_id) WHERE job_type = 'work'";
    let jobs: usize = connection.query_row(count, [], |row| row.get(0)).expect("a count");
    assert_eq!(jobs, task.total(), "every job is there");
    task.report(laps, &settings);
}

async fn add(queue: &Queue, kind: &'static str) {
    Job::builder(kind).payload(payload().into_bytes()).add_to(queue).await.expect("the job is added");
}

/// Read back from the connection that writes: it is effectum's own, so a trigger that it runs writes them down.
async fn settings(queue: &Queue, task: &Task) -> Vec<(&'static str, String)> {
    let connection = Connection::open(&task.file).expect("the database");
    let note = "CREATE TABLE noted (journal_mode, synchronous);
        CREATE TRIGGER note AFTER INSERT ON jobs BEGIN
            INSERT INTO noted SELECT journal_mode, synchronous FROM pragma_journal_mode, pragma_synchronous;
        END;";
    connection.execute_batch(note).expect("a trigger");
    add(queue, "look").await;
    let row = "SELECT journal_mode, CAST(synchronous AS TEXT) FROM noted";
    let (mode, sync) = connection.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("settings");
    connection.execute_batch("DROP TRIGGER note; DROP TABLE noted;").expect("they can go");
    vec![("journal_mode", mode), ("synchronous", sync)]
}
