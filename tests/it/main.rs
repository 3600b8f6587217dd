//! The integration tests: one binary (one link), a file per story. Each story boots the daemon on port 0 with a store on
//! disk against the AWA sandbox, or starts the built program itself.

#![allow(clippy::disallowed_methods, reason = "tests may block")]

#[path = "../postgres.rs"]
mod postgres;
#[path = "../seed.rs"]
mod seed;
mod support;

mod admin_access;
mod allowed_tables;
mod answers;
mod api_version;
mod awa_calls;
mod busy;
mod certify;
mod certify_ends;
mod changes;
mod chat_signature;
mod clocks;
mod command_line;
mod connections;
mod database_faults;
mod database_refuses;
mod dead_letters;
mod demo;
mod documents;
mod drain;
mod duplicates;
mod durability;
mod egress;
mod endless_filters;
mod events_sample;
mod fair_share;
mod faults;
mod foreign_text;
mod frozen_node;
mod hold;
mod hostile;
mod house;
mod intake_answers;
mod intake_connections;
mod intake_neighbours;
mod lanes;
mod limits;
mod log_readers;
mod lost_answers;
mod made_up_vendor;
mod misplaced_secrets;
mod monitoring;
mod native_bodies;
mod new_vendor;
mod nodes;
mod online_check;
mod operator_commands;
mod operator_reads;
mod operators;
mod outages;
mod overview;
mod own_store;
mod pace;
mod package;
mod package_rpm;
mod page;
mod personal_data;
mod refusals;
mod refused_alike;
mod rehearse;
mod reloaded_keys;
mod reloaded_limits;
mod reloading;
mod replays;
mod reported;
mod restart;
mod shared_documents;
mod signals;
mod standby;
mod systemd;
mod tables_pull;
mod tls;
mod unsigned_work;
mod vendors;
mod verify_jwks;
mod verify_query;
mod whose_configuration;
mod withdraws;
