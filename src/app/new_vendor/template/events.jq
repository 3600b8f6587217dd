# TODO: write down which of the vendor's ids is what. A conversation is the caller's whole call, a segment one agent's leg.

def base($kind):
  { id: (.id | text), kind: $kind, conversation: (.call | text), segment: (.leg | text), occurred_at: .time,
    agent: (.agent | text), queue: (.queue | text), document: ((.attributes // {}) | document),
    channel: (.medium | channel) };

# TODO: a line for each event that the vendor sends. The kinds: docs/events.md.
if .type == "ringing" then base("offer") + { timeout_seconds: ring_seconds }
elif .type == "answered" then base("accept")
elif .type == "declined" then base("reject") + { reason: (.reason | text) }
elif .type == "ended" then base("withdraw") | .segment = null
elif .type == "heartbeat" then { ignore: "heartbeat" }
else { unknown: (.type | text) } end
