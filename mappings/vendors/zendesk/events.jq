# Conversation = the work item, segment = the work item at one agent, agent = the id in the subject.
# What an event means is in its reason alone: the same types carry offers, answers and transfers.

def agent: (.detail.agent_id | text) // (.subject | text | values | split(":") | last | text);

def base($kind):
  {
    id: .id,
    kind: $kind,
    conversation: .event.work_item_id,
    # Another agent's obsolete offer must not take back this one's.
    segment: "\(.event.work_item_id | text // "-")/\(agent // "-")",
    occurred_at: ((.event.updated_at | time_or_null) // (.time | time_or_null)),
    document: (.event | document),
    queue: (($options.queue | text) // (.event[$options.queue_attribute] | text)),
    channel: (.event.channel | channel)
  };

def ignored($why): { ignore: $why, id: .id };
def offered: base("offer") + { agent: agent, timeout_seconds: ring_seconds };

# Removed: only what was never accepted is a matter of an offer.
def removed($reason):
  if $reason == "OFFER_MISSED" then base("reject") + { agent: agent, reason: $reason }
  elif $reason == "OFFER_OBSOLETED" or $reason == "OFFERED" then base("withdraw")
  else ignored("the work item has left the agent") end;

def held($reason):
  if $reason == "OFFERED" then offered
  elif $reason == "ACCEPTED" then base("accept") + { agent: agent }
  elif $reason == "ASSIGNED" or $reason == "MANUAL_ASSIGNED" then
    # The agent has it without being asked: one call is the offer and its acceptance.
    offered + { assignment: { enable_auto_assign: true } }
  elif $reason == "ASSIGNED_TRANSFER" then
    base("transfer") + { transfer: { type: "blind", target: { agent: agent } } }
  elif $reason == "OFFER_MISSED" then base("reject") + { agent: agent, reason: $reason }
  elif $reason == "OFFER_OBSOLETED" then base("withdraw")
  elif ["REOPENED", "CHANNEL_CHANGE", "UNKNOWN_ADD"] | any(. == $reason) then ignored($reason)
  else empty end;

(.type | text // "" | ltrimstr("zen:event-type:")) as $type
| ((.event.reason? | text | values | ascii_upcase) // null) as $reason
| if $type == "agent.work_item_removed" then removed($reason)
  elif $type == "agent.work_item_added" or $type == "agent.work_item_updated" then
    if $reason != null and $reason == ((.event.previous_reason? | text | values | ascii_upcase) // null) then
      ignored("the reason has not changed")
    else held($reason) end
  elif ["state_changed", "unified_state_changed", "max_capacity_changed", "channel_created", "channel_deleted", "groups_updated"]
    | any("agent.\(.)" == $type) then
    ignored($type)
  else empty end
