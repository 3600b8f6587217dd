# Conversation and segment = the call, agent = the user's id, queue = the line.
# [D] event names, envelope; [C] bodies recorded in 2022; [I] see vendor.toml.
#
# All legs of a call have its id, so the agent tells them apart. Aircall tells no end of one user's ringing but a
# decline: the ring of the next user moves the card.

def object: if type == "object" then . else {} end;
def call: .data | object;
def person: object | .id | text;
def user: call.user | person;
# A user, or what else the event says of him. It stays in all later events of the call: only call.transferred is news.
def transferred_to: call.transferred_to | if type == "object" then person else text end;

def moment: text | if . == null or . == "0" then null elif length > 11 then from_epoch_ms else from_epoch_s end;
def answered: (call.answered_at | moment) != null;
# An end of one leg, if there is such a thing, would not say that the call is done.
def over: (call.status | lower_text // "done") == "done" or (call.ended_at | moment) != null;

def made_id: [.event, call.id, user, .timestamp] | map(text // "-") | join("/");
def ignored($why): { ignore: $why, id: made_id };

def base($kind):
  {
    id: made_id,
    kind: $kind,
    conversation: call.id,
    segment: call.id,
    occurred_at: (.timestamp | moment),
    document: (call | document),
    queue: (($options.queue | text) // (call.number | person)),
    channel: (null | channel)
  };

def rejected($by; $reason): base("reject") + { agent: $by, reason: $reason };
# A transfer rings too. Whoever transfers keeps the call until the other one answers: it comes back if he does not [C].
def rung($who): base("offer") + { agent: $who, timeout_seconds: ring_seconds };
def caller_gone: base("withdraw") | .segment = null;

(.event | text // "") as $event
| ($event | split(".")[0] // "") as $resource
| (call.direction | lower_text // "inbound") as $direction
| if $resource != "call" then
    # Subscribed to with the same webhook: no calls.
    if ($resource
        | IN("user", "number", "contact", "message", "group_message", "integration", "transcription", "summary",
             "topics", "sentiment", "action_item", "playbook_result", "realtime_transcription", "custom_summary",
             "call_evaluation", "conversation_intelligence", "ai_voice_agent", "analytics"))
      or (.resource | lower_text | IN("user", "number", "contact")) then ignored($event)
    else empty end
  elif $direction != "inbound" then ignored($direction)
  elif $event == "call.created" then
    base("bind") | .segment = null
    | if .document == null and .queue == null then { ignore: $event, id } else . end
  elif user == null and ($event | IN("call.ringing_on_agent", "call.answered", "call.agent_declined")) then
    ignored("no user of the contact centre")
  elif $event == "call.ringing_on_agent" then rung(user)
  elif $event == "call.answered" then base("accept") + { agent: user }
  elif $event == "call.agent_declined" then rejected(user; "agent_declined")
  elif $event == "call.unanswered" then
    if user == null then caller_gone else rejected(user; (call.missed_call_reason | text) // "unanswered") end
  elif $event == "call.hungup" then
    if over then caller_gone
    elif user != null then base("leave") + { agent: user }
    else ignored("an end that is not the call's") end
  elif $event == "call.ended" then
    # Comes half a minute late; where the end was not told before, it counts from when it happened.
    if answered then ignored("the call has ended")
    else (call.ended_at | moment) as $ended | caller_gone | .occurred_at = ($ended // .occurred_at) end
  elif $event == "call.transferred" then
    if transferred_to == null then ignored("a transfer to nobody in the contact centre") else rung(transferred_to) end
  elif $event == "call.unsuccessful_transfer" then
    if (call.transferred_to | person) == null then ignored("a transfer that does not say to whom")
    else rejected(call.transferred_to | person; "unsuccessful_transfer") end
  elif ($event | ltrimstr("call.")
        | IN("voicemail_left", "assigned", "archived", "unarchived", "tagged", "untagged", "commented", "hold",
             "unhold", "external_transferred", "ivr_option_selected", "comm_assets_generated")) then
    ignored($event)
  else empty end
