//! The keys of the one tree, byte by byte. Nothing outside this file puts a key together or takes one apart.
//!
//! All numbers are big-endian, so that byte order is numeric order. Every key ends in the number of its chunk
//! (`u16`); see `row.rs` for the values.
//!
//! | row | key | value |
//! |---|---|---|
//! | schema | `m` `schema` chunk | the schema's number in ASCII digits |
//! | sequence | `m` `next` chunk | `u64`: every number below may be in use |
//! | commits | `m` `commits` chunk | `u64`: the last commit that is here in full; later ones are in the journal |
//! | events | `e` seq:`u64` chunk | consecutive [`EventRow`](super::rows::EventRow)s, the first of that number, packed as `pack.rs` says; written once |
//! | story | `s` seq:`u64` chunk | JSON [`StoryRow`](super::rows::StoryRow): how it ended; there once it is settled |
//! | dead letter | `d` seq:`u64` chunk | empty; there while the event's state is `dead` |
//! | bodies | `b` bucket:`u32` seq:`u64` chunk | the vendor's bodies of one commit, packed as `pack.rs` says; each under its first event's seq |
//! | ids | `i` bucket:`u32` seq:`u64` chunk | up to 64 times hash:16 seq:`u64`; the key's seq is the first of them |
//! | conversations | `c` pack:`u64` chunk | [`ConversationRow`](super::rows::ConversationRow)s with their names, packed as `shelf.rs` says: each is `L` (calls owed), `M` (moved into another's lane) or `I` (idle), then JSON |
//! | entry | `n` seq:`u64` chunk | JSON [`EntryRow`](super::rows::EntryRow) of an unsettled event, where its conversation owes so many that they do not lie in its own row |
//! | document | `r` hash:16 chunk | JSON [`LaneKey`](crate::routing::LaneKey) of the lane that carries the document's events out; the hash is over contact centre, table and sys_id |
//!
//! `seq` is the entry's id, the place in the order of arrival. `bucket` is the time of receipt in units of ten minutes since 1970:
//! what ages together lies together. `hash` is the first half of the SHA-256 over the source's length (`u16`), the source and the event's id,
//! or a zero byte and the fingerprint of what was signed: that has a `seq` of its own, under which no event is.

use sha2::{Digest, Sha256};

use crate::routing::{DocumentRef, UnixMillis};

/// How long a bucket is, in milliseconds.
pub(super) const BUCKET_MS: u64 = 600_000;

/// A key without its chunk number.
pub(super) type Key = Vec<u8>;

/// The fingerprint of (source, event id).
pub(super) type IdHash = [u8; 16];

/// A kind of row, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Prefix {
    Event = b'e',
    Story = b's',
    Dead = b'd',
    Body = b'b',
    Ids = b'i',
    Conversations = b'c',
    Document = b'r',
    Entry = b'n',
}

impl Prefix {
    pub(super) const fn bytes(self) -> [u8; 1] {
        [self as u8]
    }
}

pub(super) fn schema() -> Key {
    b"mschema".to_vec()
}

pub(super) fn next_seq() -> Key {
    b"mnext".to_vec()
}

pub(super) fn commits() -> Key {
    b"mcommits".to_vec()
}

pub(super) fn event(seq: u64) -> Key {
    numbered(Prefix::Event, seq)
}

pub(super) fn story(seq: u64) -> Key {
    numbered(Prefix::Story, seq)
}

pub(super) fn dead(seq: u64) -> Key {
    numbered(Prefix::Dead, seq)
}

pub(super) fn entry(seq: u64) -> Key {
    numbered(Prefix::Entry, seq)
}

pub(super) fn body(bucket: u32, seq: u64) -> Key {
    aged(Prefix::Body, bucket, seq)
}

pub(super) fn ids(bucket: u32, seq: u64) -> Key {
    aged(Prefix::Ids, bucket, seq)
}

pub(super) fn conversations(pack: u64) -> Key {
    numbered(Prefix::Conversations, pack)
}

/// The row of the lane that carries a document's events out.
pub(super) fn document(hash: &IdHash) -> Key {
    let mut key = Prefix::Document.bytes().to_vec();
    key.extend(hash);
    key
}

/// The first key of all rows of that kind in that bucket.
pub(super) fn bucket_start(prefix: Prefix, bucket: u32) -> Key {
    let mut key = prefix.bytes().to_vec();
    key.extend(bucket.to_be_bytes());
    key
}

/// The bucket of a moment.
pub(super) fn bucket_of(at: UnixMillis) -> u32 {
    let ms = u64::try_from(at.0).unwrap_or(0);
    u32::try_from(ms / BUCKET_MS).unwrap_or(u32::MAX)
}

/// The first bucket that is not over for longer than `kept_ms`.
pub(super) fn first_kept_bucket(now: UnixMillis, kept_ms: u64) -> u32 {
    bucket_of(now.minus(kept_ms))
}

/// The fingerprint of an event's id among its source's, or of a conversation among its contact centre's.
pub(super) fn hash_of(source: &str, id: &str) -> IdHash {
    let mut hasher = Sha256::new();
    hasher.update(u16::try_from(source.len()).unwrap_or(u16::MAX).to_be_bytes());
    hasher.update(source.as_bytes());
    hasher.update(id.as_bytes());
    let digest = hasher.finalize();
    let mut hash = IdHash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

/// The fingerprint of a request's signed bytes among its source's. No event has such an id: it has a control character.
pub(super) fn hash_of_request(source: &str, fingerprint: &[u8; 32]) -> IdHash {
    hash_of(source, &format!("\0{}", hex::encode(fingerprint)))
}

/// The fingerprint of a document among its contact centre's.
pub(super) fn hash_of_document(contact_center: &str, document: &DocumentRef) -> IdHash {
    hash_of(contact_center, &format!("{}:{}", document.table, document.sys_id))
}

/// The number of an `e`, `s`, `d`, `c` or `n` key; none if it is no such key.
pub(super) fn seq_in(key: &[u8]) -> Option<u64> {
    let (number, _chunk) = key.get(1..)?.split_first_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}

/// Bucket and number of a `b` or `i` key; none if it is no such key.
pub(super) fn bucket_and_seq_in(key: &[u8]) -> Option<(u32, u64)> {
    let (bucket, rest) = key.get(1..)?.split_first_chunk::<4>()?;
    let (seq, _chunk) = rest.split_first_chunk::<8>()?;
    Some((u32::from_be_bytes(*bucket), u64::from_be_bytes(*seq)))
}

fn numbered(prefix: Prefix, seq: u64) -> Key {
    let mut key = prefix.bytes().to_vec();
    key.extend(seq.to_be_bytes());
    key
}

fn aged(prefix: Prefix, bucket: u32, seq: u64) -> Key {
    let mut key = bucket_start(prefix, bucket);
    key.extend(seq.to_be_bytes());
    key
}
