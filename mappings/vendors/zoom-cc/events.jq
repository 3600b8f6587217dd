# Zoom Contact Center. Sources: developers.zoom.us contact centre event reference and changelogs [D]; its forum [C].
# Conversation = engagement_id (else task_id), agent = assigned_user_id or user_id, queue = cc_queue_id. Segment = the
# engagement at one agent: reservations name a task, answers and transfers do not, and the next agent's has the same.
#
# [D] the events' names; task_created's object; assigned_user_id of reservations; user_id of engagement_user_answered.
# [C] a cold transfer to a queue is told as initiated, queued, reserved, accepted; completed is not seen.
# [I] reservation events carry the engagement, task and queue of task_created; user_ended names the user as answered
#     does.
# [I] transfer events name the receiving agent as user_id. Where a reservation tells the same ring, it is known again.
# Not found: the objects of reservation and transfer events; an event id. The id is made of event, objects and event_ts,
# which a retry repeats; one answer that is told for two channels at the same moment becomes one event.

def object: if type == "object" then . else {} end;
def starts_with_one($prefixes): . as $text | $prefixes | any(. as $prefix | $text | startswith($prefix));

object as $envelope
| ($envelope.payload | object) as $payload
| ($payload.object | object) as $it
| (($it.engagement_id | text) // ($payload.engagement_id | text)) as $engagement
| (($it.assigned_user_id | text) // ($it.user_id | text)) as $agent
| (($it.cc_queue_id | text) // ($it.queue_id | text)) as $queue
| ($engagement // ($it.task_id | text)) as $conversation
| (($it.direction | lower_text) // ($it.channel_source | lower_text)) as $direction
| "\($envelope.event)/\($engagement // "")/\($it.task_id // "")/\($agent // "")/\($envelope.event_ts)" as $id
| def ignored($why): { ignore: $why, id: $id };
  def base($kind):
    if $conversation == null then ignored("\($kind) without an engagement")
    else {
      id: $id, kind: $kind, conversation: $conversation,
      occurred_at: ($envelope.event_ts | from_epoch_ms | time_or_null),
      document: ($it | document), queue: $queue,
      channel: ((($it.channel_name | text) // ($it.channel | text)) | channel)
    } end;
  def leg($kind):
    if $agent == null then ignored("no user is named")
    else base($kind) | if .ignore then . else . + { segment: "\($conversation)/\($agent)", agent: $agent } end end;
  def inbound($event): if $direction == "outbound" then ignored("outbound: \($event.kind)") else $event end;
  ($envelope.event | text // "") as $name
  | select($name | startswith("contact_center."))
  | ($name | ltrimstr("contact_center.")) as $event
  | if ($event | IN("task_reservation_created", "engagement_transfer_reserved")) then
      inbound(leg("offer") | if .ignore then . else . + { timeout_seconds: ring_seconds } end)
    elif ($event | IN("task_reservation_accepted", "engagement_user_answered", "engagement_transfer_accepted")) then
      inbound(leg("accept"))
    elif ($event | IN("task_reservation_rejected", "task_reservation_timeout", "engagement_transfer_rejected",
        "engagement_transfer_timeout")) then
      leg("reject") | if .ignore then . else . + { reason: ($event | split("_") | last) } end
    elif ($event | IN("task_reservation_canceled", "task_reservation_rescinded", "engagement_transfer_canceled")) then
      leg("withdraw") | del(.agent)
    elif $event == "engagement_user_ended" then leg("leave")
    elif $event == "task_canceled" or $event == "engagement_ended" then base("withdraw") | del(.queue)
    elif ($event | IN("task_created", "task_updated", "engagement_started", "engagement_transfer_queued")) then
      if $direction == "outbound" then ignored("outbound: \($event)")
      elif $queue == null and ($it | document) == null then ignored("nothing to bind")
      else base("bind") end
    # Supervisors, recordings, notes, and whatever else is no matter of who rings.
    elif ($event | IN("task_completed", "task_deleted", "task_reservation_completed", "engagement_transfer_initiated",
        "engagement_transfer_completed", "engagement_user_hold", "engagement_user_unhold",
        "engagement_user_dtmf_sent")) then ignored($event)
    elif $event | starts_with_one(["engagement_conference_", "engagement_consumer_", "engagement_disposition",
        "engagement_messag", "engagement_note", "engagement_recording", "engagement_summary", "engagement_survey",
        "engagement_transcript", "engagement_upgrade_", "engagement_user_barge", "engagement_user_monitor",
        "engagement_user_takeover", "engagement_user_whisper"]) then ignored($event)
    elif $event | starts_with_one(["engagement_", "task_"]) then empty
    elif $event | starts_with_one(["address_book", "asset_", "business_hour", "call_control_", "campaign_", "closure_",
        "consumer_", "cx_", "disposition", "flow_", "inbox_", "note_", "outbound_campaign", "queue_", "recording_",
        "region_", "role_", "rtms_", "skill_", "sms_", "survey_", "team_", "user_", "variable_", "voice_rtms_"]) then
      ignored($event)
    else empty end
