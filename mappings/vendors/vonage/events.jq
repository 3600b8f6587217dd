# Conversation = conversationId, segment = the channel, agent = agentId. Every party has a channel of its own; what is
# meant depends on the party's role. The first, inbound channel is "alerted" for no time at all: that is the customer's.

def base($kind):
  .data.channel as $channel
  | {
      id: .id,
      kind: $kind,
      conversation: (($channel.conversationId | text) // $channel.interactionId),
      segment: (($channel.channelId | text) // .subject),
      occurred_at: ((.data.timestamp | time_or_null) // (.time | time_or_null)),
      document: ($channel | document),
      queue: (($options.queue | text) // ($channel[$options.queue_attribute] | text)),
      channel: (null | channel)
    };

def ignored($why): { ignore: $why, id: .id };
def agent: (.data.channel.party.agentId | text) // (.data.channel.party.userId | text);

def read:
  (.type | text // "" | split(".v")[0]) as $type
  | (.data.channel.party.role? | text // "" | ascii_downcase) as $role
  | if $type == "channel.alerted" then
      if $role == "agent" then base("offer") + { agent: agent, timeout_seconds: ring_seconds }
      else ignored("the customer's channel") end
    elif $type == "channel.connected" then
      if $role == "agent" then base("accept") + { agent: agent } else ignored("the customer's channel") end
    elif $type == "channel.disconnected" then
      # Of an agent's channel: takes back an offer that was not answered; of one that was, there is nothing to take back.
      if $role == "agent" then base("withdraw")
      elif $role == "contact" or $role == "customer" then base("withdraw") | .segment = null
      else ignored("another party's channel") end
    elif ["channel.held", "channel.parked", "channel.unparked", "channel.retrieved", "channel.resumed", "channel.interrupted",
          "channel.connectionfailed", "channel.ended", "channel.wrapstarted", "agent.presencechanged", "interaction.detailrecord"]
      | any(. == $type) then
      ignored($type)
    else empty end;

(if type == "array" then .[] else . end) | read
