// The operators' page. All that comes from the daemon is put into the page as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const VIEWS = ["now", "call", "todo", "sources"];
const EVERY = 5000;
const SVG = "http://www.w3.org/2000/svg";
const enc = encodeURIComponent;
const number = (n) => Number(n || 0).toLocaleString("en");
const many = (n, one, more) => `${number(n)} ${n === 1 ? one : more || one + "s"}`;

/// An element with attributes, listeners (`on…`) and children, of which texts stay texts.
function el(name, attributes, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}
function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  element.append(...children);
  return element;
}
const button = (text, onclick, attributes) => el("button", { type: "button", onclick, ...attributes }, text);
const show = (place, ...children) => place.replaceChildren(...children.flat());

/// A table; a column is a head, what it shows of a row, and a class. The first column names the row.
function table(title, columns, rows, none) {
  if (!rows.length) return el("p", { class: "soft" }, none || "None.");
  const head = columns.map(([name, , kind]) => el("th", { scope: "col", role: "columnheader", class: kind }, name));
  const line = (row) => el("tr", { role: "row" }, columns.map(([name, cell, kind], at) => {
    const shown = [cell(row)].flat().filter((part) => part !== null && part !== undefined && part !== "");
    return at === 0
      ? el("th", { scope: "row", role: "rowheader", class: kind, "data-label": name }, ...shown)
      : el("td", { role: "cell", class: kind, "data-label": name }, ...shown);
  }));
  return el("table", { role: "table", "aria-label": title },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
    el("tbody", { role: "rowgroup" }, rows.map(line)));
}
function facts(list, pairs) {
  show(list, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([name, value, kind]) => [el("dt", {}, name), el("dd", { class: kind }, value)]));
}

/// A moment in UTC, with the day where it is another one.
function time(at) {
  if (!at) return "";
  const day = at.slice(0, 10), clock = at.slice(11, 19);
  const shown = day === new Date().toISOString().slice(0, 10) ? clock : `${day} ${clock}`;
  return el("time", { datetime: at, title: at }, shown);
}
function ago(at) {
  if (!at) return "never since the start";
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(at)) / 1000));
  const [n, unit] = seconds < 120 ? [seconds, "s"] : seconds < 7200 ? [Math.round(seconds / 60), "min"]
    : seconds < 172800 ? [Math.round(seconds / 3600), "h"] : [Math.round(seconds / 86400), "days"];
  return el("time", { datetime: at, title: at }, `${n} ${unit} ago`);
}

// What is asked of the daemon.

let token = sessionStorage.getItem("awa-bridge-token") || "";
class Refused extends Error {}

async function ask(method, path) {
  let answer;
  try {
    answer = await fetch(path, {
      method, cache: "no-store", credentials: "omit", redirect: "error",
      headers: { authorization: `Bearer ${token}` },
    });
  } catch {
    throw new Refused("The daemon does not answer. Is it running, and can this browser reach it?");
  }
  if (answer.status === 401) {
    signOut("The daemon does not accept this token: it is wrong, or was replaced.");
    throw new Refused("");
  }
  return answer;
}
async function json(method, path) {
  const answer = await ask(method, path);
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = new Refused([body.title || `The daemon answered ${answer.status}.`, ...(body.problems || [])].join(" "));
    error.status = answer.status;
    throw error;
  }
  return body;
}
const get = (path) => json("GET", path);

function say(text, wrong) {
  const place = $("message");
  place.classList.toggle("error", Boolean(wrong));
  if (place.textContent !== text) place.textContent = text;
}
/// Runs what an operator asked for, and says what went wrong.
async function run(work) {
  try {
    await work();
  } catch (error) {
    if (error.message || !(error instanceof Refused)) say(String(error.message || error), true);
  }
}

// Signing in and out, and the views.

function signOut(why) {
  token = "";
  sessionStorage.removeItem("awa-bridge-token");
  $("token-error").textContent = why || "";
  route();
}
async function signIn(event) {
  event.preventDefault();
  token = $("token").value.trim();
  $("token-error").textContent = "";
  if (!/^[\x21-\x7e]+$/.test(token)) return signOut("This is no token: it has characters that none has.");
  await run(async () => {
    await get("v1/status");
    sessionStorage.setItem("awa-bridge-token", token);
    $("token").value = "";
    say("");
    route();
  });
}

let timer, shownView;
function route() {
  clearTimeout(timer);
  const [wanted, ...rest] = location.hash.slice(1).split("/");
  const view = !token ? "sign-in" : VIEWS.includes(wanted) ? wanted : "now";
  for (const id of ["sign-in", ...VIEWS]) $(id).hidden = id !== view;
  for (const id of ["views", "sign-out", "state"]) $(id).hidden = !token;
  for (const link of $("views").children) {
    const is = link.getAttribute("href") === `#${view}`;
    if (is) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = view === "sign-in" ? "awa-bridge" : `${$(view + "-title").textContent} – awa-bridge`;
  if (shownView !== undefined && shownView !== view) {
    say("");
    (view === "sign-in" ? $("token") : $(view + "-title")).focus();
  } else if (view === "sign-in") $("token").focus();
  shownView = view;
  if (view !== "sign-in") load(view, rest.map(decoded));
}
function decoded(part) {
  try { return decodeURIComponent(part); } catch { return part; }
}
function load(view, rest) {
  const again = () => {
    clearTimeout(timer);
    timer = setTimeout(() => document.hidden ? again() : load(view, rest), EVERY);
  };
  run(async () => {
    if (view === "now") await now();
    if (view === "sources") await sources();
    if (view === "todo") await todo();
    if (view === "call") {
      await status();
      await (rest.length > 1 ? story(rest[0], rest[1], rest[2]) : undefined);
    }
  }).finally(() => {
    if (token && shownView === view && (view === "now" || view === "sources")) again();
  });
}

// Now.

let wasReady;
async function status() {
  const status = await get("v1/status");
  const text = status.held ? (status.ready ? "Ready, sending is held" : "Not ready, sending is held")
    : status.ready ? "Ready" : "Not ready";
  const pill = $("state");
  pill.textContent = text;
  pill.className = "pill " + (!status.ready ? "bad" : status.held ? "warn" : "good");
  if (wasReady !== undefined && wasReady !== text) say(text);
  wasReady = text;
  return status;
}
/// Whose counts are shown, where several nodes share a database.
function whose(nodes) {
  if (!nodes) return "";
  if (!nodes.complete) return "of this node alone: what the others counted cannot be read now";
  return nodes.counted > 1 ? `of all ${number(nodes.counted)} nodes` : "of this node, the only one that runs";
}
async function now() {
  const [state, activity, sources] = await Promise.all([status(), get("v1/activity"), get("v1/sources")]);
  const { held, servicenow: calls, events, notify } = state;
  const several = Boolean(state.database);
  const here = (name) => several ? `${name}, this node` : name;
  $("bridge-title").textContent = several ? "Bridge, all nodes" : "Bridge";
  $("servicenow-title").textContent = several ? "ServiceNow, all nodes" : "ServiceNow";
  facts($("bridge"), [
    [here("State"), state.ready ? "ready" : "not ready", state.ready ? "good" : "bad"],
    ["Sending", held ? ["held since ", time(held.since), ` by ${held.by}`, ...(held.until ? [", until ", time(held.until)] : [])] : "on", held ? "warn" : ""],
    ["Pending", number(events.pending)],
    ["Oldest", events.oldest_received_at && ago(events.oldest_received_at)],
    ["Parked", number(events.parked)],
    ["Dead", number(events.dead), events.dead ? "bad" : ""],
    ["Ids remembered", number(events.remembered)],
    ["Settled events", notify && pushed(notify, several), notify && notify.refused ? "bad" : ""],
  ].map(spread));
  show($("reasons"), (state.reasons || []).map((reason) => el("li", {}, reason)));
  $("hold").disabled = Boolean(held);
  $("resume").disabled = !held;
  facts($("servicenow"), [
    [here("Breaker"), calls.breaker_open_until ? ["open, next try ", time(calls.breaker_open_until)] : "closed", calls.breaker_open_until ? "bad" : "good"],
    ["Credentials", calls.unauthorised_until ? ["refused, next try ", time(calls.unauthorised_until)] : "accepted", calls.unauthorised_until ? "bad" : ""],
    ["Retry-After", calls.retry_after_until && ["until ", time(calls.retry_after_until)], "warn"],
    [here("In flight"), `${number(calls.calls_in_flight)} of ${number(calls.calls_allowed)} calls`],
    ["Pace", `${number(calls.calls_per_second)} calls a second, ${number(calls.burst)} at once`],
    ["Hourly budget", calls.requests_per_hour ? `${number(calls.requests_last_hour)} of ${number(calls.requests_per_hour)} requests used` : "none"],
    [here("Clock offset"), calls.clock_offset_ms === null ? "not known yet" : `${number(calls.clock_offset_ms)} ms`, Math.abs(calls.clock_offset_ms) > 5000 ? "bad" : ""],
  ].map(spread));
  pictures(activity);
  const all = (name) => (row) => `${number(row.last_hour[name])} / ${number(row.since_start[name])}`;
  show($("owed"), table("Events by source", [
    ["Source", (row) => row.source],
    ["Pending", (row) => number(row.pending), "number"],
    ["Parked", (row) => number(row.parked), "number"],
    ["Dead", (row) => number(row.dead), "number"],
    [several ? "Expired, all nodes: last hour / since their start" : "Expired: last hour / since start", all("expired"), "number"],
  ], sources.sources, "No source is configured."));
  if (sources.dead.counted < sources.dead.all) {
    $("owed").append(el("p", { class: "soft" }, `Dead letters by source: ${number(sources.dead.counted)} of ${number(sources.dead.all)} are counted so far.`));
  }
  const nodes = state.database ? state.database.nodes : [{ ...state, own: true, alive: true }];
  show($("nodes"), table("Nodes", [
    ["Node", (node) => [node.name, node.own ? "this one" : ""].filter(Boolean).join(", ")],
    ["State", (node) => el("span", { class: node.alive ? "good" : "bad" }, node.alive ? "running" : "silent")],
    ["Version", (node) => node.version],
    ["Since", (node) => time(node.started_at)],
  ], nodes));
}
/// How pushing settled events stands.
function pushed(notify, several) {
  if (several && !notify.own) return [`another node pushes them to ${notify.receiver}, or is about to`];
  if (notify.refused) return [`${notify.receiver} has taken none since `, time(notify.refused_since), `: ${notify.refused}`];
  return [`${several ? "this node pushes them" : "pushed"} to ${notify.receiver}`,
    ...(notify.oldest_settled_at ? [", the oldest of ", time(notify.oldest_settled_at)] : [])];
}
const spread = ([name, value, kind]) => [name, Array.isArray(value) ? el("span", {}, ...value) : value, kind];

function pictures(activity) {
  const { minutes } = activity;
  const of = whose(activity.nodes) && `, ${whose(activity.nodes)}`;
  const width = 600, height = 130, top = 18, bottom = 112, step = width / minutes.length;
  const most = Math.max(1, ...minutes.map((minute) => minute.events));
  const frame = (label, ...inside) => svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "picture", role: "img", "aria-label": label },
    svg("line", { x1: 0, x2: width, y1: bottom, y2: bottom, class: "axis" }),
    text(0, height - 3, "an hour ago"), text(width, height - 3, "now", "end"), ...inside);
  const text = (x, y, words, anchor) => {
    const element = svg("text", { x, y, "text-anchor": anchor || "start" });
    element.textContent = words;
    return element;
  };
  const bars = minutes.filter((minute) => minute.events).map((minute) => {
    const tall = Math.max(1, minute.events / most * (bottom - top));
    return svg("rect", { class: "bar", x: minutes.indexOf(minute) * step + 1, y: bottom - tall, width: step - 2, height: tall });
  });
  const busiest = minutes.find((minute) => minute.events === most);
  $("events-caption").textContent = `Events a minute: ${number(activity.events)} in the last hour${of}`;
  show($("events-picture"), frame(`Events a minute in the last hour: ${number(activity.events)} in all`
    + (busiest ? `, at most ${number(most)}, at ${busiest.at.slice(11, 16)}` : "")
    + `; ${number(minutes.at(-1).events)} in this minute`, text(0, 12, number(most)), ...bars));

  const longest = Math.max(10, ...minutes.map((minute) => minute.p99_ms || 0));
  const y = (ms) => bottom - Math.log(Math.max(1, ms)) / Math.log(longest) * (bottom - top);
  const line = (name, kind) => svg("path", {
    class: kind,
    d: minutes.map((minute, at) => minute[name] === null ? "" :
      `${at && minutes[at - 1][name] !== null ? "L" : "M"}${at * step} ${y(minute[name])}H${(at + 1) * step}`).join(""),
  });
  const worst = minutes.find((minute) => minute.p99_ms === longest);
  const hour = activity.calls ? `p50 ${number(activity.p50_ms)} ms, p99 ${number(activity.p99_ms)} ms of ${many(activity.calls, "event")}` : "no calls";
  show($("calls-caption"), `From webhook to call in the last hour${of}: ${hour}. `,
    el("span", { class: "key-50" }, "▬ p50 "), el("span", { class: "key-99" }, "▬ p99"));
  show($("calls-picture"), frame(`From webhook to call in the last hour: ${hour}`
    + (worst ? `; the slowest minute was ${worst.at.slice(11, 16)} with a p99 of ${number(longest)} ms` : ""),
  text(0, 12, `${number(longest)} ms`), line("p50_ms", "p50"), line("p99_ms", "p99")));
  const ms = (name) => (minute) => minute[name] === null ? "–" : `${number(minute[name])} ms`;
  if ($("minutes").open) {
    show($("minutes-table"), table("The last hour by minute", [
      ["Minute", (minute) => minute.at.slice(11, 16)],
      ["Events", (minute) => number(minute.events), "number"],
      ["Calls", (minute) => number(minute.calls), "number"],
      ["p50", ms("p50_ms"), "number"],
      ["p99", ms("p99_ms"), "number"],
    ], minutes.filter((minute) => minute.events || minute.calls), "Nothing in the last hour."));
  }
}

// Sources.

async function sources() {
  const [answer] = await Promise.all([get("v1/sources"), status()]);
  const counts = (name, alarming) => (row) => el("span", { class: alarming && row.last_hour[name] ? "bad" : "" },
    `${number(row.last_hour[name])} / ${number(row.since_start[name])}`);
  show($("sources-table"),
    el("p", { class: "soft" }, answer.nodes
      ? `Counts ${whose(answer.nodes)}: in the last hour / since the start of each node that runs.`
      : "Counts: in the last hour / since the daemon started."),
    table("Sources", [
      ["Source", (row) => row.source],
      ["Vendor", (row) => row.vendor],
      ["Contact centre", (row) => row.contact_center],
      ["Last event", (row) => ago(row.last_event_at)],
      ["Events", counts("events"), "number"],
      ["Refused signatures", counts("refused_signatures", true), "number"],
      ["Unknown", counts("unknown"), "number"],
      ["Unreadable", counts("unreadable", true), "number"],
    ], answer.sources, "No source is configured."));
}

// A call.

async function search(words, cursor, before) {
  const answer = await get(`v1/search?q=${enc(words)}&cursor=${enc(cursor || "")}`);
  const hits = [...before, ...answer.found.filter((hit) => !before.some((known) => known.conversation && known.conversation === hit.conversation && known.contact_center === hit.contact_center))];
  if (!cursor && hits.length === 1 && hits[0].is !== "agent") {
    show($("found"));
    const place = hash(hits[0]);
    if (location.hash === place) return route();
    location.hash = place;
    return;
  }
  const reach = (answer.next_cursor ? `Searched the last ${many(answer.searched, "event")}` : `Searched all events: ${number(answer.searched)}`)
    + (answer.searched_since && answer.next_cursor ? `, back to ${answer.searched_since.slice(0, 19).replace("T", " ")}` : "") + (cursor ? " of the rest." : ".");
  show($("found"),
    table("Found calls", [
      ["Conversation", (hit) => el("a", { href: hash(hit) }, hit.conversation || `event ${hit.event}`)],
      ["Contact centre", (hit) => hit.contact_center],
      ["Found by", (hit) => hit.is],
      ["Source", (hit) => hit.source],
      ["Received", (hit) => time(hit.received_at)],
    ], hits, "Nothing found."),
    el("p", { class: "soft" }, reach),
    answer.next_cursor ? button("Search further back", () => run(() => search(words, answer.next_cursor, hits))) : []);
  say(`${many(hits.length, "call")} found.`);
}
/// Where the story of a conversation is; that of the event where it has none.
const hash = (hit) => `#call/${enc(hit.source)}/${enc(hit.event)}` + (hit.conversation ? `/${enc(hit.conversation)}` : "");

async function story(source, event, conversation) {
  const ofEvent = () => get(`v1/events/${enc(source)}/${enc(event)}/story`);
  show($("story"));
  // What was never understood names a conversation that nothing else is known of.
  const told = conversation === undefined ? await ofEvent()
    : await get(`v1/conversations/${enc(source)}/${enc(conversation)}/story`).catch((error) => {
      if (error.status === 404) return ofEvent();
      throw error;
    });
  const of = (lane) => (moment) => moment.lane === lane ? moment.text : "";
  const list = el("dl", {});
  facts(list, told.facts.map((fact) => [fact.name, fact.value]));
  show($("story"),
    el("h3", {}, told.title), list,
    table(told.title, [
      ["Time", (moment) => moment.time, "clock"],
      ["Event", (moment) => moment.name],
      ["Vendor's event", (moment) => moment.lane === "event" ? [moment.text, " ", bodyButton(moment)] : ""],
      ["Decision", (moment) => moment.lane === "operator" ? moment.text : of("decision")(moment)],
      ["Call", of("call")],
      ["ServiceNow's answer", (moment) => moment.answer],
      ["Card", (moment) => moment.card],
    ], told.moments));
}
const bodyButton = (moment) => button("Body…", () => confirm({
  title: "Show the vendor's request",
  text: `The request that brought ${moment.id} may hold a caller's data. That you look at it is logged.`,
  yes: "Show it",
  work: async (who) => {
    const answer = await ask("GET", `v1/events/${enc(moment.source)}/${enc(moment.id)}/body?by=${enc(who)}`);
    if (!answer.ok) throw new Refused((await answer.json().catch(() => ({}))).title || `The daemon answered ${answer.status}.`);
    $("body-text").textContent = await answer.text();
    $("body").showModal();
  },
}), { class: "link", "aria-label": `Body of ${moment.name}` });

// To do.

let groupsShown = 50;
async function todo() {
  const [answer] = await Promise.all([get(`v1/todo?limit=${groupsShown}`), status()]);
  const { dead, parked } = answer;
  const since = [["Since", (group) => time(group.since)], ["Latest", (group) => time(group.latest)]];
  const some = (kind) => kind.counted < kind.all ? `, ${number(kind.counted)} of them in groups so far` : "";
  $("parked-title").textContent = `Parked: a line is missing in a table (${many(parked.all, "event")}${some(parked)})`;
  $("dead-title").textContent = `Dead letters (${many(dead.all, "event")}${some(dead)})`;
  show($("parked"), table("Parked events by missing line", [
    ["Line to add", (group) => [el("code", {}, group.line), " ", button("Copy", () => copy(group.line), { class: "link", "aria-label": `Copy the line ${group.line}` })]],
    ["To the table", (group) => el("code", {}, group.file)],
    ["Events", (group) => number(group.events), "number"], ...since,
    ["Do", (group) => actions(parkedGroup(group))],
  ], parked.groups, "No event waits for a table."));
  if (parked.groups.length) {
    $("parked").append(el("p", { class: "soft" }, "Put ServiceNow's id in the place of the word in capitals, then reload the tables: the events go on by themselves while their time lasts."));
  }
  show($("dead"), table("Dead letters by reason", [
    ["Reason", (group) => group.reason.replaceAll("_", " ")],
    ["Source", (group) => group.source],
    ["Events", (group) => number(group.events), "number"], ...since,
    ["Do", (group) => actions(deadGroup(group))],
  ], dead.groups, "No dead letters."));
  $("more-groups").hidden = !answer.next_cursor;
}
function parkedGroup(group) {
  const { table, queue, agent, reason, channel } = group.missing;
  return {
    kind: "parked", title: `waiting for the line ${group.line}`, events: group.events,
    query: `contact_center=${enc(group.contact_center)}&table=${enc(table)}&key=${enc(queue || agent || reason)}&channel=${enc(channel || "")}`,
  };
}
const deadGroup = (group) => ({
  kind: "dead", title: `of ${group.source}, ${group.reason.replaceAll("_", " ")}`, events: group.events,
  query: `source=${enc(group.source)}&reason=${enc(group.reason)}`,
});
const actions = (group) => el("span", { class: "actions" },
  button("Show", () => run(() => members(group, "", [])), { "aria-label": `Show events ${group.title}` }),
  group.kind === "dead" ? button("Replay all…", () => all(group, "replay"), { "aria-label": `Replay all ${group.title}` }) : [],
  button("Discard all…", () => all(group, "discard"), { "aria-label": `Discard all ${group.title}` }));

async function members(group, cursor, before) {
  const page = await get(`v1/todo/events?${group.query}&limit=20&cursor=${enc(cursor)}`);
  const events = [...before, ...page.events];
  const boxes = new Map();
  const box = (event) => {
    const input = el("input", { type: "checkbox", "aria-label": `Select ${event.id}` });
    boxes.set(input, event);
    return input;
  };
  const chosen = (what) => {
    const picked = [...boxes].filter(([input]) => input.checked).map(([, event]) => event);
    if (!picked.length) return say("Select events first.", true);
    one(group, what, picked);
  };
  const title = el("h3", { tabindex: "-1" }, `Events ${group.title}`);
  show($("members"), title,
    table(`Events ${group.title}`, [
      ["Event", (event) => el("label", {}, box(event), " ", event.id)],
      ["Kind", (event) => event.kind],
      ["Conversation", (event) => el("a", { href: hash({ ...event, event: event.id }) }, event.conversation || "its story")],
      ["Received", (event) => time(event.received_at)],
      ["Why", (event) => event.detail],
    ], events, "None is left."),
    el("p", { class: "actions" },
      page.next_cursor ? button("More", () => run(() => members(group, page.next_cursor, events))) : [],
      group.kind === "dead" ? button("Replay selected…", () => chosen("replay")) : [],
      button("Discard selected…", () => chosen("discard"))));
  if (!cursor) title.focus();
}

const will = (what, kind) => what === "replay"
  ? "carried out again now, in the order in which they came in. What cannot help, because its time is over, stays a dead letter."
  : `given up for good${kind === "parked" ? ", and do not wait for their line any more" : ""}: no call is made for them.`;
const verb = (what) => what === "replay" ? "Replay" : "Discard";
const done = (what) => what === "replay" ? "replayed" : "discarded";

function all(group, what) {
  confirm({
    title: `${verb(what)} all events ${group.title}`,
    text: `${many(group.events, "event")} ${group.title}: ${group.events === 1 ? "it is" : "they are"} ${will(what, group.kind)}`,
    yes: `${verb(what)} ${many(group.events, "event")}`, danger: what === "discard",
    work: async (who) => {
      let cursor = "", changed = 0, refused = 0, why = "";
      do {
        const step = await json("POST", `v1/todo/${what}?${group.query}&by=${enc(who)}&cursor=${enc(cursor)}`);
        changed += step.changed;
        refused += step.refused;
        why = why || (step.refusals[0] || {}).why || "";
        cursor = step.next_cursor;
        say(`${number(changed)} of ${number(group.events)} ${done(what)} …`);
      } while (cursor && changed + refused < group.events);
      await finish(what, changed, refused, why);
    },
  });
}
function one(group, what, events) {
  const ids = events.slice(0, 5).map((event) => event.id).join(", ") + (events.length > 5 ? ", …" : "");
  confirm({
    title: `${verb(what)} ${many(events.length, "event")}`,
    text: `${ids}: ${events.length === 1 ? "it is" : "they are"} ${will(what, group.kind)}`,
    yes: `${verb(what)} ${many(events.length, "event")}`, danger: what === "discard",
    work: async (who) => {
      let changed = 0, refused = 0, why = "";
      for (const event of events) {
        try {
          await json("POST", `v1/events/${enc(event.source)}/${enc(event.id)}/${what}?by=${enc(who)}`);
          changed += 1;
        } catch (error) {
          if (error.status !== 409 && error.status !== 404) throw error;
          refused += 1;
          why = why || error.message;
        }
      }
      await finish(what, changed, refused, why);
    },
  });
}
async function finish(what, changed, refused, why) {
  show($("members"));
  await todo();
  say(`${many(changed, "event")} ${done(what)}` + (refused ? `, ${number(refused)} not: ${why}` : "."), refused > 0);
  $("todo-title").focus();
}
async function copy(line) {
  try {
    await navigator.clipboard.writeText(line);
    say("Copied.");
  } catch {
    say("This browser does not let the page copy; select the line by hand.", true);
  }
}

// What is done is confirmed first, with a name for the log.

let wish;
function confirm(asked) {
  wish = asked;
  $("confirm-title").textContent = asked.title;
  $("confirm-text").textContent = asked.text;
  $("confirm-yes").textContent = asked.yes;
  $("confirm-yes").classList.toggle("danger", Boolean(asked.danger));
  $("confirm-for-line").hidden = !asked.duration;
  $("confirm-for").disabled = !asked.duration;
  $("confirm-for").value = "";
  $("confirm-who").value = sessionStorage.getItem("awa-bridge-who") || "";
  $("confirm").showModal();
  (asked.duration ? $("confirm-for") : $("confirm-who")).focus();
}
function confirmed(event) {
  event.preventDefault();
  const who = $("confirm-who").value.trim();
  if (!who || !wish) return;
  sessionStorage.setItem("awa-bridge-who", who);
  const { work } = wish;
  wish = undefined;
  const length = $("confirm-for").value.trim();
  $("confirm").close();
  run(() => work(who, length));
}

// The page.

$("sign-in-form").addEventListener("submit", signIn);
$("sign-out").addEventListener("click", () => signOut());
$("search").addEventListener("submit", (event) => {
  event.preventDefault();
  show($("story"));
  // So that a link to the story that was shown last leads there again.
  history.replaceState(null, "", "#call");
  run(() => search($("words").value.trim(), "", []));
});
$("refresh").addEventListener("click", () => run(async () => { await todo(); say("Refreshed."); }));
$("more-groups").addEventListener("click", () => run(async () => { groupsShown = Math.min(500, groupsShown + 50); await todo(); }));
$("minutes").addEventListener("toggle", () => { if ($("minutes").open) run(now); });
$("confirm-form").addEventListener("submit", confirmed);
$("confirm-no").addEventListener("click", () => $("confirm").close());
$("body-close").addEventListener("click", () => $("body").close());
$("body").addEventListener("close", () => { $("body-text").textContent = ""; });
$("skip").addEventListener("click", (event) => { event.preventDefault(); $("main").focus(); });
$("hold").addEventListener("click", () => confirm({
  title: "Hold all sending",
  text: "Events are taken and stored, and nothing is sent to ServiceNow until resumed. Offers whose ring time ends meanwhile expire. The hold survives a restart.",
  yes: "Hold", danger: true, duration: true,
  work: async (who, length) => {
    const answer = await json("POST", `v1/hold?by=${enc(who)}` + (length ? `&for=${enc(length)}` : ""));
    await now();
    say(answer.changed ? "Sending is held." : "It was held already.");
  },
}));
$("resume").addEventListener("click", () => confirm({
  title: "Resume sending",
  text: "What waits is sent now, the most urgent first.",
  yes: "Resume",
  work: async (who) => {
    const answer = await json("POST", `v1/resume?by=${enc(who)}`);
    await now();
    say(answer.changed ? "Sending goes on." : "Nothing was held.");
  },
}));
$("reload").addEventListener("click", () => confirm({
  title: "Reload the tables",
  text: "Tables, profiles, secrets and limits are read again, all or nothing. Parked events whose line is there now go on.",
  yes: "Reload",
  work: async (who) => {
    const answer = await json("POST", `v1/reload?by=${enc(who)}`);
    await todo();
    say(answer.changes.length ? `Reloaded: ${answer.changes.join("; ")}` : "Reloaded: no changes found.");
  },
}));
window.addEventListener("hashchange", route);
document.addEventListener("visibilitychange", () => { if (!document.hidden && token) route(); });
route();
