# Dixa. Sources: see vendor.toml. Conversation = csid, agent = the agent's id, queue = the conversation's queue.
#
# [D] CONVERSATION_ASSIGNED = an agent has the conversation, with no ring before it: an offer that is accepted by
#     itself. UNASSIGNED = the agent has left it. ABANDONED and CLOSED are the end of the conversation.
# [I] A transfer names whoever has the conversation then, in `data.agent` or as the conversation's assignee; where that
#     is still the first agent nothing changes, and the assignment that follows tells. The next agent may be told
#     before the first one's leaving: both come to the same.
# Nothing names a leg: conversation and agent stand for it.

def object: if type == "object" then . else {} end;

(if type == "array" then .[] else . end)
| object as $envelope
| ($envelope.event_fqn | text // "") as $event
| ($envelope.data | object) as $data
| ($data.conversation | object) as $conversation
| (($data.agent | object | .id | text) // ($conversation.assignee | object | .id | text)) as $agent
| (($data.queue | object | .id | text) // ($conversation.queue | object | .id | text)) as $told
| (($options.queue | text) // $told) as $queue
| def ignored($why): { ignore: $why, id: ($envelope.event_id | text) };
  def base($kind):
    {
      id: $envelope.event_id, kind: $kind, conversation: ($conversation.csid | text),
      occurred_at: $envelope.event_timestamp, document: (($conversation | document) // ($data | document)),
      queue: $queue, channel: ($conversation.channel | channel)
    };
  def given:
    if $agent == null then ignored("no agent is named")
    elif ($conversation.direction | lower_text) == "outbound" and $options.outbound != true then ignored("outbound")
    else base("offer") + { agent: $agent, timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } } end;
  def remembered: base("bind") | if .document == null and .queue == null then ignored($event) else . end;
  if $event == "CONVERSATION_ASSIGNED" then given
  elif $event == "CONVERSATION_UNASSIGNED" then
    if $agent == null then ignored("no agent is named") else base("leave") + { agent: $agent } end
  elif $event == "CONVERSATION_TRANSFERRED_TO_QUEUE" then remembered
  elif $event | startswith("CONVERSATION_TRANSFERRED") then if $agent == null then remembered else given end
  elif ($event | IN("CONVERSATION_ABANDONED", "CONVERSATION_CLOSED")) then base("withdraw")
  elif ($event
        | IN("CONVERSATION_CREATED", "CONVERSATION_ENQUEUED", "CONVERSATION_CUSTOM_ATTRIBUTE_UPDATED")) then remembered
  elif ($event
        | IN("CONVERSATION_OPEN", "CONVERSATION_PENDING", "CONVERSATION_PENDING_EXPIRED", "CONVERSATION_NOTE_ADDED",
             "CONVERSATION_TAG_ADDED", "CONVERSATION_TAG_REMOVED", "CONVERSATION_RATED", "TYPING_STARTED",
             "CONVERSATION_END_USER_REPLACED", "CONVERSATION_ENDUSER_REPLACED"))
    or ($event | startswith("CONVERSATION_MESSAGE_") or startswith("SLA_") or startswith("AGENT_")) then ignored($event)
  else { unknown: $event } end
