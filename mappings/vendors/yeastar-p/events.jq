# Yeastar P-Series. Sources: see vendor.toml. Conversation = call_id, segment = the extension's channel_id, agent = the
# extension's number.
#
# [D] 30011 tells of a call and its members: RING (also EARLYMEDIA) = a called extension rings, ANSWER = it has
#     answered, BYE = it has hung up; ALERT and ANSWERED are the states of whoever calls. `msg` is an object, or JSON
#     in a text.
# [I] it lists all members each time. So an event is a member's state, told once: its id is made of call, channel and
#     state, and a state that is told again is a duplicate. There is no time: everything counts from its receipt.
# [I] an extension that answers without having been told to ring (picked up, handed over after a consult) was rung: the
#     answer brings the ring with it.
# [I] a call with an outbound member or with an extension that calls is none of a customer's.

def object: if type == "object" then . else {} end;
def word: text | if . == null then null else (gsub("^\\s+|\\s+$"; "") | text) end;

(if type == "array" then .[] else . end)
| object as $envelope
| ($envelope.type | text) as $type
| ($envelope.msg | if type == "string" then (try fromjson catch null) else . end | object) as $msg
| ($msg.call_id | text) as $call
| def ignored($why): { ignore: $why };
  def base($id; $kind): { id: "\($type)/\($call)/\($id)", kind: $kind, conversation: $call, channel: (null | channel) };
  if $type == "30011" then
    [$msg.members[]? | object] as $members
    | [$members[].extension | objects | .state = (.member_status | text // "" | ascii_upcase)] as $extensions
    | [$members[].inbound | objects | (.member_status | text // "" | ascii_upcase)] as $inbound
    | def leg($state; $kind): base("\(.channel_id | text // .number)/\($state)"; $kind)
        + { segment: (.channel_id | text // .number), queue: (($options.queue | text) // (.call_path | word)) };
      def offer:
        leg("RING"; "offer") + { agent: (.number | text), timeout_seconds: ring_seconds }
        | if .queue == null and $options.without_queue != "offer" then ignored("a call past the queues") else . end;
      if $call == null then ignored("no call is named")
      elif any($members[]; .outbound | type == "object") then ignored("an outbound call")
      elif any($extensions[]; .state | IN("ALERT", "ANSWERED")) then ignored("an extension calls")
      else
        [ ($extensions[]
            | if .state | IN("RING", "EARLYMEDIA") then offer
              elif .state == "ANSWER" then offer, leg("ANSWER"; "accept") + { agent: (.number | text) }
              elif .state == "BYE" then leg("BYE"; "withdraw") | .queue = null
              else empty end),
          (if any($inbound[]; . == "BYE") then base("BYE"; "withdraw") else empty end) ]
        | if length == 0 then ignored("no extension is rung") else .[] end
      end
  elif $type == "30026" then
    if $call == null or ($msg.agent_number | text) == null then ignored("no agent is named")
    else
      base("\($msg.agent_number)"; "reject")
      + { agent: ($msg.agent_number | text), queue: (($options.queue | text) // ($msg.queue_number | text)) }
      + { reason: "ringing_timeout" }
    end
  elif ($type | tonumber? // 0) >= 30005 and ($type | tonumber? // 0) <= 30029 then ignored($type)
  else { unknown: $type } end
