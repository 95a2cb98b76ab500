//! Every way in which a store is broken here.

mod atomicity;
mod chain;
mod contents;
mod counting;
mod feed;
mod finding;
mod malformed;
mod relying;
mod repetition;
mod rewriting;
mod skew;
mod state;
mod waiting;

use super::store::Flaw;

pub(crate) fn all() -> impl Iterator<Item = Flaw> {
    let groups: [&[Flaw]; 13] = [
        atomicity::FLAWS,
        relying::FLAWS,
        skew::FLAWS,
        contents::FLAWS,
        repetition::FLAWS,
        rewriting::FLAWS,
        chain::FLAWS,
        finding::FLAWS,
        counting::FLAWS,
        feed::FLAWS,
        waiting::FLAWS,
        state::FLAWS,
        malformed::FLAWS,
    ];
    groups.into_iter().flatten().copied()
}
