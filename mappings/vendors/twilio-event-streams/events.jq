# Twilio TaskRouter by Event Streams. Sources: Twilio's Event Streams and TaskRouter event references [D].
# Conversation = the task, segment = the reservation, agent = the worker: as in the profile twilio-taskrouter.
#
# [D] com.twilio.taskrouter.<event>, ids, data.payload with task_sid, worker_sid, reservation_sid, task_queue_sid, …
# [I] transfer_to, transfer_mode: the form callback's TransferTo and TransferMode in snake_case.
# Not found: the payload's spelling of the transfer fields; the ring time is not in the events.

def attributes:
  if type == "string" then (try fromjson catch null) else . end | if type == "object" then . else {} end;

# A time in seconds, milliseconds or as text.
def moment: from_epoch_ms as $ms | if $ms == null then text elif (text | length) > 11 then $ms else from_epoch_s end;

if type == "array" then .[] else . end
| (.type | text // "") as $name
| select($name | startswith("com.twilio.taskrouter."))
| ($name | ltrimstr("com.twilio.taskrouter.")) as $type
| .id as $id
| (.time // .data.timestamp | moment) as $told_at
| (.data.payload | if type == "object" then . else {} end) as $task
| ($task.task_attributes | attributes | document) as $document
| ($task.transfer_to | text) as $to
| (($to // "") | startswith("WK")) as $to_worker
| ($task.transfer_mode | text // "" | ascii_upcase) as $mode
| def base($kind):
    {
      id: $id, kind: $kind, conversation: $task.task_sid, segment: $task.reservation_sid,
      occurred_at: (($task.timestamp_ms | moment) // ($task.timestamp | moment) // $told_at),
      document: $document, queue: $task.task_queue_sid, channel: ($task.task_channel_unique_name | channel)
    };
  def ignored($why): { ignore: $why, id: $id };
  def consult_ended($hand_over):
    if $mode == "WARM" then base("consult_end") + { hand_over: $hand_over }
    else ignored("the end of a cold transfer") end;
  if $type == "reservation.created" then
    if $to_worker then ignored("the transfer has offered it already")
    else base("offer") + { agent: $task.worker_sid, timeout_seconds: ring_seconds } end
  elif $type == "reservation.accepted" then base("accept") + { agent: $task.worker_sid }
  elif $type == "reservation.rejected" or $type == "reservation.timeout" then
    base("reject") + { agent: $task.worker_sid, reason: ($type | ltrimstr("reservation.")) }
  elif $type == "reservation.canceled" or $type == "reservation.rescinded" then base("withdraw")
  elif $type == "task.canceled" then base("withdraw") | del(.segment)
  elif $type == "task.transfer-initiated" then
    # A transfer that names its target is the offer to that worker too.
    if $to == null then ignored("a transfer that does not say where to")
    else
      base("transfer") | del(.segment)
      | .transfer = {
          type: (if $mode == "WARM" then "consult" else "blind" end),
          target: (if $to_worker then { agent: $to } else { queue: $to } end)
        }
    end
  elif $type == "task.transfer-completed" then consult_ended(true)
  elif $type == "task.transfer-canceled" or $type == "task.transfer-failed" then consult_ended(false)
  elif ($type | IN("task.created", "task.updated", "task-queue.entered", "task-queue.moved"))
    and ($document != null or ($task.task_queue_sid | text) != null) then
    base("bind") | del(.segment)
  elif ($type | split(".")[0]) | IN("task", "task-queue", "reservation", "worker", "workflow", "workspace", "activity") then
    ignored($type)
  else empty end
