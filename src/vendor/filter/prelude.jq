# What every profile may use beside jq itself. `$options` is bound as in a profile.

# A string that is not empty, or a number digit for digit; anything else is null.
def text:
  if type == "string" then (if . == "" then null else . end)
  elif type == "number" then tostring
  else null end;

# What follows the last slash: of an ARN, a path, a URL.
def last_segment: text | if . == null then null else split("/") | last | text end;

# `sys_id` or `table:sys_id` as a document; null without a text.
def as_document:
  text
  | if . == null then null
    elif contains(":") then (split(":") | { table: .[0], sys_id: (.[1:] | join(":")) })
    else { table: "interaction", sys_id: . } end;

# The document that the input, an object of attributes, carries in `document_attribute`.
def document:
  if type == "object" then .[$options.document_attribute] | as_document else null end;

# A time; null where a sentinel of 1970 or nothing stands.
def time_or_null:
  text | if . == null or startswith("1970-01-01") then null else . end;

# Seconds since 1970, as a number or digits, as RFC 3339.
def from_epoch_s: text | if . == null then null else (tonumber * 1000 | floor | from_epoch_ms) end;

# The ring time that is set for this source; null = the bridge's default.
def ring_seconds: $options.timeout_seconds | if type == "number" and . > 0 then . else null end;

# The channel that is set for this source, else the input in lower case.
def channel:
  text as $own
  | ($options.channel | text) // (if $own == null then null else $own | ascii_downcase end);

# Whether the input is one of the values.
def IN(values): . as $it | any(values; . == $it);
