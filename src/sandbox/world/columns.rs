//! The tables that can be read and their columns, as far as a bridge asks for them.

/// A table and its columns; a column with a second name is a reference to that table.
type Columns = &'static [(&'static str, &'static str)];

const DOCUMENT: Columns = &[
    ("sys_id", ""),
    ("number", ""),
    ("state", ""),
    ("active", ""),
    ("assigned_to", "sys_user"),
    ("type", ""),
    ("channel", ""),
    ("opened_for", "sys_user"),
    ("short_description", ""),
    ("work_notes", ""),
    ("sys_class_name", ""),
    ("sys_created_on", ""),
    ("sys_updated_on", ""),
];

const WORK_ITEM: Columns = &[
    ("sys_id", ""),
    ("state", ""),
    ("active", ""),
    ("assigned_to", "sys_user"),
    ("queue", "awa_queue"),
    ("service_channel", "awa_service_channel"),
    ("document_id", ""),
    ("document_table", ""),
    ("offered_on", ""),
    ("timeout", ""),
    ("offer_count", ""),
    ("rejected", ""),
    ("timed_out", ""),
    ("previous_work_item", "awa_work_item"),
    ("external_segment_id", ""),
    ("consult_state", ""),
    ("cancel_reason", ""),
    ("state_changed_on", ""),
    ("sys_created_on", ""),
    ("sys_updated_on", ""),
];

const QUEUE: Columns = &[
    ("sys_id", ""),
    ("name", ""),
    ("external_id", ""),
    ("service_channel", "awa_service_channel"),
    ("active", ""),
    ("external", ""),
];

const CHANNEL: Columns = &[("sys_id", ""), ("name", ""), ("type", ""), ("active", "")];

const USER: Columns = &[("sys_id", ""), ("user_name", ""), ("name", ""), ("active", "")];

const ROLE: Columns = &[("sys_id", ""), ("name", "")];

const USER_HAS_ROLE: Columns =
    &[("sys_id", ""), ("user", "sys_user"), ("role", "sys_user_role"), ("state", "")];

const REJECT_REASON: Columns = &[
    ("sys_id", ""),
    ("reason", ""),
    ("display_value", ""),
    ("value", ""),
    ("order", ""),
    ("service_channel", "awa_service_channel"),
    ("active", ""),
];

const PRESENCE_STATE: Columns = &[("sys_id", ""), ("name", ""), ("available", ""), ("order", "")];

const REJECTION: Columns = &[
    ("sys_id", ""),
    ("work_item", "awa_work_item"),
    ("user", "sys_user"),
    ("reason", "awa_reject_reason"),
    ("sys_created_on", ""),
];

const NO_COLUMNS: Columns = &[];

/// The columns of a table; those of a document for tables that documents are in.
pub(super) fn columns(table: &str, holds_documents: bool) -> Columns {
    match table {
        "awa_work_item" => WORK_ITEM,
        "awa_queue" => QUEUE,
        "awa_service_channel" => CHANNEL,
        "sys_user" => USER,
        "sys_user_role" => ROLE,
        "sys_user_has_role" => USER_HAS_ROLE,
        "awa_reject_reason" => REJECT_REASON,
        "awa_presence_state" => PRESENCE_STATE,
        "awa_work_item_rejection" => REJECTION,
        "interaction" => DOCUMENT,
        _ if holds_documents => DOCUMENT,
        _ => NO_COLUMNS,
    }
}
