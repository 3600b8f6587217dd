# Conversation = the entry point's call (else the master call, else the call itself), segment = the call, agent = the target
# user. One customer's call is several calls here: one for the call centre, one for each user it rings.

def leg: text | if . == "0" then null else . end;
def call: .call_id | leg;
def conversation: (.entry_point_call_id | leg) // (.master_call_id | leg) // call;
def is_user: (.target.type? | text) == "user";
def is_inbound: (.direction | text // "inbound") == "inbound";
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

def queue:
  (.entry_point_target | call_center)
  // (.target | call_center)
  // (.group_id | text | values | select(startswith("CallCenter:")) | ltrimstr("CallCenter:") | text)
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

def to_target: base("transfer") + { transfer: { type: "blind", target: { agent: (.target.id | text) } } };

# The end of the customer's own call takes back everything, that of a user's leg only what that leg was offered.
def ended:
  if call == conversation then base("withdraw") | .segment = null
  elif (.date_connected | leg) == null then base("withdraw")
  else ignored("the leg has ended") end;

(.state | text) as $state
| if (["ringing", "connected", "missed", "takeover", "queued", "hangup"] | any(. == $state)) and (is_inbound | not) then
    ignored("outbound")
  elif $state == "ringing" then
    if is_user | not then ignored("no user is rung")
    elif .is_transferred == true then to_target
    else base("offer") + { agent: (.target.id | text), timeout_seconds: ring_seconds } end
  elif $state == "connected" then
    if is_user then base("accept") + { agent: (.target.id | text) } else ignored("no user is connected") end
  elif $state == "missed" then
    if is_user then base("reject") + { agent: (.target.id | text), reason: "missed" } else ended end
  elif $state == "takeover" then
    if is_user then to_target else ignored("taken over by nobody in particular") end
  elif $state == "queued" then
    base("bind") | .segment = null | if .document == null and .queue == null then { ignore: $state, id } else . end
  elif $state == "hangup" then ended
  elif ["calling", "preanswer", "hold", "parked", "voicemail", "merged"] | any(. == $state) then
    ignored($state)
  else empty end
