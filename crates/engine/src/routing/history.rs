//! How agents did in the runs before.

use std::collections::{BTreeMap, BTreeSet};

use tollhouse_core::entity::{Attempt, Entity};
use tollhouse_core::spec::{RunSpec, Strategy, TrackRecord};
use tollhouse_core::{Kind, RecordId};
use tollhouse_state::{Find, Order, Store};

use crate::view::{View, ViewError};

/// Older attempts of an agent say less, and reading them takes its time.
const ATTEMPTS_MAX: u32 = 200;

/// How the agents of a run that is to begin did before, by name: those among which its tasks are to choose the best. Read from the
/// newest attempts of each, it is for [`RunSpec::records`], so that what counts is what was known at the start of the run.
///
/// # Errors
/// The store cannot be read, or what it holds is damaged.
pub fn track_records(store: &impl Store, spec: &RunSpec) -> Result<BTreeMap<String, TrackRecord>, ViewError> {
    let routes = spec.tasks.iter().filter_map(|task| task.route.as_ref());
    let agents: BTreeSet<&String> =
        routes.filter(|route| route.strategy == Strategy::Best).flat_map(|route| &route.agents).collect();
    let mut view = View::default();
    for agent in agents {
        let newest = |kind| Find {
            kind: Some(kind),
            key: Some(("agent".to_owned(), agent.clone())),
            order: Order::Newest,
            limit: Some(ATTEMPTS_MAX),
            ..Find::default()
        };
        let mut patches: Vec<RecordId> = Vec::new();
        for record in store.find(&newest(Kind::Attempt))? {
            let attempt = Attempt::from_record(&record)?;
            patches.extend(attempt.end.and_then(|end| end.patch).map(RecordId::from));
            view.take(&record)?;
        }
        for record in store.get(&patches)?.into_iter().flatten().chain(store.find(&newest(Kind::CostEntry))?) {
            view.take(&record)?;
        }
    }
    Ok(view.track_records())
}
