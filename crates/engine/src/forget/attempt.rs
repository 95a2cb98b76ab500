//! Attempts: what the agent was told, and what it printed.

use tollhouse_core::entity::Attempt;
use tollhouse_core::lifecycle::AttemptEvent as E;

use super::{Forget, gone, gone_if_any, printed_gone};

impl Forget for Attempt {
    fn forget(&mut self) {
        gone(&mut self.prompt);
        gone_if_any(&mut self.feedback);
        if let Some(end) = &mut self.end {
            printed_gone(&mut end.output);
        }
    }

    fn forget_event(event: &mut E) {
        match event {
            E::Created { attempt } => attempt.forget(),
            E::Succeed { end }
            | E::Fail { end }
            | E::TimeOut { end }
            | E::Interrupt { end }
            | E::Lose { end }
            | E::Record { end }
            | E::Cancel { end } => printed_gone(&mut end.output),
        }
    }
}
