//! Where `check` tells a mistake: each with file, line and key, however late it is found, all at once, and of many of
//! one kind the first.

use super::support::bridge::Setup;
use super::support::program::{Home, run};

/// What `check` says of a configuration that does not hold.
fn said_of(home: &Home) -> String {
    let (code, out, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 64, "{out}{errors}");
    errors
}

fn home_with(config: &str) -> Home {
    Home::new("http://127.0.0.1:9", &Setup { config: config.to_owned(), ..Setup::default() })
}

/// The line of the configuration that begins so, counted from 1.
fn line_of(home: &Home, begin: &str) -> usize {
    let text = std::fs::read_to_string(home.config()).expect("the configuration");
    let place = text.lines().position(|line| line.starts_with(begin));
    place.unwrap_or_else(|| panic!("no {begin}: {text}")) + 1
}

#[test]
fn what_is_wrong_with_a_source_or_a_key_is_told_with_its_line() {
    let sources = [
        ("none", "", "secrets = []", "secrets: is empty"),
        ("sign", "", "secrets = [\"whsec_!\"]", "secrets[0]: "),
        (
            "opts",
            "secrets = [\"aaaaaaaaaaaaaaaa\"]",
            "options = { nope = 1 }",
            "options.nope: is none",
        ),
        (
            "scheme",
            "secrets = [\"x\"]",
            "verify = { scheme = \"nine\" }",
            "verify: is not a scheme",
        ),
        (
            "header",
            "secrets = [\"x\"]",
            "verify = { scheme = \"header\", header = \"a b\" }",
            "verify.header: is not the name of a header",
        ),
        ("away", "", "secrets = [{ file = \"nowhere\" }]", "secrets[0]: cannot be read"),
    ];
    let mut config = "[notify]\nurl = \"https://example.com/x\"\nsecret = \"whsec_!\"\n".to_owned();
    for (name, more, key, _) in sources {
        config += &format!("[sources.{name}]\nvendor = \"native\"\n{more}\n{key}\n");
    }
    config += "[sources.vendor]\nvendor = \"no-such-vendor\"\nsecrets = [\"x\"]\n";
    let home = home_with(&config);
    let said = said_of(&home);
    let file = home.config().display().to_string();
    for (name, _, key, expected) in sources {
        let line = line_of(&home, key);
        let place = format!("{file}:{line}: sources.{name}.{expected}");
        assert!(said.lines().any(|line| line.starts_with(&place)), "no {place}: {said}");
    }
    let vendor = line_of(&home, "vendor = \"no-such-vendor\"");
    let place = format!("{file}:{vendor}: sources.vendor.vendor: ");
    let told = said.lines().find(|line| line.starts_with(&place));
    assert!(told.is_some_and(|line| line.contains("genesys-cloud")), "no {place}: {said}");
    let secret = line_of(&home, "secret = ");
    assert!(said.contains(&format!("{file}:{secret}: notify.secret: ")), "{said}");
    assert!(said.lines().all(|line| line.matches("config.toml").count() <= 1), "{said}");
    assert!(!said.contains("vendor.toml"), "{said}");
}

#[test]
fn what_is_wrong_with_a_place_is_told_with_its_line() {
    for (section, key, value) in [
        ("servicenow", "ca", "nowhere.pem"),
        ("servicenow", "proxy", "ftp://example.com"),
        ("admin", "token_file", "config.toml/below"),
        ("store", "path", "config.toml/below"),
        ("mappings", "directory", "nowhere"),
    ] {
        let home = home_with(&format!("[{section}]\n{key} = \"{value}\"\n"));
        let said = said_of(&home);
        let line = line_of(&home, &format!("{key} = \"{value}"));
        let place = format!("{}:{line}: {section}.{key}: ", home.config().display());
        let told = said.lines().filter(|line| line.starts_with(&place));
        assert_eq!(told.count(), 1, "no {place}: {said}");
        assert_eq!(said.contains("1 problem:"), section != "store", "{said}");
    }
}

#[test]
fn an_empty_text_and_a_public_url_with_a_user_are_told_with_what_to_write() {
    for (key, value, remedy) in [
        ("intake.body_timeout", "", "write a duration"),
        ("intake.public_url", "ftp://x", "the URL that vendors call"),
        ("intake.public_url", "https://u:p@example.com", "leave them out"),
        ("log.filter", "", "write a level"),
        ("store.path", "", "write the path"),
        ("sources.native.contact_center", " ", "write a name of 1 to 64"),
        ("servicenow.no_proxy", "10.0.0.0/99", "write a host, a domain or a network"),
        ("servicenow.no_proxy", "10.0.0.0/-1", "write a host, a domain or a network"),
        ("servicenow.no_proxy", "10.0.0.0/8/8", "write a host, a domain or a network"),
        ("servicenow.no_proxy", "example.com/24", "write a host, a domain or a network"),
        ("notify.outcomes", "dead\", \"dead", "names dead twice"),
        ("notify.sources", "native\", \"native", "names a source twice"),
    ] {
        let (section, name) = key.rsplit_once('.').expect("a key of a section");
        let is_array = ["no_proxy", "outcomes"].contains(&name) || key == "notify.sources";
        let value = if is_array { format!("[\"{value}\"]") } else { format!("\"{value}\"") };
        let said = said_of(&home_with(&format!("[{section}]\n{name} = {value}\n")));
        let told = said.lines().find(|line| line.contains(&format!("{key}: ")));
        assert!(told.is_some_and(|line| line.contains(remedy)), "{key} = {value}: {said}");
    }
    let networks =
        "no_proxy = [\"10.0.0.0/8\", \"fd00::/8\", \".example.com\", \"*\", \"localhost:80\"]";
    let home = home_with(&format!("[servicenow]\n{networks}\n"));
    let (code, out, errors) = run(&mut home.command(&["check"]));
    assert_eq!(code, 0, "{out}{errors}");
}

#[test]
fn a_table_of_wrong_rows_is_told_by_its_first() {
    let queues = format!("queue,channel,external_id\n{}", "a\n".repeat(100_000));
    let home = Home::new("http://127.0.0.1:9", &Setup { queues, ..Setup::default() });
    let said = said_of(&home);
    assert_eq!(said.matches("queues.csv").count(), 21, "{said}");
    assert!(said.contains("queues.csv:22: … and 99980 more"), "{said}");
}
