//! What is forgotten at a person's word: texts and nothing else, and history still holds.
#![expect(clippy::unwrap_used, reason = "what the tests share is a test too")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use tollhouse_core::entity::{Attempt, Effect, Entity, Patch, Run, Task, Work};
use tollhouse_core::lifecycle::{EffectState, RunState};
use tollhouse_core::{Actor, Event, Kind, Record, RecordId, Timestamp};
use tollhouse_engine::forget::{KINDS, Left, PURGED, forgotten, is_forgotten, reach};
use tollhouse_engine::simulator::{Until, drive_smoothly, history_of, smooth_run};
use tollhouse_engine::verify::{FindingCode, Verified, verify};
use tollhouse_engine::{At, Claimant, Command, Engine, EngineError, Outcome, Refusal, View, fork_of};
use tollhouse_state::conformance::{dump, rounds};
use tollhouse_state::{Cursor, Find, MemoryStore, Rewrite, Store};

fn later() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

fn execute<S: Store>(engine: &mut Engine<S>, command: &Command) -> Result<(), EngineError> {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let seed = SEED.fetch_add(1, Ordering::Relaxed);
    engine.execute(command, &Actor::Person("ada".to_owned()), At { now: later(), seed }).map(|_| ())
}

/// Asks for a purge; the answer is the effect.
fn ask<S: Store>(store: &S, record: RecordId) -> Result<Effect, EngineError> {
    let about: Vec<RecordId> =
        store.get(&[record]).unwrap().into_iter().flatten().filter_map(|one| one.run).map(Into::into).collect();
    let mut engine = Engine::open_project_with(store, &[about, vec![record]].concat())?;
    let purge = Command::Purge { record, reason: "it holds a key".to_owned() };
    execute(&mut engine, &purge)?;
    execute(&mut engine, &purge)?;
    let mut effects = engine.view().all::<Effect>();
    let effect = effects.next().expect("it was asked for").clone();
    assert!(effects.next().is_none(), "said twice, it is asked for once");
    Ok(effect)
}

/// What is to be written so that these records are forgotten.
fn rewrite_of<S: Store>(store: &S, records: &[Record]) -> Rewrite {
    let mut all = Rewrite::default();
    for record in records {
        let events = store.events(&Cursor { record: Some(record.id), ..Cursor::default() }).unwrap();
        let Rewrite { records, events } = forgotten(record, &events).unwrap();
        all.records.extend(records);
        all.events.extend(events);
    }
    all
}

/// As a runner does it.
fn purge<S: Store>(store: &S, record: RecordId) -> Vec<Record> {
    let effect = ask(store, record).unwrap();
    let mut engine = Engine::open_project_with(store, &[effect.id.into()]).unwrap();
    let by = Claimant { owner: "ada".to_owned(), conductor: 0, process: None, worker: None };
    execute(&mut engine, &Command::Claim { effect: effect.id, by, until: later() }).unwrap();
    let gone = reach(store, record).unwrap();
    let rewrite = rewrite_of(store, &gone);
    store.rewrite(&rewrite).unwrap();
    let outcome = Box::new(Outcome::Purged { left: Left::of(&rewrite.events) });
    execute(&mut engine, &Command::Report { effect: effect.id, epoch: 1, outcome }).unwrap();
    let effect = engine.view().get::<Effect>(effect.id).unwrap();
    assert_eq!(effect.state, EffectState::Done);
    assert!(matches!(&effect.work, Work::Purge { reason, .. } if reason == "it holds a key"));
    gone
}

fn runs<S: Store>(store: &S) -> Vec<Record> {
    store.find(&Find { kind: Some(Kind::Run), ..Find::default() }).unwrap()
}

fn codes(verified: &Verified) -> Vec<FindingCode> {
    let mut codes: Vec<FindingCode> = verified.findings.iter().map(|finding| finding.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// All that is not a content.
fn bones(record: &Record) -> impl PartialEq + std::fmt::Debug + use<> {
    (record.id, record.run, record.parent, record.state.clone(), record.version)
}

#[test]
fn whatever_happened_can_be_forgotten_and_history_still_holds() {
    for seed in 0..rounds() / 4 {
        let store = history_of(seed).unwrap_or_else(|violation| panic!("{violation}"));
        let before = dump(&store);
        for run in runs(&store) {
            let gone = purge(&store, run.id);
            assert!(gone.iter().all(|record| record.run == run.run), "seed {seed}");
        }
        let verified = verify(&store, 0).unwrap();
        assert!(verified.is_sound(), "seed {seed}: {verified:#?}");
        let after = dump(&store);
        let known: BTreeMap<RecordId, &Record> = after.records.iter().map(|record| (record.id, record)).collect();
        for record in &before.records {
            assert_eq!(bones(known[&record.id]), bones(record), "seed {seed}");
            assert!(!KINDS.contains(&record.kind()) || record.run.is_none() || is_forgotten(known[&record.id]));
        }
        for (event, was) in after.events.iter().zip(&before.events) {
            let event = Event { event: was.event.clone(), ..event.clone() };
            assert_eq!(event, *was, "seed {seed}");
        }
        for since in [1, verified.events / 2, verified.events - 1] {
            assert!(verify(&store, since).unwrap().is_sound(), "seed {seed} since {since}");
        }
    }
}

#[test]
fn a_run_says_nothing_any_more_of_what_was_to_be_done() {
    let store = smooth_run(3);
    purge(&store, runs(&store)[0].id);
    for record in dump(&store).records {
        match record.kind() {
            Kind::Task => assert_eq!(Task::from_record(&record).unwrap().spec.prompt, PURGED),
            Kind::Attempt => assert_eq!(Attempt::from_record(&record).unwrap().prompt, PURGED),
            Kind::Patch => assert_eq!(Patch::from_record(&record).unwrap().title, PURGED),
            Kind::Run => assert_eq!(Run::from_record(&record).unwrap().state, RunState::Succeeded),
            _ => {}
        }
    }
}

#[test]
fn with_a_record_goes_what_hangs_on_it_and_nothing_else() {
    for kind in KINDS {
        let store = smooth_run(3);
        let before = dump(&store);
        let subject = before.records.iter().find(|record| record.kind() == kind).expect("there is one");
        let gone: Vec<RecordId> = purge(&store, subject.id).iter().map(|record| record.id).collect();
        assert!(gone.contains(&subject.id), "{kind}");
        assert!(kind == Kind::Run || gone.len() < 6, "{kind}: {gone:?}");
        let after = dump(&store);
        for record in before.records.iter().filter(|record| !gone.contains(&record.id)) {
            assert!(after.records.contains(record), "{kind}: {record:?}");
        }
        for event in before.events.iter().filter(|event| !gone.contains(&event.record)) {
            assert!(after.events.contains(event), "{kind}: {event:?}");
        }
        assert!(verify(&store, 0).unwrap().is_sound(), "{kind}");
    }
}

#[test]
fn what_is_asked_for_and_not_done_yet_is_no_finding() {
    let store = smooth_run(2);
    ask(&store, runs(&store)[0].id).unwrap();
    assert!(verify(&store, 0).unwrap().is_sound());
}

#[test]
fn what_goes_without_a_word_on_the_ledger_is_found() {
    let store = smooth_run(2);
    let run = runs(&store)[0].id;
    let rewrite = rewrite_of(&store, &reach(&store, run).unwrap());
    store.rewrite(&rewrite).unwrap();
    let verified = verify(&store, 0).unwrap();
    assert_eq!(codes(&verified), [FindingCode::ContentEdited, FindingCode::RecordDiffers], "{verified:#?}");
    // A word on one of them is none on the others.
    let task = store.find(&Find { kind: Some(Kind::Task), ..Find::default() }).unwrap().remove(0);
    purge(&store, task.id);
    let fewer = verify(&store, 0).unwrap();
    assert!(fewer.findings_count < verified.findings_count, "{fewer:#?}");
    assert!(!fewer.is_sound());
}

#[test]
fn another_text_in_the_place_of_one_that_was_purged_is_found() {
    let store = smooth_run(2);
    purge(&store, runs(&store)[0].id);
    let task = store.find(&Find { kind: Some(Kind::Task), ..Find::default() }).unwrap().remove(0);
    let sound = rewrite_of(&store, std::slice::from_ref(&task));
    let forge = |text: &str| text.replace(&format!("\"prompt\":\"{PURGED}\""), "\"prompt\":\"what was never asked\"");
    let mut forged = sound.clone();
    forged.records[0].body = forge(&forged.records[0].body);
    assert_ne!(forged, sound);
    store.rewrite(&forged).unwrap();
    assert_eq!(codes(&verify(&store, 0).unwrap()), [FindingCode::RecordDiffers]);
    // In the event as well, so that it folds.
    forged.events[0].body = forge(&forged.events[0].body);
    store.rewrite(&forged).unwrap();
    let verified = verify(&store, 0).unwrap();
    assert_eq!(codes(&verified), [FindingCode::ContentEdited, FindingCode::RecordDiffers], "{verified:#?}");
    store.rewrite(&sound).unwrap();
    // No text, but what else an event says.
    let mut forged = sound.clone();
    forged.events[0].body = forged.events[0].body.replace("\"place\":", "\"place\":7");
    assert_ne!(forged, sound);
    store.rewrite(&forged).unwrap();
    assert_eq!(codes(&verify(&store, 0).unwrap()), [FindingCode::ContentEdited, FindingCode::RecordDiffers]);
    // And in the record as well, so that it folds: only what was noted of what was left tells.
    forged.records[0].body = forged.records[0].body.replace("\"place\":", "\"place\":7");
    store.rewrite(&forged).unwrap();
    assert_eq!(codes(&verify(&store, 0).unwrap()), [FindingCode::ContentEdited]);
    store.rewrite(&sound).unwrap();
    assert!(verify(&store, 0).unwrap().is_sound());
}

#[test]
fn what_is_not_over_or_holds_no_text_is_not_purged() {
    let store = MemoryStore::new();
    drive_smoothly(&store, 2, Until::Events(1), Timestamp::from_micros(1_700_000_000_000_000));
    let refusal = |id: RecordId| match ask(&store, id) {
        Err(EngineError::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    let run = runs(&store)[0].id;
    assert!(matches!(refusal(run), Refusal::NotOver { id, .. } if id == run));
    let task = store.find(&Find { kind: Some(Kind::Task), ..Find::default() }).unwrap().remove(0).id;
    assert!(matches!(refusal(task), Refusal::NotOver { .. }));
    let store = smooth_run(1);
    let effect = store.find(&Find { kind: Some(Kind::Effect), ..Find::default() }).unwrap().remove(0).id;
    assert!(matches!(ask(&store, effect), Err(EngineError::Refused(Refusal::NothingToPurge { .. }))));
    let nobody = RecordId::from_parts(Kind::Patch, later(), 7);
    assert!(matches!(ask(&store, nobody), Err(EngineError::Refused(Refusal::NotFound { .. }))));
}

#[test]
fn nothing_is_done_again_of_what_was_purged() {
    let store = smooth_run(2);
    let run = runs(&store)[0].id;
    purge(&store, run);
    let view = View::load(&store, run.try_into().unwrap()).unwrap();
    let refusal = fork_of(&view, run.try_into().unwrap(), None).unwrap_err();
    assert!(matches!(refusal, Refusal::Purged { .. }), "{refusal}");
}
