use bytes::Bytes;

use super::*;
use crate::routing::ConversationId;
use crate::store::rows::BodyPlace;

#[test]
fn what_bounds_a_commit_is_counted_in_full() {
    let conversation = ConversationId::parse("c-1").unwrap();
    let lane = Arc::new(LaneKey { contact_center: "demo".into(), conversation });
    let mut group = Group::default();
    assert_eq!(group.records(), 0);
    group.changes.put(b"row", b"of one chunk");
    group.changed(&lane);
    group.changed(&lane);
    group.bodies_gone.insert(BodyPlace { bucket: 1, seq: 1 });
    assert_eq!(group.records(), 3);

    let (answer, _) = oneshot::channel();
    let delivery = Delivery {
        fingerprint: None,
        source: "demo".into(),
        contact_center: "demo".into(),
        received_at: UnixMillis(0),
        body: Some(Bytes::from_static(b"12345")),
        items: Vec::new(),
    };
    assert_eq!(Request::Accept { delivery, answer }.bytes(), 5);
    assert_eq!(Request::Close.bytes(), 0);
}
