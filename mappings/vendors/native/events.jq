# Events as they are; what a CloudEvent's envelope says stands in for what its data leaves out.
# A document may also come as text, `sys_id` or `table:sys_id`: as `document`, or in the field that `document_attribute`
# names. Another product's event is no routing event: its type shows as the kind that is refused.

def foreign($type): if .kind != null or has("ignore") or $type == null then . else { id, kind: $type } end;

def shown:
  if type != "object" then .
  elif .specversion then (.type | text) as $type | if .data | type == "object" then .data |= foreign($type) else . end
  else foreign(.eventType | text) end;

if type == "array" then map(shown) else shown end
| own_events
| if type == "object" and (.document | type == "string") then .document |= as_document else . end
| completed($options)
