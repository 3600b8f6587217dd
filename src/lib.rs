//! awa-bridge carries a contact centre's routing events to ServiceNow Advanced Work Assignment.

pub mod clock;
pub mod routing;
