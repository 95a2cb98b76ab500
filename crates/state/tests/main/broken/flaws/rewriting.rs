//! What is to be forgotten is not, or other things are with it.

use tollhouse_state::{Find, Rewrite, Store, StoreError};

use crate::broken::store::{Broken, Flaw, SOUND};

pub(super) const FLAWS: &[Flaw] = &[
    Flaw {
        name: "a rewrite is answered and not made",
        rewrite: |_, _| Ok(()),
        caught_by: &[
            "rewriting::contents_are_replaced_and_nothing_else",
            "rewriting::a_rewritten_record_is_found_by_its_new_keys",
        ],
        ..SOUND
    },
    Flaw {
        name: "a rewrite leaves the events",
        rewrite: |store, rewrite| store.below.rewrite(&Rewrite { events: Vec::new(), ..rewrite.clone() }),
        caught_by: &["rewriting::contents_are_replaced_and_nothing_else"],
        ..SOUND
    },
    Flaw {
        name: "a rewrite makes what it can",
        rewrite: |store, rewrite| {
            let each = rewrite.records.iter().map(|record| one(store, rewrite, vec![record.clone()], 0..0));
            let each: Vec<_> = each.collect();
            let events = (0..rewrite.events.len()).map(|at| one(store, rewrite, Vec::new(), at..at + 1));
            each.into_iter().chain(events).collect()
        },
        caught_by: &["rewriting::a_rewrite_that_cannot_be_made_changes_nothing"],
        ..SOUND
    },
    Flaw {
        name: "a rewritten record keeps its old keys",
        find: |store, find| {
            let key = find.key.as_ref().filter(|(_, value)| value != "secret" && value != "gone");
            let mut found = store.below.find(&Find { key: key.cloned(), ..find.clone() }).unwrap();
            if find.key.as_ref().is_some_and(|(_, value)| value == "gone") {
                found.clear();
            }
            found
        },
        caught_by: &["rewriting::a_rewritten_record_is_found_by_its_new_keys"],
        ..SOUND
    },
    Flaw {
        name: "a rewrite is made once",
        rewrite: |store, rewrite| {
            store.notes().number += 1;
            let number = store.notes().number;
            let again = StoreError::Failed { op: "rewrite", what: "it was made before".to_owned() };
            if number > 1 { Err(again) } else { store.below.rewrite(rewrite) }
        },
        caught_by: &["rewriting::a_rewrite_may_come_again"],
        ..SOUND
    },
    Flaw {
        name: "what was rewritten takes no commit",
        rewrite: |store, rewrite| {
            store.notes().number = 1;
            store.below.rewrite(rewrite)
        },
        commit: |store, commit| {
            if store.notes().number == 1 {
                return Err(StoreError::Failed { op: "commit", what: "it was rewritten".to_owned() }.into());
            }
            store.below.commit(commit)
        },
        caught_by: &["rewriting::what_was_rewritten_goes_on"],
        ..SOUND
    },
];

fn one(
    store: &Broken,
    rewrite: &Rewrite,
    records: Vec<tollhouse_state::RecordContent>,
    events: std::ops::Range<usize>,
) -> Result<(), StoreError> {
    store.below.rewrite(&Rewrite { records, events: rewrite.events[events].to_vec() })
}
