//! What a refused patch is told: every broken rule at once, short enough to be read by an agent.

use tollhouse_core::entity::{RuleOutcome, RuleVerdict};

/// Whether no rule stands against the patch.
///
/// # Errors
/// A text for whoever made the patch: each broken rule with what was found, and how to go on.
///
/// ```
/// # use tollhouse_core::entity::{RuleOutcome, RuleVerdict};
/// # use tollhouse_engine::policy::is_acceptable;
/// let detail = "secrets/key is forbidden by project (tollhouse.toml:9)".to_owned();
/// let verdict = RuleVerdict { rule: "forbidden_path".to_owned(), outcome: RuleOutcome::Broken, detail };
/// let text = is_acceptable(&[verdict]).unwrap_err();
/// assert!(text.starts_with("policy refused the change: forbidden_path (secrets/key is forbidden by"));
/// ```
pub fn is_acceptable(verdicts: &[RuleVerdict]) -> Result<(), String> {
    let against = |verdict: &&RuleVerdict| match verdict.outcome {
        RuleOutcome::Broken | RuleOutcome::BrokenAlways => true,
        RuleOutcome::Held | RuleOutcome::Waived => false,
    };
    let broken: Vec<String> =
        verdicts.iter().filter(against).map(|verdict| format!("{} ({})", verdict.rule, verdict.detail)).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(format!("policy refused the change: {}; make it again so that it keeps these rules", broken.join("; ")))
}
