//! The pure core: what a routing event means for ServiceNow, decided from values alone.
//!
//! Nothing here reads a clock, throws dice, opens a socket or touches the disk: time and chance come in as
//! arguments, and what has to be done goes out as [`Effect`]s. It speaks neither a vendor's words nor ServiceNow's.

mod call;
mod clock_offset;
mod conversation;
mod decide;
mod directory;
pub mod duration;
mod event;
mod event_json;
mod id;
mod leg;
mod outbox;
mod record;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod waited;

pub use call::{
    Assignment, AwaCall, AwaReply, CallKind, CallOptions, DisplayOption, LookUp, OfferWindow,
    RejectReason, TransferTarget, Wait,
};
pub use clock_offset::ClockOffset;
pub use conversation::{Conversation, Due, ItemState, LaneKey, OpenConsult, Urgency, WorkItem};
pub use decide::{Decision, Effect, Input, MAX_AHEAD, decide};
pub use directory::{Directory, QueueRow, ReasonRow, TableCounts};
pub use event::{
    Action, AssignmentWish, HandOver, Kind, Rings, RoutingEvent, Style, TransferKind, VendorTarget,
};
pub use event_json::{DocumentJson, EventJson};
pub use id::{
    Channel, ContactCenter, ConversationId, DocumentRef, EventId, ExternalId, IdError, SegmentId,
    SysId, TableName, UnixMillis, VendorAgentId, VendorQueueId,
};
pub use leg::{Leg, Recent};
pub use outbox::{
    Answer, Answered, Attempt, Brought, ClaimId, Ended, Entry, EntryId, Missing, Outcome, Pause,
    PauseCause, Reason, Stage, Step, Story,
};
pub use record::{
    CallRecord, ConversationRecord, EarlierRecord, EventRecord, LegRecord, Page, State,
};
pub use rules::{Doubt, OfferDefaults, Replace, Rules, WithdrawAction};
pub use text::{ForeignText, is_hidden, shortened, visible, visible_line};
pub use waited::Waited;
