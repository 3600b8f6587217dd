# Conversation = conversationId, segment = participantId, agent = agentId. One type; the meaning is in payload.status,
# and in whose it is: ANSWERED and DISCONNECTED are said of customers too.
#
# [D] the statuses; agentId comes only where the participant is an agent; OFFER_CANCELLED has three causes, one of which
#     leaves the customer where he is, so it concerns the one agent.
# [I] DISCONNECTED of an agent ends his part alone, of a customer the conversation; a warm transfer rings like any other
#     offer, and the answer or the first agent's end hands over.
# Outbound calls ring and answer too; nothing of them is carried out.

def object: if type == "object" then . else {} end;

object as $envelope
| ($envelope.payload | object) as $call
| ($call.conversationId | text) as $conversation
| ($call.agentId | text) as $agent
| ($call.participantId | text) as $participant
| (($call.participantType | lower_text) // (if $agent then "agent" else "customer" end)) as $whose
| (($call.status | text | values | ascii_upcase) // null) as $status
| def ignored($why): { ignore: $why, id: ($envelope.id | text) };
  def base($kind):
    if $conversation == null then ignored("\($status) without a conversation")
    else {
      id: ($envelope.id | text),
      kind: $kind,
      conversation: $conversation,
      occurred_at: ($envelope.eventTime | from_epoch_ms | time_or_null),
      document: ($call | document),
      queue: (($options.queue | text) // ($call[$options.queue_attribute | text // ""] | text)),
      channel: (null | channel)
    } end;
  def leg($kind; $more):
    if $agent == null then ignored("\($status) names no agent")
    else base($kind) | if .ignore then . else . + { segment: $participant, agent: $agent } + $more end end;
  def inbound($event):
    if $call.direction | lower_text == "outbound" then ignored("outbound: \($status)") else $event end;
  select(($envelope.type | text) == "voice.call.event.updates")
  | if $status == "CALL_OFFERED_TO_AGENT" then
      if ($call.workQueueEntryReason | text) == "ADD_TO_CALL" then ignored("an agent is asked to join the call")
      else inbound(leg("offer"; { timeout_seconds: ring_seconds })) end
    elif $status == "ANSWERED" then
      if $whose == "agent" then inbound(leg("accept"; {})) else ignored("the customer is connected") end
    elif $status == "OFFER_REJECTED" or $status == "OFFER_MISSED" then inbound(leg("reject"; { reason: $status }))
    # Without the participant it is told by the agent: an end that names no leg would be the conversation's.
    elif $status == "OFFER_CANCELLED" then
      inbound(if $participant and $whose == "agent" then
          base("withdraw") | if .ignore then . else .segment = $participant end
        else leg("reject"; { reason: $status }) end)
    elif $status == "DISCONNECTED" or $status == "CONVERSATION_ENDED" then
      inbound(if $whose == "agent" then leg("leave"; {}) else base("withdraw") | del(.queue) end)
    elif $status == "CUSTOMER_ENTERED_WORK_QUEUE" then
      inbound(base("bind") | if .ignore or .document or .queue then . else ignored($status) end)
    elif ($status | IN("SKIPPED_TO_ACW", "RINGING", "FAILED", "MUTE", "UNMUTE", "HOLD", "UNHOLD", "REJECTED",
        "IVR_START", "IVR_TRANSFER_START", "LISTEN_TO_BARGE_IN", "WHISPER_TO_BARGE_IN", "LISTEN_TO_WHISPER",
        "VOICE_CALL_ENDED", "VOICE_CALL_STATUS_UPDATE", "CONVERSATION_STATUS_UPDATED", "RECORDING_STATUS_UPDATED",
        "CONVERSATION_STARTED"))
      or ($status // "" | startswith("ACW_")) then ignored($status)
    else empty end
