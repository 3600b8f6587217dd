//! Target `records`: any bytes where a row should lie on the disk.

use super::row::{self, RowError};
use super::rows::{ConversationRow, EventRow, StoryRow, decode, encode};
use super::{ids, journal, layout, pack, shelf};
use crate::routing::{LaneKey, RoutingEvent, UnixMillis};

const KEY: &[u8] = b"e\0\0\0\0\0\0\0\x01";

/// The first byte says what the others are taken for: `e`vent, `s`tory, `c`onversation, pack of `l`anes, `i`ds, `p`ack of events,
/// `b`odies, document's `r`ow, `k`ey, `j`ournal, or a chunk.
pub fn records(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind {
        b'e' => {
            if let Ok(row) = decode::<EventRow>(KEY, bytes) {
                assert_eq!(decode::<EventRow>(KEY, &encode(&row)), Ok(row.clone()));
                drop((row.content.meta(&row.source), row.content.conversation()));
                if let super::rows::Content::Event(event) = row.content {
                    drop(RoutingEvent::parse(*event, UnixMillis(0)));
                }
            }
        }
        b's' => {
            if let Ok(row) = decode::<StoryRow>(KEY, bytes) {
                assert_eq!(decode::<StoryRow>(KEY, &encode(&row)), Ok(row));
            }
        }
        b'c' => {
            if let Ok(row) = ConversationRow::decode(KEY, bytes) {
                let again = row.encode();
                assert_eq!(ConversationRow::owes_calls(&again), !row.entries.is_empty());
                let moved = row.moved_to.is_some() && row.entries.is_empty();
                assert_eq!(ConversationRow::is_moved(&again), moved);
                assert_eq!(ConversationRow::decode(KEY, &again), Ok(row));
            }
        }
        b'r' => {
            if let Ok(lane) = decode::<LaneKey>(KEY, bytes) {
                assert_eq!(decode::<LaneKey>(KEY, &encode(&lane)), Ok(lane));
            }
        }
        b'l' => match shelf::conversations(KEY, bytes) {
            Ok(held) => {
                let mut again = Vec::new();
                for (lane, row) in held {
                    shelf::add(&mut again, &lane, row);
                }
                assert_eq!(again, bytes);
            }
            Err(error) => told(&error),
        },
        b'i' => match ids::decode(KEY, bytes) {
            Ok(found) => assert_eq!(ids::encode(&found), bytes),
            Err(error) => told(&error),
        },
        b'p' => match pack::seqs(&layout::event(7), bytes) {
            Ok(seqs) => assert!(seqs.start == 7 && seqs.end - 7 <= bytes.len() as u64 / 4),
            Err(error) => told(&error),
        },
        b'b' => match pack::bodies(KEY, bytes) {
            Ok(bodies) => assert_eq!(pack::encode_bodies(&bodies), bytes),
            Err(error) => told(&error),
        },
        b'j' => {
            let bytes = summed(bytes);
            let mut again = Vec::new();
            for record in journal::records(&bytes) {
                journal::encode(record.number, record.rows.into_iter(), &mut again);
            }
            assert!(bytes.starts_with(&again), "what is read was written");
        }
        b'k' => {
            assert_eq!(layout::seq_in(bytes).is_some(), bytes.len() >= 9);
            assert_eq!(layout::bucket_and_seq_in(bytes).is_some(), bytes.len() >= 13);
        }
        _ => match row::opened(KEY, bytes) {
            Ok((count, content)) => {
                assert!(count > 0 && content.len() + row::HEADER == bytes.len());
            }
            Err(error) => told(&error),
        },
    }
}

/// With the checksum that the first record should have, which no fuzzer guesses.
fn summed(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = bytes.first_chunk().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    if let Some(content) = bytes.get(8..length.saturating_add(16)) {
        let checksum = crc32fast::hash(content).to_be_bytes();
        bytes[4..8].copy_from_slice(&checksum);
    }
    bytes
}

/// A message names the row and holds nothing of it.
fn told(error: &RowError) {
    assert!(error.to_string().len() < 200, "{error}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_row_is_read_as_it_was_written_or_told_to_be_damaged() {
        crate::fuzzing::replay("records", 10_000, super::records);
    }
}
