# Twilio TaskRouter by Event Streams. Sources: Twilio's Event Streams and TaskRouter event references [D]; the names
# of a transfer's fields from the published schema's field lists [C]. Conversation = the task, segment = the
# reservation, agent = the worker: as in the profile twilio-taskrouter, whose comments say why what becomes what.
#
# [D] com.twilio.taskrouter.<event>, ids, data.payload with task_sid, worker_sid, reservation_sid, task_queue_sid, …;
# the envelope's `type` counts, not `eventtype` in the payload. [C] transfer_mode, transfer_to,
# transfer_initiating_reservation_sid, transfer_initiating_worker_sid. Not found: the ring time, which is not in the
# events.

def object: if type == "object" then . else {} end;
def opened: if type == "string" then (try fromjson catch null) else . end | object;
def sid($kind): text // "" | if startswith($kind) then . else null end;

# A time in seconds, milliseconds or as text.
def moment: from_epoch_ms as $ms | if $ms == null then text elif (text | length) > 11 then $ms else from_epoch_s end;

def read:
  (.type | text // "") as $name
  | ($name | ltrimstr("com.twilio.taskrouter.")) as $type
  | ($type | split(".")[0] // "") as $family
  | (.data | object) as $data
  | ((.id | text) // ($data.sid | text)) as $id
  | (.time // $data.timestamp | moment) as $told_at
  | (if $data | has("payload") then $data.payload | opened else $data end) as $task
  | ($task.task_attributes | opened) as $attributes
  | ($attributes | document) as $document
  | ($task.reservation_sid | text) as $reservation
  | ($task.worker_sid | text) as $worker
  | ($task.transfer_initiating_reservation_sid | text) as $by_reservation
  | ($task.transfer_initiating_worker_sid | text) as $by_worker
  | ($task.transfer_mode | lower_text) as $mode
  | def base($kind):
      {
        id: $id, kind: $kind, conversation: $task.task_sid, segment: $reservation,
        occurred_at: (($task.timestamp_ms | moment) // ($task.timestamp | moment) // $told_at),
        document: $document, queue: $task.task_queue_sid, channel: ($task.task_channel_unique_name | channel)
      };
    def ignored($why): { ignore: $why, id: $id };
    def reservation_ended:
      if $reservation != null then base("withdraw")
      elif $worker != null then base("reject") + { agent: $worker }
      else ignored($type) end;
    def left($reservation; $worker):
      if $reservation == null and $worker == null then ignored("a transfer that does not say by whom")
      else base("leave") + { segment: $reservation, agent: $worker } end;
    # COLD: the first worker leaves at once. WARM: stays until the own reservation ends.
    def transfer_initiated:
      ($task.transfer_to | sid("WQ")) as $queue
      | if $mode != "cold" then ignored("a transfer: the ring of the next worker follows")
        elif ($by_reservation // $reservation // $by_worker // $worker) != null then
          left($by_reservation // $reservation; $by_worker // $worker)
        elif $queue != null then
          base("transfer") + { segment: null, transfer: { type: "blind", target: { queue: $queue } } }
        else ignored("a transfer that does not say by whom: the ring of the next worker follows") end;
    def consult_ended($hand_over):
      if $mode == "warm" then base("consult_end") + { segment: null, hand_over: $hand_over }
      else ignored("the end of a cold transfer") end;
    if ($name | startswith("com.twilio.taskrouter.") | not) then { unknown: $name }
    elif ($family | IN("worker", "workflow", "workspace", "activity", "task-channel")) then ignored($type)
    elif ($family | IN("reservation", "task", "task-queue"))
      and ($attributes.direction | lower_text // "" | startswith("outbound")) then
      ignored("outbound")
    elif $type == "reservation.created" then base("offer") + { agent: $worker, timeout_seconds: ring_seconds }
    elif $type == "reservation.accepted" then base("accept") + { agent: $worker }
    elif ($type | IN("reservation.rejected", "reservation.timeout")) then
      base("reject") + { agent: $worker, reason: ($type | ltrimstr("reservation.")) }
    elif ($type | IN("reservation.canceled", "reservation.rescinded", "reservation.failed")) then reservation_ended
    elif ($type | IN("reservation.wrapup", "reservation.completed")) then left($reservation; $worker)
    elif ($type | IN("task.canceled", "task.deleted", "task.system-deleted")) then base("withdraw") | .segment = null
    elif $type == "task.transfer-initiated" then transfer_initiated
    elif $type == "task.transfer-completed" and ($by_reservation // $by_worker) != null then
      left($by_reservation; $by_worker)
    elif $type == "task.transfer-completed" then consult_ended(true)
    elif ($type | IN("task.transfer-canceled", "task.transfer-failed")) then consult_ended(false)
    elif ($type | IN("task.created", "task.updated", "task-queue.entered", "task-queue.moved"))
      and ($document != null or ($task.task_queue_sid | text) != null) then
      base("bind") | .segment = null
    elif $family == "task-queue"
      or ($type | IN("task.created", "task.updated", "task.wrapup", "task.completed"))
      or $type == "task.transfer-attempt-failed" then
      ignored($type)
    else { unknown: $name } end;

if type == "array" then .[] else . end | object | read
