//! One play of a run: what begins and ends when, from event to event.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tollhouse_core::Span;

use super::graph::plus;
use super::rehearsal::Rehearsal;

/// How many questions whether something may begin may lead to no, over the whole play. A small plan's are all asked; in a
/// large one some that could begin are overlooked for a while.
const VAIN_MAX: usize = 4_000_000;

/// How a run went, or would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// When each task began, from the beginning of the run; `None`: never.
    pub starts: Vec<Option<Span>>,
    /// How long it takes from the first beginning to the last end.
    pub makespan: Span,
    /// How long all tasks take together.
    pub work: Span,
    /// The most at once.
    pub peak: usize,
    /// How many are under way, from each moment to the next where that changes.
    pub profile: Vec<Moment>,
    /// What waited for another, and would have had room.
    pub waits: Vec<Wait>,
}

/// How many tasks are under way from a moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// From the beginning of the run.
    pub at: Span,
    /// So many.
    pub running: usize,
}

/// A task that waited for another because the two are never under way together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Who waited.
    pub task: usize,
    /// For whom, first.
    pub blocker: usize,
    /// From when there was room until it began.
    pub time: Span,
}

/// What keeps tasks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heed {
    /// Scopes and conflict groups.
    Clashes,
    /// Room alone.
    Nothing,
}

/// What keeps a lot from beginning.
#[derive(Debug, Clone, Copy)]
enum Obstacle {
    /// Its agent is at as many tasks as it may be.
    Agent(usize),
    /// This task of another lot, or of its own, is under way.
    Task(usize),
}

/// A run in the middle of its play. Tasks wait in lots: those of one lot are alike, so only its first is ever asked about.
pub(super) struct Stage<'r> {
    run: &'r Rehearsal<'r>,
    room: usize,
    heed: Heed,
    vain_max: usize,
    now: u64,
    /// How many of its needs each task still waits for.
    open: Vec<usize>,
    /// The turns of the tasks of each lot that may begin.
    lots: Vec<BinaryHeap<Reverse<usize>>>,
    /// Lots whose first task may be asked about, by its turn. An entry whose turn is not the lot's first is old.
    ready: BinaryHeap<Reverse<(usize, usize)>>,
    is_parked: Vec<bool>,
    /// Who is asked again when a task of a lot ends.
    behind_lot: Vec<Vec<usize>>,
    /// Who is asked again when a task of an agent ends.
    behind_agent: Vec<Vec<usize>>,
    under_way: Vec<usize>,
    at_work: Vec<usize>,
    /// When each of those that are under way ends.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    /// Since when, and for whom, a task waits that would have had room.
    waiting: Vec<Option<(u64, usize)>>,
    course: Course,
}

impl<'r> Stage<'r> {
    pub(super) fn new(run: &'r Rehearsal<'r>, room: usize, heed: Heed) -> Self {
        let (tasks, lots, agents) = (run.lengths.len(), run.clashes.lot_count(), run.agent_room.len());
        Self {
            run,
            room,
            heed,
            vain_max: (VAIN_MAX / tasks.max(1)).clamp(16, 1000),
            now: 0,
            open: (0..tasks).map(|task| run.graph.needs(task).len()).collect(),
            lots: vec![BinaryHeap::new(); lots],
            ready: BinaryHeap::new(),
            is_parked: vec![false; lots],
            behind_lot: vec![Vec::new(); lots],
            behind_agent: vec![Vec::new(); agents],
            under_way: vec![0; lots],
            at_work: vec![0; agents],
            ends: BinaryHeap::new(),
            waiting: vec![None; tasks],
            course: Course {
                starts: vec![None; tasks],
                makespan: Span::default(),
                work: Span::default(),
                peak: 0,
                profile: Vec::new(),
                waits: Vec::new(),
            },
        }
    }

    /// From the beginning to the end, where the tasks take so long.
    pub(super) fn play(mut self, lengths: &[Span]) -> Course {
        for task in 0..self.open.len() {
            if self.open[task] == 0 {
                self.release(task);
            }
        }
        loop {
            self.fill(lengths);
            self.note_moment();
            let Some(Reverse((end, _))) = self.ends.peek() else { break };
            self.now = *end;
            while let Some(Reverse((end, task))) = self.ends.peek().copied()
                && end == self.now
            {
                self.ends.pop();
                self.finish(task);
            }
        }
        self.course.makespan = Span::from_millis(self.now);
        self.course
    }

    /// Everything that it needs is done.
    fn release(&mut self, task: usize) {
        let (lot, turn) = (self.run.clashes.lot_of(task), self.run.turn_of[task]);
        self.lots[lot].push(Reverse(turn));
        if self.lots[lot].peek() == Some(&Reverse(turn)) && !self.is_parked[lot] {
            self.ready.push(Reverse((turn, lot)));
        }
    }

    /// Begins what may begin, while there is room.
    fn fill(&mut self, lengths: &[Span]) {
        let mut vain = 0;
        while self.ends.len() < self.room
            && vain < self.vain_max
            && let Some(Reverse((turn, lot))) = self.ready.pop()
        {
            if self.is_parked[lot] || self.lots[lot].peek() != Some(&Reverse(turn)) {
                continue;
            }
            let task = self.run.turns[turn];
            if let Some(obstacle) = self.obstacle(task, lot) {
                vain += 1;
                self.park(task, lot, obstacle);
            } else {
                self.begin(task, lot, lengths[task]);
            }
        }
    }

    fn obstacle(&self, task: usize, lot: usize) -> Option<Obstacle> {
        let is_full = |agent: &usize| self.at_work[*agent] >= self.run.agent_room[*agent];
        if let Some(agent) = self.run.agent_of[task].filter(is_full) {
            return Some(Obstacle::Agent(agent));
        }
        let meets = self.run.clashes.meets(lot);
        if self.heed == Heed::Nothing || meets.is_empty() {
            return None;
        }
        // Whichever of the two is shorter.
        if meets.len() < self.ends.len() && !meets.iter().any(|other| self.under_way[*other] > 0) {
            return None;
        }
        let mut under_way = self.ends.iter().map(|Reverse((_, other))| *other);
        under_way.find(|other| meets.binary_search(&self.run.clashes.lot_of(*other)).is_ok()).map(Obstacle::Task)
    }

    fn park(&mut self, task: usize, lot: usize, obstacle: Obstacle) {
        self.is_parked[lot] = true;
        match obstacle {
            Obstacle::Agent(agent) => self.behind_agent[agent].push(lot),
            Obstacle::Task(other) => {
                self.behind_lot[self.run.clashes.lot_of(other)].push(lot);
                self.waiting[task].get_or_insert((self.now, other));
            }
        }
    }

    fn begin(&mut self, task: usize, lot: usize, length: Span) {
        self.lots[lot].pop();
        if let Some(Reverse(turn)) = self.lots[lot].peek() {
            self.ready.push(Reverse((*turn, lot)));
        }
        self.under_way[lot] += 1;
        if let Some(agent) = self.run.agent_of[task] {
            self.at_work[agent] += 1;
        }
        self.ends.push(Reverse((self.now.saturating_add(length.as_millis()), task)));
        let course = &mut self.course;
        course.starts[task] = Some(Span::from_millis(self.now));
        course.work = plus(course.work, length);
        course.peak = course.peak.max(self.ends.len());
        if let Some((since, blocker)) = self.waiting[task] {
            course.waits.push(Wait { task, blocker, time: Span::from_millis(self.now - since) });
        }
    }

    fn finish(&mut self, task: usize) {
        let lot = self.run.clashes.lot_of(task);
        self.under_way[lot] -= 1;
        let mut again = std::mem::take(&mut self.behind_lot[lot]);
        if let Some(agent) = self.run.agent_of[task] {
            self.at_work[agent] -= 1;
            again.append(&mut self.behind_agent[agent]);
        }
        for lot in again {
            self.is_parked[lot] = false;
            if let Some(Reverse(turn)) = self.lots[lot].peek() {
                self.ready.push(Reverse((*turn, lot)));
            }
        }
        for next in self.run.graph.dependents(task) {
            self.open[*next] -= 1;
            if self.open[*next] == 0 {
                self.release(*next);
            }
        }
    }

    fn note_moment(&mut self) {
        let moment = Moment { at: Span::from_millis(self.now), running: self.ends.len() };
        let profile = &mut self.course.profile;
        // What began and ended within no time is no moment.
        if profile.last().is_some_and(|last| last.at == moment.at) {
            profile.pop();
        }
        if profile.last().is_none_or(|last| last.running != moment.running) {
            profile.push(moment);
        }
    }
}
