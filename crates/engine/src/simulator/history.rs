//! What holds of each commit, in the order of the ledger: the promises of the lifecycles on what may follow what.
//!
//! It reads records and events as a store gives them. It must never fold them itself: that is what is tried here.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Effect, GateRun, Patch, Run, Task, Work, Workstream};
use tollhouse_core::lifecycle::{GateRunState, RunState, TaskEvent};
use tollhouse_core::spec::{Crew, Requirement, Weight};
use tollhouse_core::{Actor, Event, Kind, PatchId, RecordId, Severity, Stream, Timestamp, limits};
use tollhouse_state::{Cursor, Store};

use super::breakers::Breakers;
use super::invariants::{Broken, claim};
use super::money::Purse;
use super::routing::Routing;
use crate::view::View;

/// The ledger so far, commit by commit.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The records as the store gives them.
    view: View,
    position: u64,
    states: BTreeMap<RecordId, String>,
    commits: BTreeSet<String>,
    newest_at: BTreeMap<Stream, Timestamp>,
    /// The tasks that are missed.
    missed: BTreeSet<RecordId>,
    /// How often a gate could not be judged on a tree, by the patch, workstream or run that it judges, the gate, the tree and what
    /// that stands on; of a patch, since a person last let it in.
    errors: BTreeMap<(RecordId, String, String, String), u32>,
    /// The landings that were begun and not settled.
    landings: BTreeMap<PatchId, RecordId>,
    purse: Purse,
    breakers: Breakers,
    routing: Routing,
}

/// What nothing leaves, and what only these events leave.
const FINISHED: [(Kind, &str, &[&str]); 30] = [
    (Kind::Run, "succeeded", &[]),
    (Kind::Run, "failed", &["quarantine"]),
    (Kind::Run, "quarantined", &[]),
    (Kind::Run, "canceled", &[]),
    (Kind::Task, "completed", &[]),
    (Kind::Task, "failed", &["requeue"]),
    (Kind::Task, "canceled", &[]),
    (Kind::Task, "skipped", &[]),
    (Kind::Attempt, "succeeded", &[]),
    (Kind::Attempt, "failed", &[]),
    (Kind::Attempt, "timed_out", &[]),
    (Kind::Attempt, "interrupted", &[]),
    (Kind::Attempt, "lost", &[]),
    (Kind::Attempt, "canceled", &[]),
    (Kind::Patch, "committed", &["roll_back"]),
    (Kind::Patch, "rolled_back", &[]),
    (Kind::Patch, "quarantined", &["release", "drop"]),
    (Kind::Patch, "dropped", &[]),
    (Kind::GateRun, "passed", &[]),
    (Kind::GateRun, "failed", &[]),
    (Kind::GateRun, "error", &[]),
    (Kind::GateRun, "skipped", &[]),
    (Kind::Workstream, "completed", &[]),
    (Kind::Workstream, "failed", &[]),
    (Kind::Workstream, "canceled", &[]),
    (Kind::Workstream, "skipped", &[]),
    (Kind::Worker, "terminated", &[]),
    (Kind::Worker, "crashed", &[]),
    (Kind::Effect, "done", &[]),
    (Kind::Effect, "failed", &[]),
];

/// What only a person does, and always with a reason.
const BY_A_PERSON: [(Kind, &str); 11] = [
    (Kind::Run, "resume"),
    (Kind::Run, "quarantine"),
    (Kind::Task, "requeue"),
    (Kind::Patch, "release"),
    (Kind::Patch, "approve"),
    (Kind::Patch, "roll_back"),
    (Kind::Workstream, "cancel"),
    (Kind::Workstream, "skip"),
    (Kind::Budget, "change"),
    (Kind::Worker, "resume"),
    (Kind::Worker, "drain"),
];

impl History {
    /// The records as of the newest commit that was looked at.
    pub(super) const fn view(&self) -> &View {
        &self.view
    }

    /// When the newest event was, in any stream.
    pub(super) fn newest_at(&self) -> Timestamp {
        self.newest_at.values().max().copied().unwrap_or(Timestamp::EPOCH)
    }

    /// Looks at what was committed since; the answer is its events.
    pub(super) fn go_on(&mut self, store: &impl Store) -> Result<Vec<Event>, Broken> {
        let broken = |what: String| Broken { claim: "a ledger without faults can be read", what };
        let cursor = Cursor { after: self.position, ..Cursor::default() };
        let events = store.events(&cursor).map_err(|error| broken(error.to_string()))?;
        for commit in events.chunk_by(|one, next| one.commit == next.commit) {
            let before = self.landings.clone();
            for event in commit {
                self.event(event)?;
            }
            let ids: Vec<RecordId> = commit.iter().map(|event| event.record).collect();
            for record in store.get(&ids).map_err(|error| broken(error.to_string()))?.into_iter().flatten() {
                self.view.take(&record).map_err(|error| broken(error.to_string()))?;
            }
            self.commit(commit, &before)?;
        }
        Ok(events)
    }

    /// What can be said of an event before its commit is over.
    fn event(&mut self, event: &Event) -> Result<(), Broken> {
        let told = || format!("{} {} at {}", event.event.name, event.record, event.position);
        self.position = event.position;
        let newest = self.newest_at.insert(event.stream, event.at);
        claim(newest.is_none_or(|newest| newest <= event.at), "time never goes back in a stream", told)?;
        let before = self.states.insert(event.record, event.state.clone());
        let kind = event.record.kind();
        let leaves = before.as_ref().is_some_and(|before| *before != event.state);
        if let Some((_, _, exits)) =
            FINISHED.iter().find(|(of, state, _)| *of == kind && before.as_deref() == Some(*state))
            && leaves
        {
            claim(
                exits.contains(&event.event.name.as_str()),
                "what is finished is left only by a person's events",
                told,
            )?;
        }
        let name = event.event.name.as_str();
        self.note_missed(event);
        self.routing.event(event, &self.breakers, &self.view)?;
        self.breakers.event(event)?;
        if matches!((kind, name), (Kind::Task, "lease") | (Kind::GateRun, "start")) {
            self.may_start(event)?;
        }
        if matches!((kind, name), (Kind::Task, "created" | "need")) {
            self.may_be_more(event, before.as_deref())?;
        }
        if BY_A_PERSON.contains(&(kind, name)) {
            let by =
                matches!(event.actor, Actor::Person(_)) && event.event.reason.as_ref().is_some_and(|r| !r.is_empty());
            claim(by, "an override is a person's, and has a reason", told)?;
        }
        if BY_A_PERSON.contains(&(kind, name)) {
            claim(event.event.severity >= Severity::Warning, "an override is worth a warning", told)?;
        }
        Ok(())
    }

    /// What must hold when an agent or a gate begins, of what came before on the ledger.
    fn may_start(&self, event: &Event) -> Result<(), Broken> {
        let told = || format!("{} {} at {}", event.event.name, event.record, event.position);
        let Stream::Run(run) = event.stream else { return Ok(()) };
        let state = self.states.get(&run.into()).map_or("", String::as_str);
        let released = event.record.kind() == Kind::GateRun && ["succeeded", "failed", "canceled"].contains(&state);
        let judges = event.record.kind() == Kind::GateRun && state == "verifying";
        claim(state == "running" || released || judges, "nothing starts in a run that rests or ends", told)?;
        let Some(task) = self.view.get::<Task>(event.record) else { return Ok(()) };
        let others = || self.view.all::<Task>().filter(|other| other.run == run && other.id != task.id);
        self.does_not_wind_down(task, told)?;
        let under_way = |other: &Task| {
            let state = self.states.get(&other.id.into()).map(String::as_str);
            let same = task.spec.conflict_group.is_some() && other.spec.conflict_group == task.spec.conflict_group;
            same && matches!(state, Some("running" | "validating"))
        };
        claim(!others().any(under_way), "no two tasks of a conflict group are under way", told)
    }

    /// What must hold when a task is added to a run that goes on, or made to wait for one that is.
    fn may_be_more(&self, event: &Event, before: Option<&str>) -> Result<(), Broken> {
        let told = || format!("{} {} at {}", event.event.name, event.record, event.position);
        match serde_json::from_str(&event.event.body) {
            Ok(TaskEvent::Created { task }) if task.added_by.is_some() => {
                let state = self.states.get(&task.run.into()).map_or("", String::as_str);
                let goes_on = matches!(state, "pending" | "running" | "paused");
                claim(goes_on, "tasks are added to a run that goes on", told)?;
                let own =
                    |one: &&Workstream| one.run == task.run && Some(&one.spec.name) == task.spec.workstream.as_ref();
                let own = self.view.all::<Workstream>().find(own).map(|one| one.state);
                claim(own.is_none_or(|own| !own.is_finished()), "a finished workstream takes no new tasks", told)
            }
            Ok(TaskEvent::Need { .. }) => {
                let waits = matches!(before, Some("pending" | "blocked"));
                claim(waits, "only what waits already waits for more", told)
            }
            _ => Ok(()),
        }
    }

    /// Nothing critical was missed that a task's run, or its workstream, ends with.
    fn does_not_wind_down(&self, task: &Task, told: impl Fn() -> String) -> Result<(), Broken> {
        let missed = |id: RecordId| self.missed.contains(&id);
        let critical = |other: &Task| {
            let counts = other.spec.workstream.is_none() || other.spec.workstream == task.spec.workstream;
            counts && other.spec.weight == Weight::Critical && missed(other.id.into())
        };
        let tasks = || self.view.all::<Task>().filter(|other| other.run == task.run && other.id != task.id);
        claim(!tasks().any(critical), "a run that winds down leases nothing", &told)?;
        let ends = |one: &Workstream| one.spec.weight == Weight::Critical && missed(one.id.into());
        let mut workstreams = self.view.all::<Workstream>().filter(|one| one.run == task.run);
        claim(!workstreams.any(ends), "a run that winds down leases nothing", &told)
    }

    /// Failed, canceled, or skipped because something that is needed was missed.
    fn note_missed(&mut self, event: &Event) {
        if let Some(workstream) = self.view.get::<Workstream>(event.record)
            && (workstream.is_missed() || matches!(event.state.as_str(), "failed" | "canceled"))
        {
            self.missed.insert(event.record);
        }
        if event.record.kind() != Kind::Task {
            return;
        }
        let missed = matches!(event.state.as_str(), "failed" | "canceled") || event.event.name == "dependency_failed";
        if missed {
            self.missed.insert(event.record)
        } else {
            self.missed.remove(&event.record)
        };
    }

    /// What can be said once the records are as the commit made them.
    fn commit(&mut self, commit: &[Event], landings: &BTreeMap<PatchId, RecordId>) -> Result<(), Broken> {
        let id = &commit[0].commit;
        claim(self.commits.insert(id.clone()), "what was asked for is done once", || id.clone())?;
        self.note_landings(commit);
        self.breakers.commit()?;
        self.purse.commit(commit, &self.view)?;
        for event in commit {
            let told = || format!("{} {} at {}", event.event.name, event.record, event.position);
            match (event.record.kind(), event.event.name.as_str()) {
                (Kind::Run, "drained" | "accept" | "fail") => {
                    claim(self.is_drained(event.record), "a run ends once it is drained", told)?;
                }
                (Kind::Patch, "verify" | "land") => {
                    claim(self.passed(event.record), "what is verified passed every required gate on that tree", told)?;
                }
                (Kind::Patch, "release") => self.errors.retain(|(judged, ..), _| *judged != event.record),
                (Kind::GateRun, "break") => {
                    let often = self.note_error(event.record) > limits::GATE_ERROR_RETRIES_MAX + 1;
                    claim(!often, "an error is run again at most twice", told)?;
                }
                (Kind::Effect, "start") => {
                    claim(
                        self.may_begin(event.record),
                        "effects begin in a run that goes on, for who drives it or holds the task",
                        told,
                    )?;
                }
                _ => {}
            }
            let subject = self.subject(event);
            let overtakes = subject.is_some_and(|patch| {
                landings.get(&patch).is_some_and(|landing| self.landings.get(&patch) == Some(landing))
            });
            claim(!overtakes, "until a landing is settled its patch and task take only its outcome", told)?;
        }
        Ok(())
    }

    /// How often this gate could not be judged there by now, by its own doing.
    fn note_error(&mut self, id: RecordId) -> u32 {
        let Some(gate_run) = self.view.get::<GateRun>(id) else { return 0 };
        let stopped = gate_run.end.as_ref().is_some_and(|end| end.stopped);
        let [patch, workstream, run] = [
            gate_run.patch.map(RecordId::from),
            gate_run.workstream.map(RecordId::from),
            gate_run.run.map(RecordId::from),
        ];
        let Some(judged) = patch.or(workstream).or(run).filter(|_| !stopped) else { return 0 };
        let place = (judged, gate_run.gate.name.clone(), gate_run.tree.clone(), gate_run.parent.clone());
        let count = self.errors.entry(place).or_default();
        *count += 1;
        *count
    }

    fn note_landings(&mut self, commit: &[Event]) {
        for event in commit.iter().filter(|event| event.record.kind() == Kind::Effect) {
            let Some(Work::Land { patch }) = self.view.get::<Effect>(event.record).map(|effect| effect.work.clone())
            else {
                continue;
            };
            match event.event.name.as_str() {
                "start" => drop(self.landings.insert(patch, event.record)),
                "finish" | "fail" | "retry" => drop(self.landings.remove(&patch)),
                _ => {}
            }
        }
    }

    /// The patch that an event is about: of a task, the one that it waits for.
    fn subject(&self, event: &Event) -> Option<PatchId> {
        match event.record.kind() {
            Kind::Patch => PatchId::try_from(event.record).ok(),
            Kind::Task => self.view.get::<Task>(event.record)?.patch,
            _ => None,
        }
    }

    /// Every task and workstream finished; no attempt or gate run alive, no effect unsettled.
    fn is_drained(&self, run: RecordId) -> bool {
        let Some(run) = self.view.get::<Run>(run).map(|run| run.id) else { return false };
        let view = &self.view;
        view.all::<Task>().filter(|task| task.run == run).all(|task| task.state.is_finished())
            && view.all::<Workstream>().filter(|one| one.run == run).all(|one| one.state.is_finished())
            && view.all::<Patch>().filter(|patch| patch.run == Some(run)).all(|patch| patch.state.is_finished())
            && view.all::<GateRun>().filter(|gate| gate.run == Some(run)).all(|gate| gate.state.is_finished())
            && view.all::<Effect>().filter(|effect| effect.run == Some(run)).all(|effect| effect.state.is_finished())
    }

    /// Whether each required gate of a patch's run passed, the last time that it was run on the patch's candidate.
    fn passed(&self, patch: RecordId) -> bool {
        let Some(patch) = self.view.get::<Patch>(patch) else { return false };
        let Some(run) = patch.run.and_then(|run| self.view.get::<Run>(run)) else { return false };
        let Some(on) = &patch.candidate else { return false };
        run.spec.gates.iter().filter(|gate| gate.requirement == Requirement::Required).all(|gate| {
            let here = |one: &&GateRun| {
                one.patch == Some(patch.id)
                    && one.gate.name == gate.name
                    && one.tree == on.tree
                    && one.parent == on.parent
            };
            let last = self.view.all::<GateRun>().filter(here).max_by_key(|one| one.number);
            last.is_some_and(|one| one.state == GateRunState::Passed)
        })
    }

    fn may_begin(&self, effect: RecordId) -> bool {
        let Some(effect) = self.view.get::<Effect>(effect) else { return false };
        let Some(run) = effect.run.and_then(|run| self.view.get::<Run>(run)) else { return effect.run.is_none() };
        let rests =
            matches!(run.state, RunState::Pending | RunState::Paused | RunState::Canceling | RunState::Quarantined);
        // What a shared worker was given it begins, whoever drives.
        let by_worker = run.spec.crew == Crew::Shared && matches!(effect.work, Work::Spawn { .. } | Work::Kill { .. });
        (run.conductor.is_some() || by_worker) && (!rests || matches!(effect.work, Work::Kill { .. }))
    }
}
