//! Which of the agents that may take an attempt is given it.
//!
//! Whoever tried the task in vain more often than another that may take it gives way, whatever the strategy: that is the fallback
//! chain. Among those that are left
//!
//! - `fixed` takes the first,
//! - `round_robin` whoever was given least in this run, the first of equals,
//! - `best` draws: Thompson sampling over what landed of each one's work, times what its time and cost are worth
//!   ([`scores`](super::score)). Whoever was asked less than log2(1 + all attempts of those that may be asked) times goes first, so
//!   that each is tried about as often as knowing it takes, however unlucky it began, and no oftener.
//!
//! Sources: W. R. Thompson, On the likelihood that one unknown probability exceeds another, Biometrika 25, 1933; T. L. Lai and
//! H. Robbins, Asymptotically efficient adaptive allocation rules, Adv. Appl. Math. 6, 1985 (no rule does with less than
//! logarithmically many tries of each); P. Auer, N. Cesa-Bianchi, P. Fischer, Finite-time analysis of the multiarmed bandit problem,
//! Machine Learning 47, 2002.

use tollhouse_core::entity::{CandidateOutcome, Figures, RoutingCandidate, RoutingDecision};
use tollhouse_core::spec::{Strategy, TrackRecord};

use super::{beta, score};
use crate::guard::{Guard, stops};

/// An agent that a task may go to, as a strategy sees it.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// Its name.
    pub(crate) agent: String,
    /// What turns it down, if anything does.
    pub(crate) turned_down: Option<CandidateOutcome>,
    /// How many of its attempts at this task were in vain.
    pub(crate) tries: u32,
    /// How many attempts it was given in this run.
    pub(crate) leases: u64,
    /// How it did, in earlier runs and in this one.
    pub(crate) record: TrackRecord,
}

/// Chooses one of them, in order of preference. None where all are turned down.
pub(crate) fn choose(
    rule: Option<String>,
    strategy: Strategy,
    candidates: &[Candidate],
    random: impl FnMut() -> u32,
) -> Option<RoutingDecision> {
    let may = places(candidates, |one| one.turned_down.is_none());
    let least = may.iter().map(|at| candidates[*at].tries).min()?;
    let gives_way = |at: &usize| stops(Guard::TriedGivesWay, candidates[*at].tries > least);
    let left: Vec<usize> = may.iter().copied().filter(|at| !gives_way(at)).collect();
    let choice = match strategy {
        Strategy::Fixed => Choice::plain(*left.first()?, "it is the first in order that may take it"),
        Strategy::RoundRobin => least_leased(candidates, &left)?,
        Strategy::Best => best(candidates, &left, random)?,
    };
    let mut figures = choice.figures.into_iter();
    let outcome = |at: usize| match &candidates[at].turned_down {
        Some(turned_down) => turned_down.clone(),
        None if at == choice.at => CandidateOutcome::Chosen,
        None if left.contains(&at) => CandidateOutcome::Behind,
        None => CandidateOutcome::GaveWay,
    };
    let rows = candidates.iter().enumerate().map(|(at, one)| RoutingCandidate {
        agent: one.agent.clone(),
        tries: one.tries,
        leases: one.leases,
        figures: if left.contains(&at) { figures.next() } else { None },
        outcome: outcome(at),
    });
    let reason = match (may.len(), left.len()) {
        (1, _) => "no other may take it now".to_owned(),
        (_, 1) => "all others that may take it tried it in vain more often".to_owned(),
        _ => choice.reason,
    };
    let chosen = candidates[choice.at].agent.clone();
    Some(RoutingDecision { rule, strategy, chosen, candidates: rows.collect(), reason })
}

/// What a strategy chose.
struct Choice {
    at: usize,
    reason: String,
    /// Of those that were left, in their order.
    figures: Vec<Figures>,
}

impl Choice {
    fn plain(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), figures: Vec::new() }
    }
}

fn places(candidates: &[Candidate], is_meant: impl Fn(&Candidate) -> bool) -> Vec<usize> {
    (0..candidates.len()).filter(|at| is_meant(&candidates[*at])).collect()
}

fn least_leased(candidates: &[Candidate], left: &[usize]) -> Option<Choice> {
    let at = left.iter().copied().min_by_key(|at| candidates[*at].leases)?;
    let leases = candidates[at].leases;
    Some(Choice::plain(at, format!("it was given the fewest attempts of this run so far, {leases}")))
}

fn best(candidates: &[Candidate], left: &[usize], mut random: impl FnMut() -> u32) -> Option<Choice> {
    let records: Vec<TrackRecord> = left.iter().map(|at| candidates[*at].record).collect();
    let drawn: Vec<u32> =
        records.iter().map(|record| beta::draw(record.accepted, record.refused, &mut random)).collect();
    let scores = score::scores(&records, &drawn);
    let all = records.iter().fold(1_u64, |all, record| all.saturating_add(record.leases));
    let (rare, asked) = records.iter().map(|record| record.leases).enumerate().min_by_key(|(_, leases)| *leases)?;
    let figures = records.iter().zip(drawn.iter().zip(&scores));
    let figures = figures.map(|(record, (drawn, score))| Figures { record: *record, drawn: *drawn, score: *score });
    let figures: Vec<Figures> = figures.collect();
    if stops(Guard::RarelyAskedIsAsked, asked < u64::from(all.ilog2())) {
        let reason = format!("too little is known of it: it was given {asked} of {} attempts", all - 1);
        return Some(Choice { at: left[rare], reason, figures });
    }
    // The first of equals.
    let (found, score) = scores.iter().enumerate().max_by_key(|(at, score)| (**score, std::cmp::Reverse(*at)))?;
    let TrackRecord { accepted, refused, .. } = records[found];
    let reason = format!(
        "its score is the best, {}.{:02} %: {accepted} accepted, {refused} refused",
        score / 10_000,
        score % 10_000 / 100
    );
    Some(Choice { at: left[found], reason, figures })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(records: &[TrackRecord]) -> Vec<Candidate> {
        let one = |(at, record): (usize, &TrackRecord)| Candidate {
            agent: at.to_string(),
            turned_down: None,
            tries: 0,
            leases: record.leases,
            record: *record,
        };
        records.iter().enumerate().map(one).collect()
    }

    /// How often each is asked of a thousand times, where they succeed as often as this of a hundred, from what is known of them.
    fn asked(odds: &[u8], mut records: Vec<TrackRecord>, seed: u64) -> Vec<u64> {
        let mut random = fastrand::Rng::with_seed(seed);
        let before: Vec<u64> = records.iter().map(|record| record.leases).collect();
        for _ in 0..1000 {
            let decision = choose(None, Strategy::Best, &candidates(&records), || random.u32(..)).unwrap();
            let at: usize = decision.chosen.parse().unwrap();
            records[at].leases += 1;
            if random.u8(0..100) < odds[at] {
                records[at].accepted += 1;
            } else {
                records[at].refused += 1;
            }
            let all: u64 = records.iter().map(|record| record.leases).sum();
            let least = records.iter().map(|record| record.leases).min().unwrap();
            assert!(least + 1 >= u64::from((1 + all).ilog2()), "seed {seed}: {records:?}");
        }
        records.iter().zip(before).map(|(record, before)| record.leases - before).collect()
    }

    #[test]
    fn the_best_is_asked_most_and_the_others_about_as_often_as_it_takes_to_know() {
        for seed in 0..20 {
            let asked = asked(&[10, 90, 50], vec![TrackRecord::default(); 3], seed);
            assert!(asked[1] > 900 && asked[0] < 40 && asked[2] < 80, "seed {seed}: {asked:?}");
        }
    }

    #[test]
    fn an_unlucky_beginning_is_made_up_for() {
        for seed in 0..20 {
            let of = |accepted, refused| TrackRecord {
                leases: accepted + refused,
                accepted,
                refused,
                ..TrackRecord::default()
            };
            let asked = asked(&[95, 60], vec![of(0, 4), of(60, 40)], seed);
            assert!(asked[0] > 700, "seed {seed}: {asked:?}");
        }
    }

    #[test]
    fn the_same_numbers_make_the_same_choice() {
        let all = candidates(&[TrackRecord::default(); 3]);
        let once = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            choose(None, Strategy::Best, &all, || random.u32(..)).unwrap()
        };
        for seed in 0..50 {
            assert_eq!(once(seed), once(seed));
        }
        let chosen: std::collections::BTreeSet<String> = (0..50).map(|seed| once(seed).chosen).collect();
        assert_eq!(chosen.len(), 3, "of equals it is not always the same");
    }

    #[test]
    fn where_all_are_turned_down_nobody_is_chosen() {
        let mut all = candidates(&[TrackRecord::default(); 2]);
        for one in &mut all {
            one.turned_down = Some(CandidateOutcome::Busy { max_parallel: 1 });
        }
        for strategy in [Strategy::Fixed, Strategy::RoundRobin, Strategy::Best] {
            assert_eq!(choose(None, strategy, &all, || 0), None);
        }
        assert_eq!(choose(None, Strategy::Best, &[], || 0), None);
    }
}
