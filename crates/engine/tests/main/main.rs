//! The engine from outside: its readers, and decisions over a store in memory in a world that a seed makes up.

mod bad_day;
mod endings;
mod explanations;
mod explore;
mod fleets;
mod plan_read;
mod plan_resolve;
mod scenarios;
mod scheduling;
mod workers;
mod world;
mod yard;
