# Conversation = the task, segment = the reservation, agent = the worker. Form values are all text.

# Where the task's attributes are not JSON there is no document in them.
def attributes: .TaskAttributes | if type == "object" then . else {} end;

def base($kind):
  {
    id: .Sid,
    kind: $kind,
    conversation: .TaskSid,
    segment: .ReservationSid,
    occurred_at: ((.TimestampMs | text | values | from_epoch_ms) // (.Timestamp | from_epoch_s)),
    document: (attributes | document),
    queue: .TaskQueueSid,
    channel: (.TaskChannelUniqueName | channel)
  };

# A transfer that names its target is the offer to that worker too.
def to_worker: (.TransferTo | text // "") | startswith("WK");

def transferred:
  (.TransferTo | text) as $to
  | if $to == null then { ignore: "a transfer that does not say where to", id: .Sid }
    else
      base("transfer")
      + {
          segment: (.TransferSid // .ReservationSid),
          transfer: {
            type: (if .TransferMode == "WARM" then "consult" else "blind" end),
            target: (if to_worker then { agent: $to } else { queue: $to } end)
          }
        }
    end;

def consult_ended($hand_over):
  if .TransferMode == "WARM" then base("consult_end") + { hand_over: $hand_over }
  else { ignore: "the end of a cold transfer", id: .Sid } end;

.EventType as $type
| if $type == "reservation.created" then
    if to_worker then { ignore: "the transfer has offered it already", id: .Sid }
    else base("offer") + { agent: .WorkerSid, timeout_seconds: ring_seconds } end
  elif $type == "reservation.accepted" then base("accept") + { agent: .WorkerSid }
  elif $type == "reservation.rejected" or $type == "reservation.timeout" then
    base("reject") + { agent: .WorkerSid, reason: ($type | ltrimstr("reservation.")) }
  elif $type == "reservation.canceled" or $type == "reservation.rescinded" then base("withdraw")
  elif $type == "task.canceled" then base("withdraw") | del(.segment)
  elif $type == "task.transfer-initiated" then transferred
  elif $type == "task.transfer-completed" then consult_ended(true)
  elif $type == "task.transfer-canceled" or $type == "task.transfer-failed" then consult_ended(false)
  elif ($type == "task.created" or $type == "task.updated" or $type == "task-queue.entered")
    and ((attributes | document) != null or (.TaskQueueSid | text) != null) then
    base("bind") | del(.segment)
  elif ($type | text // "") | test("^(task|task-queue|reservation|worker|workflow|workspace|activity)\\.") then
    { ignore: $type, id: .Sid }
  else empty end
