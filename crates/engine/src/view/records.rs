//! How agents did, kept as attempts, patches and costs change, so that nobody has to count.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Attempt, CostEntry, Evidence, Patch};
use tollhouse_core::lifecycle::AttemptState;
use tollhouse_core::spec::TrackRecord;
use tollhouse_core::{CostEntryId, Kind, Money, RecordId, RunId, Span};

use super::{Table, View};
use crate::routing::{Verdict, merged, verdict};

/// How each agent did in each run: always what follows from the records alone, in whatever order they came.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Records {
    by_run: BTreeMap<RunId, BTreeMap<String, TrackRecord>>,
}

impl Records {
    pub(super) fn of(&self, run: RunId, agent: &str) -> TrackRecord {
        self.by_run.get(&run).and_then(|agents| agents.get(agent)).copied().unwrap_or_default()
    }

    pub(super) fn of_all(&self) -> BTreeMap<String, TrackRecord> {
        let mut all: BTreeMap<String, TrackRecord> = BTreeMap::new();
        for (agent, record) in self.by_run.values().flatten() {
            let sum = all.entry(agent.clone()).or_default();
            *sum = merged(*sum, *record);
        }
        all
    }

    /// Notes that an attempt is something else now, and what it was.
    pub(super) fn note_attempt(&mut self, patches: &Table<Patch>, before: Option<&Attempt>, now: &Attempt) {
        let patch_of = |attempt: &Attempt| {
            let id = attempt.end.as_ref().and_then(|end| end.patch)?;
            patches.get(&id.into()).map(|held| &held.body)
        };
        let was = before.map(|before| share(before, patch_of(before)));
        self.shift((now.run, &now.agent), was, share(now, patch_of(now)));
    }

    /// Notes that a patch is something else now, and what it was.
    pub(super) fn note_patch(&mut self, attempts: &Table<Attempt>, before: Option<&Patch>, now: &Patch) {
        let attempt = now.attempt.and_then(|attempt| attempts.get(&attempt.into())).map(|held| &held.body);
        let Some(attempt) = attempt else { return };
        if attempt.end.as_ref().and_then(|end| end.patch) == Some(now.id) {
            let was = share(attempt, before);
            self.shift((attempt.run, &attempt.agent), Some(was), share(attempt, Some(now)));
        }
    }

    /// Notes what an agent's attempt is known to have cost.
    fn note_cost(&mut self, of: (RunId, &str), before: Option<Money>, now: Option<Money>) {
        let priced = |cost: Option<Money>| TrackRecord {
            priced: u64::from(cost.is_some()),
            cost: cost.unwrap_or_default(),
            ..TrackRecord::default()
        };
        self.shift(of, Some(priced(before)), priced(now));
    }

    fn shift(&mut self, (run, agent): (RunId, &str), was: Option<TrackRecord>, now: TrackRecord) {
        let agents = self.by_run.entry(run).or_default();
        if !agents.contains_key(agent) {
            agents.insert(agent.to_owned(), TrackRecord::default());
        }
        let Some(record) = agents.get_mut(agent) else { return };
        *record = merged(without(*record, was.unwrap_or_default()), now);
    }
}

impl View {
    /// Notes a cost entry that was not known. One that stands in for another may come before it.
    pub(super) fn note_cost(&mut self, id: RecordId) {
        let Some(entry) = self.get::<CostEntry>(id) else { return };
        let (Some(run), Some(attempt), Some(agent)) = (entry.run, entry.attempt, entry.agent.clone()) else { return };
        let all = self.ids_under(attempt.into(), Kind::CostEntry);
        let all: Vec<&CostEntry> = all.filter_map(|id| self.get::<CostEntry>(id)).collect();
        let now = known_cost(all.iter().copied());
        let before = known_cost(all.iter().copied().filter(|other| RecordId::from(other.id) != id));
        self.records.note_cost((run, &agent), before, now);
    }
}

/// What the entries of an attempt come to that no other stands in for, as far as that is known.
pub fn known_cost<'e>(entries: impl Iterator<Item = &'e CostEntry> + Clone) -> Option<Money> {
    let corrected: BTreeSet<CostEntryId> = entries.clone().filter_map(|entry| entry.corrects).collect();
    let counts = |entry: &&CostEntry| !corrected.contains(&entry.id) && entry.evidence != Evidence::Unknown;
    entries.filter(counts).filter_map(|entry| entry.amount).reduce(Money::saturating_add)
}

/// What one attempt adds to the record of its agent.
fn share(attempt: &Attempt, patch: Option<&Patch>) -> TrackRecord {
    let verdict = verdict(attempt, patch);
    let ended_itself = matches!(attempt.state, AttemptState::Succeeded | AttemptState::Failed | AttemptState::TimedOut);
    let time = attempt.finished_at.filter(|_| ended_itself).map(|end| end.since(attempt.started_at));
    TrackRecord {
        leases: 1,
        accepted: u64::from(verdict == Some(Verdict::Accepted)),
        refused: u64::from(verdict == Some(Verdict::Refused)),
        timed: u64::from(time.is_some()),
        time: time.unwrap_or_default(),
        ..TrackRecord::default()
    }
}

/// The record without a share of it.
fn without(record: TrackRecord, share: TrackRecord) -> TrackRecord {
    let cost = Money::from_nanos(record.cost.as_nanos().saturating_sub(share.cost.as_nanos()));
    TrackRecord {
        leases: record.leases.saturating_sub(share.leases),
        accepted: record.accepted.saturating_sub(share.accepted),
        refused: record.refused.saturating_sub(share.refused),
        timed: record.timed.saturating_sub(share.timed),
        time: Span::from_millis(record.time.as_millis().saturating_sub(share.time.as_millis())),
        priced: record.priced.saturating_sub(share.priced),
        cost,
    }
}
