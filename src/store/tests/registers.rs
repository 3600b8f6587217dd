use serde_json::json;

use super::*;
use crate::store::register::{RegisterRow, Swapped};

fn row(version: u64, value: serde_json::Value) -> RegisterRow {
    RegisterRow { version, value }
}

#[tokio::test]
async fn a_register_is_written_only_over_the_version_that_was_seen() {
    let bench = Bench::new();
    assert_eq!(bench.store.register("pace").await, Ok(None));
    assert_eq!(bench.store.swap("pace", 1, json!("a")).await, Ok(Swapped::Other(None)));
    assert_eq!(bench.store.swap("pace", 0, json!("a")).await, Ok(Swapped::Written));
    assert_eq!(bench.store.swap("hold", 0, json!(null)).await, Ok(Swapped::Written), "another one");
    let first = row(1, json!("a"));
    assert_eq!(bench.store.swap("pace", 0, json!("b")).await, Ok(Swapped::Other(Some(first))));
    let bench = bench.reopened().await;
    assert_eq!(bench.store.swap("pace", 1, json!({"b": 2})).await, Ok(Swapped::Written));
    let bench = bench.reopened().await;
    assert_eq!(bench.store.register("pace").await, Ok(Some(row(2, json!({"b": 2})))));
    assert_eq!(bench.store.register("hold").await, Ok(Some(row(1, json!(null)))));
}

#[tokio::test]
async fn of_many_who_have_seen_the_same_one_writes() {
    let bench = Bench::new();
    let swaps = (0..50).map(|number| {
        let store = bench.store.clone();
        tokio::spawn(async move { store.swap("pace", 0, json!(number)).await.unwrap() })
    });
    let swaps: Vec<_> = swaps.collect();
    let mut written = Vec::new();
    for (number, swap) in swaps.into_iter().enumerate() {
        match swap.await.unwrap() {
            Swapped::Written => written.push(number),
            Swapped::Other(now) => assert_eq!(now.map(|row| row.version), Some(1)),
        }
    }
    let [winner] = written[..] else { panic!("{written:?} have written") };
    assert_eq!(bench.store.register("pace").await, Ok(Some(row(1, json!(winner)))));
}
