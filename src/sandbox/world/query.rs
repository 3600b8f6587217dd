//! Encoded queries (`sysparm_query`): `active=true^queue=…^ORDERBYDESCsys_created_on`.

/// A query: all of `all` must hold, then the rows are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Query {
    /// Each an either-or (`^OR`).
    pub(super) all: Vec<Vec<Condition>>,
    /// Column and whether the greatest comes first.
    pub(super) order: Vec<(String, bool)>,
    /// Parts that could not be read.
    pub(super) unread: usize,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) field: String,
    pub(super) test: Test,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    Is(String),
    IsNot(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    AtLeast(String),
    AtMost(String),
    Above(String),
    Below(String),
    StartsWith(String),
    Contains(String),
    IsEmpty,
    IsNotEmpty,
}

impl Test {
    /// Whether a raw value passes; values compare as text, except where both are numbers.
    pub(super) fn passes(&self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::IsNot(unwanted) => value != unwanted,
            Self::In(wanted) => wanted.iter().any(|wanted| wanted == value),
            Self::NotIn(unwanted) => !unwanted.iter().any(|unwanted| unwanted == value),
            Self::AtLeast(bound) => compare(value, bound).is_ge(),
            Self::AtMost(bound) => compare(value, bound).is_le(),
            Self::Above(bound) => compare(value, bound).is_gt(),
            Self::Below(bound) => compare(value, bound).is_lt(),
            Self::StartsWith(start) => value.starts_with(start.as_str()),
            Self::Contains(part) => value.contains(part.as_str()),
            Self::IsEmpty => value.is_empty(),
            Self::IsNotEmpty => !value.is_empty(),
        }
    }
}

impl Query {
    /// Reads an encoded query; what cannot be read is counted and left out.
    pub(super) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        for part in text.split('^').filter(|part| !part.is_empty() && *part != "EQ") {
            if let Some(column) = part.strip_prefix("ORDERBYDESC") {
                query.order.push((column.to_owned(), true));
            } else if let Some(column) = part.strip_prefix("ORDERBY") {
                query.order.push((column.to_owned(), false));
            } else {
                query.add(part);
            }
        }
        query
    }

    fn add(&mut self, part: &str) {
        let alternative = part.strip_prefix("OR");
        match (Condition::parse(alternative.unwrap_or(part)), alternative, self.all.last_mut()) {
            (Some(condition), Some(_), Some(last)) => last.push(condition),
            (Some(condition), _, _) => self.all.push(vec![condition]),
            (None, _, _) => self.unread += 1,
        }
    }

    /// The values that a column must have one of, if the query says so: what an index can be asked for.
    pub(super) fn only(&self, field: &str) -> Option<Vec<String>> {
        self.all.iter().find_map(|any| match any.as_slice() {
            [Condition { field: named, test: Test::Is(value) }] if named == field => {
                Some(vec![value.clone()])
            }
            [Condition { field: named, test: Test::In(values) }] if named == field => {
                Some(values.clone())
            }
            _ => None,
        })
    }
}

impl Condition {
    fn parse(part: &str) -> Option<Self> {
        let is_name = |byte: u8| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.')
        };
        let end = part.bytes().position(|byte| !is_name(byte))?;
        let (field, rest) = part.split_at(end);
        if field.is_empty() {
            return None;
        }
        let test = parse_test(rest)?;
        Some(Self { field: field.to_owned(), test })
    }
}

fn parse_test(text: &str) -> Option<Test> {
    let owned = str::to_owned;
    let list = |values: &str| values.split(',').map(owned).collect();
    // The longer operators first: `>=` before `>`.
    text.strip_prefix("!=")
        .map(|value| Test::IsNot(owned(value)))
        .or_else(|| text.strip_prefix(">=").map(|value| Test::AtLeast(owned(value))))
        .or_else(|| text.strip_prefix("<=").map(|value| Test::AtMost(owned(value))))
        .or_else(|| text.strip_prefix('>').map(|value| Test::Above(owned(value))))
        .or_else(|| text.strip_prefix('<').map(|value| Test::Below(owned(value))))
        .or_else(|| text.strip_prefix('=').map(|value| Test::Is(owned(value))))
        .or_else(|| text.strip_prefix("NOT IN").map(|values| Test::NotIn(list(values))))
        .or_else(|| text.strip_prefix("IN").map(|values| Test::In(list(values))))
        .or_else(|| text.strip_prefix("STARTSWITH").map(|value| Test::StartsWith(owned(value))))
        .or_else(|| text.strip_prefix("LIKE").map(|value| Test::Contains(owned(value))))
        .or_else(|| (text == "ISEMPTY").then_some(Test::IsEmpty))
        .or_else(|| (text == "ISNOTEMPTY").then_some(Test::IsNotEmpty))
}

pub(super) fn compare(left: &str, right: &str) -> std::cmp::Ordering {
    match (left.parse::<i64>(), right.parse::<i64>()) {
        (Ok(left), Ok(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}
