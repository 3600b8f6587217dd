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
