# Amazon Connect contact events. Sources: Amazon Connect admin guide, contact events; EventBridge user guide [D].
# Conversation = the first contact of the chain, segment = the contact, ids = the last parts of ARNs. AWS's own samples differ
# in case, so every key is read in lower case; times that are not set are 1970.
#
# [D] no ringing and no decline are told: the first event with an agent is CONNECTED_TO_AGENT. A hand-over is a new contact
#     with TRANSFER or QUEUE_TRANSFER; contact attributes are not in these events, tags and segment attributes are.
# [I] a contact that ends without agentInfo was abandoned; consult cannot be told from blind.
# A hand-over is told when the new agent has it: its QUEUED, which comes before, would be a second work request.

# The attribute is sought in tags, then in segment attributes, whose values are { valuestring }.
def carried:
  ($options.document_attribute | ascii_downcase) as $name
  | ((.tags // {})[$name] | text)
    // ((.segmentattributes // {})[$name] | if type == "object" then .valuestring else . end | text)
    | as_document;

def base($kind):
  .detail as $contact
  | {
      id: .id,
      kind: $kind,
      conversation: (($contact.initialcontactid | text) // $contact.contactid),
      segment: $contact.contactid,
      occurred_at: (.time | time_or_null),
      document: ($contact | carried),
      queue: ($contact.queueinfo.queuearn | last_segment),
      channel: ($contact.channel | channel)
    };

def ignored($why): { ignore: $why, id: .id };

lower_keys
| select((."detail-type" | text // "" | ascii_downcase) == "amazon connect contact event")
| (.detail.eventtype | text // "" | ascii_upcase) as $type
| (.detail.initiationmethod | text // "" | ascii_upcase) as $method
| (.detail.agentinfo.agentarn | last_segment) as $agent
| ($method == "TRANSFER" or $method == "QUEUE_TRANSFER") as $transfer
| if $method == "MONITOR" then ignored("a supervisor listens in")
  elif $type == "CONNECTED_TO_AGENT" and $options.offers then
    base(if $transfer then "transfer" else "offer" end) as $event
    | (.detail.agentinfo.connectedtoagenttimestamp | time_or_null) as $since
    | if $transfer then
        $event + { transfer: { type: "blind", target: { agent: $agent } } }
      elif $event.queue == null or $method == "OUTBOUND" or $method == "EXTERNAL_OUTBOUND" then ignored("outbound")
      else
        # The agent has it already: one call is the offer and its acceptance.
        $event + { agent: $agent, timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } }
      end
    | if has("kind") then .occurred_at = ($since // .occurred_at) else . end
  elif $type == "DISCONNECTED" then
    if $agent == null then base("withdraw") else ignored("the contact has ended") end
  elif $type == "QUEUED" and ($transfer | not) and (.detail.queueinfo.queuearn | text) != null then
    base("bind") + { segment: null }
  elif ($type | IN("INITIATED", "CONNECTED_TO_SYSTEM", "CONTACT_DATA_UPDATED", "QUEUED", "CONNECTED_TO_AGENT")) then
    # The new queue of a transfer is not bound: the transfer still needs the queue that it comes from.
    if (.detail | carried) == null then ignored($type)
    else base("bind") + { segment: null } | if $transfer then .queue = null else . end end
  elif ($type | IN("PAUSED", "RESUMED", "COMPLETED", "AMD_DISABLED", "WEBRTC_API")) then ignored($type)
  else empty end
