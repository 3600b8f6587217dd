//! The Agent API: an agent's presence and availability by channel.

use serde_json::{Value, json};

use super::options::text;
use super::{Answer, PresenceState, SysId, User, World};

impl World {
    pub(super) fn show_agent(&self, caller: SysId, user: &str) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        match self.agent_record(user) {
            Some(user) => Answer::result(self.presence_of(user)),
            None => record_not_found(user),
        }
    }

    /// Sets presence and channels; a channel whose `available` is not said becomes unavailable.
    pub(super) fn put_agent(&mut self, caller: SysId, user: &str, body: &Value) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        let Some(agent) = self.agent_record(user).map(|user| user.sys_id) else {
            return record_not_found(user);
        };
        let presence = text(&body["presence"]["sys_id"]);
        let known = SysId::parse(&presence).ok().filter(|id| self.presence_states.contains_key(id));
        let Some(state) = known else {
            return record_not_found(&presence);
        };
        self.set_presence(agent, state);
        for channel in body["presence"]["channels"].as_array().into_iter().flatten() {
            if let Ok(id) = SysId::parse(&text(&channel["sys_id"])) {
                let available = channel["available"].as_bool().unwrap_or(false);
                self.set_channel_available(agent, id, available);
            }
        }
        self.show_agent(caller, user)
    }

    pub(super) fn list_presence_states(&self, caller: SysId, user: &str) -> Answer {
        if let Err(answer) = self.may_integrate(caller) {
            return answer;
        }
        if self.agent_record(user).is_none() {
            return record_not_found(user);
        }
        let row = |state: &PresenceState| {
            json!({
                "sys_id": state.sys_id,
                "name": state.name,
                "available": state.available,
                "order": state.order,
                "channels": [],
                "disable_inactivity_check": false,
            })
        };
        Answer::result(self.presence_states.values().map(row).collect())
    }

    fn agent_record(&self, user: &str) -> Option<&User> {
        SysId::parse(user).ok().and_then(|id| self.users.get(&id))
    }

    fn presence_of(&self, user: &User) -> Value {
        let state = self.presence_states.get(&user.presence);
        let channels: Vec<Value> = self
            .channels
            .values()
            .map(|channel| {
                json!({
                    "name": channel.name,
                    "sys_id": channel.sys_id,
                    "available": user.channels.get(&channel.sys_id).copied().unwrap_or(true),
                    "restrict_update": false,
                    "service_channel_type": channel.kind,
                })
            })
            .collect();
        json!({
            "sys_id": user.sys_id,
            "presence": {
                "name": state.map(|state| state.name.as_str()),
                "sys_id": user.presence,
                "available": state.is_some_and(|state| state.available),
                "restrict_update": false,
                "channels": channels,
            },
        })
    }
}

fn record_not_found(id: &str) -> Answer {
    Answer::error(404, "Record Not Found", format!("There is no record for {id}"))
}
