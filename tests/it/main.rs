//! The integration tests: one binary (one link), a file per story. Each story boots the daemon on port 0 with a store on
//! disk against the AWA sandbox, or starts the built program itself.

mod support;

mod admin_access;
mod allowed_tables;
mod answers;
mod api_version;
mod awa_calls;
mod chat_signature;
mod clocks;
mod command_line;
mod dead_letters;
mod demo;
mod drain;
mod duplicates;
mod durability;
mod endless_filters;
mod faults;
mod hold;
mod hostile;
mod house;
mod intake_answers;
mod intake_neighbours;
mod lanes;
mod log_readers;
mod lost_answers;
mod made_up_vendor;
mod monitoring;
mod native_bodies;
mod online_check;
mod operator_commands;
mod operators;
mod outages;
mod pace;
mod package;
mod personal_data;
mod rehearse;
mod reloading;
mod replays;
mod restart;
mod shared_documents;
mod systemd;
mod tls;
mod told;
mod vendors;
mod withdraws;
