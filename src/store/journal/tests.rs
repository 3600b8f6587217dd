use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

type Commit = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

fn commits() -> impl Strategy<Value = Vec<Commit>> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..300));
    let key = prop::collection::vec(any::<u8>(), 0..12);
    prop::collection::vec(prop::collection::btree_map(key, value, 0..4), 1..12)
}

fn rows(commit: &Commit) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    commit.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
}

fn folded(commits: &[Commit]) -> Changed {
    let all = commits.iter().flat_map(Commit::clone);
    all.map(|(key, value)| (key, value.map(Into::into))).collect()
}

/// A directory and the journal in it, with these commits from number 1 on; it turns before those of `turns`.
fn written(commits: &[Commit], turns: &[usize]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(directory.path()).unwrap();
    for ((at, commit), number) in commits.iter().enumerate().zip(1..) {
        if turns.contains(&at) {
            journal.turn();
        }
        journal.append(number, rows(commit)).unwrap();
    }
    directory
}

fn content(directory: &Path, name: &str) -> Vec<u8> {
    std::fs::read(directory.join(name)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_appended_is_read_from_wherever_sled_stands(commits in commits(), turn in 0..12_usize, stands in 0..12_usize) {
        let stands = stands.min(commits.len());
        let directory = written(&commits, &[turn]);
        let found = read(directory.path(), stands as u64).unwrap();
        let last = commits.len() as u64;
        prop_assert_eq!(found, Found { rows: folded(&commits[stands..]), last, newest: last });
    }

    #[test]
    fn a_file_that_is_cut_or_changed_anywhere_is_read_up_to_there(
        commits in commits(), at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<bool>(),
    ) {
        let directory = written(&commits, &[]);
        let whole = content(directory.path(), FILES[0]);
        let at = at.index(whole.len());
        let mut damaged = whole.clone();
        if cut { damaged.truncate(at) } else { damaged[at] ^= 1 << bit }
        let (before, after) = (records(&whole), records(&damaged));
        let mut end = 0;
        let sound = before.iter().take_while(|record| {
            let mut bytes = Vec::new();
            encode(record.number, record.rows.iter().copied(), &mut bytes);
            end += bytes.len();
            end <= at
        });
        let sound = sound.count();
        prop_assert_eq!(&after, &before[..sound]);
    }
}

/// The third turn overwrites the beginning of what the first left.
#[test]
fn what_an_earlier_turn_has_left_is_not_read() {
    let commit = |key: u8| Commit::from([(vec![key; 8], Some(vec![key; 50]))]);
    let commits: Vec<_> = (1..=9).map(commit).collect();
    let directory = written(&commits, &[5, 8]);
    let numbers = |name| {
        let content = content(directory.path(), name);
        records(&content).iter().map(|record| record.number).collect::<Vec<_>>()
    };
    assert_eq!((numbers(FILES[0]), numbers(FILES[1])), (vec![9], vec![6, 7, 8]));
    let found = read(directory.path(), 5).unwrap();
    assert_eq!(found, Found { rows: folded(&commits[5..]), last: 9, newest: 9 });
}

#[test]
fn a_gap_ends_what_may_be_taken_and_shows() {
    let commits = vec![Commit::from([(b"k".to_vec(), Some(b"v".to_vec()))]); 9];
    let directory = written(&commits, &[5]);
    let found = read(directory.path(), 3).unwrap();
    assert_eq!((found.last, found.newest), (9, 9));
    std::fs::write(directory.path().join(FILES[0]), b"").unwrap();
    let found = read(directory.path(), 3).unwrap();
    assert_eq!(found, Found { rows: Changed::new(), last: 3, newest: 9 });
    std::fs::remove_file(directory.path().join(FILES[1])).unwrap();
    assert_eq!(
        read(directory.path(), 3).unwrap(),
        Found { last: 3, newest: 3, ..Found::default() }
    );
}

#[test]
fn what_is_not_needed_is_emptied_and_nothing_else() {
    let commits = vec![Commit::from([(b"k".to_vec(), Some(b"v".to_vec()))]); 9];
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(directory.path()).unwrap();
    for (commit, number) in commits.iter().zip(1..) {
        if number == 6 {
            journal.turn();
        }
        journal.append(number, rows(commit)).unwrap();
    }
    journal.trim().unwrap();
    let lengths = || FILES.map(|name| content(directory.path(), name).len());
    assert_eq!(lengths()[0], 0);
    assert_eq!(read(directory.path(), 5).unwrap().last, 9);
    journal.turn();
    journal.trim().unwrap();
    assert_eq!(lengths(), [0, 0]);
    journal.append(10, rows(&commits[0])).unwrap();
    assert_eq!(read(directory.path(), 9).unwrap().last, 10);
}
