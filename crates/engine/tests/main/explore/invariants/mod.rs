//! What must hold, in the lifecycles' own sentences, over the records alone: nothing here asks the engine or its tables.

mod moment;
mod scene;
mod step;

pub(super) use moment::IN_EACH_STATE;
pub(super) use scene::Scene;
pub(super) use step::{AT_EACH_STEP, Step};

/// Something that must hold.
pub(super) struct Invariant<T> {
    pub(super) name: &'static str,
    /// The sentence of the lifecycles that it comes from.
    pub(super) says: &'static str,
    pub(super) holds: T,
}

/// The first invariant that a state breaks.
pub(super) fn broken_in(scene: &Scene<'_>) -> Option<(&'static str, &'static str)> {
    IN_EACH_STATE.iter().find(|one| !(one.holds)(scene)).map(|one| (one.name, one.says))
}

/// The first invariant that a step breaks.
pub(super) fn broken_at(step: &Step<'_>) -> Option<(&'static str, &'static str)> {
    AT_EACH_STEP.iter().find(|one| !(one.holds)(step)).map(|one| (one.name, one.says))
}
