//! The `offered_on` that went out with an offer's first request, so that its repeats say the same: a repeat must not
//! prolong the ring time, whatever has been learnt of ServiceNow's clock meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::offset::Offset;
use crate::routing::{AwaCall, OfferWindow, SysId, UnixMillis};

/// Past so many, what is over is forgotten.
const KEPT: usize = 1_024;

/// Which offer: the same for all its repeats, but for one that ServiceNow asked to correct.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    /// The document or the work item.
    pub(super) of: SysId,
    pub(super) agent: SysId,
    pub(super) window: OfferWindow,
    pub(super) corrected: bool,
}

type Key = (SysId, SysId, UnixMillis, u32, bool);

/// The moments of offers that are not over; none where the vendor's own went out.
#[derive(Debug, Default)]
pub(super) struct Holds {
    moments: Mutex<HashMap<Key, Option<UnixMillis>>>,
}

impl Holds {
    /// The latest `offered_on` that may be written for a call; none where the vendor's own goes out.
    pub(super) fn of_call(
        &self,
        call: &AwaCall,
        corrected: bool,
        offset: Offset,
        now: UnixMillis,
    ) -> Option<UnixMillis> {
        let (window, of, agent) = match call {
            AwaCall::Offer { window, document, agent, .. } => {
                Some((*window, document.sys_id, *agent))
            }
            AwaCall::Assign { window, work_item, agent, .. } => {
                window.map(|window| (window, *work_item, *agent))
            }
            AwaCall::Transfer { .. }
            | AwaCall::Accept { .. }
            | AwaCall::Reject { .. }
            | AwaCall::EndConsult { .. }
            | AwaCall::CloseDocument { .. } => None,
        }?;
        let offer = Offer { of, agent, window, corrected };
        self.of(offer, now, || {
            if corrected {
                Some(offset.corrected(now))
            } else {
                offset.hold(window.offered_on, now)
            }
        })
    }

    /// The moment of an offer: the one that it has, else that of `first`.
    pub(super) fn of(
        &self,
        offer: Offer,
        now: UnixMillis,
        first: impl FnOnce() -> Option<UnixMillis>,
    ) -> Option<UnixMillis> {
        let Offer { of, agent, window, corrected } = offer;
        let key = (of, agent, window.offered_on, window.timeout_seconds, corrected);
        let mut moments = self.moments.lock().unwrap_or_else(PoisonError::into_inner);
        if moments.len() >= KEPT {
            moments.retain(|(_, _, offered_on, timeout_seconds, _), _| {
                let window =
                    OfferWindow { offered_on: *offered_on, timeout_seconds: *timeout_seconds };
                window.deadline() > now
            });
        }
        *moments.entry(key).or_insert_with(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::awa::samples::{OTHER, OURS, id};

    const T: UnixMillis = UnixMillis(1_800_000_000_000);

    fn offer(offered_on: UnixMillis) -> Offer {
        let window = OfferWindow { offered_on, timeout_seconds: 4 };
        Offer { of: id(OTHER), agent: id(OURS), window, corrected: false }
    }

    #[test]
    fn a_repeat_says_the_same_and_a_correction_says_its_own() {
        let holds = Holds::default();
        assert_eq!(holds.of(offer(T), T, || None), None);
        assert_eq!(holds.of(offer(T), T.plus(500), || Some(T.minus(250))), None);
        let corrected = Offer { corrected: true, ..offer(T) };
        assert_eq!(holds.of(corrected, T, || Some(T.minus(500))), Some(T.minus(500)));
        assert_eq!(holds.of(corrected, T.plus(900), || Some(T)), Some(T.minus(500)));
        assert_eq!(holds.of(offer(T.plus(1)), T, || Some(T)), Some(T));
    }

    #[test]
    fn what_is_over_is_forgotten_in_time() {
        let holds = Holds::default();
        for number in 0..5_000 {
            let at = T.plus(number * 10);
            holds.of(offer(at), at, || None);
        }
        assert!(holds.moments.lock().unwrap().len() <= KEPT);
    }
}
