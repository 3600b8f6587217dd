use proptest::prelude::*;

use super::*;
use crate::routing::UnixMillis;
use crate::store::rows::Content;

fn row(seq: u64, size: usize) -> EventRow {
    EventRow {
        source: "demo".to_owned(),
        contact_center: "demo".into(),
        received_at: UnixMillis(1),
        content: Content::Unreadable {
            id: format!("e{seq}"),
            kind: None,
            conversation: None,
            problem: "x".repeat(size),
        },
        body: None,
    }
}

fn rows_with(changes: Changes) -> Rows {
    let db = sled::Config::new().temporary(true).open().unwrap();
    changes.write_into(&db);
    Rows::new(&db)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_event_is_found_again_whatever_the_sizes_and_gaps(
        sizes in prop::collection::vec((0_usize..9_000, 1_u64..3), 1..40),
    ) {
        let (mut pack, mut changes, mut seq) = (EventPack::default(), Changes::default(), 5);
        let mut expected = Vec::new();
        for (size, step) in sizes {
            seq += step;
            pack.add(seq, &row(seq, size), &mut changes);
            expected.push((seq, size));
        }
        pack.save(&mut changes);
        let rows = rows_with(changes);
        for (number, size) in &expected {
            prop_assert_eq!(event(&rows, *number).unwrap(), Some(row(*number, *size)));
            let around = events_around(&rows, *number).unwrap().unwrap();
            prop_assert!(around.rows.contains(&(*number, row(*number, *size))));
        }
        for absent in (0..seq + 3).filter(|seq| expected.iter().all(|(there, _)| there != seq)) {
            prop_assert_eq!(event(&rows, absent).unwrap(), None);
        }
    }

    #[test]
    fn every_body_is_found_again_whatever_the_sizes(
        sizes in prop::collection::vec((0_usize..20_000, 1_u64..4, 0_u32..2), 1..30),
    ) {
        let (mut pack, mut changes, mut place) = (BodyPack::default(), Changes::default(), BodyPlace { bucket: 7, seq: 1 });
        let mut expected = Vec::new();
        for (size, step, later) in sizes {
            place = BodyPlace { bucket: place.bucket + later, seq: place.seq + step };
            let bytes = vec![u8::try_from(size % 251).unwrap(); size];
            pack.add(place, 1, &bytes, &mut changes);
            expected.push((place, Body { seq: place.seq, events: 1, bytes }));
        }
        pack.save(&mut changes);
        let rows = rows_with(changes);
        for (place, found) in expected {
            prop_assert_eq!(body(&rows, place).unwrap(), Some(found));
        }
        prop_assert_eq!(body(&rows, BodyPlace { bucket: 7, seq: 0 }).unwrap(), None);
    }
}
