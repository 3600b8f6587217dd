use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::layout::Prefix;

fn lane(number: u8) -> Arc<LaneKey> {
    let conversation = ConversationId::parse(&format!("c-{number}")).unwrap();
    Arc::new(LaneKey { contact_center: "connect".into(), conversation })
}

fn row(history: Vec<u64>) -> ConversationRow {
    ConversationRow { history, ..ConversationRow::default() }
}

/// One commit: which conversations change, to how long a history; none = it is forgotten.
fn commits() -> impl Strategy<Value = Vec<BTreeMap<u8, Option<u16>>>> {
    let length =
        prop_oneof![1 => Just(None), 8 => (0_u16..40).prop_map(Some), 1 => Just(Some(3_000))];
    let commit = prop::collection::btree_map(0_u8..40, length, 1..30);
    prop::collection::vec(commit, 1..25)
}

struct Bench {
    db: sled::Db,
    rows: Rows,
    shelves: Shelves,
}

impl Bench {
    fn new() -> Self {
        let db = sled::Config::new().temporary(true).open().unwrap();
        Self { rows: Rows::new(&db), db, shelves: Shelves::default() }
    }

    fn commit(&mut self, new: NewRows) {
        let mut changes = Changes::default();
        let left = self.shelves.left_by(&new);
        let moves = write(&self.rows, left, new, &mut changes).unwrap();
        changes.write_into(&self.db);
        self.shelves.moved(moves);
    }

    /// Everything on disk, each conversation with its pack; fails where one is there twice.
    fn on_disk(&self) -> BTreeMap<String, (u64, ConversationRow)> {
        let mut found = BTreeMap::new();
        for pack in self.rows.scan(Prefix::Conversations) {
            let (key, pack) = pack.unwrap();
            let number = layout::seq_in(&key).unwrap();
            let held = conversations(&key, &pack.content).unwrap();
            assert!(!held.is_empty(), "an empty pack is left");
            assert!(pack.chunks == 1 || held.len() == 1, "a pack of several fits into one chunk");
            for (lane, bytes) in held {
                let row = ConversationRow::decode(&key, bytes).unwrap();
                let before = found.insert(lane.conversation.to_string(), (number, row));
                assert!(before.is_none(), "{lane:?} is in two packs");
            }
        }
        found
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_conversation_is_in_one_pack_with_its_latest_row(commits in commits()) {
        let mut bench = Bench::new();
        let mut expected = BTreeMap::new();
        for (number, commit) in (1..).zip(commits) {
            let mut new = NewRows::new();
            for (name, length) in commit {
                let lane = lane(name);
                let row = length.map(|length| row(vec![number; usize::from(length)]));
                match &row {
                    Some(row) => drop(expected.insert(lane.conversation.to_string(), row.clone())),
                    None => drop(expected.remove(&lane.conversation.to_string())),
                }
                new.push((lane, row.map(|row| row.encode())));
            }
            bench.commit(new);
        }
        let found = bench.on_disk();
        for name in 0..40 {
            let lane = lane(name);
            let pack = bench.shelves.pack_of(&lane);
            let told = pack.and_then(|pack| read(&bench.rows, pack, &lane).unwrap());
            prop_assert_eq!(told.as_ref(), expected.get(lane.conversation.as_str()));
            prop_assert_eq!(pack, found.get(lane.conversation.as_str()).map(|(pack, _)| *pack));
        }
        let found: BTreeMap<_, _> = found.into_iter().map(|(name, (_, row))| (name, row)).collect();
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn one_conversation_alone_stays_in_its_pack() {
    let mut bench = Bench::new();
    for length in [1, 3_000, 2] {
        bench.commit(vec![(lane(1), Some(row(vec![7; length]).encode()))]);
        assert_eq!(bench.shelves.pack_of(&lane(1)), Some(0));
    }
    assert_eq!(bench.db.len(), 1, "a row that was longer leaves no chunk behind");
}

#[test]
fn what_shares_a_damaged_pack_does_not_keep_a_conversation_from_being_written() {
    let mut bench = Bench::new();
    let both = vec![(lane(1), Some(row(vec![1]).encode())), (lane(2), Some(row(vec![2]).encode()))];
    bench.commit(both);
    let (key, value) = bench.db.iter().next().unwrap().unwrap();
    let mut damaged = value.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    bench.db.insert(key, damaged).unwrap();
    assert!(matches!(read(&bench.rows, 0, &lane(2)), Err(RowError::Corrupt(_))));
    bench.commit(vec![(lane(1), Some(row(vec![3]).encode()))]);
    let pack = bench.shelves.pack_of(&lane(1)).unwrap();
    assert_eq!(read(&bench.rows, pack, &lane(1)).unwrap(), Some(row(vec![3])));
    assert_eq!(bench.rows.damaged(Prefix::Conversations).unwrap().len(), 1);
}

#[test]
fn a_pack_that_is_cut_off_is_damage() {
    let mut pack = Vec::new();
    add(&mut pack, &lane(1), &row(vec![1]).encode());
    for length in 1..pack.len() {
        assert!(
            matches!(conversations(b"c", &pack[..length]), Err(RowError::Corrupt(_))),
            "{length}"
        );
    }
    assert_eq!(conversations(b"c", &pack).unwrap().len(), 1);
}
