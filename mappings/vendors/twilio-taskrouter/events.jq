# Twilio TaskRouter / Flex. Sources: Twilio's TaskRouter event callback reference [D]; Sid, TimestampMs and the fields
# of a transfer (TransferMode, TransferTo, TransferInitiatingReservationSid, TransferInitiatingWorkerSid) from public
# code and recordings [C], the same names in snake_case in Event Streams' schema. Conversation = the task, segment =
# the reservation, agent = the worker. Form values are all text.
#
# Every end of a reservation has an event of its own, so that a ring is always an offer and a transfer is told by the
# ring of the next worker: the bridge makes a hand-over of it. What the transfer's own events add is that the first
# has left. Not found: the ring time, which is not in the callback.

# Where the task's attributes are not a JSON object there is no document in them.
def attributes: .TaskAttributes | if type == "object" then . else {} end;

# Flex marks the tasks of calls that an agent makes [C].
def outbound: attributes.direction | lower_text // "" | startswith("outbound");

def sid($kind): text // "" | if startswith($kind) then . else null end;
def reservation: (.ReservationSid | text) // (.ResourceSid | sid("WR"));

def base($kind):
  {
    id: .Sid,
    kind: $kind,
    conversation: .TaskSid,
    segment: reservation,
    # Without a time an event is kept unread: what is signed has no other one, by which an old request could be told.
    occurred_at: ((.TimestampMs | text | values | from_epoch_ms) // (.Timestamp | from_epoch_s) // ""),
    document: (attributes | document),
    queue: .TaskQueueSid,
    channel: (.TaskChannelUniqueName | channel)
  };
def ignored($why): { ignore: $why, id: .Sid };

# The end of one worker's reservation, never of the task. Without a reservation the worker says which.
def reservation_ended:
  if reservation != null then base("withdraw")
  elif (.WorkerSid | text) != null then base("reject") + { agent: .WorkerSid }
  else ignored(.EventType) end;

# The task is gone for everybody.
def task_ended: base("withdraw") | .segment = null;

def left($reservation; $worker):
  if $reservation == null and $worker == null then ignored("a transfer that does not say by whom")
  else base("leave") + { segment: $reservation, agent: $worker } end;

def warm: (.TransferMode | lower_text) == "warm";
def cold: (.TransferMode | lower_text) == "cold";
def by_reservation: .TransferInitiatingReservationSid | text;
def by_worker: .TransferInitiatingWorkerSid | text;

# COLD: the first worker leaves at once. WARM: stays until the own reservation ends.
def transfer_initiated:
  (by_reservation // reservation) as $reservation
  | (by_worker // (.WorkerSid | text)) as $worker
  | (.TransferTo | sid("WQ")) as $queue
  | if (cold | not) then ignored("a transfer: the ring of the next worker follows")
    elif $reservation != null or $worker != null then left($reservation; $worker)
    elif $queue != null then
      base("transfer") + { segment: null, transfer: { type: "blind", target: { queue: $queue } } }
    else ignored("a transfer that does not say by whom: the ring of the next worker follows") end;

# The second worker has taken over, as far as the events tell it.
def transfer_completed:
  if by_reservation != null or by_worker != null then left(by_reservation; by_worker)
  elif warm then base("consult_end") + { segment: null, hand_over: true }
  else ignored("the end of a cold transfer") end;

def transfer_failed:
  if warm then base("consult_end") + { segment: null, hand_over: false }
  else ignored("the end of a cold transfer") end;

(.EventType | text // "") as $type
| ($type | split(".")[0] // "") as $family
| if ($family | IN("worker", "workflow", "workspace", "activity", "task-channel")) then ignored($type)
  elif ($family | IN("reservation", "task", "task-queue")) and outbound then ignored("outbound")
  elif $type == "reservation.created" then base("offer") + { agent: .WorkerSid, timeout_seconds: ring_seconds }
  elif $type == "reservation.accepted" then base("accept") + { agent: .WorkerSid }
  elif ($type | IN("reservation.rejected", "reservation.timeout")) then
    base("reject") + { agent: .WorkerSid, reason: ($type | ltrimstr("reservation.")) }
  elif ($type | IN("reservation.canceled", "reservation.rescinded", "reservation.failed")) then reservation_ended
  elif ($type | IN("reservation.wrapup", "reservation.completed")) then left(reservation; .WorkerSid | text)
  elif ($type | IN("task.canceled", "task.deleted", "task.system-deleted")) then task_ended
  elif $type == "task.transfer-initiated" then transfer_initiated
  elif $type == "task.transfer-completed" then transfer_completed
  elif ($type | IN("task.transfer-canceled", "task.transfer-failed")) then transfer_failed
  elif ($type | IN("task.created", "task.updated", "task-queue.entered", "task-queue.moved"))
    and ((attributes | document) != null or (.TaskQueueSid | text) != null) then
    base("bind") | .segment = null
  elif $family == "task-queue"
    or ($type | IN("task.created", "task.updated", "task.wrapup", "task.completed"))
    or $type == "task.transfer-attempt-failed" then
    ignored($type)
  else empty end
