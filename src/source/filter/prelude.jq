# What every profile may use beside jq itself, where it needs `$options`; the rest is in `words.rs`.

# The document that the input, an object of attributes, carries in `document_attribute`.
def document: document_in($options.document_attribute);

# The ring time that is set for this source; null = the bridge's default.
def ring_seconds: $options.timeout_seconds | if type == "number" and . > 0 then . else null end;

# The channel that is set for this source, else the input in lower case.
def channel: ($options.channel | text) // lower_text;

# From one RFC 3339 time to another in seconds, however many digits their fractions have; null where one is none.
def seconds_between(from; to): seconds_of_pair([from, to]);

# An id that is the same for the same parts and for no others; null where every part is null or one is no text or number.
def stable_id(parts): id_of_parts([parts]);

# Whether the input is one of the values.
def IN(values): is_one_of([values]);
