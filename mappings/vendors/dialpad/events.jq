# Conversation = the entry point's call (else the master call, else the call itself), segment = the call, agent = the
# target user. One customer's call is several calls here: one for the call centre, one for each user it rings.
#
# [D] the states; the ids of entry point, master and operator call; is_transferred; times in ms.
# [C] the legs of users name the entry point's call; that call itself names none. Ids, times and booleans come as
#     texts too.
# [I] the hangup of a user's call is the end of that leg; of the customer's own call it is the end of the
#     conversation, unless that call was handed on (is_transferred).
# [I] a hand-over is the next user's leg that rings; whether the first one stays, the end of that leg tells.

def object: if type == "object" then . else {} end;
def leg: text | if . == "0" then null else . end;
def call: .call_id | leg;
def entry_point: .entry_point_call_id | leg;
def conversation: entry_point // (.master_call_id | leg) // call;
def target: .target | object;
def is_user: (target.type | lower_text) == "user" and (target.id | text) != null;
def is_inbound: (.direction | lower_text // "inbound") == "inbound";
def is_transferred: .is_transferred == true or (.is_transferred | lower_text) == "true";
def made_id: [.state, .call_id, .event_timestamp] | map(text // "-") | join("/");
def ignored($why): { ignore: $why, id: made_id };

# custom_data is a text: JSON, or the document itself.
def carried:
  .custom_data
  | if type == "string" then
      (fromjson? | objects | document)
      // (if test("^([a-z0-9_]+:)?[0-9a-f]{32}$") then as_document else null end)
    else document end;

def call_center: if type == "object" and (.type | text) == "call_center" then .id | text else null end;

# The call centre that rings; of a caller who was handed on it is not the one of the entry point.
def queue:
  (.target | call_center)
  // (.group_id | text | values | select(startswith("CallCenter:")) | ltrimstr("CallCenter:") | text)
  // (.entry_point_target | call_center)
  // ($options.queue | text);

def base($kind):
  {
    id: made_id,
    kind: $kind,
    conversation: conversation,
    segment: call,
    occurred_at: (.event_timestamp | from_epoch_ms),
    document: carried,
    queue: queue,
    channel: (null | channel)
  };

def by_user($kind): base($kind) + { agent: (target.id | text) };
def offer: by_user("offer") + { timeout_seconds: ring_seconds };
def is_own_call: call == conversation;

# A call to a user that came by no call centre and no line: there is no queue to offer it from.
def is_direct: is_user and is_own_call and queue == null;

# What a line or a call centre brings. The users' legs may name that very call as their entry point, while it names
# its master.
def bound:
  call as $call
  | (base("bind") | .segment = null)
  | .,
    if .conversation == $call then empty else .id = "\(.id)/call" | .conversation = $call end;

# A line or a call centre is no agent; what it brings is its document.
def passed_over($why): if carried == null then ignored($why) else bound end;

def ended:
  if is_own_call and (is_transferred | not) then base("withdraw") | .segment = null
  elif is_user | not then
    ignored(if is_own_call then "the call was handed on" else "a line that the call came through has ended" end)
  elif (.date_connected | leg) == null then base("withdraw")
  else by_user("leave") end;

if type == "array" then .[] else . end
| object
| (.state | lower_text) as $state
| if call == null then
    if has("from_number") and has("to_number") then ignored("a text message")
    else { unknown: (.state | text) } end
  elif ($state | IN("calling", "ringing", "connected", "missed", "takeover", "queued", "hangup", "voicemail"))
    and (is_inbound | not) then ignored("outbound")
  elif ($state | IN("ringing", "connected", "missed", "takeover", "hangup", "voicemail")) and is_direct then
    ignored("a call to a user past the call centres")
  elif $state == "ringing" then if is_user then offer else passed_over("no user is rung") end
  elif $state == "connected" then if is_user then by_user("accept") else passed_over("no user is connected") end
  elif $state == "missed" then if is_user then by_user("reject") + { reason: "missed" } else ended end
  elif $state == "takeover" then
    if is_user then offer, (by_user("accept") | .id = "\(.id)/accept")
    else ignored("taken over by nobody in particular") end
  elif $state == "queued" then
    if carried == null and queue == null then ignored($state)
    elif entry_point == null then bound
    else base("bind") | .segment = null end
  elif $state == "hangup" then ended
  # The caller is with the voicemail: this user is rung no more.
  elif $state == "voicemail" then if is_user then base("withdraw") else ignored($state) end
  elif $state == "calling" then passed_over($state)
  elif ($state | IN("preanswer", "hold", "parked", "merged", "monitor", "barge", "eavesdrop", "blocked", "postcall",
                    "csat", "pcsat", "dispositions", "transcription", "call_transcription", "recording", "admin",
                    "admin_recording", "ai_playbook", "voicemail_uploaded", "recap_summary", "recap_action_items",
                    "recap_outcome", "recap_purposes")) then
    ignored($state)
  else { unknown: (.state | text) } end
