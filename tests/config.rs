//! The configuration through the environment and the working directory: alone, because both belong to the process.

#![allow(clippy::disallowed_methods, reason = "tests may block")]
#![expect(clippy::result_large_err, reason = "the jail fixes its stories' error")]

use std::path::Path;

use awa_bridge::testing::config::{Auth, Problems, Scope, Secret, Settings};
use figment::Jail;
use secrecy::ExposeSecret;

const MINIMAL: &str = r#"
    [servicenow]
    instance = "https://example.service-now.com"
    auth = { kind = "basic", username = "bridge", password = "from the file" }

    [sources.demo]
    vendor = "native"
    secrets = ["whsec_one"]
"#;

#[test]
fn the_file_overrides_the_defaults_and_the_environment_overrides_the_file() {
    in_jail(|jail| {
        jail.create_file(
            "config.toml",
            &format!("{MINIMAL}\n[rate_limit]\nburst = 7\nreserve = 0.5"),
        )?;
        jail.set_env("AWA_BRIDGE_RATE_LIMIT__RESERVE", "0");
        jail.set_env("AWA_BRIDGE_SERVICENOW__MAX_IN_FLIGHT", "8");
        jail.set_env("AWA_BRIDGE_RETRY__AGENT_UNAVAILABLE", r#"["1s", "2s"]"#);

        let settings = Settings::load(None).unwrap();

        assert_eq!(settings.rate_limit.per_second.get(), 20);
        assert_eq!(settings.rate_limit.burst.get(), 7);
        assert_eq!(settings.rate_limit.reserve, 0.0);
        assert_eq!(settings.servicenow.max_in_flight, 8);
        assert_eq!(settings.retry.agent_unavailable.len(), 2);
        assert_eq!(settings.file.as_deref(), Some(Path::new("config.toml")));
        Ok(())
    });
}

#[test]
fn the_environment_alone_is_a_configuration() {
    in_jail(|jail| {
        jail.set_env("AWA_BRIDGE_SERVICENOW__INSTANCE", "https://example.service-now.com");
        jail.set_env("AWA_BRIDGE_SERVICENOW__AUTH__KIND", "api_key");
        jail.set_env("AWA_BRIDGE_SERVICENOW__AUTH__KEY", "k");
        jail.set_env("AWA_BRIDGE_SOURCES__DEMO__VENDOR", "native");
        jail.set_env("AWA_BRIDGE_SOURCES__DEMO__SECRETS", r#"["whsec_new", {file = "old"}]"#);
        jail.set_env("AWA_BRIDGE_SOURCES__DEMO__OPTIONS__TIMEOUT_SECONDS", "20");
        jail.create_file("old", "whsec_old\n")?;

        let settings = Settings::load(None).unwrap();

        let demo = &settings.sources["demo"];
        let secrets = demo.reveal_secrets().unwrap();
        assert_eq!(
            secrets.iter().map(ExposeSecret::expose_secret).collect::<Vec<_>>(),
            ["whsec_new", "whsec_old"]
        );
        assert_eq!(demo.options["timeout_seconds"], 20);
        assert!(settings.instance().is_ok());
        Ok(())
    });
}

#[test]
fn a_secret_from_the_environment_keeps_every_character() {
    for text in
        ["12345", "007", "1.50", "1e9", "true", " padded ", "\"quoted\"", "[a", "{a=b", "a=b#c"]
    {
        in_jail(|jail| {
            jail.create_file("config.toml", MINIMAL)?;
            jail.set_env("AWA_BRIDGE_SERVICENOW__AUTH__PASSWORD", text);

            let settings = Settings::load(None).unwrap();

            assert_eq!(reveal(password(&settings)), text);
            Ok(())
        });
    }
}

#[test]
fn a_secret_may_be_kept_in_a_variable_a_file_or_a_credential() {
    in_jail(|jail| {
        jail.create_file("config.toml", &format!("\u{feff}{MINIMAL}"))?;
        jail.create_dir("credentials")?;
        jail.create_file("credentials/sn", "from the credential\r\n\n")?;
        jail.create_file("secret", "from a file \n")?;
        jail.set_env("CREDENTIALS_DIRECTORY", "credentials");
        jail.set_env("ELSEWHERE", "from a variable\n");
        for (kept, expected) in [
            (r#"{ credential = "sn" }"#, "from the credential"),
            (r#"{ file = "secret" }"#, "from a file "),
            (r#"{ env = "ELSEWHERE" }"#, "from a variable"),
        ] {
            jail.set_env("AWA_BRIDGE_SERVICENOW__AUTH__PASSWORD", kept);
            let settings = Settings::load(None).unwrap();
            assert_eq!(reveal(password(&settings)), expected);
            settings.check_secrets(Scope::Everything).unwrap();
        }
        Ok(())
    });
}

#[test]
fn secrets_that_are_not_there_are_all_named_and_a_sandbox_needs_only_its_own() {
    in_jail(|jail| {
        jail.create_file(
            "config.toml",
            r#"
            servicenow.auth = { kind = "api_key", key = { env = "NOT_SET" } }
            [admin]
            token = { file = "nowhere" }
            [sources.demo]
            vendor = "native"
            secrets = ["here", { credential = "absent" }]
            "#,
        )?;
        let settings = Settings::load(None).unwrap();

        let list = settings.check_secrets(Scope::Everything).unwrap_err().to_string();
        assert_eq!(list.lines().count(), 3, "{list}");
        assert!(
            list.contains("config.toml:2: servicenow.auth.key: names the variable NOT_SET"),
            "{list}"
        );
        assert!(list.contains("config.toml:4: admin.token: cannot be read from nowhere"), "{list}");
        assert!(
            list.contains("config.toml:7: sources.demo.secrets[1]: names the credential absent"),
            "{list}"
        );

        let list = settings.check_secrets(Scope::WithoutServiceNow).unwrap_err().to_string();
        assert!(!list.contains("servicenow"), "{list}");
        Ok(())
    });
}

#[test]
fn misspelt_names_are_told_with_their_file_and_line_or_their_variable() {
    in_jail(|jail| {
        jail.create_file(
            "config.toml",
            &format!("{MINIMAL}\n[intake]\nmax_boby = 1\n\n[rate_limits]\nburst = 1\n"),
        )?;
        jail.set_env("AWA_BRIDGE_SERVICENOW__MAX_INFLIGHT", "8");
        jail.set_env("AWA_BRIDGE_OFFRE__TIMEOUT", "8s");

        let list = problems();

        assert_eq!(list.lines().count(), 4, "{list}");
        assert!(
            list.contains(
                "config.toml:11: intake.max_boby: is not a key of [intake]; known are listen, "
            ),
            "{list}"
        );
        assert!(
            list.contains(
                "config.toml:13: rate_limits: is not a section; known are intake, admin, "
            ),
            "{list}"
        );
        assert!(
            list.contains(
                "AWA_BRIDGE_SERVICENOW__MAX_INFLIGHT: servicenow.max_inflight: is not a key"
            ),
            "{list}"
        );
        assert!(list.contains("AWA_BRIDGE_OFFRE__TIMEOUT: offre: is not a section"), "{list}");
        Ok(())
    });
}

#[test]
fn a_wrong_value_is_told_where_it_stands_though_the_other_layer_has_the_key_too() {
    in_jail(|jail| {
        jail.create_file("config.toml", &format!("{MINIMAL}\n[retry]\ninitial = '5s'\n"))?;
        jail.set_env("AWA_BRIDGE_RETRY__INITIAL", "30s");
        let list = problems();
        assert!(
            list.starts_with(
                "AWA_BRIDGE_RETRY__INITIAL: retry.initial: is longer than `max` (10s)"
            ),
            "{list}"
        );
        Ok(())
    });
}

#[test]
fn no_secret_stands_in_a_problem_or_in_debug() {
    in_jail(|jail| {
        jail.create_file(
            "config.toml",
            r#"
            [admin]
            token = { filee = "PRIVATE" }
            [servicenow]
            instance = "https://user:PRIVATE@example.service-now.com"
            auth = { kind = "basic", username = "bridge", passwort = "PRIVATE", password = ["PRIVATE"] }
            [sources.demo]
            vendor = "native"
            secret = ["PRIVATE"]
            secrets = [["PRIVATE"]]
            "#,
        )?;
        jail.set_env("AWA_BRIDGE_SOURCES__OTHER__SECRETS", r#"["PRIVATE", 1.5]"#);
        let list = problems();
        assert_eq!(list.lines().count(), 8, "{list}");
        assert!(!list.contains("PRIVATE"), "{list}");

        jail.create_file("config.toml", &MINIMAL.replace("from the file", "PRIVATE"))?;
        jail.set_env("AWA_BRIDGE_SOURCES__OTHER__VENDOR", "native");
        jail.set_env("AWA_BRIDGE_SOURCES__OTHER__SECRETS", "PRIVATE");
        let settings = Settings::load(None).unwrap();
        assert_eq!(reveal(password(&settings)), "PRIVATE");
        assert!(!format!("{settings:?}").contains("PRIVATE"));
        Ok(())
    });
}

#[test]
fn a_broken_file_is_told_by_its_line_without_quoting_it() {
    in_jail(|jail| {
        jail.create_file("broken.toml", "[servicenow]\nauth = { password = \"PRIVATE }\n")?;
        let list = Settings::load(Some(Path::new("broken.toml"))).unwrap_err().to_string();
        assert!(list.starts_with("broken.toml:2: is not TOML: "), "{list}");
        assert!(!list.contains("PRIVATE"), "{list}");
        Ok(())
    });
}

#[test]
fn a_named_file_that_is_not_there_is_a_problem_and_an_unnamed_one_is_not() {
    in_jail(|_| {
        let list = Settings::load(Some(Path::new("absent.toml"))).unwrap_err().to_string();
        assert!(list.starts_with("absent.toml: cannot be opened (No such file"), "{list}");
        assert_eq!(Settings::load(None).unwrap().file, None);
        Ok(())
    });
}

#[test]
fn the_shipped_file_is_a_configuration_and_says_what_the_defaults_are() {
    let shipped =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml")).unwrap();
    in_jail(|jail| {
        jail.create_file("config.toml", &shipped)?;
        let settings = Settings::load(None).unwrap();
        settings.check_secrets(Scope::Everything).unwrap();
        settings.instance().unwrap();
        assert_eq!(settings.sources.len(), 1);

        let defaults = Settings::parse("", "nothing").unwrap();
        assert_eq!(format!("{:?}", settings.intake), format!("{:?}", defaults.intake));
        assert_eq!(format!("{:?}", settings.store), format!("{:?}", defaults.store));
        assert_eq!((settings.rate_limit, settings.offer), (defaults.rate_limit, defaults.offer));
        assert_eq!((&settings.retry, settings.withdraw), (&defaults.retry, defaults.withdraw));
        assert_eq!(settings.servicenow.request_timeout, defaults.servicenow.request_timeout);
        assert_eq!(settings.servicenow.in_doubt, defaults.servicenow.in_doubt);
        assert_eq!(settings.servicenow.max_in_flight, defaults.servicenow.max_in_flight);
        assert_eq!(
            (&settings.mappings, &settings.log_filter),
            (&defaults.mappings, &defaults.log_filter)
        );
        Ok(())
    });
}

#[test]
fn variables_that_name_no_key_are_left_alone_and_misspelt_keys_are_refused() {
    in_jail(|jail| {
        jail.create_file("config.toml", MINIMAL)?;
        jail.set_env("AWA_BRIDGE_PORT", "tcp://10.0.0.1:8080");
        jail.set_env("AWA_BRIDGE_SERVICE_HOST", "10.0.0.1");
        jail.set_env("AWA_BRIDGE_PORT_8080_TCP_ADDR", "10.0.0.1");
        jail.set_env("AWA_BRIDGE_VERSION", "1.2.3");
        let settings = Settings::load(None).unwrap();
        let warnings = settings.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        for name in ["AWA_BRIDGE_PORT,", "AWA_BRIDGE_SERVICE_HOST", "AWA_BRIDGE_VERSION"] {
            assert!(warnings[0].contains(name), "{warnings:?}");
        }

        jail.set_env("AWA_BRIDGE_INTAKE__LISTENN", "127.0.0.1:1");
        jail.set_env("AWA_BRIDGE_PORT__X", "1");
        let problems = Settings::load(None).unwrap_err().to_string();
        assert!(problems.contains("AWA_BRIDGE_INTAKE__LISTENN"), "{problems}");
        assert!(problems.contains("AWA_BRIDGE_PORT"), "{problems}");
        Ok(())
    });
}

#[test]
fn a_secret_file_is_read_without_what_an_editor_adds() {
    in_jail(|jail| {
        let auth =
            "auth = { kind = \"basic\", username = \"bridge\", password = { file = \"p\" } }";
        let config = MINIMAL.replace(
            "auth = { kind = \"basic\", username = \"bridge\", password = \"from the file\" }",
            auth,
        );
        jail.create_file("config.toml", &config)?;
        let revealed = |settings: &Settings| {
            let Some(Auth::Basic { password, .. }) = &settings.servicenow.auth else { panic!() };
            password.reveal().map(|secret| secret.expose_secret().to_owned())
        };
        jail.create_file("p", "\u{feff}s3cret\r\n")?;
        let settings = Settings::load(None).unwrap();
        assert_eq!(revealed(&settings).unwrap(), "s3cret");
        assert_eq!(settings.warnings(), Vec::<String>::new());

        for several in ["s3cret\nother\n", "s3cret\n\nother", "s3cret\rother"] {
            jail.create_file("p", several)?;
            let problem = revealed(&settings).unwrap_err().to_string();
            assert!(problem.contains("has more than one line in p"), "{problem}");
            assert!(!problem.contains("s3cret"), "{problem}");
        }
        jail.set_env("SEVERAL_LINES", "s3cret\nother");
        jail.set_env("AWA_BRIDGE_SERVICENOW__AUTH__PASSWORD", r#"{ env = "SEVERAL_LINES" }"#);
        let problem = revealed(&Settings::load(None).unwrap()).unwrap_err().to_string();
        assert!(
            problem.contains("has more than one line in the variable SEVERAL_LINES"),
            "{problem}"
        );
        for blank in ["s3cret \n", " s3cret", "\ts3cret"] {
            jail.create_file("p", blank)?;
            assert_eq!(revealed(&settings).unwrap(), blank.trim_end_matches('\n'));
            let warnings = settings.warnings();
            assert!(warnings.len() == 1 && warnings[0].contains("blank"), "{warnings:?}");
            assert!(warnings[0].contains("servicenow.auth.password"), "{warnings:?}");
            assert!(!warnings[0].contains("s3cret"), "{warnings:?}");
        }
        Ok(())
    });
}

/// Runs in a folder of its own without variables of the program's.
fn in_jail(story: impl FnOnce(&mut Jail) -> figment::Result<()>) {
    Jail::expect_with(|jail| {
        jail.clear_env();
        story(jail)
    });
}

fn problems() -> String {
    Settings::load(None)
        .map_err(|problems: Problems| problems.to_string())
        .expect_err("there are problems")
}

fn password(settings: &Settings) -> &Secret {
    let Some(Auth::Basic { password, .. }) = &settings.servicenow.auth else {
        panic!("{:?} is not basic", settings.servicenow.auth)
    };
    password
}

fn reveal(secret: &Secret) -> String {
    secret.reveal().expect("it is there").expose_secret().to_owned()
}

#[test]
fn a_variable_finds_the_source_whose_name_differs_by_hyphens_only() {
    in_jail(|jail| {
        let sources = "[sources.demo-twilio]\nvendor = \"native\"\nsecrets = [\"whsec_old\"]\n";
        jail.create_file("config.toml", &format!("{MINIMAL}\n{sources}"))?;
        jail.set_env("AWA_BRIDGE_SOURCES__DEMO_TWILIO__SECRETS", r#"["whsec_new"]"#);
        let settings = Settings::load(None).unwrap();
        let names: Vec<_> = settings.sources.keys().map(String::as_str).collect();
        assert_eq!(names, ["demo", "demo-twilio"]);
        let secrets = settings.sources["demo-twilio"].reveal_secrets().unwrap();
        assert_eq!(secrets[0].expose_secret(), "whsec_new");

        // A mistake is reported under the variable's own name.
        jail.set_env("AWA_BRIDGE_SOURCES__DEMO_TWILIO__SECRETS", "[7.5]");
        let list = Settings::load(None).unwrap_err().to_string();
        assert!(list.contains("AWA_BRIDGE_SOURCES__DEMO_TWILIO__SECRETS"), "{list}");
        assert!(list.contains("sources.demo-twilio.secrets"), "{list}");

        for other in ["demo_twilio", "\"demo--twilio\""] {
            let other = format!("[sources.{other}]\nvendor = \"native\"\nsecrets = [\"x\"]\n");
            jail.create_file("config.toml", &format!("{MINIMAL}\n{sources}{other}"))?;
            let ambiguous = other.contains("demo_twilio");
            jail.set_env("AWA_BRIDGE_SOURCES__DEMO_TWILIO__SECRETS", r#"["whsec_new"]"#);
            let list = Settings::load(None).map_err(|problems| problems.to_string());
            assert_eq!(list.is_err(), ambiguous, "{list:?}");
            if let Err(list) = list {
                assert!(list.contains("demo-twilio, demo_twilio"), "{list}");
            }
        }
        Ok(())
    });
}
