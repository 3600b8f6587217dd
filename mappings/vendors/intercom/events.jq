# Intercom. Sources: see vendor.toml. Conversation and segment = the conversation's id, agent = the teammate (admin),
# queue = the team.
#
# [D] conversation.admin.assigned: the conversation has another assignee; conversation.admin.open.assigned tells the
#     same of an open one, under an id of its own. An assignment to a teammate has no ring before it: an offer that is
#     accepted by itself. Without a teammate nobody has it: the one before has left, whom the event does not name.
# [D] created_at is in whole seconds.

def object: if type == "object" then . else {} end;
def id: text | if . == "0" then null else . end;

# Before version 2.0 there was one assignee, of either type [C].
def assignee($type): .assignee | object | if .type == $type then .id | id else null end;

object as $envelope
| ($envelope.topic | text // "") as $topic
| ($envelope.data | object | .item | object) as $item
| (($item.admin_assignee_id | id) // ($item | assignee("admin"))) as $admin
| (($item.team_assignee_id | id) // ($item | assignee("team"))) as $team
| ($options.bots | text // "" | split(",") | map(gsub("\\s"; ""))) as $bots
| ($item.source | object | .delivered_as | lower_text // "") as $begun
| def ignored($why): { ignore: $why, id: ($envelope.id | text) };
  def base($kind):
    {
      id: $envelope.id, kind: $kind, conversation: ($item.id | text), segment: ($item.id | text),
      occurred_at: ($envelope.created_at | from_epoch_s), document: ($item.custom_attributes | document),
      queue: (($options.queue | text) // $team), channel: (null | channel)
    };
  def whole($kind): base($kind) | .segment = null;
  def remembered: whole("bind") | if .document == null and .queue == null then ignored($topic) else . end;
  if ($topic | IN("conversation.admin.assigned", "conversation.admin.open.assigned")) then
    if $begun == "admin_initiated" and $options.outbound != true then ignored("a teammate has begun it")
    # Nobody, or nobody who has cards. The team is of importance for the next one.
    elif $admin == null or any($bots[]; . == $admin) then
      base("leave"), (whole("bind") | select(.queue != null) | .id = "\(.id | text)/team")
    else
      base("offer") + { agent: $admin, timeout_seconds: ring_seconds, assignment: { enable_auto_assign: true } }
    end
  elif ($topic | IN("conversation.admin.closed", "conversation.deleted")) then whole("withdraw")
  elif ($topic
        | IN("conversation.user.created", "conversation.user.replied", "conversation.admin.single.created")) then remembered
  elif $topic == "ping"
    or ($topic | split(".")[0]
        | IN("conversation", "conversation_part", "contact", "company", "ticket", "admin", "article", "content_stat",
             "event", "granular", "job", "user", "visitor", "call")) then
    ignored($topic)
  else { unknown: $topic } end
