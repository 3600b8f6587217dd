# Events as they are; what a CloudEvent's envelope says stands in for what its data leaves out.
# A document may also come as text, `sys_id` or `table:sys_id`, in the field that `document_attribute` names.

# The events of one CloudEvent: its id is theirs, with a number behind it where there are several.
def opened:
  . as $envelope
  | ($envelope.data | if type == "array" then . else [.] end) as $events
  | range($events | length) as $n
  | $events[$n]
  | if type == "object" then
      .id = (if ($events | length) == 1 then $envelope.id else "\($envelope.id)/\($n)" end)
      | .occurred_at //= $envelope.time
    else . end;

if type == "array" then .[] else . end
| if type == "object" and has("specversion") then opened else . end
| completed($options)
