//! How far a run is: figures, what keeps it, and how long it may still take.

mod figures;
mod outline;
mod outlook;

use tollhouse_engine::report::{ProgressFacts, RunProgress, run_progress};

use crate::world::World;

/// How far the run of a world is, as far as its own records say.
fn progress(world: &World) -> RunProgress {
    progress_with(world, &ProgressFacts::default())
}

fn progress_with(world: &World, facts: &ProgressFacts<'_>) -> RunProgress {
    run_progress(world.view(), world.run, world.now, facts).expect("the view holds the run")
}
