//! What the peers on sqlx have in common. Each has a version of sqlx of its own.

use sqlx::SqlitePool;

/// Read back from every connection of the pool; they must agree.
pub(crate) async fn settings(pool: &SqlitePool) -> Vec<(&'static str, String)> {
    let mut held = Vec::new();
    let mut found: Vec<(String, i64)> = Vec::new();
    for _ in 0..pool.size() {
        let mut connection = pool.acquire().await.expect("a connection");
        let (mode,) = sqlx::query_as("PRAGMA journal_mode").fetch_one(&mut *connection).await.expect("a mode");
        let (level,) = sqlx::query_as("PRAGMA synchronous").fetch_one(&mut *connection).await.expect("a level");
        found.push((mode, level));
        // Kept, or the pool would hand it out again.
        held.push(connection);
    }
    found.dedup();
    let [(mode, level)] = found.as_slice() else { panic!("connections differ: {found:?}") };
    vec![("journal_mode", mode.clone()), ("synchronous", level.to_string()), ("connections", held.len().to_string())]
}
