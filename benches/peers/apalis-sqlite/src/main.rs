//! apalis-sqlite in `benches/peers.rs`: an operation is a job pushed to the queue.
//!
//! `SqliteStorage::setup` sets `synchronous = OFF` on the one connection that it happens to get, and leaves the others at FULL.
//! Here it runs on a pool of its own, and every connection that is measured gets what it sets, but for FULL.

#[path = "../../contestant.rs"]
mod contestant;
#[path = "../../pool.rs"]
mod pool;

use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::TaskSink;
use apalis_sqlite::{SqliteConnectOptions, SqlitePool, SqlitePoolOptions, SqliteStorage};
use contestant::{Lap, Task, WARM_UP, payload};
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use tokio::sync::Barrier;

/// How long a connection waits for its turn. With sqlx's own 5 seconds, some of many callers may starve on a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// As many as sqlx opens where nobody says.
const CONNECTIONS: u32 = 10;

#[tokio::main]
async fn main() {
    let task = Task::from_arguments();
    let pool = open(&task).await;
    let storage = SqliteStorage::<String>::new(&pool);
    let start = Arc::new(Barrier::new(task.callers));
    let callers: Vec<_> = (0..task.callers)
        .map(|caller| {
            let (mut storage, start, operations) = (storage.clone(), Arc::clone(&start), task.share(caller));
            tokio::spawn(async move {
                for _ in 0..WARM_UP {
                    storage.push(payload()).await.expect("the job is pushed");
                }
                start.wait().await;
                let mut lap = Lap::begin();
                for _ in 0..operations {
                    storage.push(payload()).await.expect("the job is pushed");
                    lap.acknowledged();
                }
                lap
            })
        })
        .collect();
    let mut laps = Vec::new();
    for caller in callers {
        laps.push(caller.await.expect("every job is pushed"));
    }
    let (jobs,): (i64,) = sqlx::query_as("SELECT count(*) FROM Jobs").fetch_one(&pool).await.expect("a count");
    assert_eq!(usize::try_from(jobs), Ok(task.total()), "every job is there");
    let settings = pool::settings(&pool).await;
    pool.close().await;
    task.report(laps, &settings);
}

async fn open(task: &Task) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(&task.file).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await.expect("a pool");
    SqliteStorage::setup(&pool).await.expect("a schema");
    pool.close().await;
    let options = options
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE)
        .pragma("temp_store", "memory")
        .pragma("cache_size", "64000")
        .pragma("journal_size_limit", "67108864");
    SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.expect("a pool")
}
