//! How records come into a world: out-of-box ones, builders for tests, and whole mapping tables.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};

use super::{AgentMapping, Document, Queue, RejectReasonRecord, User, World, records::is_closed};
use crate::routing::{Channel, DocumentRef, ExternalId, SysId, TableName};

/// The out-of-box presence state Available.
pub(crate) const AVAILABLE: &str = "0b10223c57a313005baaaa65ef94f970";
/// The out-of-box presence state Away.
pub(crate) const AWAY: &str = "41f9b8dfb31313005baa6e5f26a8dcac";
/// The out-of-box presence state Offline.
pub(crate) const OFFLINE: &str = "9cd83267575313005baaaa65ef94f98b";
/// The service channel `voice` of every seeded world.
pub const VOICE: &str = "4a0c5f8a87bd5210be070d48dabb3501";
/// The service channel `chat` of every seeded world; the sys_id is that of ServiceNow's own sample.
pub const CHAT: &str = "27f675e3739713004a905ee515f6a7c3";
/// The integration user of every seeded world, user name `bridge`.
pub const CALLER: &str = "b21d6e0087bd5210be070d48dabb35aa";

const AGENT_ROLES: [&str; 2] = ["awa_agent", "awa_external_user"];

/// A sys_id that is always the same for the same text.
#[must_use]
pub fn sys_id_of(text: &str) -> SysId {
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    known(&digest[..32])
}

fn known(text: &str) -> SysId {
    SysId::parse(text).expect("32 lower-case hex digits")
}

impl World {
    /// The out-of-box presence states, the channels `voice` and `chat`, and the integration user; nothing else.
    #[must_use]
    pub(crate) fn empty() -> Self {
        let mut world = Self::default();
        for (sys_id, available) in [(AVAILABLE, true), (AWAY, false), (OFFLINE, false)] {
            world.presence_states.insert(known(sys_id), available);
        }
        world.channels.insert(known(VOICE), "voice".to_owned());
        world.channels.insert(known(CHAT), "chat".to_owned());
        world.add_user(known(CALLER), "bridge", &["awa_integration_user"]);
        world
    }

    /// [`World::empty`] with two queues (external ids `support-voice`, `support-chat`), two available agents
    /// (`grace.hopper`, `ada.lovelace`) and two reject reasons a channel.
    #[must_use]
    pub fn demo() -> Self {
        let mut world = Self::empty();
        world.add_queue(
            known("92f8942787851210be070d48dabb35fb"),
            "Support",
            Some("support-voice"),
            VOICE,
        );
        world.add_queue(
            sys_id_of("queue support-chat"),
            "Support chat",
            Some("support-chat"),
            CHAT,
        );
        world.add_agent(known("0d584509c323120095ccd02422d3ae5b"), "grace.hopper");
        world.add_agent(known("46d44a23a9fe19810012d100cca80666"), "ada.lovelace");
        world.add_reason(known("4e93fa29b38023002e7b6e5f26a8dc20"), CHAT, "Busy", 1);
        world.add_reason(known("31e3fa29b38023002e7b6e5f26a8dc17"), CHAT, "Not my expertise", 2);
        world.add_reason(sys_id_of("voice Busy"), VOICE, "Busy", 1);
        world.add_reason(sys_id_of("voice Not my expertise"), VOICE, "Not my expertise", 2);
        world
    }

    /// Adds what a contact centre's tables lead to: queues by external id (or sys_id), agents available and with both
    /// roles, reject reasons by display value (on every channel). A channel that is not known is added by its name.
    pub(crate) fn seed(
        &mut self,
        queues: impl IntoIterator<Item = (ExternalId, Option<Channel>)>,
        agents: impl IntoIterator<Item = SysId>,
        reasons: impl IntoIterator<Item = String>,
    ) {
        for (external_id, channel) in queues {
            let channel =
                channel.map_or_else(|| known(VOICE), |name| self.channel_named(name.as_str()));
            let name = external_id.as_str();
            match SysId::parse(name) {
                Ok(sys_id) => self.add_queue(sys_id, name, None, &channel.to_string()),
                Err(_) => {
                    let sys_id = sys_id_of(&format!("queue {name} {channel}"));
                    self.add_queue(sys_id, name, Some(name), &channel.to_string());
                }
            }
        }
        for agent in agents {
            self.add_agent(agent, &format!("agent.{agent}"));
        }
        let channels: Vec<SysId> = self.channels.keys().copied().collect();
        for (reason, channel) in reasons
            .into_iter()
            .flat_map(|reason| channels.iter().map(move |c| (reason.clone(), *c)))
        {
            let order = u32::try_from(self.reject_reasons.len()).unwrap_or(u32::MAX);
            let sys_id = sys_id_of(&format!("{channel} {reason}"));
            self.add_reason(sys_id, &channel.to_string(), &reason, order);
        }
    }

    /// Adds a reject reason known by its sys_id alone, to channel `voice`.
    pub(crate) fn seed_reason(&mut self, sys_id: SysId) {
        if !self.reject_reasons.contains_key(&sys_id) {
            self.add_reason(sys_id, VOICE, &format!("Reason {sys_id}"), 0);
        }
    }

    /// Adds or replaces an external queue; `channel` is a service channel's sys_id or name.
    ///
    /// # Panics
    /// If the external id cannot be one (empty, too long, control characters).
    pub fn add_queue(
        &mut self,
        sys_id: SysId,
        name: &str,
        external_id: Option<&str>,
        channel: &str,
    ) {
        let external_id =
            external_id.map(|id| ExternalId::parse(id).expect("an external id of 1 to 256 bytes"));
        let service_channel = SysId::parse(channel)
            .ok()
            .filter(|id| self.channels.contains_key(id))
            .unwrap_or_else(|| self.channel_named(channel));
        let number = u32::try_from(self.queues.len()).unwrap_or(u32::MAX);
        let (name, active) = (name.to_owned(), true);
        let queue = Queue { sys_id, name, external_id, service_channel, active, number };
        self.insert_queue(queue);
    }

    /// Switches a queue on or off.
    pub fn set_queue_active(&mut self, queue: SysId, active: bool) {
        if let Some(queue) = self.queues.get_mut(&queue) {
            queue.active = active;
        }
    }

    fn insert_queue(&mut self, queue: Queue) {
        if let Some(old) = self.queues.get(&queue.sys_id).and_then(|old| old.external_id.clone())
            && let Some(ids) = self.queues_by_external_id.get_mut(&old)
        {
            ids.retain(|id| *id != queue.sys_id);
        }
        if let Some(external_id) = &queue.external_id {
            self.queues_by_external_id.entry(external_id.clone()).or_default().push(queue.sys_id);
        }
        self.queues.insert(queue.sys_id, queue);
    }

    /// Adds or replaces an agent with the roles awa_agent and awa_external_user, available.
    pub fn add_agent(&mut self, sys_id: SysId, user_name: &str) {
        self.add_user(sys_id, user_name, &AGENT_ROLES);
    }

    /// Adds or replaces a user, available.
    fn add_user(&mut self, sys_id: SysId, user_name: &str, roles: &[&str]) {
        let user = User {
            sys_id,
            user_name: user_name.to_owned(),
            email: format!("{user_name}@example.com"),
            employee_number: String::new(),
            active: true,
            roles: BTreeSet::new(),
            presence: known(AVAILABLE),
            presence_before: None,
        };
        if let Some(old) = self.users.insert(sys_id, user) {
            self.users_by_name.remove(&old.user_name);
        }
        self.users_by_name.insert(user_name.to_owned(), sys_id);
        for role in roles {
            self.grant(sys_id, role);
        }
    }

    /// Sets a user's e-mail address and employee number.
    pub fn set_contact(&mut self, user: SysId, email: &str, employee_number: &str) {
        if let Some(user) = self.users.get_mut(&user) {
            email.clone_into(&mut user.email);
            employee_number.clone_into(&mut user.employee_number);
        }
    }

    /// Lets a user log in or not.
    pub fn set_user_active(&mut self, user: SysId, active: bool) {
        if let Some(user) = self.users.get_mut(&user) {
            user.active = active;
        }
    }

    /// Adds what the contact centre calls an agent, as Agent Mapping does; the agent is logged out there.
    pub fn map_agent(&mut self, external_agent_id: &str, agent: SysId) {
        let sys_id = sys_id_of(&format!("agent mapping {external_agent_id} {agent}"));
        let external_agent_id = external_agent_id.to_owned();
        self.agent_mappings
            .insert(sys_id, AgentMapping { external_agent_id, agent, active: false });
    }

    /// Gives a user a role.
    pub fn grant(&mut self, user: SysId, role: &str) {
        if let Some(user) = self.users.get_mut(&user) {
            user.roles.insert(role.to_owned());
        }
    }

    /// Takes a role from a user.
    pub fn revoke(&mut self, user: SysId, role: &str) {
        if let Some(user) = self.users.get_mut(&user) {
            user.roles.remove(role);
        }
    }

    /// Sets a user's presence state.
    pub(crate) fn set_presence(&mut self, user: SysId, presence: SysId) {
        if let Some(user) = self.users.get_mut(&user) {
            user.presence = presence;
            user.presence_before = None;
        }
    }

    /// Sets a user's presence to the out-of-box Available or Away.
    pub fn set_available(&mut self, user: SysId, available: bool) {
        self.set_presence(user, known(if available { AVAILABLE } else { AWAY }));
    }

    /// Adds or replaces a reject reason; `channel` is a service channel's sys_id or name.
    pub(crate) fn add_reason(&mut self, sys_id: SysId, channel: &str, reason: &str, order: u32) {
        let service_channel = SysId::parse(channel).unwrap_or_else(|_| self.channel_named(channel));
        let (display_value, value) = (reason.to_owned(), reason.to_owned());
        let record = RejectReasonRecord { sys_id, service_channel, display_value, value, order };
        self.reject_reasons.insert(sys_id, record);
    }

    /// Adds an open interaction.
    pub fn add_interaction(&mut self, sys_id: SysId) {
        let table = TableName::parse("interaction").expect("a table's name");
        self.add_document(&DocumentRef { table, sys_id }, "new");
    }

    /// Adds or replaces a document; it is active unless the state is a closed one.
    pub fn add_document(&mut self, document: &DocumentRef, state: &str) {
        let prefix = match document.table.as_str() {
            "interaction" => "IMS".to_owned(),
            other => other.chars().take(3).collect::<String>().to_ascii_uppercase(),
        };
        let record = Document {
            table: document.table.clone(),
            sys_id: document.sys_id,
            number: format!("{prefix}{:07}", self.documents.len() + 1),
            state: state.to_owned(),
            active: !is_closed(state),
            assigned_to: None,
        };
        self.document_tables.insert(document.table.to_string());
        self.documents.insert(document.sys_id, record);
    }

    /// The service channel of that name, added if it is not there.
    pub(crate) fn channel_named(&mut self, name: &str) -> SysId {
        if let Some((sys_id, _)) = self.channels.iter().find(|(_, known)| *known == name) {
            return *sys_id;
        }
        let sys_id = sys_id_of(&format!("channel {name}"));
        self.channels.insert(sys_id, name.to_owned());
        sys_id
    }
}
