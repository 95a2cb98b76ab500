//! The engine over a store in memory, driven by a world that a seed makes up.

mod scenarios;
mod world;
