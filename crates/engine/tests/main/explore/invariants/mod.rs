//! What must hold, in the lifecycles' own sentences, over the records alone: nothing here asks the engine or its tables.

mod agent;
mod gate;
mod moment;
mod money;
mod route;
mod scene;
mod step;
mod stream;
mod worker;

pub(super) use scene::Scene;
pub(super) use step::Step;

/// What must hold in a state, and at a step.
type OfState = Invariant<fn(&Scene<'_>) -> bool>;
type OfStep = Invariant<fn(&Step<'_>) -> bool>;

/// What holds in each state.
const IN_EACH_STATE: [&[OfState]; 7] = [
    moment::IN_EACH_STATE,
    gate::IN_EACH_STATE,
    worker::IN_EACH_STATE,
    stream::IN_EACH_STATE,
    money::IN_EACH_STATE,
    agent::IN_EACH_STATE,
    route::IN_EACH_STATE,
];

/// What holds at each step.
const AT_EACH_STEP: [&[OfStep]; 5] =
    [step::AT_EACH_STEP, worker::AT_EACH_STEP, stream::AT_EACH_STEP, agent::AT_EACH_STEP, route::AT_EACH_STEP];

const fn in_state(name: &'static str, says: &'static str, holds: fn(&Scene<'_>) -> bool) -> OfState {
    Invariant { name, says, holds }
}

const fn at_step(name: &'static str, says: &'static str, holds: fn(&Step<'_>) -> bool) -> OfStep {
    Invariant { name, says, holds }
}

/// Something that must hold.
pub(super) struct Invariant<T> {
    pub(super) name: &'static str,
    /// The sentence of the lifecycles that it comes from.
    pub(super) says: &'static str,
    pub(super) holds: T,
}

/// The first invariant that a state breaks.
pub(super) fn broken_in(scene: &Scene<'_>) -> Option<(&'static str, &'static str)> {
    IN_EACH_STATE.iter().copied().flatten().find(|one| !(one.holds)(scene)).map(|one| (one.name, one.says))
}

/// The first invariant that a step breaks.
pub(super) fn broken_at(step: &Step<'_>) -> Option<(&'static str, &'static str)> {
    AT_EACH_STEP.iter().copied().flatten().find(|one| !(one.holds)(step)).map(|one| (one.name, one.says))
}
