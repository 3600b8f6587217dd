# Twilio TaskRouter / Flex. Sources: Twilio's TaskRouter event callback reference [D]; Sid, TimestampMs, TransferMode and
# TransferInitiatingReservationSid from public code [C].
# Conversation = the task, segment = the reservation, agent = the worker. Form values are all text.
# [I] TransferTo: the spelling, and that the reservation which a transfer to a worker makes carries it too.
# Not found: the ring time, which is not in the callback.

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

def warm: (.TransferMode | text // "" | ascii_upcase) == "WARM";

# A transfer that names its target is the offer to that worker too.
def to_worker: (.TransferTo | text // "") | startswith("WK");

def transferred:
  (.TransferTo | text) as $to
  | if $to == null then { ignore: "a transfer that does not say where to", id: .Sid }
    else
      # Without a segment: the reservation of the receiving worker is not known yet.
      base("transfer")
      + {
          segment: null,
          transfer: {
            type: (if warm then "consult" else "blind" end),
            target: (if to_worker then { agent: $to } else { queue: $to } end)
          }
        }
    end;

def consult_ended($hand_over):
  if warm then base("consult_end") + { hand_over: $hand_over }
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
  elif ($type | IN("task.created", "task.updated", "task-queue.entered", "task-queue.moved"))
    and ((attributes | document) != null or (.TaskQueueSid | text) != null) then
    base("bind") | del(.segment)
  elif ($type | text // "" | split(".")[0]) | IN("task", "task-queue", "reservation", "worker", "workflow", "workspace", "activity") then
    { ignore: $type, id: .Sid }
  else empty end
