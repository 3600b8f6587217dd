//! What a group writes, joined into one statement: each message and each statement of its own costs the server and this
//! side something, and the round trip a little time, beside the rows themselves.

use std::fmt::Write as _;

use tokio_postgres::types::{ToSql, Type};

use super::rows::{Rows, signed};
use super::trouble::Trouble;

/// One change of one table, with parameters of its own from `$1` on.
pub(super) struct Part<'a> {
    sql: &'static str,
    values: Vec<(Box<dyn ToSql + Send + Sync + 'a>, Type)>,
    /// How many rows it must write: if another transaction is in the way of one of them, nothing is written.
    rows: Option<i64>,
    /// Another part changes other rows of the same table.
    is_second: bool,
}

/// A value of a part.
pub(super) fn value<'a>(
    value: impl ToSql + Send + Sync + 'a,
    of: Type,
) -> (Box<dyn ToSql + Send + Sync + 'a>, Type) {
    (Box::new(value), of)
}

impl<'a> Part<'a> {
    pub(super) const fn new(
        sql: &'static str,
        values: Vec<(Box<dyn ToSql + Send + Sync + 'a>, Type)>,
    ) -> Self {
        Self { sql, values, rows: None, is_second: false }
    }

    /// It must write so many rows.
    pub(super) fn all(self, rows: usize) -> Self {
        Self { rows: Some(signed(rows as u64)), ..self }
    }

    pub(super) fn second(self) -> Self {
        Self { is_second: true, ..self }
    }
}

impl Rows<'_> {
    /// Carries the parts out. Those that must write all their rows follow each other in their order, as each is looked
    /// at before the next begins; the others come last.
    pub(super) async fn write_parts(&self, parts: Vec<Part<'_>>) -> Result<(), Trouble> {
        // Not all databases take two changes of one table in one statement.
        let apart = |part: &Part<'_>| self.schema.is_plain && part.is_second;
        let (second, first): (Vec<_>, Vec<_>) = parts.into_iter().partition(apart);
        tokio::try_join!(biased; self.write_joined(&first), self.write_joined(&second)).map(drop)
    }

    async fn write_joined(&self, parts: &[Part<'_>]) -> Result<(), Trouble> {
        if parts.is_empty() {
            return Ok(());
        }
        let key: Vec<&'static str> = parts.iter().map(|part| part.sql).collect();
        let mut values: Vec<(&(dyn ToSql + Sync), Type)> = Vec::new();
        for Part { values: own, rows, .. } in parts {
            for (value, of) in own {
                values.push((&**value, of.clone()));
            }
            if let Some(rows) = rows {
                values.push((rows, Type::INT8));
            }
        }
        self.again(&key, || joined(parts), &values).await.map(drop)
    }
}

/// The statement of some parts.
fn joined(parts: &[Part<'_>]) -> String {
    let (mut text, mut checks, mut before) = (String::from("WITH "), String::from("true"), 0);
    for (at, Part { sql, values, rows, .. }) in parts.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let (sql, returning) = (moved(sql, before), rows.map_or("", |_| " RETURNING 1"));
        before += values.len();
        _ = write!(text, "{comma}part_{at} AS ({sql}{returning})");
        if rows.is_some() {
            before += 1;
            _ = write!(checks, " AND (SELECT count(*) FROM part_{at}) = ${before}");
        }
    }
    // What divides by nought here is `Trouble::Again`.
    text + " SELECT 1 / (" + &checks + ")::int4"
}

/// The same statement, with parameters that come after so many others.
fn moved(sql: &str, before: usize) -> String {
    let mut pieces = sql.split('$');
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let number = piece[..digits].parse::<usize>().unwrap_or_default() + before;
        _ = write!(text, "${number}{}", &piece[digits..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_one_statement_with_parameters_in_their_order() {
        let none = |count| (0..count).map(|_| value(0_i64, Type::INT8)).collect();
        let parts = [
            Part::new("INSERT INTO @.a VALUES ($1, $2, $1::int8[])", none(2)).all(3),
            Part::new("DELETE FROM @.b WHERE c = $1", none(1)),
            Part::new("INSERT INTO @.d VALUES ($11, $1)", none(11)).all(1),
        ];
        assert_eq!(
            joined(&parts),
            "WITH part_0 AS (INSERT INTO @.a VALUES ($1, $2, $1::int8[]) RETURNING 1), \
             part_1 AS (DELETE FROM @.b WHERE c = $4), \
             part_2 AS (INSERT INTO @.d VALUES ($15, $5) RETURNING 1) \
             SELECT 1 / (true AND (SELECT count(*) FROM part_0) = $3 AND (SELECT count(*) FROM part_2) = $16)::int4"
        );
    }
}
