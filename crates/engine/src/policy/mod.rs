//! Policy: what a change may touch. Pure: descriptions, facts and levels in, one verdict for each rule out.
//!
//! Never reads a file or a patch's text. Nothing of what a patch brings changes the policy it is judged by.

mod glob;
mod judge;
mod name;
mod oscillation;
mod protected;
mod refusal;
mod rule;
#[cfg(test)]
mod tightening;
mod tree;

pub use glob::glob_problem;
pub(crate) use glob::{Globs, expression_of, is_literal, literal_prefix};
pub use judge::judge_patch;
pub(crate) use name::is_git_name;
pub use oscillation::judge_history;
pub use refusal::is_acceptable;
pub use rule::{RULES, Rule, Waiver, Waivers};
pub use tree::judge_tree;
