# Conversation = conversationId, segment = the participant, agent = agentId. ANSWERED is said of customers too.

def base($kind):
  .payload as $call
  | {
      id: .id,
      kind: $kind,
      conversation: $call.conversationId,
      segment: $call.participantId,
      occurred_at: (.eventTime | from_epoch_ms),
      document: ($call | document),
      queue: (($options.queue | text) // ($call[$options.queue_attribute] | text)),
      channel: (null | channel)
    };

def ignored($why): { ignore: $why, id: .id };
def agent: .payload.agentId | text;

def offered:
  (.payload.workQueueEntryReason | text) as $reason
  | if $reason == "WARM_TRANSFER" then base("transfer") + { transfer: { type: "consult", target: { agent: agent } } }
    elif $reason == "ADD_TO_CALL" then ignored("an agent is asked to join the call")
    else base("offer") + { agent: agent, timeout_seconds: ring_seconds } end;

select((.type | text) == "voice.call.event.updates")
| (.payload.status | text) as $status
| ((.payload.participantType | text) == "AGENT") as $is_agent
| if $status == "CALL_OFFERED_TO_AGENT" then offered
  elif $status == "ANSWERED" then
    if $is_agent then base("accept") + { agent: agent } else ignored("the customer is connected") end
  elif $status == "OFFER_REJECTED" or $status == "OFFER_MISSED" then base("reject") + { agent: agent, reason: $status }
  elif $status == "OFFER_CANCELLED" then base("withdraw") | if $is_agent then . else .segment = null end
  elif $status == "CUSTOMER_ENTERED_WORK_QUEUE" then
    base("bind") | .segment = null
    | if .document == null and .queue == null then { ignore: $status, id } else . end
  elif ["RINGING", "REJECTED", "HOLD", "DISCONNECTED", "CONVERSATION_ENDED"] | any(. == $status) then ignored($status)
  elif ($status // "") | startswith("ACW_") then ignored($status)
  else empty end
