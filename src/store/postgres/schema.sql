-- The tables of schema 1. `awa_bridge` stands for the schema that the configuration names; times are milliseconds since 1970 on
-- the database's clock. One statement a step, each of which may be repeated.
CREATE SCHEMA IF NOT EXISTS awa_bridge;
CREATE TABLE IF NOT EXISTS awa_bridge.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    schema integer NOT NULL
);
-- Each value stands for as many numbers as it is apart from the next.
CREATE SEQUENCE IF NOT EXISTS awa_bridge.number AS bigint INCREMENT BY 65536 START WITH 65536;
CREATE TABLE IF NOT EXISTS awa_bridge.node (
    incarnation bytea PRIMARY KEY,
    name text NOT NULL,
    program text NOT NULL,
    started_at bigint NOT NULL,
    alive_until bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS awa_bridge.commit_mark (
    id bytea PRIMARY KEY,
    at bigint NOT NULL
);
-- The ids that are remembered, of events and of signed requests.
CREATE TABLE IF NOT EXISTS awa_bridge.known (
    hash bytea PRIMARY KEY,
    number bigint NOT NULL,
    received_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS known_received_at ON awa_bridge.known (received_at);
-- state: 0 pending, 1 parked, 2 settled and its card watched, 3 dead, 4 ended otherwise. lane: while it has an entry there.
-- why: of a dead letter its reason's word, of a parked event its contact centre and what its tables lack, as JSON.
CREATE TABLE IF NOT EXISTS awa_bridge.event (
    number bigint PRIMARY KEY,
    source text NOT NULL,
    received_at bigint NOT NULL,
    state smallint NOT NULL,
    conversation bigint,
    lane_conversation bigint,
    lane bytea,
    why text,
    content bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS event_lane ON awa_bridge.event (lane) WHERE lane IS NOT NULL;
CREATE INDEX IF NOT EXISTS event_state ON awa_bridge.event (state, number) WHERE state IN (0, 1, 3);
CREATE INDEX IF NOT EXISTS event_conversation ON awa_bridge.event (conversation, number);
CREATE INDEX IF NOT EXISTS event_lane_conversation ON awa_bridge.event (lane_conversation, number);
CREATE INDEX IF NOT EXISTS event_received_at ON awa_bridge.event (received_at);
CREATE TABLE IF NOT EXISTS awa_bridge.body (
    number bigint PRIMARY KEY,
    received_at bigint NOT NULL,
    events integer NOT NULL,
    content bytea NOT NULL
);
CREATE INDEX IF NOT EXISTS body_received_at ON awa_bridge.body (received_at);
-- due_at to calls: what it owes next, if anything.
CREATE TABLE IF NOT EXISTS awa_bridge.lane (
    hash bytea PRIMARY KEY,
    name text NOT NULL,
    version bigint NOT NULL,
    conversation bigint NOT NULL,
    content bytea NOT NULL,
    touched_at bigint NOT NULL,
    due_at bigint,
    live boolean,
    urgent_at bigint,
    entry bigint,
    expires_at bigint,
    expires_entry bigint,
    calls boolean
) WITH (fillfactor = 70);
CREATE INDEX IF NOT EXISTS lane_due_at ON awa_bridge.lane (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS lane_expires_at ON awa_bridge.lane (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS lane_touched_at ON awa_bridge.lane (touched_at);
-- The calls in flight, by the entry that makes them. Two lanes that became one may have two.
CREATE TABLE IF NOT EXISTS awa_bridge.call (
    entry bigint PRIMARY KEY,
    lane bytea NOT NULL,
    claim bigint NOT NULL,
    node bytea NOT NULL,
    leave_by bigint NOT NULL,
    lapses_at bigint NOT NULL
);
CREATE INDEX IF NOT EXISTS call_lane ON awa_bridge.call (lane);
CREATE INDEX IF NOT EXISTS call_lapses_at ON awa_bridge.call (lapses_at);
CREATE TABLE IF NOT EXISTS awa_bridge.document (
    hash bytea PRIMARY KEY,
    lane bytea NOT NULL,
    name text NOT NULL
);
CREATE INDEX IF NOT EXISTS document_lane ON awa_bridge.document (lane);
CREATE TABLE IF NOT EXISTS awa_bridge.register (
    name text PRIMARY KEY,
    version bigint NOT NULL,
    value text NOT NULL
);
