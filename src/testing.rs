//! What the tests and benches outside this library use, and nothing else: all other modules are private, so that the
//! compiler names what nothing calls.

pub use crate::shutdown::Shutdown;

/// The daemon in the test's own process.
pub mod app {
    pub use crate::app::{Bridge, Listeners, start};
}

pub mod clock {
    pub use crate::clock::{instant, monotonic, now};
}

pub mod config {
    pub use crate::config::{Auth, Problems, Scope, Secret, Settings};
}

pub mod routing {
    pub use crate::routing::{
        Answer, Answered, AwaReply, ContactCenter, Directory, DocumentJson, DocumentRef, EventJson,
        EventRecord, ExternalId, OfferDefaults, QueueRow, RoutingEvent, Rules, State, SysId,
        TableName, UnixMillis, VendorAgentId, VendorQueueId, Waited,
    };
}

pub mod sandbox {
    pub use crate::sandbox::{
        Access, Endpoint, Fault, Match, Misbehaviour, RateLimit, RecordedCall, Sandbox, Switches,
        TableReads, World, stable_port,
    };

    pub mod world {
        pub use crate::sandbox::world::{
            ApiRequest, CALLER, CHAT, ConsultState, Document, VOICE, WorkItem, WorkItemState,
            sys_id_of,
        };
    }
}

pub mod source {
    pub use crate::source::{Reading, Request, Source, load_profiles};

    pub mod samples {
        pub use crate::source::samples::{RECEIVED_AT, load, run, unsigned_source};
    }
}

pub mod store {
    pub use crate::store::{
        Claim, Delivery, Item, Limits, Node, PostgresSettings, Refusal, RulesFor, Settings, Store,
        Transition,
    };
}

/// The targets of `fuzz/`: each takes any bytes and panics where a promise is broken.
#[cfg(any(test, fuzzing))]
pub mod fuzzing {
    pub use crate::awa::fuzzing::answers;
    pub use crate::config::fuzzing::config;
    pub use crate::mapping::fuzzing::tables;
    pub use crate::source::fuzzing::webhook;
    pub use crate::store::fuzzing::records;
}
