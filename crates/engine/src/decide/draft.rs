//! A decision in the making: the view as it would be, and the changes that make it so.

use std::collections::BTreeMap;

use tollhouse_core::entity::{Effect, Run, Work};
use tollhouse_core::lifecycle::{EffectEvent, EffectState};
use tollhouse_core::{
    Change, EffectId, Happening, Kind, RecordId, RepoPath, RunId, Severity, Span, Timestamp, Version, limits,
};

use crate::command::At;
use crate::guard::{Guard, stops};
use crate::refusal::Refusal;
use crate::view::{Landing, Lifecycle, View, Viewed};

/// A decision in the making.
pub(super) struct Draft<'v> {
    view: &'v View,
    /// What this decision changed or made so far.
    over: View,
    pub(super) changes: Vec<Change>,
    relies_on: BTreeMap<RecordId, Version>,
    pub(super) now: Timestamp,
    random: fastrand::Rng,
    /// Why its run is stuck, where this decision found that it is.
    stuck: Option<String>,
    /// Whose will is done at the moment.
    will: Will,
}

/// Whose will an event follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Will {
    /// A rule's.
    Rule,
    /// A person's, who goes before the rules: what happens is told as a warning.
    Person,
}

impl<'v> Draft<'v> {
    pub(super) fn new(view: &'v View, at: At) -> Self {
        Self {
            view,
            over: View::default(),
            changes: Vec::new(),
            relies_on: BTreeMap::new(),
            now: at.now,
            random: fastrand::Rng::with_seed(at.seed),
            stuck: None,
            will: Will::Rule,
        }
    }

    /// Notes whose will is done from here on.
    pub(super) fn follow(&mut self, will: Will) {
        self.will = will;
    }

    /// Notes that the run of this decision is stuck.
    pub(super) fn note_stuck(&mut self, reason: Option<String>) {
        self.stuck = reason;
    }

    /// Why the run of this decision is stuck, where it was found to be.
    pub(super) fn stuck(&self) -> Option<&str> {
        self.stuck.as_deref()
    }

    /// The record as it is in this decision.
    pub(super) fn peek<T: Viewed>(&self, id: impl Into<RecordId>) -> Option<&T> {
        let id = id.into();
        self.over.get::<T>(id).or_else(|| self.view.get::<T>(id))
    }

    /// The record as it is in this decision, which rests on it from now on.
    pub(super) fn get<T: Viewed>(&mut self, id: impl Into<RecordId>) -> Result<T, Refusal> {
        let id = id.into();
        self.rely_on::<T>(id);
        self.peek::<T>(id).cloned().ok_or(Refusal::NotFound { id })
    }

    /// Notes that the decision rests on a record, or on there being none.
    pub(super) fn rely_on<T: Viewed>(&mut self, id: RecordId) {
        self.relies_on.entry(id).or_insert_with(|| self.view.version::<T>(id));
    }

    /// Every record of a kind that belongs to a run, by id: for what is rare.
    pub(super) fn of_run<T: Viewed>(&self, run: RunId) -> Vec<&T> {
        self.in_states(run, T::State::EVERY)
    }

    /// The records of a kind that belong to a run and are in one of these states, by id.
    pub(super) fn in_states<'d, T: Viewed>(&'d self, run: RunId, states: &'d [T::State]) -> Vec<&'d T> {
        let mut found: Vec<&T> = self.any_order(run, states).collect();
        found.sort_unstable_by_key(|record| record.record_id());
        found
    }

    /// The records of a kind that belong to a run and are unfinished, by id.
    pub(super) fn unfinished<T: Viewed>(&self, run: RunId) -> Vec<&T> {
        let mut found: Vec<&T> = self.any_unfinished(run).collect();
        found.sort_unstable_by_key(|record| record.record_id());
        found
    }

    /// The same in no order that means anything: to ask whether there is one.
    pub(super) fn any_unfinished<T: Viewed>(&self, run: RunId) -> impl Iterator<Item = &T> {
        let states = T::State::EVERY.iter().filter(|state| !state.is_over());
        states.flat_map(move |state| self.any_order(run, std::slice::from_ref(state)))
    }

    /// The records of a kind that belong to a run and are in one of these states, in no order that means anything.
    pub(super) fn any_order<'d, T: Viewed>(
        &'d self,
        run: RunId,
        states: &'d [T::State],
    ) -> impl Iterator<Item = &'d T> + 'd {
        let untouched = |record: &&T| !self.over.knows(record.record_id());
        self.view.in_states::<T>(run, states).filter(untouched).chain(self.over.in_states::<T>(run, states))
    }

    /// The patches to a file that landed in a run: those of this decision, then the newest first.
    pub(super) fn landed<'d>(&'d self, run: RunId, file: &'d RepoPath) -> impl Iterator<Item = Landing> + 'd {
        let untouched = |(_, patch): &Landing| !self.over.knows((*patch).into());
        self.over.landed(run, file).chain(self.view.landed(run, file).filter(untouched))
    }

    /// The task of a run with this name in the plan.
    pub(super) fn named(&self, run: RunId, name: &str) -> Option<RecordId> {
        let known = |view: &View| view.schedule(run).and_then(|tasks| tasks.named(name));
        known(&self.over).or_else(|| known(self.view))
    }

    /// What this decision changed or made so far, as a view.
    pub(super) const fn over(&self) -> &View {
        &self.over
    }

    /// The view that this decision is made on.
    pub(super) const fn view(&self) -> &'v View {
        self.view
    }

    /// Every record of a kind that hangs on another, by id.
    pub(super) fn under<T: Viewed>(&self, parent: impl Into<RecordId>) -> Vec<&T> {
        let parent = parent.into();
        let (old, new) = (self.view.ids_under(parent, T::KIND), self.over.ids_under(parent, T::KIND));
        let ids: std::collections::BTreeSet<RecordId> = old.chain(new).collect();
        ids.into_iter().filter_map(|id| self.peek::<T>(id)).collect()
    }

    /// Lets an event happen to a record.
    pub(super) fn emit<T: Viewed>(&mut self, id: impl Into<RecordId>, event: &T::Event) -> Result<(), Refusal> {
        let id = id.into();
        let next = T::apply(self.peek::<T>(id).cloned(), event, self.now)?;
        let version = self.over.version::<T>(id).max(self.view.version::<T>(id)) + 1;
        let reason = T::event_reason(event);
        let overrides = self.will == Will::Person && reason.is_some() && T::KIND != Kind::Effect;
        let least = if overrides { Severity::Warning } else { Severity::Info };
        let happening = Happening {
            name: T::event_name(event).to_owned(),
            severity: T::event_severity(event).max(least),
            reason: reason.map(str::to_owned),
            body: serde_json::to_string(event).expect("an event has only string keys"),
        };
        self.changes.push(Change { record: next.to_record(version), event: happening });
        self.over.put(version, next);
        Ok(())
    }

    /// 80 random bits for an id, from the seed.
    pub(super) fn random_id_bits(&mut self) -> u128 {
        self.random.u128(..)
    }

    /// A random number, from the seed.
    pub(super) fn random_u32(&mut self) -> u32 {
        self.random.u32(..)
    }

    /// When the next try may begin: exponential with full jitter, after `tries` tries.
    pub(super) fn backoff_due(&mut self, tries: u32) -> Timestamp {
        let doublings = tries.saturating_sub(1).min(32);
        let longest = limits::BACKOFF_FIRST.as_millis().saturating_mul(1 << doublings);
        let wait = self.random.u64(0..=longest.min(limits::BACKOFF_MAX.as_millis()));
        self.now.after(Span::from_millis(wait))
    }

    /// Asks the runner for something.
    pub(super) fn request(&mut self, run: Option<RunId>, work: Work) -> Result<(), Refusal> {
        let id = EffectId::from_parts(self.now, self.random_id_bits());
        let effect = Box::new(Effect {
            id,
            run,
            work,
            state: EffectState::Requested,
            owner: None,
            process: None,
            epoch: 0,
            until: None,
            reason: None,
            left: None,
            created_at: self.now,
            started_at: None,
            finished_at: None,
        });
        self.emit::<Effect>(id, &EffectEvent::Created { effect })
    }

    /// Takes back what was asked for about a record and nobody began.
    pub(super) fn withdraw(&mut self, run: RunId, subject: RecordId, reason: &str) -> Result<(), Refusal> {
        let is_open = |effect: &&Effect| stops(Guard::RequestedIsWithdrawn, effect.state == EffectState::Requested);
        let asked: Vec<EffectId> = self
            .unsettled(run)
            .filter(|effect| is_open(effect) && effect.work.subject() == subject)
            .map(|effect| effect.id)
            .collect();
        for effect in asked {
            self.emit::<Effect>(effect, &EffectEvent::Withdraw { reason: reason.to_owned() })?;
        }
        Ok(())
    }

    /// The run's effects that have no outcome yet.
    pub(super) fn unsettled(&self, run: RunId) -> impl Iterator<Item = &Effect> {
        self.unfinished::<Effect>(run).into_iter()
    }

    /// The run, on which every decision about what belongs to it rests.
    pub(super) fn run(&mut self, run: RunId) -> Result<Run, Refusal> {
        self.get::<Run>(run)
    }

    /// What the decision rests on: everything that it read by name, and everything that it changed.
    pub(super) fn finish(self) -> (Vec<Change>, Vec<(RecordId, Version)>) {
        let mut relies_on = self.relies_on;
        for change in &self.changes {
            relies_on.entry(change.record.id).or_insert(change.record.version - 1);
        }
        (self.changes, relies_on.into_iter().collect())
    }
}
