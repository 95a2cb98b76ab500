//! Gate runs: what the gate printed, and the values that it was given. Its command stays.

use tollhouse_core::entity::GateRun;
use tollhouse_core::lifecycle::GateRunEvent;

use super::{Forget, gone, printed_gone};

impl Forget for GateRun {
    fn forget(&mut self) {
        self.gate.env.values_mut().for_each(gone);
        if let Some(end) = &mut self.end {
            printed_gone(&mut end.output);
        }
    }

    fn forget_event(event: &mut GateRunEvent) {
        match event {
            GateRunEvent::Created { gate_run } => gate_run.forget(),
            GateRunEvent::Pass { end } | GateRunEvent::Fail { end } | GateRunEvent::Break { end } => {
                printed_gone(&mut end.output);
            }
            _ => {}
        }
    }
}
