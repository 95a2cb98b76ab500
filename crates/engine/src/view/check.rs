//! Whether the indexes of a view, kept as it changed, are those of its records.

use tollhouse_core::entity::{
    Attempt, Breaker, Budget, CostEntry, Effect, Entity, GateRun, Patch, Run, Task, Worker, Workstream,
};

use super::{View, Viewed};

impl View {
    /// Compares the view with one that is made anew from the same records. The answer is what differs; nothing where all is
    /// well.
    pub fn stale_index(&self) -> Option<String> {
        let fresh = self.rebuilt();
        if self.by_state != fresh.by_state {
            return Some("which records are in which state".to_owned());
        }
        if self.children != fresh.children {
            return Some("what hangs on a record".to_owned());
        }
        for (run, tasks) in &self.schedules {
            let (is, should) = (format!("{tasks:?}"), format!("{:?}", fresh.schedules.get(run)));
            if fresh.schedules.get(run) != Some(tasks) {
                return Some(format!("the tasks of {run}: {is} instead of {should}"));
            }
            if let (Some(is), Some(should)) = (self.queue_order(*run), fresh.queue_order(*run))
                && !is.agrees_with(should)
            {
                return Some(format!("the queue of {run}: {is:?} instead of {should:?}"));
            }
        }
        (*self != fresh).then(|| "a table".to_owned())
    }

    fn rebuilt(&self) -> Self {
        fn copy<T: Viewed + Entity>(from: &View, to: &mut View) {
            for held in T::table(from).values() {
                to.put(held.version, held.body.clone());
            }
        }
        let mut fresh = Self { is_fleet: self.is_fleet, ..Self::default() };
        copy::<Run>(self, &mut fresh);
        copy::<Task>(self, &mut fresh);
        copy::<Attempt>(self, &mut fresh);
        copy::<Patch>(self, &mut fresh);
        copy::<GateRun>(self, &mut fresh);
        copy::<Effect>(self, &mut fresh);
        copy::<Worker>(self, &mut fresh);
        copy::<Workstream>(self, &mut fresh);
        copy::<Breaker>(self, &mut fresh);
        copy::<CostEntry>(self, &mut fresh);
        copy::<Budget>(self, &mut fresh);
        fresh
    }
}
