# Azure Communication Services Job Router. Source: azure-docs, communication-services-router-events.md [D].
# Conversation = the job, segment = the offer, agent = the worker, queue = queueId. The envelope is Event Grid's own or
# CloudEvents'.
#
# [D] concepts/router: an offer is accepted, declined, revoked (also because another worker has accepted, or the worker
#     was deregistered) or expires; a worker's decline is remembered; a job that is unassigned is matched again.
# An assignment's end names the worker and no offer, so a leave has no segment.

def object: if type == "object" then . else {} end;

# Of offers the tags are jobTags, of jobs tags.
def carried:
  (.jobTags | document) // (.tags | document) // (.jobLabels | document) // (.labels | document) // document;

# Seconds of 1970, with the fraction that the seven digits say.
def seconds: if type == "string" then (try fromdateiso8601 catch null) else null end;

# How long an offer rings.
def ring($from; $to):
  ($from | seconds) as $start
  | ($to | seconds) as $end
  | (if $start != null and $end != null then $end - $start | round else 0 end)
  | if . > 0 then . else ring_seconds end;

(if type == "array" then .[] else . end)
| object as $envelope
| (($envelope.eventType | text) // ($envelope.type | text)) as $type
| ($type // "" | ltrimstr("Microsoft.Communication.")) as $event
| ($envelope.data | object) as $data
| ($data.jobId | text) as $job
| ($data.workerId | text) as $worker
| def ignored($why): { ignore: $why, id: ($envelope.id | text) };
  def base($kind):
    {
      id: $envelope.id, kind: $kind, conversation: $job, segment: ($data.offerId | text),
      occurred_at: (($envelope.eventTime | text) // $envelope.time), document: ($data | carried),
      queue: ($data.queueId | text), channel: ($data.channelId | channel)
    };
  def left: if $worker == null then ignored("no worker is named") else base("leave") + { agent: $worker } end;
  if $event == "RouterWorkerOfferIssued" then
    ($data | .offeredOn // .offerTimeUtc | text) as $from
    | ($data | .expiresOn // .expiryTimeUtc | text) as $to
    | base("offer") + { agent: $worker, timeout_seconds: ring($from; $to) }
    | .occurred_at = ($from // .occurred_at)
  elif $event == "RouterWorkerOfferAccepted" then base("accept") + { agent: $worker }
  elif $event == "RouterWorkerOfferDeclined" then base("reject") + { agent: $worker, reason: "declined" }
  elif $event == "RouterWorkerOfferExpired" then base("reject") + { agent: $worker, reason: "expired" }
  # Of that worker's ring only; with nothing that names it there is no ring.
  elif $event == "RouterWorkerOfferRevoked" then
    base("withdraw") | if .segment == null then ignored("no offer is named") else . end
  elif ($event | IN("RouterJobUnassigned", "RouterJobCompleted", "RouterJobClosed")) then left
  elif ($event | IN("RouterJobCancelled", "RouterJobDeleted")) then base("withdraw")
  elif ($event
        | IN("RouterJobReceived", "RouterJobClassified", "RouterJobQueued", "RouterJobWaitingForActivation")) then
    base("bind") | if .document == null and .queue == null then ignored($event) else . end
  elif ($event
        | IN("RouterJobClassificationFailed", "RouterJobSchedulingFailed", "RouterJobExceptionTriggered",
             "RouterJobExceptionCleared", "RouterJobLabelsUpdated", "RouterJobWorkerSelectorsExpired",
             "RouterWorkerRegistered", "RouterWorkerDeregistered", "RouterWorkerUpdated", "RouterWorkerDeleted")) then
    ignored($event)
  # A subscription may bring the resource's other events too: calls, chats, messages.
  elif ($event | startswith("Router") | not) and ($type // "" | startswith("Microsoft.")) then
    ignored("no event of Job Router: \($event)")
  else { unknown: $type } end
