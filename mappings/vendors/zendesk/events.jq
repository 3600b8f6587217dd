# Conversation = the work item, segment = the work item at one agent, agent = the id in the subject.
# What an event means is in its reason alone: the same types carry offers, answers and transfers.
# Nothing tells that the customer has gone: an obsolete offer, and a removal, concern the one agent.

def object: if type == "object" then . else {} end;

def moment:
  text as $text
  | if $text == null then null
    elif ($text | test("^[0-9]{12,}$")) then ($text | from_epoch_ms)
    elif ($text | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T")) then ($text | time_or_null)
    else null end;

object as $envelope
| ($envelope.event | object) as $event
| ($envelope.detail | object) as $detail
| (($event.agent_id | text) // ($detail.agent_id | text)
    // ($envelope.subject | text | values | split(":") | last | text) // null) as $agent
| ($event.work_item_id | text) as $item
| (($event.reason | text | values | ascii_upcase) // null) as $reason
| (($event.previous_reason | text | values | ascii_upcase) // null) as $previous
| def ignored($why): { ignore: $why, id: ($envelope.id | text) };
  def base($kind):
    if $item == null or $agent == null then ignored("\($reason // $kind) without a work item or an agent")
    else {
      id: ($envelope.id | text),
      kind: $kind,
      conversation: $item,
      segment: "\($item)/\($agent)",
      agent: $agent,
      occurred_at: (($event.updated_at | moment) // ($envelope.time | moment)),
      document: ($event | document),
      queue: (($options.queue | text) // ($event[$options.queue_attribute | text // ""] | text)),
      channel: ($event.channel | channel)
    } end;
  def read($more): if .ignore then . else . + $more end;
  def offered: base("offer") | read({ timeout_seconds: ring_seconds });
  def withdrawn: base("withdraw") | del(.agent);
  def missed: base("reject") | read({ reason: $reason });
  # What is transferred, unless it is a call, is the agent's without being asked.
  def transferred:
    (base("transfer") | read({ transfer: { type: "blind", target: { agent: $agent } } }) | del(.agent)),
    if $event.channel | lower_text | IN("talk", "voice", "phone") then empty
    else base("accept") | if .ignore then empty else .id += "/accept" end end;
  # Removed: an offer is taken back, what was accepted has left the agent. Other reasons do not say which of both.
  def removed:
    if $reason == "OFFER_MISSED" then missed
    elif ($reason | IN("ACCEPTED", "ASSIGNED", "MANUAL_ASSIGNED", "ASSIGNED_TRANSFER")) then base("leave")
    else withdrawn end;
  def held:
    if $reason == "OFFERED" then offered
    elif $reason == "ACCEPTED" then base("accept")
    # The agent has it without being asked: one call is the offer and its acceptance.
    elif $reason == "ASSIGNED" or $reason == "MANUAL_ASSIGNED" then
      offered | read({ assignment: { enable_auto_assign: true } })
    elif $reason == "ASSIGNED_TRANSFER" then transferred
    elif $reason == "OFFER_MISSED" then missed
    elif $reason == "OFFER_OBSOLETED" then withdrawn
    elif ($reason | IN("REOPENED", "CHANNEL_CHANGE", "UNKNOWN_ADD")) then ignored($reason)
    else empty end;
  ($envelope.type | text // "" | ltrimstr("zen:event-type:")) as $type
  | if $type == "agent.work_item_removed" then removed
    elif $type == "agent.work_item_added" or $type == "agent.work_item_updated" then
      if $reason != null and $reason == $previous then ignored("the reason has not changed") else held end
    elif ($type | ltrimstr("agent.") | IN("state_changed", "unified_state_changed", "max_capacity_changed",
        "channel_created", "channel_deleted", "groups_updated")) then ignored($type)
    else empty end
