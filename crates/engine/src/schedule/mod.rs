//! Which task goes next: in which order they are looked at, and what is in the way of one.

mod rank;
mod room;

pub(crate) use rank::{Rank, ranks};
pub(crate) use room::{
    MAY_BE_UNDER_WAY, Obstacle, agent_is_full, breaker_obstacle, is_full, is_under_way, money_obstacle, obstacle,
    reservation, trial_from,
};
