//! Group commit: commits that wait together share one transaction, and so one sync of the disk.
//!
//! Whoever finds nobody writing becomes the leader and writes for all who wait, itself included; the others sleep until
//! their answer is there or it is their turn to lead. A lone caller leads at once and pays for no thread.
//! It must never lose an answer, also if the leader panics.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::write::{self, Answer, Job};
use crate::store::{CommitError, StoreError};

/// The connection that writes, and those who wait for it.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Mutex<Connection>,
    queue: Mutex<Queue>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    next_ticket: u64,
    waiting: Vec<(u64, Job)>,
    answers: BTreeMap<u64, Answer>,
    /// Whether somebody is writing.
    led: bool,
}

impl Writer {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection: Mutex::new(connection), queue: Mutex::default(), moved: Condvar::new() }
    }

    /// Has a job written, by this thread or by another one.
    pub(super) fn commit(&self, job: Job) -> Answer {
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.waiting.push((ticket, job));
        loop {
            if let Some(answer) = queue.answers.remove(&ticket) {
                return answer;
            }
            if queue.led {
                queue = self.moved.wait(queue).unwrap_or_else(PoisonError::into_inner);
            } else {
                queue.led = true;
                let batch = std::mem::take(&mut queue.waiting);
                drop(queue);
                self.lead(batch);
                queue = self.queue();
            }
        }
    }

    /// The connection, for what is no commit.
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lead(&self, batch: Vec<(u64, Job)>) {
        let (tickets, jobs): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let mut turn = Turn { writer: self, tickets, answers: VecDeque::new() };
        turn.answers = write::batch(&mut self.connection(), &jobs).into();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands out the answers when the leader is done, however it ends.
struct Turn<'a> {
    writer: &'a Writer,
    tickets: Vec<u64>,
    answers: VecDeque<Answer>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.writer.queue();
        queue.led = false;
        for ticket in self.tickets.drain(..) {
            let answer = self.answers.pop_front().unwrap_or_else(|| Err(stopped()));
            queue.answers.insert(ticket, answer);
        }
        self.writer.moved.notify_all();
    }
}

fn stopped() -> CommitError {
    StoreError::Failed { op: "commit", what: "the thread that wrote it stopped".to_owned() }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_that_panics_leaves_an_answer_for_everybody() {
        let writer = Writer::new(Connection::open_in_memory().unwrap());
        writer.queue().led = true;
        let turn = Turn { writer: &writer, tickets: vec![3, 5], answers: VecDeque::new() };
        drop(turn);
        let queue = writer.queue();
        assert!(!queue.led);
        assert_eq!(queue.answers.keys().copied().collect::<Vec<_>>(), [3, 5]);
        assert!(queue.answers.values().all(|answer| *answer == Err(stopped())));
    }
}
