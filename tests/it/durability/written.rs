//! What the store's writer writes with, and whoever looks into its store afterwards.

use std::path::Path;
use std::sync::Arc;

use awa_bridge::testing::routing::{
    ContactCenter, Directory, ExternalId, QueueRow, Rules, SysId, VendorAgentId, VendorQueueId,
};
use awa_bridge::testing::store::{self, RulesFor};
use bytes::Bytes;

/// The source and the contact centre of everything that it writes.
pub(super) const SOURCE: &str = "selftest";

const AGENT: &str = "46d44a23a9fe19810012d100cca80666";

/// The rules that the writer goes by: everything is mapped.
pub(super) fn rules() -> Arc<dyn RulesFor> {
    struct Mapped(Arc<Rules>);
    impl RulesFor for Mapped {
        fn rules(&self, _: &ContactCenter) -> Arc<Rules> {
            Arc::clone(&self.0)
        }
    }
    let mut directory = Directory::default();
    let queue = VendorQueueId::parse("q").expect("an id");
    let external_id = ExternalId::parse("queue").expect("an id");
    assert!(directory.add_queue(QueueRow { queue, channel: None, external_id }));
    let agent = VendorAgentId::parse("a").expect("an id");
    assert!(directory.add_agent(agent, SysId::parse(AGENT).expect("an id")));
    Arc::new(Mapped(Arc::new(Rules { directory: Arc::new(directory), ..Rules::default() })))
}

/// The store's settings, the same for whoever looks into it afterwards.
pub(super) fn settings(path: &Path) -> store::Settings {
    store::Settings { path: path.to_owned(), ..store::Settings::default() }
}

/// The body that came with the delivery of that name: of any length up to some 40 KB, mostly small.
pub(super) fn body(name: &str) -> Bytes {
    let sum = name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) + usize::from(byte));
    let length = if sum.is_multiple_of(16) { sum % 40_000 } else { sum % 1_500 };
    name.bytes().cycle().take(length).collect()
}
