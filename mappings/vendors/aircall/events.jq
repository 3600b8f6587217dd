# Conversation and segment = the call, agent = the user's id, queue = the line.

def user: .data.user | if type == "object" then .id | text else null end;
def answered: ((.data.answered_at | text) // "0") != "0";
# A user, or what else the event says of him.
def transferred_to: .data.transferred_to | if type == "object" then .id | text else text end;
def made_id: [.event, .data.id, user, .timestamp] | map(text // "-") | join("/");
def ignored($why): { ignore: $why, id: made_id };

def base($kind):
  {
    id: made_id,
    kind: $kind,
    conversation: .data.id,
    segment: .data.id,
    occurred_at: (.timestamp | from_epoch_s),
    document: (.data | document),
    queue: (($options.queue | text) // (.data.number | if type == "object" then .id | text else null end)),
    channel: (null | channel)
  };

def rejected($reason): base("reject") + { agent: user, reason: $reason };

(.event | text // "") as $event
| if ($event | startswith("call.") | not) then
    # Subscribed to with the same webhook: no calls.
    if [.resource | text] | any(. == "user" or . == "contact" or . == "number") then ignored($event) else empty end
  elif (.data.direction | text) == "outbound" then ignored("outbound")
  elif $event == "call.created" then
    base("bind") | .segment = null
    | if .document == null and .queue == null then { ignore: $event, id } else . end
  elif $event == "call.ringing_on_agent" then
    # The transfer has rung him already.
    if user != null and transferred_to == user then ignored("the transfer has offered it already")
    else base("offer") + { agent: user, timeout_seconds: ring_seconds } end
  elif $event == "call.answered" then base("accept") + { agent: user }
  elif $event == "call.agent_declined" then rejected("agent_declined")
  elif $event == "call.unanswered" then
    if user == null then base("withdraw") else rejected((.data.missed_call_reason | text) // "unanswered") end
  elif $event == "call.hungup" then
    if answered then ignored("the call has ended") else base("withdraw") end
  elif $event == "call.transferred" then
    if transferred_to == null then ignored("a transfer to nobody in the contact centre")
    else base("transfer") + { transfer: { type: "blind", target: { agent: transferred_to } } } end
  elif ["ended", "voicemail_left", "assigned", "archived", "tagged", "untagged", "commented", "hold", "unhold",
        "external_transferred", "comm_assets_generated"] | any("call.\(.)" == $event) then
    ignored($event)
  else empty end
