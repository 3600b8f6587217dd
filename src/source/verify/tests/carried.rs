use super::*;

#[test]
fn a_secret_in_a_header_is_compared_whole() {
    let header = source(json!({ "scheme": "header", "header": "X-Api-Key" }), &["old", "key-1"]);
    assert_eq!(header.verify(&request(&[("x-api-key", "key-1")], "")), Ok(()));
    for wrong in ["key-", "key-11", "", "KEY-1"] {
        assert_eq!(header.verify(&request(&[("x-api-key", wrong)], "")), Err(Unverified::Wrong));
    }
    let missing = Unverified::Missing("x-api-key".to_owned());
    assert_eq!(header.verify(&request(&[], "")), Err(missing));

    let bearer = source(json!({ "scheme": "bearer" }), &["tok"]);
    assert_eq!(bearer.verify(&request(&[("authorization", "Bearer tok")], "")), Ok(()));
    assert_eq!(bearer.verify(&request(&[("authorization", "bearer tok")], "")), Ok(()));
    assert_eq!(
        bearer.verify(&request(&[("authorization", "Bearer tok2")], "")),
        Err(Unverified::Wrong)
    );
    let unreadable = Unverified::Unreadable("authorization".to_owned());
    assert_eq!(bearer.verify(&request(&[("authorization", "tok")], "")), Err(unreadable));

    let basic = source(json!({ "scheme": "basic", "username": "bridge" }), &["pass"]);
    assert_eq!(basic.verify(&request(&[("authorization", "Basic YnJpZGdlOnBhc3M=")], "")), Ok(()));
    assert_eq!(
        basic.verify(&request(&[("authorization", "Basic YnJpZGdlOnBhc3o=")], "")),
        Err(Unverified::Wrong)
    );
    let unreadable = Unverified::Unreadable("authorization".to_owned());
    assert_eq!(basic.verify(&request(&[("authorization", "Basic !")], "")), Err(unreadable));
}

#[test]
fn a_secret_in_the_body_is_found_by_its_pointer() {
    let field = source(json!({ "scheme": "field", "pointer": "/token" }), &["0123456789abcdef"]);
    assert_eq!(field.verify(&request(&[], r#"{"token":"0123456789abcdef"}"#)), Ok(()));
    assert_eq!(field.verify(&request(&[], r#"{"token":"0"}"#)), Err(Unverified::Wrong));
    let missing = Unverified::Missing("/token".to_owned());
    assert_eq!(field.verify(&request(&[], "{}")), Err(missing));
    let unreadable = Unverified::Unreadable("/token".to_owned());
    assert_eq!(field.verify(&request(&[], "{")), Err(unreadable));
}

fn asked(query: &str) -> Request {
    Request { path_and_query: format!("/webhooks/demo?{query}"), ..request(&[], "{}") }
}

#[test]
fn a_secret_in_the_query_is_compared_whole_however_it_is_encoded() {
    let query =
        source(json!({ "scheme": "query", "parameter": "code" }), &["old", "a+b/c==", "a b"]);
    for good in [
        "code=old",
        "x=1&code=old&y",
        "code=a+b/c==",
        "code=a%2Bb%2fc%3D%3d",
        "code=a%20b",
        "c%6fde=old",
    ] {
        assert_eq!(query.verify(&asked(good)), Ok(()), "{good}");
        assert_eq!(query.refused_by_head(&asked(good)), None);
    }
    for wrong in ["code=", "code", "code=ol", "code=olds", "code=OLD"] {
        assert_eq!(query.verify(&asked(wrong)), Err(Unverified::Wrong), "{wrong}");
        assert_eq!(query.refused_by_head(&asked(wrong)), Some(Unverified::Wrong));
    }
    for missing in ["", "Code=old", "xcode=old", "code2=old"] {
        let missed = Unverified::Missing("code".to_owned());
        assert_eq!(query.verify(&asked(missing)), Err(missed), "{missing}");
    }
    let twice = Unverified::Unreadable("code".to_owned());
    assert_eq!(query.verify(&asked("code=old&code=old")), Err(twice));
    assert!(
        refused(json!({ "scheme": "query", "parameter": "" }), &["s"])
            .contains("verify.parameter: ")
    );
    assert!(refused(json!({ "scheme": "query" }), &["s"]).contains("parameter"));
}

#[test]
fn a_filter_sees_the_query_without_the_secret() {
    let profile = profile("[request]\ndecode = \"json\"", "{ignore: ($query | tojson)}").unwrap();
    let verify = Some(json!({ "scheme": "query", "parameter": "code" }));
    let source = Source::build(profile, SourceSpec { verify, ..spec(&["s3cret"]) }).unwrap();
    let mut signed = asked("a=1&code=old");
    source.sign(&mut signed).unwrap();
    assert_eq!(signed.path_and_query, "/webhooks/demo?a=1&code=s3cret");
    let read = format!("{:?}", source.read(&signed).unwrap());
    assert!(
        read.contains(r#"\"a\""#) && !read.contains("s3cret") && !read.contains("code"),
        "{read}"
    );
    assert_eq!(source.reads_unsigned(), Vec::<String>::new());
}
