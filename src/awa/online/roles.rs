//! Whether the mapped agents are there, active, and hold the roles that an offered agent needs.

use serde_json::Value;

use super::{Finding, Found, rows_of, unread};
use crate::awa::client::Client;
use crate::awa::work_item::text;
use crate::routing::SysId;

/// Without them ServiceNow refuses to offer work to the agent.
pub(in crate::awa) const NEEDED: [&str; 2] = ["awa_agent", "awa_external_user"];

pub(super) async fn agents(client: &Client, wanted: &[SysId]) -> Vec<Finding> {
    let ids: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    let users = rows_of(client, "sys_user", "sys_id", &ids, "", "sys_id,active").await;
    let with_roles = format!("^role.nameIN{}", NEEDED.join(","));
    let roles =
        rows_of(client, "sys_user_has_role", "user", &ids, &with_roles, "user,role.name,state")
            .await;
    let mut findings = Vec::new();
    for ((batch, users), (_, roles)) in users.into_iter().zip(roles) {
        match users {
            Ok(users) => {
                let roles =
                    roles.as_ref().map(Vec::as_slice).map_err(|verdict| verdict.message.as_str());
                findings.extend(batch.iter().map(|id| agent(id, &users, roles)));
            }
            Err(verdict) => findings.extend(unread("agent", batch, &verdict)),
        }
    }
    findings
}

fn agent(id: &str, users: &[Value], roles: Result<&[Value], &str>) -> Finding {
    let finding = |found, detail: &str| Finding::new("agent", id, found, detail);
    let is = |row: &&Value, field: &str| text(&row[field]).as_deref() == Some(id);
    let Some(user) = users.iter().find(|row| is(row, "sys_id")) else {
        return finding(Found::Missing, "no readable sys_user has this sys_id: check agents.csv");
    };
    if text(&user["active"]).as_deref() == Some("false") {
        return finding(Found::Unfit, "the user is not active");
    }
    let roles = match roles {
        Ok(roles) => roles,
        Err(why) => return finding(Found::Unknown, &format!("the roles could not be read: {why}")),
    };
    let held: Vec<_> = roles
        .iter()
        .filter(|row| is(row, "user"))
        .filter_map(|row| text(&row["role.name"]))
        .collect();
    if held.is_empty() && roles.is_empty() {
        return finding(
            Found::Unknown,
            "no roles are readable: the agent has none of awa_agent and awa_external_user, or sys_user_has_role is closed to the integration user",
        );
    }
    let lacking: Vec<_> =
        NEEDED.into_iter().filter(|role| !held.iter().any(|name| name == role)).collect();
    if lacking.is_empty() {
        return finding(Found::Ok, "");
    }
    finding(Found::Unfit, &format!("give the user the role {}", lacking.join(" and the role ")))
}
