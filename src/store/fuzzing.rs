//! Target `records`: any bytes where a row should lie on the disk.

use super::embedded::{self, RowError};
use super::records::{EventRow, LaneRow};
use crate::routing::LaneKey;

/// The first byte says what the others are taken for: `e`vent, `l`ane, document's `r`ow, `i`ndex, `b`ody, or a chunk.
pub fn records(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind {
        b'e' => {
            if let Ok(row) = serde_json::from_slice::<EventRow>(bytes) {
                let again = serde_json::to_vec(&row).expect("a row can be written");
                assert_eq!(serde_json::from_slice::<EventRow>(&again).ok(), Some(row.clone()));
                drop((row.meta(), row.lane(), row.class()));
                drop(row.into_entry(7));
            }
        }
        b'l' => {
            if let Ok(row) = serde_json::from_slice::<LaneRow>(bytes) {
                let again = serde_json::to_vec(&row).expect("a row can be written");
                assert_eq!(serde_json::from_slice::<LaneRow>(&again).ok(), Some(row));
            }
        }
        b'r' => {
            if let Ok(lane) = serde_json::from_slice::<LaneKey>(bytes) {
                let again = serde_json::to_vec(&lane).expect("a row can be written");
                assert_eq!(serde_json::from_slice::<LaneKey>(&again).ok(), Some(lane));
            }
        }
        _ => {
            if let Err(error) = embedded::fuzzed(*kind, bytes) {
                says_little(&error);
            }
        }
    }
}

/// A message names the row and holds nothing of it.
fn says_little(error: &RowError) {
    assert!(error.to_string().len() < 200, "{error}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_row_is_read_as_it_was_written_or_told_to_be_damaged() {
        crate::fuzzing::replay("records", 10_000, super::records);
    }
}
