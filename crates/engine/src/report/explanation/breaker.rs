//! Why an agent's circuit breaker is where it is.

use tollhouse_core::Kind;
use tollhouse_core::entity::Breaker;
use tollhouse_core::lifecycle::BreakerState;

use super::Explanation;

pub(super) fn explain(breaker: &Breaker) -> Explanation {
    let mut because = vec![match breaker.state {
        BreakerState::Closed => "its agent is given work".to_owned(),
        BreakerState::Open => format!(
            "its agent is given no work{}",
            breaker.until.map_or_else(String::new, |until| format!("; one trial may go from {until}"))
        ),
        BreakerState::HalfOpen => "one trial is out, and decides alone".to_owned(),
    }];
    if breaker.failures_in_a_row > 0 {
        because.push(format!("failures in a row: {}", breaker.failures_in_a_row));
    }
    because.extend(breaker.reason.clone());
    let events = (breaker.state != BreakerState::Closed).then(|| format!("toll log {}", breaker.id));
    let next = breaker.trial.map(|trial| format!("toll explain {}", trial.random_part())).or(events);
    let (name, state) = (breaker.agent.clone(), breaker.state.to_string());
    Explanation { id: breaker.id.into(), kind: Kind::Breaker, name, state, because, next }
}
