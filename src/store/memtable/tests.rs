use proptest::prelude::*;

use super::*;
use crate::store::keeper::write;

/// A key of one letter, so that they meet, and what is done to it.
fn changes() -> impl Strategy<Value = Vec<(u8, Option<u8>)>> {
    prop::collection::vec((b'a'..=b'h', prop::option::of(any::<u8>())), 0..12)
}

fn rows(changes: &[(u8, Option<u8>)]) -> impl Iterator<Item = (Vec<u8>, Option<IVec>)> {
    changes.iter().map(|(key, value)| (vec![*key], value.map(|value| IVec::from(&[value]))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn a_reader_sees_the_latest_of_tree_and_both_layers(
        oldest in changes(), older in changes(), latest in changes(), from in b'a'..=b'i', before in b'a'..=b'i',
    ) {
        let tree = sled::Config::new().temporary(true).flush_every_ms(None).open().unwrap();
        let memtable = MemTable::default();
        let mut expected: BTreeMap<Vec<u8>, IVec> = BTreeMap::new();
        for (key, value) in rows(&oldest).chain(rows(&older)).chain(rows(&latest)) {
            match value {
                Some(value) => drop(expected.insert(key, value)),
                None => drop(expected.remove(&key)),
            }
        }
        for (key, value) in rows(&oldest) {
            write(&tree, &key, value.as_ref()).unwrap();
        }
        memtable.put(rows(&older));
        let on_its_way = memtable.send_off();
        // Whoever reads has a layer of their own from then on.
        let (first, second) = latest.split_at(latest.len() / 2);
        memtable.put(rows(first));
        let reads = memtable.range(b"a", b"z", false);
        memtable.put(rows(second));
        drop(reads);

        let (from, before) = ([from], [before]);
        let expected_in: Vec<_> = expected
            .iter()
            .filter(|(key, _)| key.as_slice() >= from.as_slice() && key.as_slice() < before.as_slice())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let all = |back: bool| {
            let held = memtable.range(&from, &before, back);
            let tree = tree.range(from.as_slice()..before.as_slice());
            let found: sled::Result<Vec<_>> =
                if back { Merged::new(held, tree.rev()).collect() } else { Merged::new(held, tree).collect() };
            found.unwrap()
        };
        prop_assert_eq!(all(false), expected_in.clone());
        prop_assert_eq!(all(true), expected_in.iter().rev().cloned().collect::<Vec<_>>());
        for key in b'a'..=b'h' {
            let found = memtable.get(&[key]).unwrap_or_else(|| tree.get([key]).unwrap());
            prop_assert_eq!(found.as_ref(), expected.get(&vec![key]));
        }

        // Who has begun to read goes on with what it began with, whatever has arrived meanwhile.
        let begun = Merged::new(memtable.range(b"a", b"z", false), tree.range(b"a".as_slice()..b"z".as_slice()));
        for (key, value) in &*on_its_way {
            write(&tree, key, value.as_ref()).unwrap();
        }
        memtable.arrived();
        prop_assert_eq!(&*memtable.send_off(), &rows(&latest).collect::<Changed>());
        let found: sled::Result<Vec<_>> = begun.collect();
        prop_assert_eq!(found.unwrap(), expected.into_iter().collect::<Vec<_>>());
    }
}
