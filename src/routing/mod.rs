//! The pure core: what a routing event means for ServiceNow, decided from values alone.
//!
//! Nothing here reads a clock, draws random numbers, opens a socket or touches the disk: time and chance come in as
//! arguments, and what has to be done goes out as [`Effect`]s. It speaks neither a vendor's words nor ServiceNow's.

mod call;
mod clock_offset;
mod conversation;
mod decide;
mod directory;
pub(crate) mod duration;
mod event;
mod event_json;
mod id;
mod leg;
mod meaning;
mod outbox;
mod reason;
mod record;
pub(crate) mod rfc3339;
mod rules;
#[cfg(test)]
mod tests;
mod text;
mod waited;
mod words;

pub use call::AwaReply;
pub(crate) use call::{
    Assignment, AwaCall, CallKind, CallOptions, DisplayOption, LookUp, OfferWindow, RejectReason,
    TransferTarget, Wait,
};
pub(crate) use clock_offset::ClockOffset;
pub(crate) use conversation::WorkItem;
pub(crate) use conversation::{Conversation, Due, ItemState, LaneKey, OpenConsult, Urgency};
pub(crate) use decide::{Decision, Effect, Input, MAX_AHEAD, decide};
pub use directory::{Directory, QueueRow};
pub(crate) use directory::{ReasonRow, TableCounts};
pub use event::RoutingEvent;
pub(crate) use event::{
    Action, AssignmentWish, HandOver, Kind, Rings, Style, TransferKind, Unreadable, VendorTarget,
};
pub use event_json::{DocumentJson, EventJson};
pub(crate) use id::{Channel, ConversationId, EventId, IdError, SegmentId};
pub use id::{
    ContactCenter, DocumentRef, ExternalId, SysId, TableName, UnixMillis, VendorAgentId,
    VendorQueueId,
};
pub(crate) use leg::{Leg, Recent};
pub(crate) use meaning::{AnswerClass, Meaning};
pub use outbox::{Answer, Answered};
pub(crate) use outbox::{
    Attempt, Brought, ClaimId, Ended, Entry, EntryId, Missing, Outcome, Pause, PauseCause, Stage,
    Step, Story,
};
pub(crate) use reason::{Reason, ReasonCode};
pub(crate) use record::{CallRecord, ConversationRecord, EarlierRecord, LegRecord, Page, Word};
pub use record::{EventRecord, State};
pub(crate) use rules::{Doubt, Replace, WithdrawAction};
pub use rules::{OfferDefaults, Rules};
pub(crate) use text::{ForeignText, is_hidden, shortened, visible, visible_line};
pub use waited::Waited;
