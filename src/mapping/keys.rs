//! A list of the vendor's agents, each with something that ServiceNow knows the same person by.

#![expect(
    clippy::disallowed_methods,
    reason = "read by a command, which has the process to itself"
)]

use std::collections::HashMap;
use std::path::Path;

use csv::StringRecord;

use super::rows::{Mistakes, Rows};
use crate::problem::Problem;
use crate::routing::VendorAgentId;
use crate::text_file::{self, LARGEST};

/// The column of `sys_user` that a person is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyColumn {
    Email,
    UserName,
    EmployeeNumber,
}

impl KeyColumn {
    const ALL: [Self; 3] = [Self::Email, Self::UserName, Self::EmployeeNumber];

    /// Its name in `sys_user`, and in the list's header.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::UserName => "user_name",
            Self::EmployeeNumber => "employee_number",
        }
    }

    /// A value as it is compared: addresses and user names are the same in any case.
    pub(crate) fn compared(self, value: &str) -> String {
        match self {
            Self::Email | Self::UserName => value.trim().to_lowercase(),
            Self::EmployeeNumber => value.trim().to_owned(),
        }
    }
}

/// The list.
#[derive(Debug, Clone)]
pub(crate) struct AgentKeys {
    pub(crate) column: KeyColumn,
    pub(crate) rows: Vec<Keyed>,
}

/// One agent of the list.
#[derive(Debug, Clone)]
pub(crate) struct Keyed {
    /// Counted from 1.
    pub(crate) line: u64,
    pub(crate) agent: VendorAgentId,
    pub(crate) key: String,
}

impl AgentKeys {
    /// Reads a CSV whose header has the column `agent` and one of `email`, `user_name` and `employee_number`; other
    /// columns are passed over.
    ///
    /// # Errors
    /// The mistakes, with file, line and column: the first ones, and how many more there are.
    pub(crate) fn read(file: &Path) -> Result<Self, Vec<Problem>> {
        let text = text_file::read(file, LARGEST)
            .map_err(|unread| vec![Problem::in_file(file, unread.to_string())])?;
        let mut rows_of = Rows::of(text.as_bytes());
        let header = rows_of.next().map_or_else(|| Ok(StringRecord::new()), |row| row.cells);
        let (agent_at, column, key_at) = header
            .map_err(str::to_owned)
            .and_then(|header| places(&header))
            .map_err(|message| vec![Problem::at_line(file, 1, message)])?;
        let (mut rows, mut mistakes) = (Vec::new(), Mistakes::of(file));
        let mut seen: HashMap<VendorAgentId, u64> = HashMap::new();
        for row in rows_of {
            let line = row.line;
            let record = match row.cells {
                Ok(record) => record,
                Err(problem) => {
                    mistakes.add(line, problem);
                    continue;
                }
            };
            let cell = |at: usize| record.get(at).unwrap_or_default().trim();
            let agent = match VendorAgentId::parse(cell(agent_at)) {
                Ok(agent) => agent,
                Err(error) => {
                    mistakes.add(line, format!("`agent` {error}"));
                    continue;
                }
            };
            let key = cell(key_at);
            if let Err(why) = askable(key) {
                mistakes.add(line, format!("`{}` {why}", column.as_str()));
                continue;
            }
            if let Some(first) = seen.insert(agent.clone(), line) {
                mistakes.add(line, format!("`agent` {agent} is in line {first} already"));
                continue;
            }
            rows.push(Keyed { line, agent, key: key.to_owned() });
        }
        let problems = mistakes.into_vec();
        if problems.is_empty() { Ok(Self { column, rows }) } else { Err(problems) }
    }
}

/// Where the agent and the key are.
fn places(header: &StringRecord) -> Result<(usize, KeyColumn, usize), String> {
    let place = |name: &str| header.iter().position(|column| column.trim() == name);
    let keys: Vec<_> = KeyColumn::ALL
        .into_iter()
        .filter_map(|key| place(key.as_str()).map(|at| (key, at)))
        .collect();
    let expected = "the header has to have `agent` (the vendor's id) and one of `email`, `user_name` and \
                    `employee_number`, with commas between";
    match (place("agent"), keys.as_slice()) {
        (Some(agent), [(key, at)]) => Ok((agent, *key, *at)),
        (Some(_), [_, _, ..]) => {
            Err("the header has several of `email`, `user_name` and `employee_number`: keep one"
                .to_owned())
        }
        (None, _) | (Some(_), []) => Err(expected.to_owned()),
    }
}

/// Whether a value can stand in a query of ServiceNow's.
fn askable(value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Err("is empty");
    }
    let script = value.to_lowercase().starts_with("javascript:");
    if script || value.contains(['^', ',']) || value.chars().any(char::is_control) {
        return Err("holds what cannot stand in a query of ServiceNow's");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<AgentKeys, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("list.csv");
        std::fs::write(&file, text).unwrap();
        let plain = |problems: Vec<Problem>| {
            let line = |p: &Problem| format!("{}: {}", p.line.unwrap_or_default(), p.message);
            problems.iter().map(line).collect()
        };
        AgentKeys::read(&file).map_err(plain)
    }

    #[test]
    fn a_list_is_read_with_other_columns_comments_and_a_byte_order_mark() {
        let list = read("\u{feff}Name,email,agent\r\n# us\r\nAnna, Anna@Example.com ,a-1\r\n\r\n\"B\nC\",b@example.com,b-2").unwrap();
        assert_eq!(list.column, KeyColumn::Email);
        let rows: Vec<_> =
            list.rows.iter().map(|row| (row.line, row.agent.as_str(), row.key.as_str())).collect();
        assert_eq!(rows, [(3, "a-1", "Anna@Example.com"), (5, "b-2", "b@example.com")]);
        assert_eq!(list.column.compared(&list.rows[0].key), "anna@example.com");
    }

    #[test]
    fn every_mistake_is_told_with_line_and_column() {
        let problems = read("agent,user_name\na,x\n# c\na,y\n,z\nb,\nc,p^q\nd\n").unwrap_err();
        assert_eq!(
            problems,
            [
                "4: `agent` a is in line 2 already",
                "5: `agent` is empty",
                "6: `user_name` is empty",
                "7: `user_name` holds what cannot stand in a query of ServiceNow's",
                "8: `user_name` is empty",
            ]
        );
        for header in ["agent;email", "id,email", "agent,name", "", "agent,email,user_name"] {
            let problems = read(header).unwrap_err();
            assert!(
                problems.len() == 1 && problems[0].starts_with("1: the header has"),
                "{problems:?}"
            );
        }
    }
}
