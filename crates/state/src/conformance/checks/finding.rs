use tollhouse_core::{Kind, Record, RecordId, RunId, Timestamp};

use crate::conformance::{Fixture, make};
use crate::store::{Find, Order, Store};

pub fn each_criterion_and_all_together<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let records = population(&store);
    for find in questions(&records) {
        assert_eq!(store.find(&find).as_ref(), Ok(&answer(&find, &records)), "{find:?}");
    }
}

/// No pattern, no case, no number, no normal form, no end at a NUL: also where the names are those of labels.
pub fn keys_are_told_apart_by_their_bytes<F: Fixture>(fixture: &F) {
    let texts = [
        "",
        " ",
        "\0",
        "a",
        "A",
        "a ",
        " a",
        "a\0",
        "a\0b",
        "ab",
        "%",
        "_",
        "*",
        "?",
        "[a]",
        "a%",
        "a_",
        "a\\",
        "label:team",
        "label:team=a/b",
        "label:",
        "label",
        "1",
        "01",
        "1.0",
        "1e0",
        "null",
        "\u{e4}",
        "a\u{308}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
    ];
    let store = fixture.store();
    // Each text is the name of one record's key and the value of another's, and once it is both.
    let pairs: Vec<(&str, &str)> =
        texts.iter().flat_map(|text| [(*text, "value"), ("name", *text), (*text, *text)]).collect();
    let records: Vec<Record> = pairs
        .iter()
        .zip(0..)
        .map(|(pair, number)| Record { keys: keys(&[*pair]), ..make::new(Kind::Task, number) })
        .collect();
    make::put(&store, "made", records.clone());
    let holding = |fits: &dyn Fn(&str, &str) -> bool| -> Vec<RecordId> {
        pairs.iter().zip(&records).filter(|((name, value), _)| fits(name, value)).map(|(_, record)| record.id).collect()
    };
    let ids = |find: Find| -> Vec<RecordId> {
        store.find(&find).expect("a read").into_iter().map(|record| record.id).collect()
    };
    let asked = texts
        .iter()
        .flat_map(|text| [(*text, "value"), (*text, ""), ("name", *text), ("name", "valu"), (*text, *text)]);
    for (name, value) in asked {
        let pair = Some((name.to_owned(), value.to_owned()));
        let exact = ids(Find { key: pair.clone(), ..Find::default() });
        assert_eq!(exact, holding(&|n, v| n == name && v == value), "{name:?} is {value:?}");
        let prefixed = ids(Find { key_prefix: pair, ..Find::default() });
        assert_eq!(prefixed, holding(&|n, v| n == name && v.starts_with(value)), "{name:?} starts with {value:?}");
    }
}

pub fn a_random_part_is_found_by_how_it_starts<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let bits = [0, 1, 31, 32, 1 << 75, (1 << 80) - 1, 0x9E37_79B9_7F4A_7C15_F39C];
    let records: Vec<Record> = bits
        .into_iter()
        .map(|random| Record { id: RecordId::from_parts(Kind::Task, at, random), ..make::new(Kind::Task, 0) })
        .collect();
    make::put(&store, "made", records.clone());
    let starting = |prefix: &str| -> Vec<RecordId> {
        let find = Find { random_prefix: Some(prefix.to_owned()), ..Find::default() };
        store.find(&find).expect("a read").into_iter().map(|record| record.id).collect()
    };
    let mut ids: Vec<RecordId> = records.iter().map(|record| record.id).collect();
    ids.sort_by_key(RecordId::random_part);
    assert_eq!(starting(""), ids);
    for id in &ids {
        let random = id.random_part();
        for length in 1..=random.len() {
            let prefix = &random[..length];
            let expected: Vec<_> = ids.iter().copied().filter(|id| id.random_part().starts_with(prefix)).collect();
            assert_eq!(starting(prefix), expected, "{prefix}");
        }
        assert_eq!(starting(&random), [*id]);
        for none in [format!("{random}0"), format!("{}%", &random[..3]), format!(" {random}")] {
            assert_eq!(starting(&none), [], "{none}");
        }
    }
}

pub fn pages_cover_everything_once<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let records = population(&store);
    for find in questions(&records) {
        let mut paged = Vec::new();
        let mut page = Find { limit: Some(7), ..find.clone() };
        // As many pages as there are records are more than enough.
        for _ in 0..=records.len() {
            let found = store.find(&page).expect("a read");
            assert!(found.len() <= 7);
            let Some(last) = found.last() else { break };
            page.after = Some(last.id);
            paged.extend(found);
        }
        assert_eq!(paged, answer(&find, &records), "{find:?}");
    }
    // An id need not exist to be a place in the order.
    let after = Some(make::id(Kind::Task, 1_000_000));
    assert_eq!(store.find(&Find { after, ..Find::default() }), Ok(vec![]));
    assert_eq!(
        store.find(&Find { after, order: Order::Newest, ..Find::default() }).map(|all| all.len()),
        Ok(records.len())
    );
}

pub fn a_limit_of_0_finds_nothing<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let records = population(&store);
    for find in questions(&records) {
        assert_eq!(store.find(&Find { limit: Some(0), ..find.clone() }), Ok(vec![]), "{find:?}");
    }
    assert_eq!(store.find(&Find { limit: Some(u32::MAX), ..Find::default() }), Ok(records));
}

pub fn pages_are_stable_under_inserts<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let old: Vec<_> = (100..140).map(|number| make::new(Kind::Task, number)).collect();
    make::put(&store, "old", old.clone());
    let mut page = Find { limit: Some(9), order: Order::Newest, ..Find::default() };
    let mut paged = Vec::new();
    for turn in 0..40 {
        let found = store.find(&page).expect("a read");
        let Some(last) = found.last() else { break };
        page.after = Some(last.id);
        paged.extend(found.into_iter().map(|record| record.id));
        // What comes in before the place that was reached is not seen any more; what is there stays where it is.
        make::put(&store, format!("new {turn}"), [make::new(Kind::Task, 200 + turn)]);
        make::put(&store, format!("moved {turn}"), [make::moved(&old[usize::try_from(turn).expect("few")])]);
    }
    paged.reverse();
    assert_eq!(paged, old.iter().map(|record| record.id).collect::<Vec<_>>());
}

pub fn keys_are_those_of_the_last_change<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let mut first = make::new(Kind::Task, 1);
    first.keys = keys(&[("kept", "1"), ("changed", "1"), ("gone", "1")]);
    make::put(&store, "made", [first.clone()]);
    let mut second = make::moved(&first);
    second.keys = keys(&[("kept", "1"), ("changed", "2"), ("come", "1")]);
    make::put(&store, "moved", [second.clone()]);

    let by = |name: &str, value: &str| {
        let key = (name.to_owned(), value.to_owned());
        let exact = store.find(&Find { key: Some(key.clone()), ..Find::default() }).expect("a read");
        let prefix = store.find(&Find { key_prefix: Some(key), ..Find::default() }).expect("a read");
        assert_eq!(exact, prefix);
        exact
    };
    for (name, value) in [("kept", "1"), ("changed", "2"), ("come", "1")] {
        assert_eq!(by(name, value), [second.clone()], "{name}");
    }
    for (name, value) in [("changed", "1"), ("gone", "1"), ("kept", "2")] {
        assert_eq!(by(name, value), [], "{name}");
    }
}

pub fn ids_of_one_moment_are_ordered_by_randomness_then_kind<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let at = Timestamp::from_micros(1_700_000_000_000_000);
    let ids: Vec<RecordId> = [1, 2, 1 << 79]
        .into_iter()
        // By name: attempt, effect, patch, task.
        .flat_map(|random| {
            [Kind::Attempt, Kind::Effect, Kind::Patch, Kind::Task].map(|kind| RecordId::from_parts(kind, at, random))
        })
        .collect();
    let records = ids.iter().rev().map(|id| Record { id: *id, ..make::new(id.kind(), 0) });
    make::put(&store, "made", records);
    let found = |find: &Find| -> Vec<RecordId> {
        store.find(find).expect("a read").into_iter().map(|record| record.id).collect()
    };
    assert_eq!(found(&Find::default()), ids);
    assert_eq!(found(&Find { after: Some(ids[5]), ..Find::default() }), ids[6..]);
    let newest = found(&Find { order: Order::Newest, after: Some(ids[5]), ..Find::default() });
    assert_eq!(newest, ids[..5].iter().rev().copied().collect::<Vec<_>>());
}

/// Records that differ in everything that can be asked for.
pub(super) fn population<S: Store>(store: &S) -> Vec<Record> {
    let names = ["a", "ab", "a%", "b_c", "ä", "\u{10FFFF}", ""];
    let runs = [make::new(Kind::Run, 1), make::new(Kind::Run, 2)];
    let mut records = runs.to_vec();
    for number in 3..60_u64 {
        let index = usize::try_from(number).expect("a small number");
        let kind = Kind::ALL[1 + index % 5];
        let mut record = match index % 3 {
            2 => make::new(kind, number),
            which => make::new_in(&runs[which], kind, number),
        };
        record.parent = (index % 4 == 0).then(|| records[index / 2].id);
        record.state = kind.states()[index % 3].into();
        record.keys = keys(&[("name", names[index % names.len()]), ("other", names[index % 2])]);
        if index % 5 == 0 {
            record.keys.clear();
        }
        records.push(record);
    }
    // Not in the order of their ids.
    let (even, odd): (Vec<_>, Vec<_>) = records.iter().cloned().partition(|record| record.body.len() % 2 == 0);
    make::put(store, "odd", odd.into_iter().rev());
    make::put(store, "even", even);
    records
}

/// Every combination of one or two values for each criterion, and none.
pub(super) fn questions(records: &[Record]) -> Vec<Find> {
    let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
    let run: Option<RunId> = records[0].run;
    let parent = records.iter().find_map(|record| record.parent);
    let states = |count: usize| Kind::Task.states()[..count].iter().map(|state| (*state).to_owned()).collect();
    let random = |length: usize| Some(records[10].id.random_part()[..length].to_owned());
    let mut finds = vec![Find::default()];
    let mut vary = |values: &[&dyn Fn(&mut Find)]| {
        let base = std::mem::take(&mut finds);
        for find in base {
            finds.push(find.clone());
            for value in values {
                let mut varied = find.clone();
                value(&mut varied);
                finds.push(varied);
            }
        }
    };
    vary(&[&|find| find.kind = Some(Kind::Task), &|find| find.kind = Some(Kind::Run)]);
    vary(&[&|find| find.run = run]);
    vary(&[&|find| find.parent = parent]);
    vary(&[&|find| find.states = states(1), &|find| find.states = [states(3), states(2)].concat()]);
    vary(&[&|find| find.key = pair("name", "a"), &|find| find.key = pair("name", "")]);
    vary(&[&|find| find.key_prefix = pair("other", "a"), &|find| find.key_prefix = pair("name", "\u{10FFFF}")]);
    vary(&[&|find| find.key_prefix = pair("name", "")]);
    vary(&[&|find| find.random_prefix = random(1), &|find| find.random_prefix = random(16)]);
    vary(&[&|find| find.order = Order::Newest]);
    finds
}

/// What a question asks for, said once more.
fn answer(find: &Find, records: &[Record]) -> Vec<Record> {
    let mut found = records.to_vec();
    if let Some(kind) = find.kind {
        found.retain(|record| record.id.kind() == kind);
    }
    if find.run.is_some() {
        found.retain(|record| record.run == find.run);
    }
    if find.parent.is_some() {
        found.retain(|record| record.parent == find.parent);
    }
    if !find.states.is_empty() {
        found.retain(|record| find.states.contains(&record.state));
    }
    if let Some((name, value)) = &find.key {
        found.retain(|record| record.keys.get(name) == Some(value));
    }
    if let Some((name, prefix)) = &find.key_prefix {
        found.retain(|record| record.keys.get(name).is_some_and(|value| value.starts_with(prefix.as_str())));
    }
    if let Some(prefix) = &find.random_prefix {
        found.retain(|record| record.id.random_part().starts_with(prefix.as_str()));
    }
    // The population was made oldest first, no two in one moment.
    if find.order == Order::Newest {
        found.reverse();
    }
    found
}

fn keys(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
