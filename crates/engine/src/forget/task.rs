//! Tasks: what is to be done, what a person said on top, and labels. The name in the plan stays.

use tollhouse_core::entity::Task;
use tollhouse_core::lifecycle::TaskEvent;

use super::{Forget, PURGED, gone, gone_if_any};

impl Forget for Task {
    fn forget(&mut self) {
        PURGED.clone_into(&mut self.spec.prompt);
        self.spec.labels.values_mut().for_each(gone);
    }

    fn forget_event(event: &mut TaskEvent) {
        match event {
            TaskEvent::Created { task } | TaskEvent::Inherited { task } => {
                task.forget();
                gone_if_any(&mut task.feedback);
            }
            TaskEvent::Decide { say, .. } | TaskEvent::Requeue { say, .. } => gone_if_any(say),
            _ => {}
        }
    }
}
