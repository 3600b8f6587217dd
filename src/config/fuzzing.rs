//! Target `config`: any text as the configuration file.

use super::Settings;

/// Stands where secrets stand in the corpus.
const SECRET: &str = "secret-of-the-fuzzer";

/// The whole input is the file.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Settings::parse(text, "fuzz.toml") {
        Ok(settings) => {
            let shown = format!("{settings:?}").contains(SECRET);
            assert!(!shown || !is_value(text), "a secret is shown");
        }
        Err(problems) => {
            for problem in problems.iter() {
                let placed = problem.place.is_some() || !problem.key.is_empty();
                assert!(placed, "where? {problem}");
                assert!(!problem.text.is_empty(), "what? {problem}");
                assert!(!problem.to_string().contains(SECRET) || !is_value(text), "{problem}");
            }
        }
    }
}

/// Whether the secret stands where secrets belong, every time. A channel may be called `token`: its value is none.
fn is_value(text: &str) -> bool {
    if text.contains("channels") {
        return false;
    }
    let fits = |line: &str| {
        let (key, value) = line.split_once('=').unwrap_or_default();
        let key = key.trim();
        let value = value.trim();
        ["password", "secrets", "token"].contains(&key)
            && [format!("\"{SECRET}\""), format!("[\"{SECRET}\"]")]
                .iter()
                .any(|whole| whole == value)
    };
    text.lines().filter(|line| line.contains(SECRET)).all(fits)
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_configuration_is_taken_or_told_what_is_wrong_with_it_and_where() {
        crate::fuzzing::replay("config", 3_000, super::config);
    }
}
