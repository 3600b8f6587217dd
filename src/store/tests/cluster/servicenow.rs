//! ServiceNow as the model knows it: it does whatever lands, each time that it lands, and counts.

use std::collections::HashMap;

use crate::routing::{AwaCall, CallKind, SysId};

/// What is done twice if it is done again.
type Done = (CallKind, Option<SysId>);

#[derive(Default)]
pub(super) struct ServiceNow {
    /// By event.
    done: HashMap<usize, Vec<(Done, Landing)>>,
    items: u32,
}

/// One call that has landed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landing {
    pub(super) item: SysId,
    /// It was written after its time: its node stood still between its look at the clock and the first byte.
    pub(super) late: bool,
}

impl ServiceNow {
    /// Does what a call asks for; the landings of the same call so far, with this one.
    pub(super) fn does(
        &mut self,
        event: usize,
        call: &AwaCall,
        late: bool,
    ) -> (SysId, Vec<Landing>) {
        self.items += 1;
        let item = SysId::parse(&format!("{:032x}", self.items + 0x1000)).unwrap();
        let (done, landing) = (what(call), Landing { item, late });
        let landings = self.done.entry(event).or_default();
        landings.push((done, landing));
        let same = landings.iter().filter(|(other, _)| *other == done);
        (item, same.map(|(_, landing)| *landing).collect())
    }

    /// Counts anew for an event.
    pub(super) fn forgets(&mut self, event: usize) {
        self.done.remove(&event);
    }

    /// What became of a call of an event.
    pub(super) fn finds(&self, event: usize, call: &AwaCall) -> Option<SysId> {
        let landings = self.done.get(&event)?;
        let same = landings.iter().find(|(done, _)| *done == what(call));
        same.map(|(_, landing)| landing.item)
    }
}

const fn what(call: &AwaCall) -> Done {
    let whom = match call {
        AwaCall::Offer { agent, .. } => Some(*agent),
        AwaCall::Assign { work_item, .. }
        | AwaCall::Accept { work_item, .. }
        | AwaCall::Reject { work_item, .. } => Some(*work_item),
        AwaCall::Transfer { .. } | AwaCall::EndConsult { .. } | AwaCall::CloseDocument { .. } => {
            None
        }
    };
    (call.kind(), whom)
}
