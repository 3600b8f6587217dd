use super::*;

const TWILIO_URL: &str = "/myapp.php?foo=1&bar=2";

fn twilio(public_url: &str) -> Source {
    let profile =
        profile("[request]\ndecode = \"form\"\n[verify]\nscheme = \"twilio\"", ".").unwrap();
    let spec = SourceSpec { public_url: Some(public_url.to_owned()), ..spec(&["12345"]) };
    Source::build(profile, spec).unwrap()
}

fn twilio_request(signature: &str, path: &str, body: &str) -> Request {
    let headers =
        [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", signature)];
    Request { path_and_query: path.to_owned(), ..request(&headers, body) }
}

const TWILIO_FORM: &str = "Digits=1234&CallSid=CA1234567890ABCDE&To=%2B18005551212&Caller=%2B14158675309&From=%2B14158675309";

#[test]
fn twilios_known_answer_for_a_form_fits_with_and_without_the_port() {
    let signed = twilio_request("RSOYDt4T1cUTdK1PDd93/VVr8B8=", TWILIO_URL, TWILIO_FORM);
    for url in ["https://mycompany.com", "https://mycompany.com:443/", "https://mycompany.com:8443"]
    {
        assert_eq!(twilio(url).verify(&signed), Ok(()), "{url}");
    }
    let own = twilio_request(
        "P+La56/ZKbCmXSc03RXUnV/ZjQw=",
        "/hooks/twilio",
        "EventType=reservation.created&ReservationSid=WR00000000000000000000000000000001&TaskSid=WT00000000000000000000000000000001&Timestamp=1795280400",
    );
    assert_eq!(twilio("https://bridge.example.com").verify(&own), Ok(()));
}

#[test]
fn twilios_known_answer_for_json_fits_and_its_body_is_checked() {
    let path = format!(
        "{TWILIO_URL}&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    );
    let mut signed = request(
        &[
            ("content-type", "application/json"),
            ("x-twilio-signature", "a9nBmqA0ju/hNViExpshrM61xv4="),
        ],
        r#"{"property": "value", "boolean": true}"#,
    );
    signed.path_and_query = path;
    let twilio = twilio("https://mycompany.com");
    assert_eq!(twilio.verify(&signed), Ok(()));
    assert_eq!(twilio.verify(&tampered(&signed)), Err(Unverified::Wrong));
}

#[test]
fn a_json_body_that_no_hash_covers_is_refused() {
    let twilio = twilio("https://mycompany.com");
    let mut signed = request(&[("content-type", "application/json")], "{}");
    twilio.sign(&mut signed).unwrap();
    assert_eq!(twilio.verify(&signed), Ok(()));
    signed.path_and_query = "/webhooks/demo".to_owned();
    assert_eq!(twilio.verify(&signed), Err(Unverified::Missing("bodySHA256".to_owned())));
}

#[test]
fn a_twilio_form_that_differs_in_url_body_or_secret_is_refused() {
    let signed = twilio_request("RSOYDt4T1cUTdK1PDd93/VVr8B8=", TWILIO_URL, TWILIO_FORM);
    let home = twilio("https://mycompany.com");
    assert_eq!(home.verify(&tampered(&signed)), Err(Unverified::Wrong));
    assert_eq!(twilio("https://other.com").verify(&signed), Err(Unverified::Wrong));
    assert_eq!(twilio("http://mycompany.com").verify(&signed), Err(Unverified::Wrong));
    let elsewhere =
        Request { path_and_query: "/myapp.php?foo=1&bar=3".to_owned(), ..signed.clone() };
    assert_eq!(home.verify(&elsewhere), Err(Unverified::Wrong));
    let missing = Unverified::Missing("x-twilio-signature".to_owned());
    assert_eq!(home.verify(&without(&signed, "x-twilio-signature")), Err(missing));
}

#[test]
fn repeated_twilio_parameters_count_once_and_a_legacy_query_is_tried() {
    let home = twilio("https://mycompany.com");
    let mut once = twilio_request("AA==", "/x", "A=1&B=2");
    home.sign(&mut once).unwrap();
    let repeated = Request { body: "B=2&A=1&B=2".into(), ..once };
    assert_eq!(home.verify(&repeated), Ok(()));

    // Signed over the query as Node's old encoder writes it, sent as browsers write it.
    let mut legacy = twilio_request("AA==", "/x?a=hello%20world&b=%26", "A=1");
    home.sign(&mut legacy).unwrap();
    let sent = Request { path_and_query: "/x?a=hello+world&b=%26".to_owned(), ..legacy };
    assert_eq!(home.verify(&sent), Ok(()));
}

#[test]
fn twilio_needs_the_public_url() {
    let profile =
        profile("[request]\ndecode = \"form\"\n[verify]\nscheme = \"twilio\"", ".").unwrap();
    for (url, reported) in [(None, "needs `intake.public_url`"), (Some("bridge"), "is not http(s)")]
    {
        let spec = SourceSpec { public_url: url.map(ToOwned::to_owned), ..spec(&["s"]) };
        let problems = Source::build(Arc::clone(&profile), spec).unwrap_err();
        assert!(problems[0].to_string().contains(reported), "{}", problems[0]);
    }
}
