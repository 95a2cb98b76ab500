//! Workstreams.

use tollhouse_core::entity::{Ending, Workstream};
use tollhouse_core::lifecycle::{IllegalTransition, WorkstreamEvent, WorkstreamState};
use tollhouse_core::{Severity, Timestamp};

use super::{Apply, fold};

impl Apply for Workstream {
    type Event = WorkstreamEvent;

    fn apply(current: Option<Self>, event: &WorkstreamEvent, at: Timestamp) -> Result<Self, IllegalTransition> {
        let mut workstream =
            fold!(current, event, WorkstreamState, WorkstreamEvent::Created { workstream } => workstream);
        match event {
            WorkstreamEvent::Created { .. } => {}
            WorkstreamEvent::Derive { reason, class, .. } => {
                workstream.reason.clone_from(reason);
                workstream.error_class = *class;
            }
            WorkstreamEvent::Cancel { reason } => {
                workstream.ended = Some(Ending::Canceled(reason.clone()));
                workstream.reason = Some(reason.clone());
            }
            WorkstreamEvent::Skip { reason } => {
                workstream.ended = Some(Ending::Skipped(reason.clone()));
                workstream.reason = Some(reason.clone());
            }
        }
        if matches!(workstream.state, WorkstreamState::Executing | WorkstreamState::Validating) {
            workstream.started_at = workstream.started_at.or(Some(at));
        }
        workstream.finished_at = workstream.state.is_finished().then_some(at);
        Ok(workstream)
    }

    fn event_name(event: &WorkstreamEvent) -> &'static str {
        event.name()
    }

    fn event_reason(event: &WorkstreamEvent) -> Option<&str> {
        event.reason()
    }

    fn event_severity(event: &WorkstreamEvent) -> Severity {
        match event {
            WorkstreamEvent::Derive { to: WorkstreamState::Failed, .. } => Severity::Error,
            WorkstreamEvent::Derive { to: WorkstreamState::Canceled | WorkstreamState::Skipped, .. }
            | WorkstreamEvent::Cancel { .. }
            | WorkstreamEvent::Skip { .. } => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

#[cfg(test)]
mod tests {
    use tollhouse_core::spec::WorkstreamSpec;
    use tollhouse_core::{RunId, WorkstreamId};

    use super::*;

    fn after(events: &[WorkstreamEvent]) -> Workstream {
        let workstream = Box::new(Workstream {
            id: WorkstreamId::from_parts(Timestamp::EPOCH, 1),
            run: RunId::from_parts(Timestamp::EPOCH, 1),
            place: 0,
            spec: WorkstreamSpec::default(),
            state: WorkstreamState::Planned,
            ended: None,
            reason: None,
            error_class: None,
            created_at: Timestamp::EPOCH,
            started_at: None,
            finished_at: None,
        });
        let mut now = Workstream::apply(None, &WorkstreamEvent::Created { workstream }, Timestamp::EPOCH).unwrap();
        for (event, at) in events.iter().zip(1..) {
            now = Workstream::apply(Some(now), event, Timestamp::from_micros(at)).unwrap();
        }
        now
    }

    fn derive(to: WorkstreamState) -> WorkstreamEvent {
        WorkstreamEvent::Derive { to, reason: None, class: None }
    }

    #[test]
    fn work_on_it_began_with_its_first_attempt() {
        use WorkstreamState as S;
        let workstream = after(&[S::Ready, S::Executing, S::Validating, S::Completed].map(derive));
        assert_eq!(workstream.started_at, Some(Timestamp::from_micros(2)));
        assert_eq!(workstream.finished_at, Some(Timestamp::from_micros(4)));
    }

    #[test]
    fn a_persons_word_is_told_from_what_was_derived() {
        let skip = WorkstreamEvent::Skip { reason: "later".to_owned() };
        assert_eq!(after(&[skip]).ended, Some(Ending::Skipped("later".to_owned())));
        assert_eq!(after(&[derive(WorkstreamState::Skipped)]).ended, None);
    }
}
