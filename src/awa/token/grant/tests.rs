use std::collections::HashMap;

use super::*;

const SECRET: &str = "s3cret:&";

fn oauth(grant: Grant) -> OAuth {
    OAuth {
        scope: Some("api://now/.default".to_owned()),
        extra: [("resource".to_owned(), SecretString::from("https://now?a&b"))].into(),
        ..OAuth::of_client("app id", grant)
    }
}

fn grants() -> [Grant; 3] {
    let jwt = Grant::JwtBearer {
        client_secret: Some(SecretString::from(SECRET)),
        key_file: SecretString::from(include_str!("../tests/key.pem")),
        issuer: "i".to_owned(),
        audience: "a".to_owned(),
        subject: "s".to_owned(),
        key_id: None,
    };
    let password = Grant::Password {
        client_secret: SecretString::from(SECRET),
        username: "u".to_owned(),
        password: SecretString::from("p"),
    };
    [Grant::of_client(SECRET), password, jwt]
}

fn fields(registered: &Registered, way: &Way<'_>) -> HashMap<String, String> {
    let form = registered.form(way, UnixMillis(1_800_000_000_000)).unwrap();
    form_urlencoded::parse(form.as_bytes()).into_owned().collect()
}

#[test]
fn scope_and_further_fields_go_with_every_grant_and_refresh() {
    for grant in grants() {
        let registered = Registered::new(oauth(grant)).unwrap();
        let refresh = SecretString::from("again");
        for way in [Way::Grant, Way::Refresh(&refresh)] {
            let form = fields(&registered, &way);
            assert_eq!(form["scope"], "api://now/.default");
            assert_eq!(form["resource"], "https://now?a&b");
            assert_eq!(
                (form["client_id"].as_str(), form["client_secret"].as_str()),
                ("app id", "s3cret:&")
            );
        }
        assert_eq!(registered.header(), None);
    }
}

#[test]
fn a_client_that_proves_itself_in_the_header_is_not_in_the_form() {
    for grant in grants() {
        let registered =
            Registered::new(OAuth { client_auth: Some(ClientAuth::Basic), ..oauth(grant) })
                .unwrap();
        let form = fields(&registered, &Way::Grant);
        assert!(!form.contains_key("client_id") && !form.contains_key("client_secret"));
        let header = registered.header().unwrap();
        assert!(header.is_sensitive());
        let expected = format!("Basic {}", STANDARD.encode("app+id:s3cret%3A%26"));
        assert_eq!(header.to_str().unwrap(), expected);
    }
    let [.., mut jwt] = grants();
    if let Grant::JwtBearer { client_secret, .. } = &mut jwt {
        *client_secret = None;
    }
    let without = OAuth { client_auth: Some(ClientAuth::Basic), ..oauth(jwt) };
    assert!(Registered::new(without).is_err_and(|error| error.key == "auth.client_auth"));
}
