# Webex Contact Center. Source: the developer documentation's subscriptions and event payloads [D]; recordings [C].
# Conversation = taskId, agent = agentId, queue = queueId. Webex names no leg: segment = the task at one agent.
#
# [D] agent:channel_state_change carries ringing, connected, not-responding, wrapup … in currentState: one type, many
#     meanings.
# [I] agent:state_change (version 1) is read in the same way where it carries a taskId.
# [I] a consulted agent rings too and then is consulting, or connected; wrapup is the end of an agent's leg, whoever
#     ended it.
# [I] a blind transfer shows as wrapup, then as parked or a new connect with another queue, then as ringing at the next
#     agent: that ringing is the one offer of the hand-over.
# [C] an outdial rings its agent with a queueId of null; a courtesy callback is OUTBOUND too but comes from its queue.
# [C] task:ended of the System for "RONA Timer Expired" puts the task back into its queue: the caller is not gone.
# Not found: a blind transfer's event; attributes of the customer's.

def moment:
  text as $text
  | if $text == null then null
    elif ($text | test("^[0-9]+$")) then ($text | from_epoch_ms | time_or_null)
    elif ($text | test("^[0-9]{4}-[0-9]{2}-[0-9]{2}T")) then ($text | time_or_null)
    else null end;

def object: if type == "object" then . else {} end;

object as $envelope
| ($envelope.data | object) as $data
| ($data.taskId | text) as $task
| ($data.agentId | text) as $agent
| ($data.queueId | text) as $queue
| [$data.createdTime, $envelope.comciscotimestamp, $envelope.time | moment | values] as $moments
| ($data.outboundType | lower_text) as $outbound
# A callback is called from its queue, which the agent's events name.
| (($data.direction | lower_text) == "outbound" and (($outbound // "") | contains("callback") | not) and
    ($queue == null or $outbound != null)) as $outdial
| def base($kind):
    {
      id: ($envelope.id | text), kind: $kind, conversation: $task, occurred_at: $moments[0],
      document: ($data | document), queue: $queue, channel: ($data.channelType | channel)
    };
  def leg($kind): base($kind) + { segment: "\($task)/\($agent)", agent: $agent };
  def ignored($why): { ignore: $why, id: ($envelope.id | text) };
  def of_agent($state):
    if $task == null then ignored("an agent without a task")
    elif $agent == null then ignored("a state without an agent")
    elif ($state | IN("ringing", "connected", "consulting"))
      and ($outdial or ($data | has("queueId") and $queue == null)) then ignored("an outdial: \($state)")
    elif $state == "ringing" then leg("offer") + { timeout_seconds: ring_seconds }
    # Where somebody has the call already these say nothing new.
    elif $state == "connected" or $state == "consulting" then leg("accept")
    elif $state == "not-responding" then leg("reject") + { reason: $state }
    elif $state == "wrapup" or $state == "wrapup-done" then leg("leave")
    # Free for other work: what still rings has stopped ringing, what was answered is over.
    elif $state == "idle" or $state == "available" then leg("withdraw") | del(.agent)
    else ignored("the agent's channel is \($state)") end;
  ($envelope.type | text // "") as $type
  | if ($type | IN("agent:channel_state_change", "agent:state_change")) then
      of_agent($data.currentState | lower_text // "not told")
    elif $type == "task:ended" or $type == "task:failed" then
      if $task == null then ignored("\($type) without a task")
      elif ($data.reason | lower_text // "") | contains("rona") then ignored("the task goes back to its queue")
      # The last of the times that it tells: recorded ends carry a createdTime of long before.
      else base("withdraw") + { occurred_at: ($moments | max), queue: null } end
    elif ($type | IN("task:new", "task:parked", "task:connect", "task:origin-updated")) then
      if $outdial then ignored("an outdial: \($type)")
      else base("bind")
        | if .conversation == null or (.document == null and .queue == null) then ignored("\($type) without a queue")
          else . end end
    elif ($type | IN("task:consulting", "task:consult-done", "task:conferencing", "task:conference-done",
        "task:conference-transferred")) then ignored("\($type) does not name the other agent")
    elif ($type | IN("task:connected", "task:on-hold", "task:hold-done", "agent:login", "agent:logout",
        "agent:channelType_state_change", "capture:available"))
      or ($type | startswith("task-message:") or startswith("flow:")) then ignored($type)
    else empty end
