//! Whole tables of the instance, page by page, to make a contact centre's tables from. Only reads.
//!
//! A row counts only with the fields that were asked for: ServiceNow leaves out what the user may not read, counts the
//! rows of a page before it hides any of them, and drops conditions on fields that it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::classify::Verdict;
use super::client::Client;
use super::online::roles::NEEDED;
use super::online::{counted, rows_of};
use super::reasons;
use super::work_item::text;
use crate::routing::SysId;

/// Rows of one page; an answer stays below the largest that is read.
const PAGE: usize = 1_000;
/// No table is read further than this many rows.
const MOST: usize = 1_000_000;

const QUEUES: &str = "awa_queue";
const ROLES: &str = "sys_user_has_role";
const USERS: &str = "sys_user";
const CHANNELS: &str = "awa_service_channel";
const MAPPINGS: &str = "external_agent_mapping";

/// The rows of a table.
#[derive(Debug, Clone)]
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    /// Whether an access rule hides some, so that what is not among the rows may be there.
    pub(crate) some_hidden: bool,
}

/// A queue (`awa_queue`).
#[derive(Debug, Clone)]
pub(crate) struct QueueRecord {
    pub(crate) sys_id: SysId,
    pub(crate) name: String,
    /// Provider queue ID; empty where it has none.
    pub(crate) external_id: String,
    pub(crate) active: bool,
    pub(crate) channel: Option<SysId>,
    /// The service channel's name; empty where it is hidden.
    pub(crate) channel_name: String,
}

/// A user (`sys_user`) with those of the roles of AWA's agents that were found.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserRecord {
    pub(crate) active: bool,
    /// Each is none where it is hidden.
    pub(crate) user_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) employee_number: Option<String>,
    pub(crate) roles: BTreeSet<String>,
}

impl UserRecord {
    /// Why no work can be offered to the user; none where it can.
    pub(crate) fn unfit(&self) -> Option<String> {
        if !self.active {
            return Some("the user is not active".to_owned());
        }
        let lacking: Vec<_> =
            NEEDED.into_iter().filter(|role| !self.roles.contains(*role)).collect();
        (!lacking.is_empty())
            .then(|| format!("the user lacks the role {}", lacking.join(" and the role ")))
    }
}

/// What the contact centre calls an agent (`external_agent_mapping`).
#[derive(Debug, Clone)]
pub(crate) struct MappingRecord {
    pub(crate) external_agent_id: String,
    pub(crate) agent: SysId,
}

/// A reject reason, with the channel that has it.
#[derive(Debug, Clone)]
pub(crate) struct ReasonRecord {
    pub(crate) sys_id: SysId,
    pub(crate) display_value: String,
    pub(crate) value: String,
}

/// Why a table could not be read, with what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// ServiceNow's name of it.
    pub(crate) table: String,
    /// What happened, and what an operator can do.
    pub(crate) why: String,
    /// Whether the instance does not have the table at all.
    pub(crate) absent: bool,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be read: {}", self.table, self.why)
    }
}

impl Client {
    /// Every queue, also those that are not active.
    ///
    /// # Errors
    /// The table or one of its fields cannot be read.
    pub(crate) async fn queues(&self) -> Result<Rows<QueueRecord>, Unreadable> {
        let fields = "sys_id,name,external_id,active,service_channel,service_channel.name";
        let read = all(self, QUEUES, "", fields).await?;
        needs(QUEUES, &read.rows, &["external_id", "active"])?;
        Ok(read.map(|sys_id, row| {
            Some(QueueRecord {
                sys_id,
                name: field(row, "name"),
                external_id: field(row, "external_id").trim().to_owned(),
                active: is_true(row, "active"),
                channel: SysId::parse(&field(row, "service_channel")).ok(),
                channel_name: field(row, "service_channel.name"),
            })
        }))
    }

    /// Every user who has one of the roles of AWA's agents, by sys_id.
    ///
    /// # Errors
    /// The table or one of its fields cannot be read.
    pub(crate) async fn agents(&self) -> Result<(BTreeMap<SysId, UserRecord>, bool), Unreadable> {
        let condition = format!("role.nameIN{}", NEEDED.join(","));
        let fields =
            "sys_id,user,user.active,user.user_name,user.email,user.employee_number,role.name";
        let read = all(self, ROLES, &condition, fields).await?;
        needs(ROLES, &read.rows, &["user", "user.active", "role.name"])?;
        let mut users: BTreeMap<SysId, UserRecord> = BTreeMap::new();
        for row in read.rows.values() {
            let (Ok(user), role) = (SysId::parse(&field(row, "user")), field(row, "role.name"))
            else {
                continue;
            };
            if NEEDED.contains(&role.as_str()) {
                let user = users.entry(user).or_insert_with(|| user_record(row, "user."));
                user.roles.insert(role);
            }
        }
        Ok((users, read.some_hidden))
    }

    /// The users whose column has one of the values, by sys_id, whatever their roles.
    ///
    /// # Errors
    /// The table or one of its fields cannot be read.
    pub(crate) async fn users(
        &self,
        column: &str,
        values: &[String],
    ) -> Result<BTreeMap<SysId, UserRecord>, Unreadable> {
        let fields = "sys_id,active,user_name,email,employee_number";
        let mut users = BTreeMap::new();
        for (_, answer) in rows_of(self, USERS, column, values, "", fields).await {
            let rows = answer.map_err(|verdict| unreadable(USERS, &verdict))?;
            for row in &rows {
                if text(&row["active"]).is_none() || text(&row[column]).is_none() {
                    return Err(hidden(USERS, if column == "sys_id" { "active" } else { column }));
                }
                if let Ok(sys_id) = SysId::parse(&field(row, "sys_id")) {
                    users.insert(sys_id, user_record(row, ""));
                }
            }
        }
        Ok(users)
    }

    /// What the contact centre calls its agents. Whether they are logged in there makes no difference.
    ///
    /// # Errors
    /// The table or one of its fields cannot be read.
    pub(crate) async fn agent_mappings(&self) -> Result<Rows<MappingRecord>, Unreadable> {
        // No page names the column with the user.
        let read = match all(self, MAPPINGS, "", "sys_id,external_agent_id,agent,user").await {
            Ok(read) => read,
            // No agent has been mapped yet.
            Err(empty) if empty.why == NO_ROWS => {
                return Ok(Rows { rows: Vec::new(), some_hidden: false });
            }
            Err(unreadable) => return Err(unreadable),
        };
        needs(MAPPINGS, &read.rows, &["external_agent_id"])?;
        let of_user =
            |row: &Value| text(&row["agent"]).or_else(|| text(&row["user"])).unwrap_or_default();
        if read.rows.values().all(|row| of_user(row).is_empty()) {
            return Err(hidden(MAPPINGS, "agent"));
        }
        Ok(read.map(|_, row| {
            let agent = SysId::parse(&of_user(row)).ok()?;
            Some(MappingRecord { external_agent_id: field(row, "external_agent_id"), agent })
        }))
    }

    /// The service channels: sys_id and name.
    ///
    /// # Errors
    /// The table cannot be read.
    pub(crate) async fn channels(&self) -> Result<Vec<(SysId, String)>, Unreadable> {
        let read = all(self, CHANNELS, "", "sys_id,name").await?;
        Ok(read.map(|sys_id, row| Some((sys_id, field(row, "name")))).rows)
    }

    /// The reject reasons of a service channel, as its agents are shown them; none where no such channel is known.
    ///
    /// # Errors
    /// They cannot be read.
    pub(crate) async fn reasons(&self, channel: SysId) -> Result<Vec<ReasonRecord>, Unreadable> {
        let id = channel.to_string();
        match reasons::fetch(&self.in_force().network(&self.patience()), &id).await {
            Ok(reasons) => Ok(reasons
                .into_iter()
                .map(|reason| ReasonRecord {
                    sys_id: reason.sys_id,
                    display_value: reason.display_value,
                    value: reason.value,
                })
                .collect()),
            Err(verdict) if verdict.status == Some(404) => Ok(Vec::new()),
            Err(verdict) => Err(unreadable(&format!("reject_reasons/{id}"), &verdict)),
        }
    }
}

/// Rows by sys_id.
struct Read {
    rows: BTreeMap<SysId, Value>,
    some_hidden: bool,
}

impl Read {
    fn map<T>(&self, make: impl Fn(SysId, &Value) -> Option<T>) -> Rows<T> {
        let rows = self.rows.iter().filter_map(|(sys_id, row)| make(*sys_id, row)).collect();
        Rows { rows, some_hidden: self.some_hidden }
    }
}

const NO_ROWS: &str = "it has no row that the integration user may see";

/// Reads page after page. An access rule may leave rows out of a page, so that a short page is the last one only where
/// ServiceNow does not say how many there are.
async fn all(
    client: &Client,
    table: &str,
    condition: &str,
    fields: &str,
) -> Result<Read, Unreadable> {
    let path = format!("/api/now/table/{table}");
    let query = if condition.is_empty() {
        "ORDERBYsys_id".to_owned()
    } else {
        format!("{condition}^ORDERBYsys_id")
    };
    let mut read = Read { rows: BTreeMap::new(), some_hidden: false };
    let mut offset = 0_usize;
    loop {
        let (limit, from) = (PAGE.to_string(), offset.to_string());
        let query = [
            ("sysparm_query", query.as_str()),
            ("sysparm_fields", fields),
            ("sysparm_exclude_reference_link", "true"),
            ("sysparm_limit", limit.as_str()),
            ("sysparm_offset", from.as_str()),
        ];
        let (page, total) =
            counted(client, &path, &query).await.map_err(|verdict| unreadable(table, &verdict))?;
        let count = page.len();
        for row in page {
            let id = SysId::parse(&field(&row, "sys_id")).map_err(|_| hidden(table, "sys_id"))?;
            read.rows.insert(id, row);
        }
        offset = offset.saturating_add(PAGE);
        let total = total.map(|total| usize::try_from(total).unwrap_or(usize::MAX));
        if total.map_or(count < PAGE, |total| offset >= total) {
            read.some_hidden = total.is_some_and(|total| read.rows.len() < total);
            break;
        }
        if offset >= MOST {
            let why = format!("it has more than {MOST} rows");
            return Err(Unreadable { table: table.to_owned(), why, absent: false });
        }
    }
    if read.rows.is_empty() {
        let why = if read.some_hidden {
            format!("an access rule hides every row; {}", remedy(table))
        } else {
            NO_ROWS.to_owned()
        };
        return Err(Unreadable { table: table.to_owned(), why, absent: false });
    }
    Ok(read)
}

/// That every row has the fields.
fn needs(table: &str, rows: &BTreeMap<SysId, Value>, fields: &[&str]) -> Result<(), Unreadable> {
    for name in fields {
        if rows.values().any(|row| text(&row[*name]).is_none()) {
            return Err(hidden(table, name));
        }
    }
    Ok(())
}

fn hidden(table: &str, name: &str) -> Unreadable {
    let plugin = match (table, name) {
        (QUEUES, "external_id") => ", or the plugin com.glide.awa-external is not installed",
        _ => "",
    };
    let why = format!("an access rule hides its field {name}{plugin}; {}", remedy(table));
    Unreadable { table: table.to_owned(), why, absent: false }
}

fn unreadable(table: &str, verdict: &Verdict) -> Unreadable {
    let said = &verdict.message;
    let lower = said.to_lowercase();
    let absent = verdict.status == Some(400) && lower.contains("invalid table");
    let why = match verdict.status {
        Some(403) => format!("{said} (HTTP 403); {}", remedy(table)),
        Some(status) => format!("{said} (HTTP {status})"),
        None => said.clone(),
    };
    Unreadable { table: table.to_owned(), why, absent }
}

/// Which role reads the table.
fn remedy(table: &str) -> String {
    let role = match table {
        QUEUES | CHANNELS => "such as awa_admin",
        ROLES | USERS => "such as user_admin",
        MAPPINGS => "such as interaction_agent",
        _ => return "give the integration user the role awa_integration_user".to_owned(),
    };
    format!("give the integration user an ACL for {table}, or a role that reads it, {role}")
}

fn user_record(row: &Value, prefix: &str) -> UserRecord {
    let of = |name: &str| text(&row[format!("{prefix}{name}")]);
    UserRecord {
        active: of("active").is_some_and(|word| word == "true" || word == "1"),
        user_name: of("user_name"),
        email: of("email"),
        employee_number: of("employee_number"),
        roles: BTreeSet::new(),
    }
}

fn field(row: &Value, name: &str) -> String {
    text(&row[name]).unwrap_or_default()
}

fn is_true(row: &Value, name: &str) -> bool {
    matches!(field(row, name).as_str(), "true" | "1")
}
