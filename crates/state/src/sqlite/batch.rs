//! What one transaction does with the jobs that wait together, and what becomes of them where it fails.

use rusqlite::Connection;

use super::job::{Job, PreparedCommit};
use super::write::{Ends, Found, look, pulse, run, write};
use crate::store::{CommitError, Committed, StoreError};

/// What became of a job.
pub(super) type Answer = Result<Done, CommitError>;

/// A job that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Done {
    Commit(Committed),
    Pulse,
}

/// Writes jobs in one transaction, each of them all or nothing. If the transaction fails, it fails for all: nothing is
/// said to be written that is not on disk.
///
/// What a commit can be refused for is seen before anything of it is written, so a refusal takes nothing back. Where the
/// writing itself fails, all is written anew with a savepoint for each job, which then fails alone. To have savepoints always
/// would cost each job a copy of every page that it touches.
pub(super) fn batch(connection: &mut Connection, jobs: &mut [Job]) -> Vec<Answer> {
    let written = match try_batch(connection, jobs, Failing::Together) {
        // Nothing was tried yet.
        Err(error @ StoreError::Busy { .. }) => Err(error),
        Err(_) => try_batch(connection, jobs, Failing::Alone),
        done => done,
    };
    written.unwrap_or_else(|error| jobs.iter().map(|_| Err(error.clone().into())).collect())
}

/// What a job that cannot be written takes with it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Failing {
    /// The transaction.
    Together,
    /// Nothing: it has a savepoint.
    Alone,
}

fn try_batch(connection: &mut Connection, jobs: &mut [Job], failing: Failing) -> Result<Vec<Answer>, StoreError> {
    let transaction = WriteTransaction::begin(connection)?;
    let connection = transaction.connection;
    let mut ends = Ends::of(connection)?;
    let mut answers = Vec::with_capacity(jobs.len());
    for job in jobs {
        answers.push(match job {
            Job::Commit(commit) => written(connection, &mut ends, commit, failing)?.map(Done::Commit),
            Job::Pulse { record, at } => pulse(connection, record, *at).map(|()| Ok(Done::Pulse))?,
        });
    }
    transaction.commit()?;
    Ok(answers)
}

/// A transaction that writes, of prepared statements. What is not committed is rolled back.
struct WriteTransaction<'a> {
    connection: &'a Connection,
}

impl<'a> WriteTransaction<'a> {
    fn begin(connection: &'a mut Connection) -> Result<Self, StoreError> {
        run(connection, "BEGIN IMMEDIATE")?;
        Ok(Self { connection })
    }

    fn commit(self) -> Result<(), StoreError> {
        run(self.connection, "COMMIT")
    }
}

impl Drop for WriteTransaction<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // Where even this fails, the next transaction says so: it cannot begin.
            let _unable = run(self.connection, "ROLLBACK");
        }
    }
}

/// The outer error means that the transaction is lost.
fn written(
    connection: &Connection,
    ends: &mut Ends,
    commit: &mut PreparedCommit,
    failing: Failing,
) -> Result<Result<Committed, CommitError>, StoreError> {
    let standing = match look(connection, ends, commit) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(Found::Made(made)) => return Ok(Ok(made)),
        Ok(Found::Standing(standing)) => standing,
    };
    if failing == Failing::Together {
        return write(connection, ends, commit, &standing);
    }
    run(connection, "SAVEPOINT job")?;
    match write(connection, ends, commit, &standing) {
        // A full disk, for one, makes SQLite roll back all of it.
        Err(error) if connection.is_autocommit() => Err(error),
        Err(error) => {
            run(connection, "ROLLBACK TO job")?;
            run(connection, "RELEASE job")?;
            *ends = Ends::of(connection)?;
            Ok(Err(error.into()))
        }
        answer => {
            run(connection, "RELEASE job")?;
            answer
        }
    }
}

#[cfg(test)]
#[cfg(feature = "testing")]
mod tests {
    use tollhouse_core::{Kind, Record, RecordId};

    use super::*;
    use crate::conformance::make;
    use crate::sqlite::{read, schema};
    use crate::store::{Cursor, Find, Novelty};

    fn ledger() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::create_or_update(&mut connection, "in memory".as_ref()).unwrap();
        connection
    }

    fn job(commit: &tollhouse_core::Commit) -> Job {
        Job::Commit(PreparedCommit::new(commit).unwrap())
    }

    fn id(job: &Job) -> RecordId {
        let Job::Commit(commit) = job else { panic!("{job:?}") };
        commit.rows[0].record
    }

    fn jobs() -> Vec<Job> {
        let body = format!("\"{}\"", "x".repeat(500_000));
        let large = Record { body, ..make::new(Kind::Task, 2) };
        let records = [make::new(Kind::Task, 1), large, make::new(Kind::Task, 3)];
        records.map(|record| job(&make::commit(record.id.to_string(), [record]))).into()
    }

    fn ids(connection: &Connection) -> Vec<RecordId> {
        let events = read::events(connection, &Cursor::default()).unwrap();
        events.into_iter().map(|event| event.record).collect()
    }

    #[test]
    fn where_the_transaction_cannot_be_committed_nobody_is_told_that_it_was() {
        let mut connection = ledger();
        // Only at the end of the transaction does SQLite notice that there is no such parent.
        connection
            .execute_batch(
                "PRAGMA foreign_keys = ON;
                 CREATE TABLE parent (id INTEGER PRIMARY KEY);
                 CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
                 CREATE TRIGGER late AFTER INSERT ON event WHEN new.position = 2
                 BEGIN INSERT INTO child VALUES (7); END;",
            )
            .unwrap();
        let answers = batch(&mut connection, &mut jobs());
        assert!(
            answers.iter().all(|a| matches!(a, Err(CommitError::Backend(StoreError::Failed { .. })))),
            "{answers:?}"
        );
        assert_eq!(ids(&connection), []);
        assert!(connection.is_autocommit(), "the next batch can begin");
    }

    #[test]
    fn a_job_that_fails_halfway_takes_back_its_own_and_no_other() {
        let mut connection = ledger();
        connection
            .execute_batch(
                "CREATE TRIGGER halfway AFTER INSERT ON event WHEN length(new.body) > 2 AND new.position = 2
                 BEGIN SELECT raise(ABORT, 'halfway'); END;",
            )
            .unwrap();
        let records = [make::new(Kind::Task, 1), make::new(Kind::Task, 2), make::new(Kind::Task, 3)];
        let mut commits = records.map(|record| make::commit(record.id.to_string(), [record]));
        commits[0].changes[0].event.body = "{}".into();
        commits[2].changes[0].event.body = "{}".into();
        let mut jobs: Vec<_> = commits.iter().map(job).collect();

        let answers = batch(&mut connection, &mut jobs);
        assert!(matches!(answers[1], Err(CommitError::Backend(StoreError::Failed { .. }))), "{answers:?}");
        let made = |first| Ok(Done::Commit(Committed { first, last: first, novelty: Novelty::Fresh }));
        assert_eq!((&answers[0], &answers[2]), (&made(1), &made(2)));
        let expected = [&commits[0], &commits[2]].map(|commit| commit.changes[0].record.clone());
        assert_eq!(read::find(&connection, &Find::default()).unwrap(), expected);
        assert_eq!(ids(&connection), expected.map(|record| record.id));
    }

    #[test]
    fn what_a_full_disk_leaves_is_what_was_claimed() {
        let mut connection = ledger();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        connection.pragma_update(None, "max_page_count", pages + 40).unwrap();
        let mut jobs = jobs();
        let answers = batch(&mut connection, &mut jobs);
        assert_eq!(answers[1], Err(StoreError::DiskFull { op: "commit" }.into()));
        let claimed: Vec<_> = jobs.iter().zip(&answers).filter(|(_, a)| a.is_ok()).map(|(job, _)| id(job)).collect();
        assert_eq!(ids(&connection), claimed);
        assert!(batch(&mut connection, &mut jobs[..1])[0].is_ok(), "there is room for the first");
    }
}
