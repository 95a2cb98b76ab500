//! The engine from outside: its readers, and decisions over a store in memory in a world that a seed makes up.

mod bad_day;
mod breakers;
mod budgets;
mod claimed;
mod endings;
mod explanations;
mod explore;
mod faults;
mod fleets;
mod large_plans;
mod plan_read;
mod plan_resolve;
mod progress;
mod retries;
mod scenarios;
mod scheduling;
mod simulation;
mod told;
mod workers;
mod workstreams;
mod world;
mod yard;
