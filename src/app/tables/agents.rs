//! Agents: a row for each id that ServiceNow's agent mapping, or the vendor's list, has for a user to whom work can be
//! offered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::compare::{Compared, Rules, Status, Wanted, compare, left_out};
use super::ids;
use crate::awa::Client;
use crate::awa::records::{MappingRecord, Unreadable, UserRecord};
use crate::mapping::{AgentKeys, KeyColumn, Sheet};
use crate::routing::{SysId, VendorAgentId};

/// The users by sys_id.
type Users = BTreeMap<SysId, UserRecord>;

/// Asks for agents, roles and agent mapping, and compares.
pub(super) async fn compared(
    client: &Client,
    list: Option<(&Path, &AgentKeys)>,
    sheet: &Sheet,
) -> Result<Compared, Unreadable> {
    let (mut users, mut some_hidden) = client.agents().await?;
    let mut notes = Vec::new();
    let mappings = match client.agent_mappings().await {
        Ok(read) => {
            some_hidden |= read.some_hidden;
            read.rows
        }
        Err(unread) if unread.absent || list.is_some() => {
            notes.push(format!("without ServiceNow's agent mapping: {unread}"));
            Vec::new()
        }
        Err(unread) => return Err(unread),
    };
    learn(client, &mut users, &mappings, sheet).await?;
    let mut lines = Vec::new();
    let mut wanted = of_mapping(&mappings, &users, &mut lines);
    if let Some((file, list)) = list {
        of_list(client, file, list, &users, &mut wanted, &mut lines).await?;
    }
    let rules = Rules { one_row_is_enough: false, record_decides: true };
    let all: Vec<Wanted> = wanted
        .iter()
        .map(|(agent, user)| Wanted {
            key: vec![agent.clone()],
            value: user.to_string(),
            records: vec![*user],
        })
        .collect();
    let (mut found, unchanged) = compare(sheet, &all, |value| status(&users, value), &rules);
    found.extend(lines);
    found.extend(nameless(&users, &all, sheet));
    if wanted.is_empty() {
        notes.push(
            "no vendor's id is known of any agent: fill ServiceNow's agent mapping, or name the vendor's list by --agents"
                .to_owned(),
        );
    }
    Ok(Compared { lines: found, unchanged, notes, some_hidden })
}

/// Finds out who those users are that have no role of AWA's.
async fn learn(
    client: &Client,
    users: &mut Users,
    mappings: &[MappingRecord],
    sheet: &Sheet,
) -> Result<(), Unreadable> {
    let of_file = sheet.rows().iter().filter_map(|row| SysId::parse(row.cells.last()?).ok());
    let named: BTreeSet<SysId> = of_file.chain(mappings.iter().map(|of| of.agent)).collect();
    let unknown: Vec<String> =
        named.iter().filter(|id| !users.contains_key(id)).map(ToString::to_string).collect();
    users.extend(client.users("sys_id", &unknown).await?);
    Ok(())
}

fn of_mapping(
    mappings: &[MappingRecord],
    users: &Users,
    lines: &mut Vec<super::Line>,
) -> BTreeMap<String, SysId> {
    let mut by_agent: BTreeMap<&str, BTreeSet<SysId>> = BTreeMap::new();
    for mapping in mappings {
        by_agent.entry(mapping.external_agent_id.trim()).or_default().insert(mapping.agent);
    }
    let mut wanted = BTreeMap::new();
    for (agent, of) in by_agent {
        let fit: Vec<SysId> = of.iter().copied().filter(|id| unfit(users, *id).is_none()).collect();
        let row = |user: Option<&SysId>| {
            vec![agent.to_owned(), user.map(ToString::to_string).unwrap_or_default()]
        };
        if let Err(error) = VendorAgentId::parse(agent) {
            let detail = format!("the id in ServiceNow's agent mapping {error}");
            lines.push(left_out(row(of.first()), detail));
            continue;
        }
        match fit.as_slice() {
            [only] => {
                wanted.insert(agent.to_owned(), *only);
            }
            [] => {
                let why = of.first().and_then(|id| unfit(users, *id)).unwrap_or_default();
                lines.push(left_out(row(of.first()), why));
            }
            several => {
                let detail = format!(
                    "ServiceNow's agent mapping has it for several users: {}",
                    ids(several)
                );
                lines.push(left_out(row(None), detail));
            }
        }
    }
    wanted
}

/// Adds the agents of the vendor's list whom the agent mapping does not have.
async fn of_list(
    client: &Client,
    file: &Path,
    list: &AgentKeys,
    users: &Users,
    wanted: &mut BTreeMap<String, SysId>,
    lines: &mut Vec<super::Line>,
) -> Result<(), Unreadable> {
    let column = list.column;
    let mut by_key: BTreeMap<String, Vec<SysId>> = BTreeMap::new();
    for (id, user) in users.iter().filter(|(_, user)| user.unfit().is_none()) {
        if let Some(key) = key_of(user, column).filter(|key| !key.is_empty()) {
            by_key.entry(key).or_default().push(*id);
        }
    }
    let missing: Vec<String> = list
        .rows
        .iter()
        .filter(|row| !by_key.contains_key(&column.compared(&row.key)))
        .map(|row| row.key.clone())
        .collect();
    let others = client.users(column.as_str(), &missing).await?;
    for row in &list.rows {
        let key = column.compared(&row.key);
        let agent = row.agent.to_string();
        let mut skip = |detail: &str| {
            let detail = format!("{}:{}: {detail}", file.display(), row.line);
            lines.push(left_out(vec![agent.clone(), String::new()], detail));
        };
        match by_key.get(&key).map(Vec::as_slice) {
            Some([only]) => match wanted.get(&agent) {
                None => {
                    wanted.insert(agent, *only);
                }
                Some(mapped) if mapped == only => {}
                Some(mapped) => skip(&format!(
                    "ServiceNow's agent mapping has user {mapped} for it, not {only}, whose {} it is",
                    column.as_str()
                )),
            },
            Some(several) => skip(&format!(
                "{} agents have this {}: {}",
                several.len(),
                column.as_str(),
                ids(several)
            )),
            None => {
                let other =
                    others.iter().find(|(_, user)| key_of(user, column).as_ref() == Some(&key));
                let why = other.map(|(id, user)| {
                    // The roles that were found were found with the agents.
                    let known = users.get(id).unwrap_or(user);
                    format!("{} (user {id})", known.unfit().unwrap_or_default())
                });
                skip(&why.unwrap_or_else(|| {
                    format!("no readable sys_user has this {}", column.as_str())
                }));
            }
        }
    }
    Ok(())
}

/// Agents of ServiceNow's whom no row and no id of the vendor's leads to.
fn nameless(users: &Users, wanted: &[Wanted], sheet: &Sheet) -> Vec<super::Line> {
    let of_file = sheet.rows().iter().filter_map(|row| SysId::parse(row.cells.last()?).ok());
    let of_wanted = wanted.iter().flat_map(|wanted| wanted.records.iter().copied());
    let named: BTreeSet<SysId> = of_file.chain(of_wanted).collect();
    let agents = users.iter().filter(|(id, user)| user.unfit().is_none() && !named.contains(id));
    agents
        .map(|(id, _)| {
            let detail = "the vendor's id of this agent is not known".to_owned();
            left_out(vec![String::new(), id.to_string()], detail)
        })
        .collect()
}

fn status(users: &Users, value: &str) -> Status {
    let Ok(id) = SysId::parse(value) else {
        return Status::Gone("is not a sys_id".to_owned());
    };
    match users.get(&id) {
        None => Status::Gone("no readable sys_user has this sys_id".to_owned()),
        Some(user) => match user.unfit() {
            None => Status::There(vec![id]),
            Some(why) if !user.active => Status::Gone(why),
            Some(why) => Status::Unfit(why),
        },
    }
}

fn unfit(users: &Users, id: SysId) -> Option<String> {
    match users.get(&id) {
        Some(user) => user.unfit(),
        None => Some("no readable sys_user has this sys_id".to_owned()),
    }
}

fn key_of(user: &UserRecord, column: KeyColumn) -> Option<String> {
    let value = match column {
        KeyColumn::Email => &user.email,
        KeyColumn::UserName => &user.user_name,
        KeyColumn::EmployeeNumber => &user.employee_number,
    };
    value.as_ref().map(|value| column.compared(value))
}
