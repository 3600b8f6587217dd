# Events as they are; what a CloudEvent's envelope says stands in for what its data leaves out.
# A document may also come as text, `sys_id` or `table:sys_id`, in the field that `document_attribute` names.

own_events | completed($options)
