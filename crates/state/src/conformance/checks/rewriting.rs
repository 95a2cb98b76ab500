use tollhouse_core::{Kind, Record};

use crate::conformance::{Dump, Fixture, dump, make};
use crate::store::{EventContent, Find, RecordContent, Rewrite, Store, StoreError};

pub fn contents_are_replaced_and_nothing_else<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (task, _) = two(&store);
    store.rewrite(&rewrite(&store, &task)).expect("a sound rewrite is made");
    let mut expected = two_as_dumped(fixture);
    for record in expected.records.iter_mut().filter(|record| record.id == task.id) {
        *record =
            Record { keys: [("name".to_owned(), "gone".to_owned())].into(), body: "\"gone\"".into(), ..record.clone() };
    }
    for event in expected.events.iter_mut().filter(|event| event.record == task.id) {
        event.event.body = format!("[\"gone\",{}]", event.position);
    }
    assert_eq!(dump(&store), expected);
    assert_eq!(dump(&fixture.reopen(store)), expected);
}

pub fn a_rewrite_that_cannot_be_made_changes_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (task, other) = two(&store);
    let before = dump(&store);
    let sound = rewrite(&store, &task);
    let with = |bend: fn(&mut Rewrite)| {
        let mut bent = sound.clone();
        bend(&mut bent);
        bent
    };
    let mut of_another = sound.clone();
    of_another.events[1].record = other.id;
    let mut absent = sound.clone();
    absent.records.push(RecordContent { id: make::id(Kind::Task, 99), ..sound.records[0].clone() });
    let bent = [
        of_another,
        absent,
        with(|rewrite| rewrite.events[1].position = 99),
        with(|rewrite| rewrite.records[0].version = 1),
        with(|rewrite| rewrite.records[0].body = "{".into()),
        with(|rewrite| rewrite.events[1].body = "no JSON".into()),
    ];
    for bent in bent {
        let refusal = store.rewrite(&bent).expect_err("it must be refused");
        assert!(matches!(refusal, StoreError::Failed { .. }), "{refusal:?}");
        assert_eq!(dump(&store), before, "{bent:?}");
    }
}

pub fn a_rewritten_record_is_found_by_its_new_keys<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (task, _) = two(&store);
    store.rewrite(&rewrite(&store, &task)).expect("a sound rewrite is made");
    let found = |name: &str| {
        let key = Some(("name".to_owned(), name.to_owned()));
        let found = store.find(&Find { key, ..Find::default() }).expect("a read");
        found.iter().map(|record| record.id).collect::<Vec<_>>()
    };
    assert_eq!(found("gone"), [task.id]);
    assert_eq!(found("secret"), []);
}

pub fn a_rewrite_may_come_again<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (task, _) = two(&store);
    let rewrite = rewrite(&store, &task);
    store.rewrite(&rewrite).expect("a sound rewrite is made");
    let once = dump(&store);
    store.rewrite(&rewrite).expect("the same again is no mistake");
    store.rewrite(&Rewrite::default()).expect("nothing is easily forgotten");
    assert_eq!(dump(&store), once);
}

pub fn what_was_rewritten_goes_on<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (task, other) = two(&store);
    let first = make::commit("made", [task.clone(), other]);
    store.rewrite(&rewrite(&store, &task)).expect("a sound rewrite is made");
    // A commit that comes again is the one that it was.
    store.commit(&first).expect("it was made before");
    let next = make::moved(&make::moved(&task));
    let committed = make::put(&store, "next", [next.clone()]);
    let Dump { events, .. } = dump(&store);
    let [.., before, last] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((last.position, &last.previous_hash), (committed.last, &before.hash));
    assert_eq!(store.get(&[task.id]), Ok(vec![Some(next)]));
}

/// A task with two events, and another record.
fn two(store: &impl Store) -> (Record, Record) {
    let mut task = make::new(Kind::Task, 1);
    task.keys.insert("name".into(), "secret".into());
    let other = make::new(Kind::Task, 2);
    make::put(store, "made", [task.clone(), other.clone()]);
    make::put(store, "moved", [make::moved(&task)]);
    (task, other)
}

fn two_as_dumped<F: Fixture>(fixture: &F) -> Dump {
    let store = fixture.store();
    two(&store);
    dump(&store)
}

/// Forgets a task of [`two`].
fn rewrite(store: &impl Store, task: &Record) -> Rewrite {
    let Dump { events, .. } = dump(store);
    let of_task = events.iter().filter(|event| event.record == task.id);
    let content = |position| EventContent { position, record: task.id, body: format!("[\"gone\",{position}]") };
    let keys = [("name".to_owned(), "gone".to_owned())].into();
    Rewrite {
        records: vec![RecordContent { id: task.id, version: 2, keys, body: "\"gone\"".into() }],
        events: of_task.map(|event| content(event.position)).collect(),
    }
}
