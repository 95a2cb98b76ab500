use tollhouse_core::{Kind, Timestamp};

use crate::conformance::{Fixture, dump, make};
use crate::store::{Committed, Novelty, Store};

pub fn everything_is_there_again<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let run = make::new(Kind::Run, 1);
    let mut task = make::new_in(&run, Kind::Task, 2);
    task.keys.insert("name".to_owned(), "parser".to_owned());
    make::put(&store, "made", [run, task.clone()]);
    make::put(&store, "moved", [make::moved(&task)]);
    store.pulse(&task.id, Timestamp::from_micros(9)).expect("a pulse is noted");
    let before = dump(&store);

    let store = fixture.reopen(store);
    assert_eq!(dump(&store), before);
    let store = fixture.reopen(store);
    assert_eq!(dump(&store), before);
}

pub fn history_goes_on_where_it_was<F: Fixture>(fixture: &F) {
    let store = fixture.store();
    let task = make::new(Kind::Task, 1);
    let commit = make::commit("made", [task.clone()]);
    let made = make::must(&store, &commit);

    let store = fixture.reopen(store);
    assert_eq!(store.commit(&commit), Ok(Committed { novelty: Novelty::Repeated, ..made }));
    let moved = make::put(&store, "moved", [make::moved(&task)]);
    assert_eq!((moved.first, moved.last), (2, 2));
    let events = dump(&store).events;
    assert_eq!(events[1].previous_hash, events[0].hash);
    assert_eq!(store.wait_for(1, std::time::Duration::ZERO), Ok(2));
}
