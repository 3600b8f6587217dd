# Amazon Connect contact events. Sources: Amazon Connect admin guide, contact events; EventBridge user guide [D].
# Conversation = the first contact of the chain, segment = the contact, ids = the last parts of ARNs. AWS's own
# samples differ in case, so every key is read in lower case; times that are not set are 1970.
#
# [D] no ringing and no decline are told: the first event with an agent is CONNECTED_TO_AGENT. A hand-over is a new
#     contact with TRANSFER or QUEUE_TRANSFER; contact attributes are not in these events, tags and segment attributes
#     are.
# [D] the detail type is "Amazon Connect Contact Event", under the service's new name "Connect Customer Contact
#     Event".
# [I] agentInfo whose connected time is 1970: the agent was rung and has not answered.
# [I] DISCONNECTED of a contact with an agent = that agent's leg has ended; the caller may go on with the next contact
#     of the chain. Without an agent the caller is gone where it is the first contact, else only that contact has
#     ended.
# [I] a hand-over by consult cannot be told from a blind one; whether the first agent stays, the end of its contact
#     tells.

def object: if type == "object" then . else {} end;

# The attribute is sought in tags, then in segment attributes, whose values are { valuestring }.
def carried:
  ($options.document_attribute | lower_text // "") as $name
  | ((.tags | object)[$name] | text)
    // ((.segmentattributes | object)[$name] | if type == "object" then .valuestring else . end | text)
    | as_document;

# An agent's own queue, by which contacts reach one agent.
def of_an_agent:
  (.queuetype | text // "" | ascii_upcase) == "AGENT" or (.queuearn | text // "" | contains("/queue/agent/"));

def queue: .queueinfo | object | if of_an_agent then $options.agent_queue | text else .queuearn | last_segment end;

def contact: .contactid | text;
def first_contact: (.initialcontactid | text) // contact;

# $at: the contact's own time of what has happened, to the millisecond; the envelope's is in whole seconds.
def base($kind; $at):
  .detail as $contact
  | {
      id: .id,
      kind: $kind,
      conversation: ($contact | first_contact),
      segment: ($contact | contact),
      occurred_at: (($at | time_or_null) // (.time | time_or_null)),
      document: ($contact | carried),
      queue: ($contact | queue),
      channel: ($contact.channel | channel)
    };

def ignored($why): { ignore: $why, id: .id };

# The reasons that say that the caller is gone and not only an agent.
def caller_gone:
  text // "" | ascii_upcase
  | IN("CUSTOMER_DISCONNECT", "CUSTOMER_NEVER_ARRIVED", "CUSTOMER_CONNECTION_NOT_ESTABLISHED",
       "TELECOM_ORIGINATOR_CANCEL");

lower_keys
| if type == "array" then .[] else . end
| (if type == "object" and has("detail") then . else { detail: . } end)
| .detail |= object
| .detail as $contact
| (.id = ((.id | text) // "\($contact.contactid)/\($contact.eventtype)"))
| (."detail-type" | lower_text) as $family
| ($contact.eventtype | text // "" | ascii_upcase) as $type
| ($contact.initiationmethod | text // "" | ascii_upcase) as $method
| ($contact.agentinfo | object) as $agent_info
| ($agent_info.agentarn | last_segment) as $agent
| ($agent_info.connectedtoagenttimestamp | time_or_null) as $since
# Old events name no time of the connection.
| ($agent != null and ($since != null or ($agent_info.connectedtoagenttimestamp | text) == null)) as $answered
| ($contact | contact) as $contact_id
| ($method | IN("TRANSFER", "QUEUE_TRANSFER", "DISCONNECT")) as $moved
| if $family != null and ($family | IN("amazon connect contact event", "connect customer contact event") | not) then
    { unknown: ."detail-type" }
  elif ($type | IN("PAUSED", "RESUMED", "COMPLETED", "AMD_DISABLED", "WEBRTC_API")) then ignored($type)
  elif ($type | IN("INITIATED", "CONNECTED_TO_SYSTEM", "CONTACT_DATA_UPDATED", "QUEUED", "CONNECTED_TO_AGENT",
                   "DISCONNECTED") | not) then { unknown: ($contact.eventtype | text) }
  elif $contact_id == null then ignored("no contact is named")
  elif $method == "MONITOR" then ignored("a supervisor listens in")
  elif ($method | IN("OUTBOUND", "EXTERNAL_OUTBOUND", "AGENT_REPLY")) then ignored("an outbound contact")
  elif $type == "CONNECTED_TO_AGENT" and $options.offers then
    base("offer"; $since) as $event
    | if $agent == null then ignored("no agent is named")
      elif $moved then
        # The agent has it already: whether the one before is still there, decides what the two become.
        $event + { agent: $agent, timeout_seconds: ring_seconds },
        ($event + { id: "\($event.id)/accept", kind: "accept", agent: $agent })
      elif $event.queue == null then
        if $contact.queueinfo | object | of_an_agent then ignored("an agent's own queue: see the option agent_queue")
        else ignored("a contact without a queue") end
      else
        # One call is the offer and its acceptance.
        $event + { agent: $agent, timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } }
      end
  elif $type == "DISCONNECTED" then
    base("withdraw"; $contact.disconnecttimestamp) as $event
    | if $contact.disconnectreason | caller_gone then $event | .segment = null
      elif $answered then
        if $options.offers then $event + { kind: "leave", agent: $agent }
        else ignored("the agent event stream tells the end of an agent's leg") end
      elif $event.conversation == $contact_id then $event | .segment = null
      else $event end
  elif $type == "QUEUED" and ($moved | not) and ($contact | queue) != null then
    base("bind"; $contact.queueinfo.enqueuetimestamp) + { segment: null }
  # The new queue of a hand-over is not bound: the hand-over still needs the queue that it comes from.
  elif ($contact | carried) == null then ignored($type)
  else base("bind"; null) + { segment: null } | if $moved then .queue = null else . end end
