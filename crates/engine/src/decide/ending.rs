//! The end of an attempt, whatever ends it: what follows from it for money and for its agent, in the same commit.

use tollhouse_core::AttemptId;
use tollhouse_core::entity::{Attempt, Effect, Work};
use tollhouse_core::lifecycle::{AttemptEvent, EffectState};

use super::draft::Draft;
use super::{breaker, budget};
use crate::outcome::AttemptFacts;
use crate::refusal::Refusal;

/// Ends an attempt. Every end goes through here.
pub(super) fn end(
    draft: &mut Draft<'_>,
    id: AttemptId,
    event: &AttemptEvent,
    facts: Option<&AttemptFacts>,
) -> Result<(), Refusal> {
    let attempt = draft.get::<Attempt>(id)?;
    let never_began = is_only_asked_for(draft, &attempt);
    draft.emit::<Attempt>(id, event)?;
    let spent = if never_began { budget::Spent::NOTHING } else { budget::Spent::of(facts, event.name() == "lose") };
    budget::settle(draft, &attempt, spent)?;
    breaker::note(draft, &attempt, event, facts.and_then(|facts| facts.rate_limit))
}

/// Whether nobody began what is asked for, so that nobody ever will.
fn is_only_asked_for(draft: &Draft<'_>, attempt: &Attempt) -> bool {
    let asked = draft.any_order::<Effect>(attempt.run, &[EffectState::Requested]);
    asked.into_iter().any(|effect| effect.work == Work::Spawn { attempt: attempt.id })
}
