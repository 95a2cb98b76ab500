//! Group commit: jobs that wait together share one transaction, and so one sync of the disk.
//!
//! Whoever finds nobody writing becomes the leader and writes for all who wait, itself included; the others sleep until
//! their answer is there or it is their turn to lead. A lone caller leads at once and pays for no thread. Nobody lingers for
//! others: what waits meanwhile is the next transaction, and its leader is woken before those who only get their answers.
//! It must never lose an answer, also if the leader panics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use rusqlite::Connection;

use super::job::Job;
use super::write::{self, Answer};
use crate::store::{CommitError, StoreError};

/// The connection that writes, and those who wait for it.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: Vec<Job>,
    /// Who brought them, in the same order.
    seats: Vec<Arc<Seat>>,
    /// Whether somebody is writing, or was told to.
    led: bool,
}

/// Where a caller sits until something comes for it.
#[derive(Debug)]
struct Seat {
    thread: Thread,
    word: Mutex<Option<Word>>,
}

/// What comes for a caller that waits.
#[derive(Debug)]
enum Word {
    Answer(Answer),
    /// It is the first of those who wait: it writes for all of them.
    Lead,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Mutex::new(connection), queue: Mutex::default() }
    }

    /// Has a job written, by this thread or by another one.
    pub(super) fn write(&self, job: Job) -> Answer {
        let seat = {
            let mut queue = lock(&self.queue);
            if !queue.led {
                queue.led = true;
                drop(queue);
                return self.lead(vec![job], Vec::new());
            }
            let seat = Arc::new(Seat { thread: thread::current(), word: Mutex::new(None) });
            queue.jobs.push(job);
            queue.seats.push(Arc::clone(&seat));
            seat
        };
        match seat.wait() {
            Word::Answer(answer) => answer,
            Word::Lead => {
                let (jobs, seats) = {
                    let mut queue = lock(&self.queue);
                    (std::mem::take(&mut queue.jobs), std::mem::take(&mut queue.seats))
                };
                // Its own job is the first.
                self.lead(jobs, seats.into_iter().skip(1).collect())
            }
        }
    }

    /// Writes these jobs, the first of which is the caller's own, and the others those of `seats`.
    fn lead(&self, mut jobs: Vec<Job>, seats: Vec<Arc<Seat>>) -> Answer {
        let mut turn = Turn { writer: self, seats, answers: Vec::new() };
        let mut answers = write::batch(&mut lock(&self.connection), &mut jobs).into_iter();
        let own = answers.next().unwrap_or_else(|| Err(stopped()));
        turn.answers = answers.collect();
        own
    }
}

impl Seat {
    fn wait(&self) -> Word {
        loop {
            if let Some(word) = lock(&self.word).take() {
                return word;
            }
            thread::park();
        }
    }

    fn tell(&self, word: Word) {
        *lock(&self.word) = Some(word);
        self.thread.unpark();
    }
}

/// Passes the lead on and hands out the answers when a leader is done, however it ends.
struct Turn<'a> {
    writer: &'a Writer,
    seats: Vec<Arc<Seat>>,
    answers: Vec<Answer>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let next = {
            let mut queue = lock(&self.writer.queue);
            queue.led = !queue.seats.is_empty();
            queue.seats.first().cloned()
        };
        if let Some(next) = next {
            next.tell(Word::Lead);
        }
        let answers = self.answers.drain(..).chain(std::iter::repeat_with(|| Err(stopped())));
        for (seat, answer) in self.seats.drain(..).zip(answers) {
            seat.tell(Word::Answer(answer));
        }
    }
}

/// A lock that somebody panicked under holds what it held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stopped() -> CommitError {
    StoreError::Failed { op: "commit", what: "the thread that wrote it stopped".to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat() -> Arc<Seat> {
        Arc::new(Seat { thread: thread::current(), word: Mutex::new(None) })
    }

    #[test]
    fn a_leader_that_panics_leaves_an_answer_for_everybody_and_somebody_who_leads() {
        let writer = Writer::new(Connection::open_in_memory().unwrap());
        let (followers, waiting) = ([seat(), seat()], seat());
        lock(&writer.queue).led = true;
        lock(&writer.queue).seats.push(Arc::clone(&waiting));
        drop(Turn { writer: &writer, seats: followers.to_vec(), answers: Vec::new() });
        for follower in &followers {
            assert!(matches!(follower.wait(), Word::Answer(answer) if answer == Err(stopped())));
        }
        assert!(matches!(waiting.wait(), Word::Lead));
        assert!(lock(&writer.queue).led, "until the one who was told to lead does so");
    }

    #[test]
    fn with_nobody_waiting_the_lead_is_free() {
        let writer = Writer::new(Connection::open_in_memory().unwrap());
        lock(&writer.queue).led = true;
        drop(Turn { writer: &writer, seats: Vec::new(), answers: Vec::new() });
        assert!(!lock(&writer.queue).led);
    }
}
