//! durare in `benches/peers.rs`: an operation is one step of a workflow; callers are workflows that run at once.
//!
//! durare's own connection is WAL with `synchronous = NORMAL`, which may lose what was acknowledged. Its guide to production says
//! to build the pool oneself where that does not fit, so this one is what `SqliteProvider::connect` makes, but for FULL and
//! more patience. What begins and ends a workflow is not timed.

#[path = "../../contestant.rs"]
mod contestant;
#[path = "../../pool.rs"]
mod pool;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contestant::{Lap, Task, WARM_UP, payload};
use durare::{DurableContext, DurableEngine, SqliteProvider, WorkflowOptions};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Barrier;

/// How long a connection waits for its turn. With durare's own 5 seconds, some of many callers may starve on a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

/// As many as `SqliteProvider::connect` opens.
const CONNECTIONS: u32 = 5;

#[tokio::main]
async fn main() {
    let task = Task::from_arguments();
    let pool = open(&task).await;
    let provider = Arc::new(SqliteProvider::from_pool(pool.clone()));
    let mut engine = DurableEngine::new(provider).await.expect("an engine");
    let (start, laps) = (Arc::new(Barrier::new(task.callers)), Arc::new(Mutex::new(Vec::new())));
    engine.register("caller", {
        let laps = Arc::clone(&laps);
        move |ctx: DurableContext, operations: usize| {
            let (start, laps) = (Arc::clone(&start), Arc::clone(&laps));
            async move {
                for _ in 0..WARM_UP {
                    step(&ctx).await?;
                }
                start.wait().await;
                let mut lap = Lap::begin();
                for _ in 0..operations {
                    step(&ctx).await?;
                    lap.acknowledged();
                }
                laps.lock().expect("nobody panicked").push(lap);
                Ok(())
            }
        }
    });
    let mut callers = Vec::new();
    for caller in 0..task.callers {
        let options = WorkflowOptions::with_id(format!("caller-{caller}"));
        callers.push(engine.start::<_, ()>("caller", task.share(caller), options).await.expect("it starts"));
    }
    for caller in callers {
        caller.result().await.expect("every step is recorded");
    }
    let (steps,): (i64,) =
        sqlx::query_as("SELECT count(*) FROM operation_outputs").fetch_one(&pool).await.expect("a count");
    assert_eq!(usize::try_from(steps), Ok(task.total()), "every step is there");
    let settings = pool::settings(&pool).await;
    pool.close().await;
    let laps = std::mem::take(&mut *laps.lock().expect("nobody panicked"));
    task.report(laps, &settings);
}

/// One durable step, whose result is the payload.
async fn step(ctx: &DurableContext) -> durare::Result<String> {
    ctx.step("step", || async { Ok(payload()) }).await
}

async fn open(task: &Task) -> SqlitePool {
    let options = SqliteConnectOptions::new()
        .filename(&task.file)
        .create_if_missing(true)
        .foreign_keys(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(PATIENCE);
    SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await.expect("a pool")
}
