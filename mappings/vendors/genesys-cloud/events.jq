# Genesys Cloud detail events `v2.detail.events.conversation.{id}.…`, inside the EventBridge envelope or without it.
# Sources: the SDK's *DetailEventTopic* models [D], the event streaming blueprint's fixtures [C].
# Conversation = conversationId, segment = sessionId of the agent's leg, agent = userId, queue = queueId.
#
# [D] acd.end says acdOutcome and answeredUserId; attributes come as an event of their own; eventTime is epoch ms.
# [I] user.start = the agent is rung. It is the first event that names the agent; whether it comes at the alert or at
#     the answer for every medium is not documented.
# [I] user.end with alerting and without interacting = declined or not answered.
# [I] acd.end ANSWERED comes when the agent answers; its session is the queue's leg, so the agent alone is matched.
# [I] a hand-over is the first agent's user.end with a transfer as disconnectType, then an acd.start or user.start that
#     names the target and nothing of a transfer. No one event tells both, so the target's user.start is the one offer.
# Not read: queue snapshots (v2.routing.queues.…), which are states and no events.

# Detail events write NO_ANSWER_TRANSFER what queue topics write transfer.noanswer.
def disposition:
  (text // "") | ascii_downcase | split(".") | join("_")
  | {
      "transfer_noanswer": "no_answer_transfer", "transfer_notavailable": "not_available_transfer",
      "transfer_consult": "consult_transfer", "transfer_forward": "forward_transfer",
      "transfer_conference": "conference_transfer", "transfer_dnd": "dnd_transfer"
    }[.] // .;

def is_transfer: contains("transfer");

def seconds_or_zero: if type == "number" then . else (text | if . == null then 0 else tonumber end) end;

# The name behind the conversation's id, such as user.start.
def topic:
  (.detail.topicName // ."detail-type" | text // "") | split(".")
  | if .[:4] == ["v2", "detail", "events", "conversation"] then .[5:] | join(".") else null end;

(if type == "object" and has("detail") then . else { detail: . } end)
| topic as $topic
| select($topic != null)
| .detail.eventBody as $event
| ((.id | text) // "\(.detail.topicName)/\($event.sessionId)/\($event.eventTime)") as $id
| ((($event.eventTime | from_epoch_ms) // ($event.eventTime | text) // .detail.timestamp // .time) | time_or_null) as $at
| ($event.disconnectType | disposition) as $disposition
| def base($kind):
    {
      id: $id, kind: $kind, conversation: $event.conversationId, occurred_at: $at,
      queue: $event.queueId, channel: ($event.mediaType | channel)
    };
  def ignored($why): { ignore: $why, id: $id };
  if $topic == "user.start" then
    if ($event.queueId | text) == null then ignored("a call past the queues")
    elif ($event.direction | text // "" | ascii_upcase) == "OUTBOUND" then ignored("the agent calls out")
    else base("offer") + { segment: $event.sessionId, agent: $event.userId, timeout_seconds: ring_seconds } end
  elif $topic == "user.end" then
    if ($event.interactingDurationMs | seconds_or_zero) == 0 and ($event.alertingDurationMs | seconds_or_zero) > 0 then
      base("reject") + { segment: $event.sessionId, agent: $event.userId, reason: ($disposition | text) }
    elif $disposition | is_transfer then ignored("handed over: the next agent's user.start is the offer")
    else ignored("the agent's leg has ended") end
  elif $topic == "acd.end" then
    ($event.acdOutcome | text // "" | ascii_upcase) as $outcome
    | if $outcome == "ANSWERED" then base("accept") + { agent: $event.answeredUserId }
      elif $outcome == "ABANDON" then base("withdraw")
      else ignored("acd.end \($outcome)") end
  elif $topic == "acd.start" then
    if ($event.queueId | text) == null then ignored("acd.start without a queue") else base("bind") end
  elif $topic == "customer.end" then
    if $disposition | is_transfer then ignored("the customer was moved") else base("withdraw") end
  elif $topic == "attributes" then
    ($event.attributes | document) as $document
    | if $document == null then ignored("attributes without a document")
      else base("bind") + { document: $document } end
  elif $topic == "customer.start" or $topic == "acw" or $topic == "wrapup" or $topic == "contact" or $topic == "outbound"
    or ($topic | startswith("flow.") or startswith("voicemail.")) then ignored($topic)
  else empty end
