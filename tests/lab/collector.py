"""What a collector wrote with its debug exporter in, spans and log records out.

It prints a block for each: a line of head, then `Name : value` and `-> key: Type(value)`.
"""

import re
from dataclasses import dataclass, field

# The first of an export stands at the end of a line of the log.
_HEAD = re.compile(r"(?:^|\t)(Resource(?:Spans|Log)|Span|LogRecord) #\d+$")
_FIELD = re.compile(r"^ *([A-Z][A-Za-z ]*?) *: (.*)$")
_ATTRIBUTE = re.compile(r"^ *-> ([^:]+(?::[^:]+)*?): \w+\((.*)\)$")


@dataclass
class Block:
    """A span or a log record; `of` are the attributes of what it is of."""

    fields: dict = field(default_factory=dict)
    attributes: dict = field(default_factory=dict)
    of: dict = field(default_factory=dict)

    def __getitem__(self, name):
        return self.fields.get(name, "")


def printed(text):
    """Read spans and log records, each with attributes and those of its resource."""
    blocks = []
    of, now = {}, None
    for line in text.splitlines():
        if head := _HEAD.search(line):
            now = Block(of=of)
            if head[1].startswith("Resource"):
                of = now.attributes = {}
            else:
                blocks.append(now)
        elif now and (attribute := _ATTRIBUTE.match(line)):
            now.attributes[attribute[1]] = attribute[2]
        elif now and (said := _FIELD.match(line)):
            now.fields.setdefault(said[1], said[2])
    return blocks
