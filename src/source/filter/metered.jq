# Regular expressions, each with its price. jq's own definitions are built on these.
def matches($re; $flags): price_of_matching($re) as $_ | unmetered_matches($re; $flags);
def split_matches($re; $flags): price_of_matching($re) as $_ | unmetered_split_matches($re; $flags);
def split_($re; $flags): price_of_matching($re) as $_ | unmetered_split($re; $flags);
