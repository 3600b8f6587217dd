# Amazon Connect agent event stream. Source: Amazon Connect admin guide, agent event streams, their data model and
# contact states [D]. Conversation = InitialContactId, segment = ContactId, agent and queue = the last part of their
# ARNs: as in the contact events, so that both feeds share conversations and tables.
#
# [D] CONNECTING = it rings, CONNECTED = answered, MISSED = not answered (a declined voice call too), REJECTED =
#     declined or the customer hung up, ERROR includes an abandon during the whisper, ENDED = the conversation with
#     this agent has ended; HEART_BEAT repeats the snapshot. INCOMING and PENDING are states of queued callbacks:
#     INCOMING = a callback is presented to the agent; PENDING passes by itself.
# [I] PENDING or CONNECTING after INCOMING = the agent has taken the callback, and the customer is called.
# [I] a hand-over is a new contact made by TRANSFER or QUEUE_TRANSFER; whether the first agent stays, the end of its
#     own contact tells. So it is a plain offer, and the end of an answered contact says that its agent has left.
# [I] ENDED straight after ringing, and a ringing contact that is gone from the snapshot = it rings no more.
# One event tells of all contacts of an agent: what is new is what differs from PreviousAgentSnapshot.

# The events of a request: one, a list, or records of Kinesis, Firehose and Pipe with the event in base64.
def opened:
  if type == "array" then .[] | opened
  elif type != "object" then .
  elif has("records") then .records | opened
  elif has("Records") then .Records | opened
  elif (.kinesis | type) == "object" then .kinesis | opened
  elif (.data | type) == "string" then .data | @base64d | fromjson | opened
  else . end;

# The state of each contact of a snapshot.
def states:
  reduce (.contacts?[]? | objects) as $contact
    ({}; .[$contact.contactid | text // ""] = ($contact.state | lower_text // ""));

def own_queue: .queue.arn? // null | text // "" | contains("/queue/agent/");
def queue: if own_queue then $options.agent_queue | text else .queue.arn? // null | last_segment end;

# What the states mean; `gone` is a contact that is not in the snapshot any more. PENDING passes by itself.
{
  incoming: "rings", connecting: "rings", connected: "talks", connected_onhold: "talks", paused: "talks",
  missed: "over", rejected: "over", ended: "over", error: "over", gone: "over"
} as $phases
| opened
| lower_keys
| (.eventtype? // null | lower_text) as $type
| ((.eventid? // null | text) // "\(.agentarn?)/\(.eventtimestamp?)") as $event_id
| if $type == "heart_beat" or $type == "login" then { ignore: $type | ascii_upcase, id: $event_id }
  elif $type != "state_change" and $type != "logout" then { unknown: $type }
  else
    ((.agentarn | last_segment) // (.currentagentsnapshot.configuration.username? // null | text)) as $agent
    | (.previousagentsnapshot | states) as $were
    | (.currentagentsnapshot | states) as $are
    # What a contact's coming from one state to another is; null = nothing.
    | def kind($was; $state):
        $phases[$state] as $phase
        | $phases[$was] as $before
        | if $phase == "rings" then
            if $was == "incoming" then "accept" elif $was == "pending" then null else "offer" end
          elif $phase == "talks" then if $before == "talks" then null else "accept" end
          elif $state == "pending" then if $was == "incoming" then "accept" else null end
          elif $phase == null or $before == "over" then null
          elif $state == "missed" or ($state == "rejected" and $options.rejected_is != "withdraw") then "reject"
          elif $before == "talks" then "leave"
          else "withdraw" end;
      # The input is a contact.
      def change($was; $state; $at):
        "\($event_id)/\(.contactid)" as $id
        | kind($was; $state) as $kind
        | (.initiationmethod | lower_text // "") as $method
        | if (.contactid | text) == null or $agent == null then { ignore: "no contact or no agent is named", id: $id }
          elif $method == "outbound" or $method == "external_outbound" or $method == "agent_reply"
            or $method == "monitor" then
            { ignore: "the agent's own doing: \($method | ascii_upcase)", id: $id }
          elif $kind == null then
            { ignore: "\(if $was == "" then "new" else $was | ascii_upcase end) to \($state | ascii_upcase)", id: $id }
          elif $kind == "offer" and queue == null and $method != "transfer" and $method != "queue_transfer" then
            { ignore: (if own_queue then "an agent's own queue: see the option agent_queue"
                       else "a contact without a queue" end), id: $id }
          else
            { id: $id, kind: $kind, conversation: ((.initialcontactid | text) // .contactid), segment: .contactid }
            + { occurred_at: $at, queue: queue, channel: (.channel | channel) }
            + if $kind == "withdraw" then {}
              elif $kind == "offer" then { agent: $agent, timeout_seconds: ring_seconds }
              elif $kind == "reject" then { agent: $agent, reason: $state }
              else { agent: $agent } end
          end;
      (.eventtimestamp | time_or_null) as $at
    | [ ( .currentagentsnapshot.contacts?[]? | objects
          | (.contactid | text // "") as $contact
          | select($are[$contact] != $were[$contact])
          | change($were[$contact] // ""; $are[$contact]; (.statestarttimestamp | time_or_null) // $at) ),
        ( select((.currentagentsnapshot.contacts? | type) == "array") | .previousagentsnapshot.contacts?[]? | objects
          | (.contactid | text // "") as $contact
          | select($are[$contact] == null and $phases[$were[$contact]] != "over")
          | change($were[$contact]; "gone"; $at) ) ]
    | if length == 0 then
        { ignore: (if $type == "logout" then "LOGOUT" else "no contact has changed" end), id: $event_id }
      else .[] end
  end
