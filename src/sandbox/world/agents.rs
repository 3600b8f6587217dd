//! Agent API: `/api/now/awa/agents/{user}`, the presence of an agent, read and set.

use serde_json::{Value, json};

use super::options::text;
use super::seed::{AVAILABLE, AWAY, OFFLINE};
use super::{Answer, SysId, UnixMillis, User, World};

impl World {
    pub(super) fn read_presence(&self, caller: SysId, user: &str) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        match self.agent_of(user) {
            Some(user) => Answer::result(self.shown(user)),
            None => no_agent(),
        }
    }

    pub(super) fn change_presence(
        &mut self,
        caller: SysId,
        user: &str,
        body: &Value,
        now: UnixMillis,
    ) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        let Some(id) = self.agent_of(user).map(|user| user.sys_id) else {
            return no_agent();
        };
        let given = SysId::parse(&text(&body["presence"]["sys_id"])).ok();
        let Some(presence) = given.filter(|id| self.presence_states.contains_key(id)) else {
            return Answer::bad_request("presence.sys_id is not a presence state");
        };
        if let Some(user) = self.users.get_mut(&id) {
            user.presence_before = Some((user.presence, now));
            user.presence = presence;
        }
        self.agent_of(user).map_or_else(no_agent, |user| Answer::result(self.shown(user)))
    }

    /// Whether an agent's presence allows work now. For `presence_lag_ms` after a change it is the one before.
    pub(super) fn is_available(&self, agent: SysId, now: UnixMillis) -> bool {
        let lag = self.switches.presence_lag_ms;
        let presence = self.users.get(&agent).map(|user| match user.presence_before {
            Some((before, changed)) if now < changed.plus(lag) => before,
            Some(_) | None => user.presence,
        });
        presence.is_some_and(|state| self.presence_states.get(&state) == Some(&true))
    }

    fn agent_of(&self, user: &str) -> Option<&User> {
        let id = SysId::parse(user).ok()?;
        self.users.get(&id).filter(|user| user.roles.contains("awa_agent"))
    }

    fn shown(&self, user: &User) -> Value {
        let available = self.presence_states.get(&user.presence) == Some(&true);
        let channel = |(sys_id, name): (&SysId, &String)| json!({ "name": name, "sys_id": sys_id, "available": available, "restrict_update": false });
        json!({
            "sys_id": user.sys_id,
            "presence": {
                "name": name_of(user.presence),
                "sys_id": user.presence,
                "available": available,
                "restrict_update": false,
                "channels": self.channels.iter().map(channel).collect::<Vec<_>>(),
            },
        })
    }
}

fn name_of(presence: SysId) -> String {
    let id = presence.to_string();
    let known = [(AVAILABLE, "Available"), (AWAY, "Away"), (OFFLINE, "Offline")];
    known
        .iter()
        .find(|(own, _)| *own == id)
        .map_or_else(|| id.clone(), |(_, name)| (*name).to_owned())
}

fn no_agent() -> Answer {
    Answer::error(404, "Record Not Found", Value::Null)
}
