//! What `toll` promises to those who call it, tried with the real program in real repositories.

mod backup;
mod bad_agent;
mod bad_input;
mod bad_ledger;
mod bad_plan;
mod bad_repository;
mod check;
mod completions;
mod doctor;
mod explaining;
mod flow;
mod harness;
mod help;
mod hostile_agent;
mod hostile_repository;
mod init;
mod json;
mod killed;
mod odd_paths;
mod odd_repository;
mod other_user;
mod own_config;
mod plants;
mod safety;
mod surroundings;
mod target_gates;
