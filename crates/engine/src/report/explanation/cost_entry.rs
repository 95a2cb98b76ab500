//! How what something cost came to be known.

use tollhouse_core::Kind;
use tollhouse_core::entity::{CostEntry, Evidence};

use super::Explanation;

pub(super) fn explain(entry: &CostEntry) -> Explanation {
    let mut because = vec![
        match entry.evidence {
            Evidence::Reported => "the agent or its provider said so",
            Evidence::Computed => "it was computed from tokens and their prices",
            Evidence::Estimated => "it was estimated from what the like cost before",
            Evidence::LowerBound => "it is what is known so far; more may come",
            Evidence::Unknown => "nobody knows how much it was",
        }
        .to_owned(),
    ];
    because.extend(entry.corrects.map(|corrected| format!("it stands in for {corrected}")));
    because.extend(entry.note.clone());
    let attempt = entry.attempt.map(|attempt| format!("toll explain {}", attempt.random_part()));
    let next = attempt.or_else(|| entry.run.map(|run| format!("toll status {}", run.random_part())));
    let name = entry.amount.map_or_else(|| "unknown".to_owned(), |amount| format!("${amount}"));
    Explanation { id: entry.id.into(), kind: Kind::CostEntry, name, state: entry.state.to_string(), because, next }
}
