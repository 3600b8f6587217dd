# Asterisk app_queue, AMI events as JSON objects, one or a list. Sources: see vendor.toml. Conversation = Linkedid,
# which all channels of a call share, segment = the member's channel (DestUniqueid), agent = the member's interface or
# name.
#
# [D] AgentCalled = a member is rung; AgentConnect = answered and bridged; AgentRingNoAnswer = not answered, for
#     whatever reason; AgentDump = the member hung up before that; AgentComplete = the member's part is over, by the
#     caller, the agent or a transfer; QueueCallerAbandon = the caller has hung up in the queue.
# [D] with ringall the members who are rung and do not answer first are told of by nothing: the accept moves the card.
# [C] Hangup of the channel whose Uniqueid is the Linkedid is the caller's; of a member's channel it is the end of that
#     leg.
# [I] whoever is the target of an attended transfer talks with the caller.
# A caller who goes back to a queue, or to another one, is the same conversation: the next ring is a hand-over.

def object: if type == "object" then . else {} end;

# `name=value`, as AMI writes channel variables.
def of_text: ($options.document_attribute + "=") as $begin
  | if type == "string" and startswith($begin) then ltrimstr($begin) | as_document else null end;
def of_variables:
  if type == "object" then document elif type == "array" then [.[] | of_text | values][0] else of_text end;

def id($parts): $parts | map(text | values) | join("/");

# The interface of a channel: PJSIP/101-0000002a is a channel of PJSIP/101.
def interface: text | if . == null then null else sub("-[0-9a-fA-F]+(;[12])?$"; "") end;

(if type == "array" then .[] else . end)
| object as $raw
| ($raw | lower_keys) as $event
| ($event.event | text // "") as $name
| ($event[$options.agent_attribute | lower_text // "interface"] | text) as $agent
| (($event.destuniqueid | text) // ($event.uniqueid | text)) as $leg
# The same event of the same channel, once; without `timestampevents` there is no time to tell two apart.
| id([$name, $leg, $event.timestamp]) as $id
| ($raw | document // ((.ChanVariable // .chanvariable) | of_variables)) as $document
| def ignored($why): { ignore: $why, id: $id };
  def base($kind):
    {
      id: $id, kind: $kind, conversation: ($event.linkedid | text), segment: ($event.destuniqueid | text),
      occurred_at: ($event.timestamp | from_epoch_s), document: $document, queue: ($event.queue | text),
      channel: (null | channel)
    };
  def whole($kind): base($kind) | .segment = null;
  def by_member($kind): if $agent == null then ignored("no member is named") else base($kind) + { agent: $agent } end;
  def remembered: whole("bind") | if .document == null and .queue == null then ignored($name) else . end;
  if $name == "AgentCalled" then by_member("offer") + { timeout_seconds: ring_seconds }
  elif $name == "AgentConnect" then by_member("accept")
  elif $name == "AgentRingNoAnswer" then by_member("reject") + { reason: "no_answer" }
  elif $name == "AgentDump" then by_member("reject") + { reason: "dump" }
  elif $name == "AgentComplete" then
    # The caller's own end counts from the same moment, also for whoever else is rung.
    if ($event.reason | lower_text) == "caller" then whole("withdraw") else by_member("leave") end
  elif $name == "QueueCallerAbandon" then whole("withdraw")
  elif ($name | IN("QueueCallerJoin", "UserEvent")) then remembered
  elif $name == "Hangup" then
    if ($event.uniqueid | text) == null then ignored("no channel is named")
    elif $event.uniqueid == $event.linkedid then whole("withdraw")
    else base("withdraw") | .segment = $event.uniqueid end
  elif $name == "AttendedTransfer" then
    ($event.transfertargetchannel | interface) as $target
    | (($event.transfereelinkedid | text) // ($event.origtransfererlinkedid | text)) as $conversation
    | ($event.desttype | lower_text) as $how
    | if ($event.result | lower_text) != "success" or ($how | IN("app", "fail", "threeway")) then
        ignored("an attended transfer to no channel")
      elif $options.transfers == false then ignored($name)
      elif $target == null or $conversation == null then ignored("an attended transfer that does not say to whom")
      else
        base("offer")
        + { id: id([$name, $conversation, $event.transfertargetuniqueid, $event.timestamp]) }
        + { conversation: $conversation, segment: ($event.transfertargetuniqueid | text), agent: $target }
        + { timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } }
      end
  elif ($name
        | IN("BlindTransfer", "QueueCallerLeave", "AgentLogin", "AgentLogoff", "Hold", "Unhold", "VarSet", "Cdr", "CEL",
             "FullyBooted", "Rename", "Pickup", "Status", "DeviceStateChange", "ExtensionStatus", "PresenceStateChange", "PeerStatus",
             "ContactStatus", "Registry", "Reload", "Shutdown", "SuccessfulAuth", "ChallengeSent"))
    or ($name
        | test("^(QueueMember|QueueParams|QueueEntry|QueueSummary|QueueStatus|New|Dial|Bridge|Local|MusicOnHold|Hangup|"
               + "SoftHangup|RTCP|DTMF|MixMonitor|Monitor|Parked|UnParked|Chan|Masquerade|Agents|Originate|Confbridge|"
               + "Meetme|MessageWaiting|Flash|Wink|AOC)")) then
    ignored($name)
  else { unknown: $name } end
