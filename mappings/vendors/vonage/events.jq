# Conversation = conversationId, segment = the channel, agent = agentId. Every party has a channel of its own; what is
# meant depends on the party's role. The first, inbound channel is "alerted" for no time at all: that is the
# customer's.
#
# [D] connectionfailed: the alerting ended without a connection, as when the party rejects it or the device is busy.
# [D] ended: nothing follows on this channel. It comes with disconnected, or after the agent's wrap-up.
# [D] wrapstarted: an agent's channel was connected and is so no more; a disconnected comes at the same moment.
# [I] an agent's channel that ends is that leg's end; only the customer's is the end of the conversation. Of an
#     unanswered one the card goes, of an answered one it stays, and its agent has left.

def object: if type == "object" then . else {} end;

def base($kind):
  (.data | object) as $data
  | ($data.channel | object) as $channel
  | {
      id: .id,
      kind: $kind,
      conversation: (($channel.conversationId | text) // ($channel.interactionId | text)),
      segment: (($channel.channelId | text) // (.subject | text)),
      occurred_at: (($data.timestamp | time_or_null) // (.time | time_or_null)),
      document: ($channel | document),
      queue: (($options.queue | text) // ($channel[$options.queue_attribute | text // ""] | text)),
      channel: (null | channel)
    };

def ignored($why): { ignore: $why, id: .id };

def read:
  object
  | (.type | text // "" | split(".v")[0] // "" | ascii_downcase) as $type
  | (.data | object | .channel | object | .party | object) as $party
  | ($party.role | lower_text // "") as $role
  | (($party.agentId | text) // ($party.userId | text)) as $agent
  | ($role == "agent" and $agent != null) as $is_agent
  | def by_agent($kind): base($kind) + { agent: $agent };
    if ($type | IN("channel.held", "channel.parked", "channel.unparked", "channel.retrieved", "channel.resumed",
                   "channel.interrupted", "channel.activityrecord", "agent.presencechanged",
                   "interaction.detailrecord")) then
      ignored($type)
    elif ($type | IN("channel.alerted", "channel.connected", "channel.connectionfailed", "channel.disconnected",
                     "channel.wrapstarted", "channel.ended") | not) then { unknown: (.type | text) }
    elif base("").conversation == null then ignored("no conversation is named")
    elif $role == "contact" or $role == "customer" then
      if $type == "channel.disconnected" or $type == "channel.ended" then base("withdraw") | .segment = null
      else ignored("the customer's channel") end
    elif $is_agent | not then ignored("another party's channel")
    elif $type == "channel.alerted" then by_agent("offer") + { timeout_seconds: ring_seconds }
    elif $type == "channel.connected" then by_agent("accept")
    elif $type == "channel.connectionfailed" then
      by_agent("reject") + { reason: (((.data.reason | lower_text) // "connectionfailed")) }
    elif $type == "channel.wrapstarted" then by_agent("leave")
    elif base("").segment == null then ignored("no channel is named")
    else base("withdraw") end;

(if type == "array" then .[] else . end) | read
