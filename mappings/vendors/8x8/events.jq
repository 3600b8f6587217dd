# Conversation and segment = interactionGUID, agent = agentId, queue = queueId.
# `eventTS` is the time of the offer in all later events too, so it counts for InteractionAssigned only.

# A frame's payload is JSON in base64; what has no payload is the event itself.
def opened:
  if type == "object" and has("payload") then
    . as $frame
    | { frame: $frame, event: ($frame.payload | if type == "string" then @base64d | fromjson else . end) }
  else { frame: {}, event: . } end;

def since_s: text | if . == null or (tonumber? // 0) <= 0 then null else from_epoch_s end;
def since_ms: text | if . == null or (tonumber? // 0) <= 0 then null else from_epoch_ms end;

# attachedData is a list of { attachedDataKey, attachedDataValue }; a list of one may come as the datum itself.
def attached:
  [.attachedData.attachedDatum? | if type == "array" then .[] else . end | objects
   | { key: (.attachedDataKey | text), value: .attachedDataValue } | select(.key != null)]
  | from_entries;

def medium: text | if . == null then null else ({ t: "phone", c: "chat" }[ascii_downcase] // .) end;

def outcome($frame):
  (.event | text) as $type
  | ((.interactionEventTS | since_s) // (.msgInfo.timestamp? | since_ms)) as $said
  | def base($kind):
      {
        id: (($frame.messageId | text)
             // ([$type, .interactionGUID, .agentId, .msgInfo.sequenceId?, $said // .eventTS] | map(text // "-") | join("/"))),
        kind: $kind,
        conversation: .interactionGUID,
        segment: .interactionGUID,
        occurred_at: ($said // (if $type == "InteractionAssigned" then .eventTS | since_s else null end)
                      // ($frame.publishTime | time_or_null)),
        document: (attached | document),
        queue: (.queueId | text),
        channel: (.mediaType | medium | channel)
      };
    def ignored($why): { ignore: $why, id: base("").id };
    ((.agentId | text) // (.agentGUID | text)) as $agent
  | if (.direction | text // "" | ascii_downcase) == "out" then ignored("outbound")
    elif $type == "InteractionAssigned" then
      (((.promptingTimeout | text | values | tonumber? | floor) | select(. > 0)) // ring_seconds) as $ring
      | base("offer") + { agent: $agent, timeout_seconds: $ring }
    elif $type == "InteractionAccepted" then base("accept") + { agent: $agent }
    elif $type == "InteractionRejected" then base("reject") + { agent: $agent, reason: .rejectReason }
    elif $type == "InteractionUnqueued" then base("withdraw")
    elif $type == "InteractionDeleted" then
      if (.hangupInitiator | text // "" | ascii_upcase) == "CUSTOMER" then base("withdraw")
      else ignored("the interaction has ended") end
    elif $type == "InteractionTransferRequest" then
      (.[$options.transfer_agent] | text) as $to_agent
      | (.[$options.transfer_queue] | text) as $to_queue
      | if $to_agent == null and $to_queue == null then
          ignored("a transfer that does not say where to: the next agent's offer follows")
        else
          base("transfer")
          + { queue: null,
              transfer: { type: "blind", target: (if $to_agent != null then { agent: $to_agent } else { queue: $to_queue } end) } }
        end
    elif ($type == "InteractionCreated" or $type == "InteractionQueued")
      and ((attached | document) != null or (.queueId | text) != null) then
      base("bind") | .segment = null
    elif ["Interaction", "Line", "Recording"] | any(. as $start | $type // "" | startswith($start)) then ignored($type)
    else empty end;

# The chat webhooks tell no ringing: an agent who has joined has accepted already.
def chat:
  .eventType as $type
  | ($headers["x-8x8-event-id"] // ([$type, .conversationId, .data.change?, .data.id?, .timestamp] | map(text // "-") | join("/"))) as $id
  | def base($kind):
      {
        id: $id,
        kind: $kind,
        conversation: .conversationId,
        occurred_at: (.timestamp | since_ms),
        queue: ((.data.queueId? | text) // ($options.queue | text)),
        channel: ("chat" | channel)
      };
    if $type == "QUEUED" then base("bind")
    elif $type == "MEMBERS_CHANGED" and .data.memberType == "agent" and .data.change == "joined" then
      base("offer") + { agent: .data.id, timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } }
    elif ["MEMBERS_CHANGED", "TRANSFER", "CONVERSATION_UPDATE", "MESSAGE", "ACTIVITY", "WEB_HOOK_VERIFY"] | any(. == $type) then
      { ignore: $type, id: $id }
    else empty end;

(if type == "array" then .[] else . end)
| opened
| .frame as $frame
| .event
| if type != "object" then error("a frame without an event")
  elif has("Interaction") then .Interaction | outcome($frame)
  elif has("eventType") then chat
  elif length == 1 and (keys[0] as $name | ["Agent", "GuestChatEnd", "MediaProxy"] | any(. as $start | $name | startswith($start))) then
    { ignore: keys[0], id: $frame.messageId }
  else empty end
