//! Two decisions that contradict each other must never both be made, whichever comes first, however close they come.

use std::sync::Barrier;
use std::thread;

use tollhouse_core::{Change, Commit, Kind, Record};

use crate::conformance::{Fixture, dump, make, rounds};
use crate::store::{CommitError, Committed, Store};

type Outcome = Result<Committed, CommitError>;

pub fn two_commits_that_rely_on_what_the_other_changes<F: Fixture>(fixture: &F) {
    exactly_one_wins(fixture, |setting| {
        let (left, right) = (setting.record(Kind::Task), setting.record(Kind::Task));
        setting.put([&left, &right]);
        [setting.commit([make::moved(&left)], [&right]), setting.commit([make::moved(&right)], [&left])]
    });
}

/// Who pauses a run in which nothing is under way relies on its task still waiting; who leases it, on the run still going.
pub fn pause_against_lease<F: Fixture>(fixture: &F) {
    exactly_one_wins(fixture, |setting| {
        let run = setting.record(Kind::Run);
        let task = setting.record_in(&run, Kind::Task);
        setting.put([&run, &task]);
        let pause = setting.commit([make::moved(&run)], [&task]);
        let attempt = setting.record_in(&run, Kind::Attempt);
        let lease = setting.commit([make::moved(&task), attempt], [&run, &task]);
        [pause, lease]
    });
}

/// Neither touches a record of the other: what they share is the run, which owns the set of what is being worked on. Each
/// relies on it and moves it, so that the set cannot grow unseen.
pub fn two_leases_with_overlapping_scopes<F: Fixture>(fixture: &F) {
    exactly_one_wins(fixture, |setting| {
        let run = setting.record(Kind::Run);
        let tasks = ["src/**", "src/parser/**"].map(|scope| {
            let task = setting.record_in(&run, Kind::Task);
            Record { body: format!(r#"{{"scope":["{scope}"]}}"#), ..task }
        });
        setting.put([&run, &tasks[0], &tasks[1]]);
        tasks.map(|task| {
            let attempt = Record { parent: Some(task.id), ..setting.record_in(&run, Kind::Attempt) };
            setting.commit([attempt, make::moved(&task), make::moved(&run)], [&run, &task])
        })
    });
}

pub fn land_against_drop<F: Fixture>(fixture: &F) {
    exactly_one_wins(fixture, |setting| {
        let run = setting.record(Kind::Run);
        let patch = setting.record_in(&run, Kind::Patch);
        setting.put([&run, &patch]);
        let effect = Record { parent: Some(patch.id), ..setting.record_in(&run, Kind::Effect) };
        let land = setting.commit([make::moved(&patch), effect], [&run]);
        let mut dropped = make::moved(&patch);
        dropped.body = r#"{"dropped":true}"#.into();
        [land, setting.commit([dropped], [])]
    });
}

/// Of one dollar nothing is reserved yet, and each of two attempts reserves all of it. The budget, which owns the
/// set of what is reserved, moves with each reservation, so that the sum over the set cannot change unseen.
pub fn two_reservations_of_the_last_dollar<F: Fixture>(fixture: &F) {
    exactly_one_wins(fixture, |setting| {
        let run = setting.record(Kind::Run);
        let mut budget = setting.record_in(&run, Kind::Budget);
        budget.body = r#"{"limit":1,"reserved":{}}"#.into();
        setting.put([&run, &budget]);
        [(); 2].map(|()| {
            let attempt = setting.record_in(&run, Kind::Attempt);
            let mut reserved = make::moved(&budget);
            reserved.body = format!(r#"{{"limit":1,"reserved":{{"{}":1}}}}"#, attempt.id);
            setting.commit([attempt, reserved], [&budget])
        })
    });
}

pub fn two_creations_of_one_record<F: Fixture>(fixture: &F) {
    exactly_one_wins(fixture, |setting| {
        let task = setting.record(Kind::Task);
        let mut other = task.clone();
        other.body = r#"{"other":true}"#.into();
        [setting.commit([task], []), setting.commit([other], [])]
    });
}

/// One changes what the other only relies on: the first cannot lose, and the second wins only if it came before.
pub fn relied_on_but_unchanged<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    for round in 0..rounds() + 2 {
        let setting = &mut Setting::of(&store, round);
        let (run, task) = (setting.record(Kind::Run), setting.record(Kind::Task));
        setting.put([&run, &task]);
        let changing = setting.commit([make::moved(&run)], []);
        let relying = setting.commit([make::moved(&task)], [&run]);

        let [changed, relied] = meet(&store, round, [&changing, &relying]);
        let changed = changed.expect("nothing stands against it");
        match relied {
            Ok(relied) => assert!(relied.last < changed.first, "it relied on what was no longer true"),
            Err(error) => assert_eq!(error, CommitError::Stale { id: run.id, expected: 1, actual: 2 }),
        }
    }
}

pub fn what_follows_a_stream_is_stale_once_it_went_on<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let run = make::new(Kind::Run, 1);
    make::put(&store, "made", [run.clone()]);
    let stream = run.stream();
    let task = make::new_in(&run, Kind::Task, 2);
    make::must(&store, &make::following(make::commit("in time", [task]), stream, 1));
    let late = make::following(make::commit("late", [make::new_in(&run, Kind::Task, 3)]), stream, 1);
    let before = dump(&store);
    assert_eq!(make::refused(&store, &late), CommitError::Overtaken { stream, expected: 1, actual: 2 });
    assert_eq!(dump(&store), before, "a refused commit leaves no trace");
}

pub fn an_empty_stream_is_followed_at_0<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let run = make::new(Kind::Run, 1);
    let stream = run.stream();
    let early = make::following(make::commit("early", [run.clone()]), stream, 1);
    assert_eq!(make::refused(&store, &early), CommitError::Overtaken { stream, expected: 1, actual: 0 });
    make::must(&store, &make::following(make::commit("first", [run]), stream, 0));
}

pub fn another_stream_does_not_matter<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (run, other) = (make::new(Kind::Run, 1), make::new(Kind::Run, 2));
    make::put(&store, "run", [run.clone()]);
    make::put(&store, "other", [other.clone()]);
    make::put(&store, "other again", [make::moved(&other)]);
    make::must(&store, &make::following(make::commit("on", [make::moved(&run)]), run.stream(), 1));
}

/// What a version cannot show: two decisions that each make a record, and rest on the other not being there.
pub fn of_two_that_follow_one_event_one_is_made<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    for round in 0..rounds() + 2 {
        let mut setting = Setting::of(&store, round);
        let run = setting.record(Kind::Run);
        setting.put([&run]);
        let [left, right] = [(); 2].map(|()| {
            let task = setting.record_in(&run, Kind::Task);
            make::following(setting.commit([task], []), run.stream(), 1)
        });
        let made = meet(&store, round, [&left, &right]);
        let overtaken = CommitError::Overtaken { stream: run.stream(), expected: 1, actual: 2 };
        match made {
            [Ok(_), Err(error)] | [Err(error), Ok(_)] => assert_eq!(error, overtaken),
            other => panic!("round {round}: exactly one must be made: {other:?}"),
        }
    }
}

/// Has two commits meet again and again: one after the other, the other way round, and in threads.
fn exactly_one_wins<F: Fixture>(fixture: &F, decide: impl Fn(&mut Setting<'_, F::Store>) -> [Commit; 2]) {
    let store = fixture.store();
    for round in 0..rounds() + 2 {
        let commits = decide(&mut Setting::of(&store, round));
        let before = dump(&store).events.len();
        let outcomes = meet(&store, round, [&commits[0], &commits[1]]);
        let winner = match &outcomes {
            [Ok(_), Err(CommitError::Stale { .. })] => &commits[0],
            [Err(CommitError::Stale { .. }), Ok(_)] => &commits[1],
            _ => panic!("round {round}: exactly one must win: {outcomes:?}"),
        };
        let after = dump(&store).events;
        let events: Vec<_> = after[before..].iter().map(|event| (event.record, event.version)).collect();
        let changes: Vec<_> = winner.changes.iter().map(|c| (c.record.id, c.record.version)).collect();
        assert_eq!(events, changes, "round {round}: what is there is what the winner brought");
        for Change { record, .. } in commits.iter().flat_map(|commit| &commit.changes) {
            let brought = winner.changes.iter().rfind(|change| change.record.id == record.id);
            let stored = store.get(&[record.id]).expect("a read").remove(0);
            match brought {
                Some(brought) => {
                    assert_eq!(stored.as_ref(), Some(&brought.record), "round {round}");
                }
                None => assert_ne!(stored.as_ref(), Some(record), "round {round}: it is the loser's"),
            }
        }
    }
}

fn meet<S: Store>(store: &S, round: u64, [one, other]: [&Commit; 2]) -> [Outcome; 2] {
    match round {
        0 => {
            let first = store.commit(one);
            [first, store.commit(other)]
        }
        1 => {
            let first = store.commit(other);
            [store.commit(one), first]
        }
        _ => {
            let barrier = Barrier::new(2);
            let run = |commit| {
                barrier.wait();
                store.commit(commit)
            };
            thread::scope(|scope| {
                let beside = scope.spawn(|| run(other));
                let first = run(one);
                [first, beside.join().expect("a commit does not panic")]
            })
        }
    }
}

/// Makes the records and commits of one round, all with names of their own.
struct Setting<'a, S> {
    store: &'a S,
    round: u64,
    made: u64,
}

impl<'a, S: Store> Setting<'a, S> {
    fn of(store: &'a S, round: u64) -> Self {
        Self { store, round, made: 0 }
    }

    fn number(&mut self) -> u64 {
        self.made += 1;
        self.round * 100 + self.made
    }

    fn record(&mut self, kind: Kind) -> Record {
        make::new(kind, self.number())
    }

    fn record_in(&mut self, run: &Record, kind: Kind) -> Record {
        make::new_in(run, kind, self.number())
    }

    fn put<const N: usize>(&mut self, records: [&Record; N]) {
        let id = format!("setting {}", self.number());
        make::put(self.store, id, records.map(Clone::clone));
    }

    fn commit<const N: usize, const M: usize>(&mut self, records: [Record; N], on: [&Record; M]) -> Commit {
        make::relying(make::commit(format!("decision {}", self.number()), records), on)
    }
}
