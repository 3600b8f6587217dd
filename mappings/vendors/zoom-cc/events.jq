# Zoom Contact Center. Sources: developers.zoom.us contact centre event reference and changelogs [D].
# Conversation = engagement_id (else task_id), segment = task_id, agent = assigned_user_id or user_id, queue = cc_queue_id.
#
# [D] the events' names; task_created's object; assigned_user_id of reservations; user_id of engagement_user_answered.
# [I] reservation events carry the engagement, task and queue of task_created.
# [I] transfer events are read only where they carry those same members; where they name no agent they are passed over,
#     and the reservation of the receiving agent is the one offer of the hand-over.
# Not found: the objects of reservation and transfer events; an event id. The id is made of event, objects and event_ts,
# which a retry repeats; one answer that is told for two channels at the same moment becomes one event.

. as $envelope
| (.payload.object | if type == "object" then . else {} end) as $it
| ($it.engagement_id | text) as $engagement
| (($it.assigned_user_id | text) // ($it.user_id | text)) as $agent
| (($it.cc_queue_id | text) // ($it.queue_id | text)) as $queue
| "\(.event)/\($engagement // "")/\($it.task_id // "")/\($agent // "")/\(.event_ts)" as $id
| def base($kind):
    {
      id: $id, kind: $kind, conversation: ($engagement // $it.task_id), segment: $it.task_id,
      occurred_at: ($envelope.event_ts | from_epoch_ms), document: ($it | document), queue: $queue,
      channel: ((($it.channel_name | text) // ($it.channel | text)) | channel)
    };
  def ignored($why): { ignore: $why, id: $id };
  def bound: base("bind") | if .document == null and .queue == null then ignored("nothing to bind") else .segment = null end;
  def agents($event): if $agent == null then ignored("no agent is named") else $event end;
  (.event | text // "") as $name
  | select($name | startswith("contact_center."))
  | ($name | ltrimstr("contact_center.")) as $event
  | if $event == "task_reservation_created" then base("offer") + { agent: $agent, timeout_seconds: ring_seconds }
    elif $event == "engagement_transfer_reserved" then
      if $queue == null then ignored("no queue is named")
      else agents(base("offer") + { agent: $agent, timeout_seconds: ring_seconds }) end
    # Without a segment: the answer of an engagement names no task.
    elif $event == "task_reservation_accepted" or $event == "engagement_user_answered" then
      base("accept") + { agent: $agent } | del(.segment)
    elif $event == "engagement_transfer_accepted" then agents(base("accept") + { agent: $agent } | del(.segment))
    elif $event == "task_reservation_rejected" or $event == "task_reservation_timeout" then
      base("reject") + { agent: $agent, reason: ($event | ltrimstr("task_reservation_")) }
    elif $event == "engagement_transfer_rejected" or $event == "engagement_transfer_timeout" then
      agents(base("reject") + { agent: $agent, reason: ($event | ltrimstr("engagement_transfer_")) })
    elif ($event | IN("task_reservation_canceled", "task_reservation_rescinded", "engagement_transfer_canceled")) then
      base("withdraw")
    elif ($event | IN("task_canceled", "engagement_ended")) then base("withdraw") | del(.segment)
    elif ($event | IN("task_created", "task_updated", "engagement_started", "engagement_transfer_queued")) then bound
    elif $event | startswith("task_") or startswith("engagement_") or startswith("call_control_") or startswith("queue_") then
      if ($event | IN("task_completed", "task_deleted", "task_reservation_completed", "queue_scheduled_callback_created",
          "engagement_transfer_initiated", "engagement_transfer_completed", "engagement_user_ended", "engagement_user_hold",
          "engagement_user_unhold", "engagement_user_dtmf_sent"))
        or ($event | startswith("engagement_conference_") or startswith("engagement_consumer_")
          or startswith("engagement_upgrade_") or startswith("call_control_")) then ignored($event)
      else empty end
    else empty end
