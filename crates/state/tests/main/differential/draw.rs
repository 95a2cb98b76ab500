//! What is drawn: commits, good and bad, and questions.

use proptest::prelude::*;
use tollhouse_core::{Actor, Commit, Kind, Record, RunId, Stream, Timestamp, Version};
use tollhouse_state::conformance::make;
use tollhouse_state::{Cursor, Find, Order, Store};

pub(super) const NAMES: [&str; 3] = ["name", "label:a", ""];
pub(super) const VALUES: [&str; 9] = ["", "a", "A", "a ", "a\0b", "1", "01", "%", "\u{10ffff}"];

/// How one record of a commit is meant, relative to what is stored.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) record: u64,
    /// Added to the version that follows; mostly 0.
    pub(super) jump: i8,
    pub(super) state: usize,
    /// Which key gets which value; the first key goes where it is absent.
    pub(super) key: Option<(usize, usize)>,
    pub(super) flaw: Flaw,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Flaw {
    None,
    State,
    OtherState,
    Body,
    EventBody,
    Run,
    Parent,
    Version0,
}

#[derive(Debug, Clone)]
pub(super) struct Decision {
    pub(super) steps: Vec<Step>,
    /// Which records it relies on, and how far off that is.
    pub(super) relies_on: Vec<(u64, i8)>,
    /// Which stream it follows, and how far off that is.
    pub(super) follows: Option<(usize, i8)>,
    /// Which maker and time it has.
    pub(super) maker: usize,
    /// The number of an earlier commit, whose id it takes.
    pub(super) reused: Option<usize>,
}

/// Who is asked.
#[derive(Debug, Clone, Copy)]
pub(super) enum Handle {
    Writing,
    /// A handle of its own that can only read, where there is such a thing.
    Reading,
}

#[derive(Debug, Clone)]
pub(super) enum Op {
    Commit(Decision),
    /// The commit with this number again.
    Repeat(usize),
    /// The commit with this number again, with one thing changed.
    Alter(usize, usize),
    Pulse(u64, i64),
    Reopen,
    Get(Handle, Vec<u64>),
    Find(Handle, Find),
    Tally(Handle, Find),
    Events(Handle, Cursor),
    WaitFor(Handle, u64),
}

pub(super) fn record_number() -> impl Strategy<Value = u64> {
    0..12_u64
}

pub(super) fn mostly_zero() -> impl Strategy<Value = i8> {
    prop_oneof![16 => Just(0), 1 => -2..=2_i8]
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let flaw = prop_oneof![
        70 => Just(Flaw::None),
        1 => Just(Flaw::State),
        1 => Just(Flaw::OtherState),
        1 => Just(Flaw::Body),
        1 => Just(Flaw::EventBody),
        1 => Just(Flaw::Run),
        1 => Just(Flaw::Parent),
        1 => Just(Flaw::Version0),
    ];
    let key = proptest::option::of((0..NAMES.len(), 0..VALUES.len()));
    (record_number(), mostly_zero(), 0..3_usize, key, flaw).prop_map(|(record, jump, state, key, flaw)| Step {
        record,
        jump,
        state,
        key,
        flaw,
    })
}

pub(super) fn decision() -> impl Strategy<Value = Decision> {
    let steps =
        prop_oneof![1 => proptest::collection::vec(step(), 0..1), 30 => proptest::collection::vec(step(), 1..6)];
    let relies_on = proptest::collection::vec((record_number(), mostly_zero()), 0..3);
    let follows = proptest::option::weighted(0.2, (0..3_usize, mostly_zero()));
    let reused = proptest::option::weighted(0.05, 0..20_usize);
    (steps, relies_on, follows, 0..20_usize, reused).prop_map(|(steps, relies_on, follows, maker, reused)| Decision {
        steps,
        relies_on,
        follows,
        maker,
        reused,
    })
}

pub(super) fn handle() -> impl Strategy<Value = Handle> {
    prop_oneof![3 => Just(Handle::Writing), 1 => Just(Handle::Reading)]
}

pub(super) fn limit() -> impl Strategy<Value = Option<u32>> {
    prop_oneof![3 => Just(None), 2 => (0..5_u32).prop_map(Some), 1 => Just(Some(u32::MAX))]
}

pub(super) fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Oldest), Just(Order::Newest)]
}

/// Each criterion mostly absent, so that something is found.
pub(super) fn find() -> impl Strategy<Value = Find> {
    let rarely = 0.25;
    let pair =
        || (0..NAMES.len(), 0..VALUES.len()).prop_map(|(name, value)| (NAMES[name].into(), VALUES[value].into()));
    let state = (0..Kind::ALL.len(), 0..3_usize).prop_map(|(kind, state)| state_of(Kind::ALL[kind], state));
    // One of them is mostly asked for twice.
    let states = proptest::collection::vec(state, 1..4).prop_map(|mut states| {
        states.extend((states.len() > 1).then(|| states[0].clone()));
        states
    });
    let random = (record_number(), 0..17_usize)
        .prop_map(|(number, length)| original(number).id.random_part()[..length.min(16)].to_owned());
    let criteria = (
        proptest::option::weighted(rarely, (0..Kind::ALL.len()).prop_map(|kind| Kind::ALL[kind])),
        proptest::option::weighted(rarely, (0..2_usize).prop_map(|run| runs()[run])),
        proptest::option::weighted(rarely, record_number().prop_map(|number| original(number).id)),
        prop_oneof![3 => Just(vec![]), 1 => states],
        proptest::option::weighted(rarely, pair()),
        proptest::option::weighted(rarely, pair()),
        proptest::option::weighted(rarely, random),
    );
    let after = proptest::option::weighted(rarely, (0..14_u64).prop_map(|number| original(number).id));
    (criteria, order(), after, limit()).prop_map(|(criteria, order, after, limit)| {
        let (kind, run, parent, states, key, key_prefix, random_prefix) = criteria;
        Find { kind, run, parent, states, key, key_prefix, random_prefix, order, after, limit }
    })
}

pub(super) fn cursor() -> impl Strategy<Value = Cursor> {
    let after = prop_oneof![2 => Just(0), 3 => 0..60_u64, 1 => Just(u64::MAX)];
    let stream = proptest::option::weighted(0.3, (0..3_usize).prop_map(|stream| streams()[stream]));
    let record = proptest::option::weighted(0.3, record_number().prop_map(|number| original(number).id));
    let kind = proptest::option::weighted(0.3, (0..Kind::ALL.len()).prop_map(|kind| Kind::ALL[kind]));
    (after, stream, record, kind, limit(), order()).prop_map(|(after, stream, record, kind, limit, order)| Cursor {
        after,
        stream,
        record,
        kind,
        limit,
        order,
    })
}

pub(super) fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        24 => decision().prop_map(Op::Commit),
        2 => (0..20_usize).prop_map(Op::Repeat),
        2 => (0..20_usize, 0..ALTERED).prop_map(|(earlier, how)| Op::Alter(earlier, how)),
        2 => (record_number(), any::<i64>()).prop_map(|(record, at)| Op::Pulse(record, at)),
        1 => Just(Op::Reopen),
        3 => (handle(), proptest::collection::vec(record_number(), 0..6)).prop_map(|(handle, ids)| Op::Get(handle, ids)),
        8 => (handle(), find()).prop_map(|(handle, find)| Op::Find(handle, find)),
        4 => (handle(), find()).prop_map(|(handle, find)| Op::Tally(handle, find)),
        6 => (handle(), cursor()).prop_map(|(handle, cursor)| Op::Events(handle, cursor)),
        1 => (handle(), prop_oneof![0..60_u64, Just(u64::MAX)]).prop_map(|(handle, after)| Op::WaitFor(handle, after)),
    ]
}

pub(super) fn ops() -> impl Strategy<Value = Vec<Op>> {
    proptest::collection::vec(op(), 1..50)
}

/// Two runs: the one that most records belong to, and one that is a record itself.
pub(super) fn runs() -> [RunId; 2] {
    [make::new(Kind::Run, 1000), make::new(Kind::Run, 0)].map(|run| run.run.unwrap())
}

pub(super) fn streams() -> [Stream; 3] {
    [Stream::Project, Stream::Run(runs()[0]), Stream::Run(runs()[1])]
}

pub(super) fn original(number: u64) -> Record {
    let kind = Kind::ALL[usize::try_from(number).unwrap() % Kind::ALL.len()];
    let record = make::new(kind, number);
    match number {
        // The same bits as those of another kind.
        11 => make::new(Kind::Patch, 1),
        0 | 6 | 7 => record,
        8 => Record { run: Some(runs()[1]), ..record },
        _ => Record { run: Some(runs()[0]), parent: (number > 3).then(|| make::id(Kind::Task, 1)), ..record },
    }
}

pub(super) fn off(version: u64, by: i8) -> Version {
    version.saturating_add_signed(by.into())
}

/// Some kinds have fewer states than others.
pub(super) fn state_of(kind: Kind, number: usize) -> String {
    kind.states()[number % kind.states().len()].to_owned()
}

/// The commit that is meant, where the ledger is as this store says.
pub(super) fn commit(store: &impl Store, id: String, decision: &Decision) -> Commit {
    let stored = |number: u64| store.get(&[original(number).id]).unwrap().remove(0);
    let mut within: Vec<Record> = Vec::new();
    let mut bad_events = Vec::new();
    for step in &decision.steps {
        let original = original(step.record);
        let before = within.iter().rfind(|earlier| earlier.id == original.id).cloned().or_else(|| stored(step.record));
        within.push(next(before.as_ref(), original, step));
        bad_events.push(matches!(step.flaw, Flaw::EventBody));
    }
    let mut commit = make::commit(id, within);
    for (change, bad) in commit.changes.iter_mut().zip(bad_events) {
        change.event.body.push(if bad { '}' } else { ' ' });
    }
    commit.relies_on = decision
        .relies_on
        .iter()
        .map(|(number, by)| {
            let version = stored(*number).map_or(0, |record| record.version);
            (original(*number).id, off(version, *by))
        })
        .collect();
    commit.follows = decision.follows.map(|(stream, by)| {
        let stream = streams()[stream];
        let head = Cursor { stream: Some(stream), limit: Some(1), order: Order::Newest, ..Cursor::default() };
        let seq = store.events(&head).unwrap().last().map_or(0, |event| event.seq);
        (stream, off(seq, by))
    });
    match decision.maker {
        0 => commit.actor = Actor::Engine,
        1 => commit.trace = None,
        2 => commit.at = Timestamp::from_micros(-1),
        3 => commit.trace = Some(String::new()),
        4 => commit.changes.iter_mut().for_each(|change| change.event.reason = Some(String::new())),
        5 => commit.actor = Actor::Person("a:b ".to_owned()),
        6 => commit.actor = Actor::Worker(String::new()),
        _ => {}
    }
    commit
}

pub(super) fn next(before: Option<&Record>, original: Record, step: &Step) -> Record {
    let Step { jump, state, key, flaw, .. } = step;
    let version = before.map_or(0, |before| before.version);
    let mut next = Record { version: off(version + 1, *jump), ..before.cloned().unwrap_or(original) };
    next.state = state_of(next.kind(), *state);
    next.body = format!(" [{version},  {state}] ");
    match key {
        Some((name, value)) => drop(next.keys.insert(NAMES[*name].to_owned(), VALUES[*value].to_owned())),
        None => drop(next.keys.pop_first()),
    }
    match flaw {
        Flaw::None | Flaw::EventBody => {}
        Flaw::State => next.state.push('?'),
        Flaw::OtherState => {
            let states = Kind::ALL.into_iter().flat_map(Kind::states);
            let other = states.copied().find(|state| !next.kind().states().contains(state));
            other.unwrap().clone_into(&mut next.state);
        }
        Flaw::Body => next.body = format!("[{version},]"),
        Flaw::Run => next.run = make::new(Kind::Run, 2000).run,
        Flaw::Parent => next.parent = Some(make::id(Kind::Patch, 2000)),
        Flaw::Version0 => next.version = 0,
    }
    next
}

/// In how many ways [`altered`] changes a commit.
pub(super) const ALTERED: usize = 12;

pub(super) fn altered(mut commit: Commit, how: usize) -> Commit {
    let first = commit.changes.first_mut();
    match (how, first) {
        (0, _) => commit.at = Timestamp::from_micros(7),
        (1, _) => commit.actor = Actor::Worker("other".to_owned()),
        (2, _) => commit.trace = Some("other".to_owned()),
        (3, _) => commit.relies_on.push((make::id(Kind::Effect, 3000), 0)),
        (4, _) => commit.follows = Some((Stream::Project, 99)),
        (5, _) => commit.changes.reverse(),
        (6, Some(change)) => change.record.body.push(' '),
        (7, Some(change)) => drop(change.record.keys.insert("other".to_owned(), String::new())),
        (8, Some(change)) => change.event.name.push('!'),
        // Other ids, which some would take for the same.
        (9, _) => commit.id.push(' '),
        (10, _) => commit.id.make_ascii_uppercase(),
        (11, _) => commit.id.push_str("\0x"),
        _ => {}
    }
    commit
}

/// Nearly JSON: pieces of it, mostly in an order that makes sense.
pub(super) fn nearly_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        proptest::sample::select(vec![
            "null",
            "true",
            "0",
            "-0",
            "1.5e-3",
            "1e400",
            "-",
            "01",
            "\"\"",
            "\"\\u0000\"",
            "\"\\ud800\"",
            "NaN",
            "'a'",
            "",
            "\"\\x\"",
            "\u{feff}1",
            "1 ",
            "\u{c}1",
            "\u{b}2",
            "// \n1",
            "/**/1",
            "+1",
            "0x1",
            "Infinity",
            "a",
            ".5",
            "5.",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<String>().prop_map(|text| format!("{text:?}")),
        any::<String>().prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let comma = proptest::sample::select(vec![",", ",", ",", ", ", ",,", ";", " "]);
        prop_oneof![
            (proptest::collection::vec(inner.clone(), 0..4), comma)
                .prop_map(|(all, comma)| format!("[{}]", all.join(comma))),
            (inner.clone(), inner.clone()).prop_map(|(one, two)| format!("{{\"a\":{one},\"a\":{two}}}")),
            (inner.clone(), inner).prop_map(|(name, value)| format!("{{{name}:{value}}}")),
        ]
    })
}
