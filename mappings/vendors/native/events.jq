# Events as they are; what a CloudEvent's envelope says stands in for what its data leaves out.
# A document may also come as text, `sys_id` or `table:sys_id`: as `document`, or in the field that `document_attribute`
# names. Another product's event is no routing event: its type shows as the kind that is refused.

own_events | completed($options)
