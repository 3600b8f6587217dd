//! 8x8's chat webhooks: signed over a text that is made of the body's checksum and headers, as the profile's README
//! says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::json;

use super::support::bridge::{Bridge, Setup};
use super::support::eventually;
use super::support::program::root;

/// A private key of 2,048 bits and its public half.
const KEY: &str = include_str!("../../src/awa/token/tests/key.pem");
const PUBLIC: &str = include_str!("../../src/awa/token/tests/key.pub.pem");

/// The source of the README, with a key that the test has the private half of.
fn setup() -> Setup {
    let readme = std::fs::read_to_string(root().join("mappings/vendors/8x8/README.md"));
    let readme = readme.expect("the profile's README");
    let (_, block) = readme.split_once("```toml\n[sources.8x8-chat]").expect("the source");
    let (block, _) = block.split_once("```").expect("the end of the source");
    let lines = block.lines().filter(|line| !line.starts_with("secrets = "));
    let block =
        lines.collect::<Vec<_>>().join("\n").replace("\"8x8\"             #", "\"native\" #");
    assert!(block.contains("contact_center = \"native\""), "{block}");
    let secret = serde_json::Value::from(PUBLIC);
    Setup {
        config: format!("[sources.8x8-chat]\nsecrets = [{secret}]\n{block}"),
        ..Setup::default()
    }
}

#[tokio::test]
async fn a_chat_webhook_signed_as_8x8_signs_is_taken_and_a_forged_one_is_not() {
    let bridge = Bridge::with(setup()).await;
    let body = json!({
        "eventType": "QUEUED", "conversationId": "c-1", "timestamp": 1_629_804_577_002_i64,
        "data": { "queueId": "support" },
    })
    .to_string();
    let post = async |body: &str, checksum: u32, id: &str| {
        let payload = format!(
            r#"{{"checksum":{checksum},"cid":"customer","eid":"ev-1","retry":0,"tid":"tenant","tt":1629804577296}}"#
        );
        let header = r#"{"b64":false,"crit":["b64"],"kid":"key1","alg":"RS256"}"#;
        let protected = URL_SAFE_NO_PAD.encode(header);
        let key = EncodingKey::from_rsa_pem(KEY.as_bytes()).expect("a private key");
        let message = format!("{protected}.{payload}");
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::RS256);
        let signature = signature.expect("a signature");
        let request = bridge
            .http
            .post(format!("{}/webhooks/8x8-chat", bridge.intake))
            .header("content-type", "application/json")
            .header("x-8x8-customer-id", "customer")
            .header("x-8x8-event-id", id)
            .header("x-8x8-retry", "0")
            .header("x-8x8-tenant-id", "tenant")
            .header("x-8x8-transmission-time", "1629804577296")
            .header("x-8x8-signature", format!("{protected}..{signature}"))
            .body(body.to_owned());
        request.send().await.expect("an answer").status().as_u16()
    };
    let checksum = crc32fast::hash(body.as_bytes());
    assert_eq!(post(&body, checksum + 1, "ev-1").await, 401, "another body's checksum");
    assert_eq!(post(&body, checksum, "ev-2").await, 401, "the event id is signed");
    assert_eq!(post(&body, checksum, "ev-1").await, 200);
    eventually("the event to be kept under its id", async || {
        let (status, _) = bridge.get("/v1/events/8x8-chat/ev-1").await;
        (status == 200).then_some(())
    })
    .await;
}
