//! What happens when something is tried.

use tollhouse_core::Span;

/// How long a provider asks to be left alone.
pub const SLOW_DOWN: Span = Span::from_secs(90);

/// What a try of a task meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Luck {
    /// It goes as it should.
    Good,
    /// The agent exits with 3.
    AgentFails,
    /// The agent's provider asks to slow down.
    RateLimited,
    /// The agent changes nothing.
    Nothing,
    /// The agent touches a forbidden path.
    Forbidden,
    /// The agent never comes back.
    Hangs,
    /// The patch does not fit.
    Conflict,
    /// No candidate can be made of the patch, whoever tries.
    ApplyBreaks,
    /// The gate says no.
    GateSaysNo,
    /// The gate says no at first, and yes when it is run again on the same tree.
    GateFlickers,
    /// The gate cannot be judged, ever.
    GateBreaks,
    /// The branch moved before the landing, once.
    BranchMoves,
    /// The branch moved before the landing, and was put back: the same candidate comes again, once.
    BranchReturns,
    /// The branch is checked out somewhere when the landing comes, once.
    CheckedOut,
}

impl Luck {
    /// Every luck.
    pub const ALL: [Self; 14] = [
        Self::Good,
        Self::AgentFails,
        Self::RateLimited,
        Self::Nothing,
        Self::Forbidden,
        Self::Hangs,
        Self::Conflict,
        Self::ApplyBreaks,
        Self::GateSaysNo,
        Self::GateFlickers,
        Self::GateBreaks,
        Self::BranchMoves,
        Self::BranchReturns,
        Self::CheckedOut,
    ];
}
