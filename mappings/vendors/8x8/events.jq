# Conversation and segment = interactionGUID, agent = agentId, queue = queueId. All agents of an interaction share its
# segment, so every event of one agent's leg names the agent too.
# `eventTS` is the time of the offer in all later events too, so it counts for InteractionAssigned only.

def object: if type == "object" then . else {} end;
def is_true: . == true or lower_text == "true";

# A frame's payload is JSON in base64; what has no payload is the event itself.
def opened:
  if type == "object" and has("payload") then
    . as $frame
    | { frame: $frame, event: ($frame.payload | if type == "string" then @base64d | fromjson else . end) }
  else { frame: {}, event: . } end;

def since_s: text | if . == null or (tonumber? // 0) <= 0 then null else from_epoch_s end;
def since_ms: text | if . == null or (tonumber? // 0) <= 0 then null else from_epoch_ms end;

# The same moment with its fraction, where the other time lies in the same second.
def refined($other):
  if . != null and ($other | text) != null and .[:19] == $other[:19] and ($other | endswith("Z")) then $other
  else . end;

# attachedData is a list of { attachedDataKey, attachedDataValue }; a list of one may come as the datum itself.
def attached:
  [.attachedData | object | .attachedDatum | if type == "array" then .[] else . end | objects
   | { key: (.attachedDataKey | text), value: .attachedDataValue } | select(.key != null)]
  | from_entries;

def medium: text | if . == null then null else ({ t: "phone", c: "chat" }[ascii_downcase] // .) end;
def queue_id: (.queueId | text) // (.queueList | text | if . != null and contains(",") then null else . end);

# A call of an agent's own: to a customer, or to a colleague, which is a leg of its own without a queue.
def outbound:
  (.direction | lower_text // "" | startswith("out"))
  or (.isOutboundCall | is_true)
  or (attached.queueDirection | lower_text // "" | startswith("out"));
def between_agents:
  queue_id == null
  and ((.isAgentInitiated | is_true)
       or ((.callState | lower_text) == "cs_idle" and (.event | IN("InteractionAssigned", "InteractionAccepted"))));

def outcome($frame):
  (.event | text) as $type
  | ($type | lower_text // "" | ltrimstr("interaction")) as $name
  | ($frame.publishTime | time_or_null) as $published
  | (.msgInfo | object) as $info
  | ((.interactionEventTS | since_s | refined($info.timestamp | since_ms) | refined($published))
     // ($info.timestamp | since_ms)) as $said
  | def base($kind):
      {
        id: (($frame.messageId | text)
             // ([$type, .interactionGUID, .agentId, $info.sequenceId, $said // .eventTS]
                 | map(text // "-") | join("/"))),
        kind: $kind,
        conversation: .interactionGUID,
        segment: .interactionGUID,
        occurred_at: ($said // $published // (if $name == "assigned" then .eventTS | since_s else null end)),
        document: (attached | document),
        queue: queue_id,
        channel: (.mediaType | medium | channel)
      };
    def ignored($why): { ignore: $why, id: base("").id };
    def caller_gone: base("withdraw") | .segment = null;
    ((.agentId | text) // (.agentGUID | text)) as $agent
  | if outbound then ignored("outbound")
    elif between_agents then ignored("a call between agents")
    elif $agent == null and ($name | IN("assigned", "accepted", "rejected")) then
      ignored("an event that names no agent")
    elif $name == "assigned" then
      (((.promptingTimeout | text | values | tonumber? | floor) | select(. > 0)) // ring_seconds) as $ring
      | base("offer") + { agent: $agent, timeout_seconds: $ring }
    elif $name == "accepted" then base("accept") + { agent: $agent }
    elif $name == "rejected" then base("reject") + { agent: $agent, reason: (.rejectReason | text) }
    elif ($name | IN("postprocess", "deassigned")) then
      # The start of an agent's wrap-up, and the end of the assignment: he has left, the caller may go on.
      if $agent == null then ignored($type) else base("leave") + { agent: $agent } end
    elif $name == "unqueued" then base("withdraw")
    elif $name == "deleted" then
      (.hangupInitiator | lower_text) as $by
      | if $by == "customer" then caller_gone
        elif $agent != null then base("leave") + { agent: $agent }
        elif $by == "agent" then ignored("the interaction has ended")
        else base("withdraw") end
    elif $name == "transferrequest" then
      (.[$options.transfer_agent] | text) as $to_agent
      | (.[$options.transfer_queue] | text) as $to_queue
      | if $to_agent == null and $to_queue == null then
          ignored("a transfer that does not say where to: the next agent's offer follows")
        else
          (if $to_agent != null then { agent: $to_agent } else { queue: $to_queue } end) as $target
          | base("transfer") + { queue: null, transfer: { type: "blind", target: $target } }
        end
    elif ($name | IN("created", "queued")) and ((attached | document) != null or queue_id != null) then
      base("bind") | .segment = null
    elif ($name
          | IN("created", "queued", "customeraccepted", "recordingstarted", "recordingready", "endpostprocess",
               "reconnect", "participantchange", "participantremovedbyhost", "joinlinesrequest", "joined", "changed",
               "queuetimeout", "hold/unhold", " hold/unhold"))
      or ($type // "" | IN("LineHoldStatus", "LineMuteStatus", "RecordingStatus")) then
      ignored($type)
    else { unknown: $type } end;

# The chat webhooks tell no ringing: an agent who has joined has accepted already. Version 1 has its fields on the top
# and events of their own for agents.
def chat:
  (.eventType | text) as $type
  | (.data | object) as $data
  | ($data.id // .agentId | text) as $member
  | (if $type == "AGENT_JOINED" then "agent joined"
     elif $type == "AGENT_LEFT" then "agent left"
     elif $type == "MEMBERS_CHANGED" then "\($data.memberType | lower_text // "?") \($data.change | lower_text // "?")"
     else null end) as $change
  | ([$data.user | object | .additionalProperties | if type == "array" then .[] else . end | objects
      | select((.key | text) == $options.document_attribute) | .value | as_document | values] | .[0]) as $document
  | (($data.queueId | text) // (.queueId | text)
     // ($data.assignment | object | if (.type | lower_text) == "queue" then .id | text else null end)) as $queue
  | ($headers["x-8x8-event-id"]
     // ([$type, .conversationId, $member, $data.change, .timestamp] | map(text // "-") | join("/"))) as $id
  | def base($kind):
      {
        id: $id,
        kind: $kind,
        conversation: .conversationId,
        occurred_at: (.timestamp | since_ms),
        channel: ("chat" | channel)
      };
    if ($type | IN("QUEUED", "CONVERSATION_UPDATE")) and ($document != null or $queue != null) then
      base("bind") + { document: $document, queue: $queue }
    elif $change == "agent joined" and $member != null then
      base("offer")
      + { segment: .conversationId, agent: $member, queue: ($queue // ($options.queue | text)),
          timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } }
    elif $change == "agent left" and $member != null then
      base("leave") + { segment: .conversationId, agent: $member }
    elif $change == "user left" then base("withdraw")
    elif ($type
          | IN("QUEUED", "CONVERSATION_UPDATE", "MEMBERS_CHANGED", "AGENT_JOINED", "AGENT_LEFT", "TRANSFER", "MESSAGE",
               "TEXT", "ACTIVITY", "WEB_HOOK_VERIFY")) then
      { ignore: $type, id: $id }
    else { unknown: $type } end;

# For events but Interaction the name is the only key.
def by_name($frame):
  (if length == 1 then keys[0] else null end) as $name
  | if $name == "GuestChatEnd" and (.GuestChatEnd | object | .interactionGUID | text) != null then
      .GuestChatEnd | .event = "InteractionDeleted" | .hangupInitiator = "CUSTOMER" | outcome($frame)
    elif $name // "" | startswith("Agent") or startswith("MediaProxy") or IN("GuestChatEnd", "ClientCheck") then
      { ignore: $name, id: $frame.messageId }
    else { unknown: $name } end;

(if type == "array" then .[] else . end)
| opened
| .frame as $frame
| .event
| if type != "object" then error("a frame without an event")
  elif has("Interaction") then .Interaction | object | outcome($frame)
  elif has("eventType") then chat
  else by_name($frame) end
