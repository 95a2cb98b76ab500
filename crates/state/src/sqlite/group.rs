//! Group commit: jobs that wait together share one transaction, and so one sync of the disk.
//!
//! Whoever finds nobody writing becomes the leader and writes for all who wait, itself included; the others sleep until
//! their answer is there or it is their turn to lead. A lone caller leads at once and pays for no thread. Nobody lingers for
//! others: what came meanwhile is the next transaction.
//! It must never lose an answer, also if the leader panics.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use rusqlite::Connection;

use super::batch::{Answer, batch};
use super::job::Job;
use crate::store::{CommitError, StoreError};

/// The connection that writes, and those who wait for it.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whether somebody is writing, or was told to.
    led: bool,
    /// What waits, with those who brought it.
    next: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    jobs: Vec<Job>,
    room: Arc<Room>,
}

/// Where those wait whose jobs are written together, each with the number of its job.
#[derive(Debug)]
struct Room {
    /// Who brought the first job. It writes for all, once it is told to.
    leader: Thread,
    word: Mutex<Word>,
    answered: Condvar,
}

#[derive(Debug)]
enum Word {
    Wait,
    Lead,
    /// By number. The jobs go back to those who brought them, who have the time to clear them away.
    Done(Vec<Option<(Answer, Option<Job>)>>),
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Mutex::new(connection), queue: Mutex::default() }
    }

    /// Has a job written, by this thread or by another one.
    pub(super) fn write(&self, job: Job) -> Answer {
        let (room, number) = {
            let mut queue = lock(&self.queue);
            if !queue.led {
                queue.led = true;
                drop(queue);
                return self.lead(vec![job], Room::new());
            }
            let waiting = queue.next.get_or_insert_with(|| Waiting { jobs: Vec::new(), room: Room::new() });
            waiting.jobs.push(job);
            (Arc::clone(&waiting.room), waiting.jobs.len() - 1)
        };
        if number > 0 {
            return room.answer(number);
        }
        room.wait_for_the_lead();
        let next = lock(&self.queue).next.take();
        next.map_or_else(|| Err(stopped()), |Waiting { jobs, room }| self.lead(jobs, room))
    }

    /// Does something with the connection while nobody writes.
    pub(super) fn alone<T>(&self, act: impl FnOnce(&mut Connection) -> T) -> T {
        act(&mut lock(&self.connection))
    }

    /// Writes these jobs, the first of which is the caller's own.
    fn lead(&self, jobs: Vec<Job>, room: Arc<Room>) -> Answer {
        let mut turn = Turn { writer: self, room, count: jobs.len(), answers: Vec::new(), jobs };
        turn.answers = batch(&mut lock(&self.connection), &mut turn.jobs);
        let room = Arc::clone(&turn.room);
        drop(turn);
        room.answer(0)
    }
}

impl Room {
    /// Of the thread that calls.
    fn new() -> Arc<Self> {
        Arc::new(Self { leader: thread::current(), word: Mutex::new(Word::Wait), answered: Condvar::new() })
    }

    fn wait_for_the_lead(&self) {
        while !matches!(*lock(&self.word), Word::Lead) {
            thread::park();
        }
    }

    fn pass_the_lead(&self) {
        *lock(&self.word) = Word::Lead;
        self.leader.unpark();
    }

    fn answer(&self, number: usize) -> Answer {
        let waiting = |word: &mut Word| !matches!(word, Word::Done(_));
        let mut word = self.answered.wait_while(lock(&self.word), waiting).unwrap_or_else(PoisonError::into_inner);
        let Word::Done(answers) = &mut *word else { return Err(stopped()) };
        let taken = answers.get_mut(number).and_then(Option::take);
        drop(word);
        taken.map_or_else(|| Err(stopped()), |(answer, _job)| answer)
    }
}

/// Hands out the answers and passes the lead on when a leader is done, however it ends.
struct Turn<'a> {
    writer: &'a Writer,
    room: Arc<Room>,
    count: usize,
    jobs: Vec<Job>,
    answers: Vec<Answer>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let answers = self.answers.drain(..).chain(std::iter::repeat_with(|| Err(stopped())));
        let jobs = self.jobs.drain(..).map(Some).chain(std::iter::repeat_with(|| None));
        *lock(&self.room.word) = Word::Done(answers.zip(jobs).take(self.count).map(Some).collect());
        self.room.answered.notify_all();
        let next = {
            let mut queue = lock(&self.writer.queue);
            queue.led = queue.next.is_some();
            queue.next.as_ref().map(|next| Arc::clone(&next.room))
        };
        if let Some(next) = next {
            next.pass_the_lead();
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

    #[test]
    fn a_leader_that_panics_leaves_an_answer_for_everybody_and_somebody_who_leads() {
        let writer = Writer::new(Connection::open_in_memory().unwrap());
        let (room, waiting) = (Room::new(), Room::new());
        lock(&writer.queue).led = true;
        lock(&writer.queue).next = Some(Waiting { jobs: Vec::new(), room: Arc::clone(&waiting) });
        drop(Turn { writer: &writer, room: Arc::clone(&room), count: 2, jobs: Vec::new(), answers: Vec::new() });
        assert_eq!([room.answer(0), room.answer(1)], [Err(stopped()), Err(stopped())]);
        waiting.wait_for_the_lead();
        assert!(lock(&writer.queue).led, "until the one who was told to lead does so");
    }

    #[test]
    fn with_nobody_waiting_the_lead_is_free() {
        let writer = Writer::new(Connection::open_in_memory().unwrap());
        lock(&writer.queue).led = true;
        drop(Turn { writer: &writer, room: Room::new(), count: 1, jobs: Vec::new(), answers: Vec::new() });
        assert!(!lock(&writer.queue).led);
    }
}
