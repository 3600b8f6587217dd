# Webex Contact Center. Source: the developer documentation's subscriptions and event payloads [D].
# Conversation = taskId, agent = agentId, queue = queueId. No id of an agent's leg is known, so there is no segment.
#
# [D] agent:channel_state_change carries ringing, connected and not-responding in currentState: one type, many meanings.
# [I] agent:state_change (version 1) is read in the same way where it carries a taskId.
# [I] a blind transfer shows as parked or a new connect with another queue, and then as ringing at the next agent: that
#     ringing is the one offer of the hand-over.
# [I] the events of consult and conference do not name the target, and the consulted agent's ringing is an offer already.
# Not found: a blind transfer's event; attributes of the customer's.

. as $envelope
| (.data | if type == "object" then . else {} end) as $data
| ((($data.createdTime | from_epoch_ms) // ($envelope.comciscotimestamp | from_epoch_ms) // $envelope.time) | time_or_null) as $at
| def base($kind):
    {
      id: $envelope.id, kind: $kind, conversation: $data.taskId, occurred_at: $at,
      document: ($data | document), queue: $data.queueId, channel: ($data.channelType | channel)
    };
  def ignored($why): { ignore: $why, id: $envelope.id };
  (.type | text // "") as $type
  | if ($type | IN("agent:channel_state_change", "agent:state_change")) then
      ($data.currentState | text // "" | ascii_downcase) as $state
      | if ($data.taskId | text) == null then ignored("an agent without a task")
        elif $state == "ringing" then base("offer") + { agent: $data.agentId, timeout_seconds: ring_seconds }
        elif $state == "connected" then base("accept") + { agent: $data.agentId }
        elif $state == "not-responding" then base("reject") + { agent: $data.agentId, reason: $state }
        else ignored("the agent's channel is \($state)") end
    elif $type == "task:ended" or $type == "task:failed" then base("withdraw")
    elif ($type | IN("task:new", "task:parked", "task:connect", "task:origin-updated")) then
      base("bind")
      | if .document == null and (.queue | text) == null then ignored("\($type) without a queue") else . end
    elif ($type | IN("task:consulting", "task:consult-done", "task:conferencing", "task:conference-done", "task:conference-transferred")) then
      ignored("\($type) does not name the other agent")
    elif $type | startswith("task:") or startswith("agent:") or startswith("task-message:") or startswith("capture:") then
      if ($type | IN("task:connected", "task:on-hold", "task:hold-done", "agent:login", "agent:logout", "capture:available"))
        or ($type | startswith("task-message:")) then ignored($type)
      else empty end
    else empty end
