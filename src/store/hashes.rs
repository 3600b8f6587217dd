//! Fingerprints of what names an event, a request, a document or a conversation: short, and the same for ever.

use sha2::{Digest as _, Sha256};

use super::records::{ConversationHash, Hash};
use crate::routing::{ContactCenter, ConversationId, DocumentRef, LaneKey};

/// Of an event's id among its source's.
pub(super) fn of_event(source: &str, id: &str) -> Hash {
    half_of(source, id)
}

/// Of a request's signed bytes among its source's. No event has such an id: it has a control character.
pub(super) fn of_request(source: &str, fingerprint: &[u8; 32]) -> Hash {
    half_of(source, &format!("\0{}", hex::encode(fingerprint)))
}

/// Of a document among its contact centre's.
pub(super) fn of_document(contact_center: &ContactCenter, document: &DocumentRef) -> Hash {
    half_of(contact_center.as_str(), &format!("{}:{}", document.table, document.sys_id))
}

/// Of a conversation among its contact centre's.
pub(super) fn of_lane(lane: &LaneKey) -> Hash {
    half_of(lane.contact_center.as_str(), lane.conversation.as_str())
}

/// Of a conversation of any contact centre.
pub(super) fn of_conversation(conversation: &ConversationId) -> ConversationHash {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth, ..] =
        half_of("", conversation.as_str());
    u64::from_be_bytes([first, second, third, fourth, fifth, sixth, seventh, eighth])
}

/// The first half of the SHA-256 over the first part's length (`u16`) and both parts.
fn half_of(first: &str, second: &str) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(u16::try_from(first.len()).unwrap_or(u16::MAX).to_be_bytes());
    hasher.update(first.as_bytes());
    hasher.update(second.as_bytes());
    let digest = hasher.finalize();
    let mut hash = Hash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}
