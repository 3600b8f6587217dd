# Conversation = the intervention (else the task), segment = the task, agent = the user id.
# Known: the task events and their metadata. Inferred: see vendor.toml.
#
# All agents of a task share its segment, so every event of one agent's leg names the agent too.

def object: if type == "object" then . else {} end;
def metadata: .resource | object | .metadata | object;
def agents: [metadata.agent_ids | if type == "array" then .[] else . end | text | values];
def task: .resource | object | .id;

def conversation:
  $options.conversation_attribute as $attribute
  | if (.resource | object | .type) == "intervention" and $attribute == "intervention_id" then task
    else (metadata[$attribute] | text) // task end;

# A custom field may hold a list of values: the first counts.
def carried:
  (metadata | document)
  // (metadata.custom_field_values
      | object[$options.document_attribute]
      | if type == "array" then .[0] else . end
      | as_document);

def base($kind):
  {
    id: .id,
    kind: $kind,
    conversation: conversation,
    segment: task,
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
def only_agent: agents | if length == 1 then .[0] else null end;
def by: (.user_id | text) // only_agent;

def with_agent($agent; f): if $agent == null then ignored("an event that names no agent") else f + { agent: $agent } end;

# The task goes to that agent at once, who may be rung for it too. Without exactly one agent only the leaving is told,
# if that much: the next ring tells who gets it.
def transferred:
  only_agent as $to
  | if $to == null then with_agent(.user_id | text; base("leave"))
    else
      base("transfer") + { queue: ($options.queue | text), transfer: { type: "blind", target: { agent: $to } } }
    end;

# Whoever was rung is rung no more; without agents it is the task's ring as a whole. The customer stays.
def ring_ended($reason):
  if (agents | length) == 0 then base("withdraw") else each_agent(base("reject") + { reason: $reason }) end;

def read:
  (.type | text // "") as $type
  | ($type | split(".")[0] // "") as $resource
  | if $type == "task.assigned" then
      if (agents | length) == 0 then ignored("a task without an agent") else each_agent(offered) end
    elif $type == "task.taken" then
      with_agent(by; if (metadata.type | lower_text) == "request" then given else base("accept") end)
    elif $type == "task.supervisor_assigned" then with_agent(only_agent; given)
    elif $type == "task.transferred" then transferred
    elif ($type | IN("task.expired_from_step", "task.undelivered")) then ring_ended($type | ltrimstr("task."))
    elif ($type | IN("task.expired_from_workbin", "task.completed")) then
      # The agent's part is over; the customer may go on with another one.
      with_agent((if $type == "task.completed" then by else only_agent // (.user_id | text) end); base("leave"))
    elif $type == "task.destroyed" then base("withdraw")
    elif $type == "task.created" and (carried != null or base("bind").queue != null) then
      base("bind") | .segment = null
    elif $resource == "intervention" and carried != null then
      base("bind") | .segment = null | .queue = ($options.queue | text)
    elif ($type | ltrimstr("task.")
          | IN("created", "resume", "recategorized", "enqueued", "priority_updated", "priority_rule_applied",
               "ht_result", "ocr_failed")) then
      ignored($type)
    elif ($resource
          | IN("intervention", "intervention_segment", "push_agent", "content", "identity", "survey_response")) then
      ignored($type)
    else { unknown: (.type | text) } end;

(.events | if type == "array" then .[] else empty end) | read
