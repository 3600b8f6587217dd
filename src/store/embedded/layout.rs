//! The keys of the one tree, and the bytes of its values. Nothing outside this file puts a key together or takes one
//! apart.
//!
//! All numbers are big-endian, so that byte order is numeric order. Every key ends in the number of its chunk (`u16`);
//! see `value.rs` for the frame of the values.
//!
//! | row | key | content |
//! |---|---|---|
//! | schema | `m` `schema` | the schema's number in ASCII digits |
//! | next number | `m` `next` | `u64`: every number below may be in use |
//! | commits | `m` `commits` | `u64`: the last commit |
//! | event | `e` number:`u64` | JSON [`EventRow`](crate::store::records::EventRow) |
//! | index | `i` number:`u64` | [`IndexRow`]: id:16, received at:`i64`, class:`u8`, then nothing or twice a conversation's hash:`u64` |
//! | body | `b` number:`u64` | received at:`i64`, events:`u32`, the vendor's bytes; under the number of its first event |
//! | lane | `l` hash:16 | JSON [`LaneRow`](crate::store::records::LaneRow); the hash is over contact centre and conversation |
//! | register | `g` name | JSON [`RegisterRow`](crate::store::records::RegisterRow) |
//! | settled | `c` number:`u64` | `u64`: the number of the event that settled; the number of the row is its place in the order of settling |
//! | document | `r` hash:16 | JSON [`LaneKey`](crate::routing::LaneKey) of the lane that carries the document's events out; the hash is over contact centre, table and sys_id |
//!
//! An event's number is its place in the order of arrival; places in the order of settling are drawn from the same
//! numbers. See `hashes.rs` for the hashes.

use crate::routing::UnixMillis;
use crate::store::records::{BodyRow, Class, Hash, IndexRow};

/// A key without its chunk number.
pub(super) type Key = Vec<u8>;

/// A kind of numbered row, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Event = b'e',
    Index = b'i',
    Body = b'b',
    Settled = b'c',
}

/// The one of that number.
pub(super) fn numbered(kind: Kind, number: u64) -> Key {
    let mut key = vec![kind as u8];
    key.extend(number.to_be_bytes());
    key
}

/// The number in the key of a numbered row.
pub(super) fn number_in(key: &[u8]) -> Option<u64> {
    let (number, _chunk) = key.get(1..)?.split_first_chunk::<8>()?;
    Some(u64::from_be_bytes(*number))
}

/// The first byte of a lane's key.
pub(super) const LANE: u8 = b'l';

pub(super) fn lane(hash: &Hash) -> Key {
    hashed(LANE, hash)
}

pub(super) fn document(hash: &Hash) -> Key {
    hashed(b'r', hash)
}

pub(super) fn register(name: &str) -> Key {
    [b"g", name.as_bytes()].concat()
}

pub(super) fn schema() -> Key {
    b"mschema".to_vec()
}

pub(super) fn next_number() -> Key {
    b"mnext".to_vec()
}

pub(super) fn commits() -> Key {
    b"mcommits".to_vec()
}

fn hashed(kind: u8, hash: &Hash) -> Key {
    let mut key = vec![kind];
    key.extend(hash);
    key
}

/// The content of an index row.
pub(super) fn encode_index(row: &IndexRow) -> Vec<u8> {
    let IndexRow { id, received_at, class, conversations } = row;
    let mut bytes = id.to_vec();
    bytes.extend(received_at.0.to_be_bytes());
    bytes.push(match class {
        Class::Open => b'o',
        Class::Dead => b'd',
        Class::Ended => b'e',
        Class::Request => b'r',
    });
    for conversation in conversations.iter().flatten() {
        bytes.extend(conversation.to_be_bytes());
    }
    bytes
}

/// None where the bytes are no such row.
pub(super) fn decode_index(bytes: &[u8]) -> Option<IndexRow> {
    let (id, rest) = bytes.split_first_chunk::<16>()?;
    let (at, rest) = rest.split_first_chunk::<8>()?;
    let (class, rest) = rest.split_first()?;
    let class = match class {
        b'o' => Class::Open,
        b'd' => Class::Dead,
        b'e' => Class::Ended,
        b'r' => Class::Request,
        _ => return None,
    };
    let conversations = match rest {
        [] => None,
        rest => {
            let (own, rest) = rest.split_first_chunk::<8>()?;
            let lane: [u8; 8] = rest.try_into().ok()?;
            Some([u64::from_be_bytes(*own), u64::from_be_bytes(lane)])
        }
    };
    let received_at = UnixMillis(i64::from_be_bytes(*at));
    Some(IndexRow { id: *id, received_at, class, conversations })
}

/// The content of a body row.
pub(super) fn encode_body(row: &BodyRow) -> Vec<u8> {
    let mut bytes = row.received_at.0.to_be_bytes().to_vec();
    bytes.extend(row.events.to_be_bytes());
    bytes.extend(&row.bytes);
    bytes
}

/// None where the bytes are no such row.
pub(super) fn decode_body(bytes: Vec<u8>) -> Option<BodyRow> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (events, _) = rest.split_first_chunk::<4>()?;
    let (received_at, events) = (UnixMillis(i64::from_be_bytes(*at)), u32::from_be_bytes(*events));
    Some(BodyRow { received_at, events, bytes: bytes::Bytes::from(bytes).slice(12..) })
}
