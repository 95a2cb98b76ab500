use std::collections::BTreeMap;

use tollhouse_core::{Actor, Kind, Record, Timestamp};

use crate::conformance::{Fixture, dump, make};
use crate::store::{Find, Store};

/// How long a key is that is very long, in bytes.
const LONG: usize = 1 << 20;

pub fn a_record_reads_as_it_was_written<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let run = make::new(Kind::Run, 1);
    let task = make::new_in(&run, Kind::Task, 2);
    let mut attempt = make::new_in(&run, Kind::Attempt, 3);
    attempt.parent = Some(task.id);
    attempt.body = " {\"b\":1,\n \"a\":[\"ä\u{1F600}\\u0000'\\\"\"], \"b\":2} ".into();
    attempt.keys = keys([("", ""), ("name", "it's"), ("ä\u{0}ö", "\u{10FFFF}%_*")]);
    let all = [attempt.clone(), run.clone(), task.clone()];
    make::put(&store, "it's \u{0} \"ä\"", all.clone());
    assert_eq!(store.get(&[attempt.id, run.id, task.id]), Ok(all.map(Some).to_vec()));
    assert_eq!(dump(&store).records, [run, task, attempt]);
}

pub fn each_id_is_answered_in_the_order_asked_for<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let (one, two) = (make::new(Kind::Task, 1), make::new(Kind::Patch, 2));
    assert_eq!(store.get(&[]), Ok(vec![]));
    assert_eq!(store.get(&[one.id]), Ok(vec![None]));
    make::put(&store, "made", [one.clone(), two.clone()]);

    // The same bits as another's, and another kind.
    let absent = "task_".to_owned() + two.id.to_string().trim_start_matches("patch_");
    let absent = absent.parse().expect("an id");
    let asked = [two.id, absent, one.id, two.id, two.id, absent];
    let expected = vec![Some(two.clone()), None, Some(one.clone()), Some(two.clone()), Some(two.clone()), None];
    assert_eq!(store.get(&asked), Ok(expected));
    assert_eq!(store.get(&[]), Ok(vec![]));

    // More at once than there are records, and than most backends take in one question.
    let asked: Vec<_> = (0..40_000).map(|number| if number % 2 == 0 { one.id } else { absent }).collect();
    let answers = store.get(&asked).expect("a read");
    assert_eq!(answers.len(), asked.len());
    assert!(answers.iter().zip(0_u32..).all(|(answer, number)| answer.is_some() == (number % 2 == 0)));
}

pub fn any_json_comes_back_as_it_was_written<F: Fixture>(fixture: &F) {
    let wide = format!("[{}0]", "0,".repeat(100_000));
    let deep = "[".repeat(100) + &"]".repeat(100);
    let bodies = [
        "null",
        "true",
        "-0",
        "\"\"",
        "[]",
        "\t\r\n {} \n",
        // Numbers that no machine holds, and ones that would be printed in another way.
        "[123456789012345678901234567890, 1.0, 1e2, 1E+2, -0.0, 1e-400, 0.1000]",
        // The same name twice, and one that is empty.
        r#"{"a":1,"a":2,"":{"":null},"A":3}"#,
        // Escapes, written in more than one way.
        r#"["\u0000\u0001\u007f", "\/ /", "\ud83d\ude00 😀", "\u00e4 ä a\u0308 ä", "\uFFFF\ufeff"]"#,
        // Characters that some take for an end, a direction or nothing at all.
        "[\"\u{7f}\u{80}\u{85}\u{2028}\u{2029}\u{202e}\u{200b}\u{feff}\u{fffd}\u{ffff}\u{10ffff}\"]",
        r#"["'; DROP TABLE record; --", "%s %_ * ? [a-z] \\ $1 {}"]"#,
        &wide,
        &deep,
    ];
    let store = fixture.store();
    for (body, number) in bodies.into_iter().zip(1..) {
        let record = Record { body: body.to_owned(), ..make::new(Kind::Task, number) };
        let mut commit = make::commit(format!("{number}"), [record.clone()]);
        body.clone_into(&mut commit.changes[0].event.body);
        make::must(&store, &commit);
        assert_eq!(store.get(&[record.id]), Ok(vec![Some(record)]));
        assert_eq!(dump(&store).events.pop().map(|event| event.event.body).as_deref(), Some(body));
    }
}

/// What is said beside the bodies: in the names of a commit, of its maker, and of what happened.
pub fn any_text_comes_back_as_it_was_written<F: Fixture>(fixture: &F) {
    let long = "ü".repeat(LONG);
    let texts =
        ["", " ", "\0", "a\0b", "\n\r\t", "it's \"ä\"", "NULL", "0", "1e3", "a:b:c", "\u{feff}\u{10ffff}", &long];
    let store = fixture.store();
    for (text, number) in texts.into_iter().zip(0..) {
        let name = if text.is_empty() { "x" } else { text }.to_owned();
        let mut commit = make::commit(text, [make::new(Kind::Task, number)]);
        commit.actor = if number % 2 == 0 { Actor::Person(name) } else { Actor::Worker(name) };
        commit.trace = Some(text.to_owned());
        text.clone_into(&mut commit.changes[0].event.name);
        commit.changes[0].event.reason = Some(text.to_owned());
        make::must(&store, &commit);

        let event = dump(&store).events.pop().expect("it is there");
        assert_eq!((&event.commit, &event.trace, &event.actor), (&commit.id, &commit.trace, &commit.actor));
        assert_eq!(event.event, commit.changes[0].event);
    }
}

pub fn times_of_all_ages_come_back<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let second = 1_000_000;
    let micros = [i64::MIN, -(1 << 53) - 1, -second, -1, 0, 1, second - 1, (1 << 31) * second, (1 << 53) + 1, i64::MAX];
    for (micros, number) in micros.into_iter().zip(1..) {
        let at = Timestamp::from_micros(micros);
        let task = make::new(Kind::Task, number);
        let mut commit = make::commit(format!("{number}"), [task.clone()]);
        commit.at = at;
        make::must(&store, &commit);
        store.pulse(&task.id, at).expect("a pulse is noted");
        assert_eq!(dump(&store).events.pop().map(|event| event.at), Some(at));
        assert_eq!(store.last_pulse(&task.id), Ok(Some(at)));
    }
    assert_eq!(dump(&fixture.reopen(store)).events.len(), micros.len());
}

pub fn ten_thousand_keys_come_back<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let mut record = make::new(Kind::Task, 1);
    record.keys = (0..10_000).map(|number| (format!("label:{number}"), format!("{}", number % 7))).collect();
    make::put(&store, "made", [record.clone(), make::new(Kind::Task, 2)]);
    found_by(&store, &record, "label:9999", "3");

    // One of them goes, and one comes.
    let mut next = make::moved(&record);
    next.keys.remove("label:5000");
    next.keys.insert("label:x".to_owned(), "y".to_owned());
    make::put(&store, "moved", [next.clone()]);
    assert!(store.get(&[next.id]) == Ok(vec![Some(next.clone())]), "all of them are there");
    found_by(&store, &next, "label:x", "y");
    let gone = Some(("label:5000".to_owned(), "2".to_owned()));
    assert_eq!(store.find(&Find { key: gone, ..Find::default() }), Ok(vec![]));
}

pub fn very_long_keys_come_back<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let long = "ä\0'".repeat(LONG / 4);
    let mut record = make::new(Kind::Task, 1);
    record.keys = keys([("long", &long), (&long, "long"), ("longer", &format!("{long}!"))]);
    // Different only at the end.
    let mut other = make::new(Kind::Task, 2);
    other.keys = keys([("long", &format!("{long}?"))]);
    make::put(&store, "made", [record.clone(), other.clone()]);
    assert!(dump(&store).records == [record.clone(), other.clone()], "they are as they were written");
    found_by(&store, &record, "long", &long);
    found_by(&store, &record, &long, "long");
    found_by(&store, &other, "long", &format!("{long}?"));
}

pub fn a_commit_of_very_many_changes_reads_as_it_was_written<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let records: Vec<_> = (1..=5_000).map(|number| make::new(Kind::Task, number)).collect();
    let committed = make::put(&store, "many", records.clone());
    assert_eq!((committed.first, committed.last), (1, 5_000));
    assert!(dump(&store).records == records, "all of them come back");
}

/// This record, as it is here, and no other has this key.
fn found_by<S: Store>(store: &S, record: &Record, name: &str, value: &str) {
    let find = Find { key: Some((name.to_owned(), value.to_owned())), ..Find::default() };
    assert!(store.find(&find).as_deref() == Ok(std::slice::from_ref(record)), "it is found by its key");
}

fn keys<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
