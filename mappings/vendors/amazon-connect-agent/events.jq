# Amazon Connect agent event stream. Source: Amazon Connect admin guide, agent event streams and their data model [D].
# Conversation = InitialContactId, segment = ContactId, agent and queue = the last part of their ARNs: as in the contact
# events, so that both feeds share conversations and tables.
#
# [D] CONNECTING = it rings, CONNECTED = answered, MISSED = not answered (a declined voice call too), REJECTED = declined or
#     the customer hung up, ERROR includes an abandon during the whisper; HEART_BEAT repeats the snapshot.
# [I] a hand-over is a CONNECTING contact made by TRANSFER or QUEUE_TRANSFER; consult cannot be told from blind.
# [I] ENDED straight after ringing = the caller was gone.
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

def ringing: IN("CONNECTING", "INCOMING", "PENDING");

opened
| lower_keys
| select(type == "object" and has("eventtype") and has("agentarn"))
| .eventid as $event_id
| (.eventtype | text // "" | ascii_upcase) as $type
| if ($type | IN("HEART_BEAT", "LOGIN", "LOGOUT")) then { ignore: $type, id: $event_id }
  elif $type != "STATE_CHANGE" then empty
  else
    (.agentarn | last_segment) as $agent
    | (.eventtimestamp | time_or_null) as $told_at
    | (reduce (.previousagentsnapshot.contacts // [] | .[]) as $was ({}; .[$was.contactid | text // ""] = $was.state)) as $before
    | [ .currentagentsnapshot.contacts // [] | .[]
        | (.state | text // "" | ascii_upcase) as $state
        | ($before[.contactid | text // ""] | text // "" | ascii_upcase) as $was
        | (.initiationmethod | text // "" | ascii_upcase) as $method
        | (.queue.arn | last_segment) as $queue
        | select($state != $was)
        | def base($kind):
            {
              id: "\($event_id)/\(.contactid)", kind: $kind,
              conversation: ((.initialcontactid | text) // .contactid), segment: .contactid,
              occurred_at: ((.statestarttimestamp | time_or_null) // $told_at),
              queue: $queue, channel: (.channel | channel)
            };
          def ignored($why): { ignore: $why, id: "\($event_id)/\(.contactid)" };
          if ($method | IN("OUTBOUND", "EXTERNAL_OUTBOUND", "MONITOR")) then ignored("the agent's own doing: \($method)")
          elif $state == "CONNECTING" then
            if ($method | IN("TRANSFER", "QUEUE_TRANSFER")) then
              base("transfer") + { transfer: { type: "blind", target: { agent: $agent } } }
            elif $queue == null then ignored("a contact without a queue")
            else base("offer") + { agent: $agent, timeout_seconds: ring_seconds } end
          elif $state == "CONNECTED" then
            if ($was | IN("CONNECTED_ONHOLD", "PAUSED")) then ignored("resumed") else base("accept") + { agent: $agent } end
          elif $state == "MISSED" then base("reject") + { agent: $agent, reason: "missed" }
          elif $state == "REJECTED" and $options.rejected_is != "withdraw" then
            base("reject") + { agent: $agent, reason: "rejected" }
          elif $state == "REJECTED" or ($state == "ERROR" and ($was == "" or ($was | ringing))) then base("withdraw")
          elif $state == "ENDED" and ($was | ringing) then base("withdraw")
          else ignored("\($was) to \($state)") end ]
    | if length == 0 then { ignore: "no contact has changed", id: $event_id } else .[] end
  end
