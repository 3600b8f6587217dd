use proptest::prelude::*;

use super::*;
use crate::store::layout;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_row_of_any_length_comes_back_and_no_value_is_too_long(
        first in prop::collection::vec(any::<u8>(), 0..40_000),
        second in prop::collection::vec(any::<u8>(), 0..40_000),
    ) {
        let (db, rows) = open();
        let key = layout::event(7);
        write(&db, |changes| { changes.put(&key, &first); });
        prop_assert_eq!(rows.get(&key).unwrap().unwrap().content, first);
        let before = rows.chunks(&key).unwrap();
        write(&db, |changes| {
            let chunks = changes.put(&key, &second);
            changes.remove(&key, chunks, before);
        });
        let row = rows.get(&key).unwrap().unwrap();
        prop_assert_eq!(&row.content, &second);
        prop_assert_eq!(usize::from(row.chunks), db.iter().count());
        prop_assert!(db.iter().all(|found| found.unwrap().1.len() <= CHUNK));
        write(&db, |changes| changes.remove(&key, 0, row.chunks));
        prop_assert!(db.is_empty());
    }

    #[test]
    fn a_changed_byte_is_noticed(content in prop::collection::vec(any::<u8>(), 0..64), at: prop::sample::Index, bit in 0..8_u8) {
        let (db, rows) = open();
        let key = layout::story(1);
        write(&db, |changes| { changes.put(&key, &content); });
        let (stored, value) = db.first().unwrap().unwrap();
        let mut value = value.to_vec();
        let at = at.index(value.len());
        value[at] ^= 1 << bit;
        db.insert(stored, value).unwrap();
        prop_assert!(rows.get(&key).is_err());
        prop_assert!(rows.scan(Prefix::Story).all(|found| found.is_err()));
    }
}

#[test]
fn a_row_that_was_moved_to_another_key_is_noticed() {
    let (db, rows) = open();
    write(&db, |changes| {
        changes.put(&layout::event(1), b"content");
    });
    let (_, value) = db.first().unwrap().unwrap();
    db.clear().unwrap();
    db.insert(chunk_key(&layout::event(2), 0), value).unwrap();
    assert!(matches!(rows.get(&layout::event(2)), Err(RowError::Corrupt(_))));
}

#[test]
fn a_row_that_lost_a_chunk_is_noticed() {
    let (db, rows) = open();
    let key = layout::event(1);
    write(&db, |changes| {
        changes.put(&key, &[1; 3 * CHUNK]);
    });
    db.remove(chunk_key(&key, 1)).unwrap();
    assert!(matches!(rows.get(&key), Err(RowError::Corrupt(_))));
}

#[test]
fn a_row_of_a_newer_version_is_told_from_a_damaged_one() {
    let (db, rows) = open();
    let key = layout::event(1);
    db.insert(chunk_key(&key, 0), &[2, 0, 0, 0, 0, 0, 1]).unwrap();
    assert!(matches!(rows.get(&key), Err(RowError::Newer(2))));
}

#[test]
fn rows_come_in_the_order_of_their_numbers_from_either_end() {
    let (db, rows) = open();
    write(&db, |changes| {
        for seq in [300, 2, 70_000, 255] {
            changes.put(&layout::event(seq), &[0; 2 * CHUNK]);
        }
        changes.put(&layout::dead(1), b"");
    });
    let seqs = |key: Key| layout::seq_in(&key);
    let found: Vec<_> = rows.scan(Prefix::Event).filter_map(|row| seqs(row.unwrap().0)).collect();
    assert_eq!(found, [2, 255, 300, 70_000]);
    let before = rows.range_back(&layout::event(3), &layout::event(70_000));
    let found: Vec<_> = before.filter_map(|row| seqs(row.unwrap().0)).collect();
    assert_eq!(found, [300, 255]);
}

fn open() -> (sled::Db, Rows) {
    let db = sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap();
    let rows = Rows::new(&db);
    (db, rows)
}

fn write(db: &sled::Db, change: impl FnOnce(&mut Changes)) {
    let mut changes = Changes::default();
    change(&mut changes);
    changes.write_into(db);
}

#[test]
fn a_row_is_read_whole_while_it_is_replaced() {
    const ROUNDS: u8 = 200;
    let (db, rows) = open();
    let key = layout::event(1);
    let row_of = |round: u8| vec![round; CHUNK * 3 - usize::from(round % 2) * CHUNK];
    write(&db, |changes| {
        changes.put(&key, &row_of(0));
    });
    let writer = rows.clone();
    let written = std::thread::scope(|scope| {
        let written = scope.spawn(|| {
            for round in 1..=ROUNDS {
                let before = writer.chunks(&key).unwrap();
                let mut changes = Changes::default();
                let chunks = changes.put(&key, &row_of(round));
                changes.remove(&key, chunks, before);
                writer.memtable.put(changes.into_rows());
                for (key, value) in &*writer.memtable.send_off() {
                    crate::store::keeper::write(&db, key, value.as_ref()).unwrap();
                }
                writer.memtable.arrived();
            }
        });
        let mut seen = 0;
        while seen < ROUNDS {
            let row = rows.get(&key).unwrap().expect("it is always there").content;
            assert_eq!(row, row_of(row[0]), "parts of two rows");
            assert!(row[0] >= seen, "older than before");
            seen = row[0];
        }
        written.join()
    });
    written.unwrap();
}
