# Genesys Cloud detail events `v2.detail.events.conversation.{id}.…`, inside the EventBridge envelope or without it.
# Sources: the SDK's *DetailEventTopic* models [D], the event streaming blueprint's fixtures [C]. Conversation =
# conversationId, segment = sessionId of the agent's leg, agent = userId, queue = queueId.
#
# [D] acd.end says acdOutcome and answeredUserId; attributes come as an event of their own; eventTime is epoch ms.
# [I] user.start = the agent is rung. It is the first event that names the agent; whether it comes at the alert or at
#     the answer for every medium is not documented.
# [I] user.end with alerting and without talk = declined or not answered; with talk = the agent has left. The caller
#     may stay: only customer.end and an abandoned acd leg are the end of the conversation.
# [I] acd.end ANSWERED comes when the agent answers; its session is the queue's leg, so the agent alone is matched.
# [I] a hand-over is the first agent's user.end and the next one's user.start, in either order: the first agent has
#     left, or is still there and consults. So the user.start is a plain offer, and the user.end says that the agent
#     has left.
# [I] a session with the direction OUTBOUND is a call that the agent or a campaign makes, or the agent's own side of a
#     consult. A callback is OUTBOUND too, but a queue brings it to the agent.
# Not read: queue snapshots (v2.routing.queues.…) and the topics of users, which are states and no events.

def object: if type == "object" then . else {} end;
def number_or_zero: if type == "number" then . else text | tonumber? // 0 end;
def upper_text: text // "" | ascii_upcase;

# Detail events write NO_ANSWER_TRANSFER what queue topics write transfer.noanswer.
def disposition:
  (text // "") | ascii_downcase | split(".") | join("_")
  | {
      "transfer_noanswer": "no_answer_transfer", "transfer_notavailable": "not_available_transfer",
      "transfer_consult": "consult_transfer", "transfer_forward": "forward_transfer",
      "transfer_conference": "conference_transfer", "transfer_dnd": "dnd_transfer"
    }[.] // .;

def is_transfer: contains("transfer");

if type == "array" then .[] else . end
| (if type == "object" and has("detail") then . else { detail: . } end)
| (.detail | object) as $detail
| ($detail.eventBody | object) as $event
| ((."detail-type" | text) // ($detail.topicName | text) // "") as $whole
| ($whole | split(".")) as $parts
# The name behind the conversation's id, such as user.start.
| (if $parts[:4] == ["v2", "detail", "events", "conversation"] then $parts[5:] | join(".") else null end) as $topic
| ((.id | text) // "\($detail.topicName)/\($event.sessionId)/\($event.eventTime)") as $id
| (($event.eventTime | from_epoch_ms) // ($event.eventTime | text) // $detail.timestamp // .time | time_or_null) as $at
| ($event.disconnectType | disposition) as $disposition
| ($event.mediaType | upper_text) as $media
| (($event.direction | upper_text) == "OUTBOUND" and $media != "CALLBACK") as $calls_out
| ($event.userId | text) as $agent
| def base($kind):
    {
      id: $id, kind: $kind, conversation: ($event.conversationId | text), occurred_at: $at,
      queue: ($event.queueId | text), channel: ($event.mediaType | channel)
    };
  def leg($kind): base($kind) + { segment: ($event.sessionId | text) };
  def ignored($why): { ignore: $why, id: $id };
  if $whole == "channel.metadata" then ignored($whole)
  elif $topic == null then
    if $parts[0] == "v2" and ($parts[1] | IN("users", "routing", "conversations", "analytics", "operations", "audits",
                                             "outbound", "stations", "flows", "telephony")) then
      ignored("no detail event of a conversation: v2.\($parts[1])")
    else { unknown: ($whole | text) } end
  elif ($event.conversationId | text) == null then ignored("no conversation is named")
  elif $topic == "attributes" then
    ($event.attributes | document) as $document
    | if $document == null then ignored("attributes without a document")
      else base("bind") + { document: $document } end
  elif ($topic | IN("acd.start", "acd.end", "user.start", "user.end", "customer.end")) and $calls_out then
    ignored("an outbound call")
  elif $topic == "user.start" then
    if $agent == null then ignored("no agent is named")
    elif ($event.queueId | text) == null and $options.without_queue != "offer" then ignored("a call past the queues")
    else leg("offer") + { agent: $agent, timeout_seconds: ring_seconds } end
  elif $topic == "user.end" then
    ([$event.interactingDurationMs, $event.heldDurationMs, $event.callbackDurationMs]
      | any(number_or_zero > 0)) as $talked
    | if $talked then
        if $agent == null and ($event.sessionId | text) == null then ignored("no leg is named")
        else leg("leave") + { agent: $agent } end
      elif $agent != null
        and (($event.alertingDurationMs | number_or_zero) > 0
          or ($disposition | IN("no_answer_transfer", "not_available_transfer"))) then
        leg("reject") + { agent: $agent, reason: ($disposition | text) }
      # Nothing says how far it came: a card that is still there goes, an accepted one stays.
      elif ($event.sessionId | text) != null then leg("withdraw")
      else ignored("no leg is named") end
  elif $topic == "acd.end" then
    ($event.acdOutcome | upper_text) as $outcome
    | if $outcome == "ANSWERED" then
        ($event.answeredUserId | text) as $answered
        | if $answered == null then ignored("answered by nobody in particular")
          else base("accept") + { agent: $answered } end
      elif $outcome == "ABANDON" then base("withdraw")
      else ignored("acd.end \($outcome)") end
  elif $topic == "acd.start" then
    if ($event.queueId | text) == null then ignored("acd.start without a queue") else base("bind") end
  elif $topic == "customer.end" then
    if $disposition | is_transfer then ignored("the customer was moved") else base("withdraw") end
  elif ($topic | IN("customer.start", "acw", "wrapup", "contact", "outbound"))
    or ($topic | startswith("flow.") or startswith("voicemail.")) then ignored($topic)
  else { unknown: ($whole | text) } end
