//! A header that is a list of named parts, such as `t=1795280400,v1=5257a8…,v1=…`.

/// The parts of a header, also of one that is there several times.
#[derive(Default)]
pub(super) struct Parts<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parts<'a> {
    /// Reads the parts between the separators; what is no `name=value` is passed over. A value may stand in quotes.
    pub(super) fn read(texts: &[&'a str], separator: &str) -> Self {
        let between = if separator.trim().is_empty() { separator } else { separator.trim() };
        let pairs = texts.iter().flat_map(|text| text.split(between));
        let pair = |pair: &'a str| {
            let (name, value) = pair.trim().split_once('=')?;
            let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            Some((name, quoted.unwrap_or(value)))
        };
        Self(pairs.filter_map(pair).collect())
    }

    /// The values of a name, in their order.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| *found == name).map(|(_, value)| *value)
    }

    /// The value of a name that is there once: of several one reader would take the first and another the last.
    pub(super) fn only(&self, name: &str) -> Option<&'a str> {
        let mut all = self.all(name);
        all.next().filter(|_| all.next().is_none())
    }
}

/// What is wrong with a separator.
pub(super) fn problem_of(separator: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_punctuation() && !matches!(c, '=' | '"') || c == ' ';
    let fits = !separator.is_empty() && separator.len() <= 3 && separator.chars().all(plain);
    (!fits).then_some("`separator` is not one to three blanks or signs such as \",\" or \"; \"")
}
