//! Runs: what they are for, their labels, and the values that programs are given. Names, branches, commands and rules stay.

use tollhouse_core::entity::Run;
use tollhouse_core::lifecycle::RunEvent;

use super::{Forget, gone, gone_if_any};

impl Forget for Run {
    fn forget(&mut self) {
        let spec = &mut self.spec;
        gone_if_any(&mut spec.objective);
        spec.labels.values_mut().for_each(gone);
        spec.agents.iter_mut().flat_map(|agent| agent.env.values_mut()).for_each(gone);
        spec.gates.iter_mut().flat_map(|gate| gate.env.values_mut()).for_each(gone);
    }

    fn forget_event(event: &mut RunEvent) {
        if let RunEvent::Created { run } = event {
            run.forget();
        }
    }
}
