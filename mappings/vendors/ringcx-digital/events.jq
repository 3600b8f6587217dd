# Conversation = the intervention (else the task), segment = the task, agent = the user id.
# Known: the task events and their metadata. Inferred: see vendor.toml.

def metadata: .resource.metadata | if type == "object" then . else {} end;
def agents: [metadata.agent_ids | if type == "array" then .[] else . end | text | values];

def conversation:
  if .resource.type == "intervention" then .resource.id
  else (metadata[$options.conversation_attribute] | text) // .resource.id end;

# A custom field may hold a list of values: the first counts.
def carried:
  (metadata | document)
  // (metadata.custom_field_values
      | if type == "object" then .[$options.document_attribute] else null end
      | if type == "array" then .[0] else . end
      | as_document);

def base($kind):
  {
    id: .id,
    kind: $kind,
    conversation: conversation,
    segment: .resource.id,
    occurred_at: .issued_at,
    document: carried,
    queue: (($options.queue | text) // (metadata[$options.queue_attribute] | text)),
    channel: (null | channel)
  };

# The event once for each agent; several agents need several ids.
def each_agent(f):
  .id as $id
  | agents as $agents
  | $agents[] as $agent
  | f + { agent: $agent }
  | if ($agents | length) > 1 then .id = "\($id | text)/\($agent)" else . end;

def offered: base("offer") + { timeout_seconds: ring_seconds };
def given: offered + { assignment: { enable_auto_assign: true } };
def ignored($why): { ignore: $why, id: .id };
def taker: (.user_id | text) // (agents | if length == 1 then .[0] else null end);

def transferred:
  agents as $to
  # Without exactly one agent the transfer has no target: it is kept as unreadable for a person to see.
  | base("transfer") + { transfer: { type: "blind", target: { agent: (if ($to | length) == 1 then $to[0] else null end) } } }
  | .queue = ($options.queue | text);

def read:
  .type as $type
  | if $type == "task.assigned" then
      if (agents | length) == 0 then ignored("a task without an agent") else each_agent(offered) end
    elif $type == "task.taken" then
      if (metadata.type | text) == "request" then given + { agent: taker } else base("accept") + { agent: taker } end
    elif $type == "task.supervisor_assigned" then given + { agent: (agents | if length == 1 then .[0] else null end) }
    elif $type == "task.transferred" then transferred
    elif $type == "task.expired_from_step" then
      if (agents | length) == 0 then base("withdraw")
      else each_agent(base("reject") + { reason: "expired_from_step" }) end
    elif $type == "task.destroyed" then base("withdraw")
    elif $type == "task.created" and (carried != null or base("bind").queue != null) then base("bind") | .segment = null
    elif ($type | text // "" | startswith("intervention.")) and carried != null then
      base("bind") | .segment = null | .queue = ($options.queue | text)
    elif ["created", "expired_from_workbin", "undelivered", "resume", "recategorized", "completed"] | any("task.\(.)" == $type) then
      ignored($type)
    elif ($type | text // "" | split(".")[0]) as $resource
      | ["intervention", "push_agent", "content", "identity", "survey_response"] | any(. == $resource) then
      ignored($type)
    else empty end;

(.events | if type == "array" then .[] else empty end) | read
