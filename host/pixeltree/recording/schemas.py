"""What the messages of a recording look like: JSON, by a JSON schema each.

Planes are ``foxglove.CompressedImage``, by the schema that Foxglove publishes under this name
(docs.foxglove.dev/docs/visualization/message-schemas/compressed-image): a PNG in base64. All others are ours.
"""

from __future__ import annotations

from typing import Any

IMAGE, UPDATE, LAYOUT, VALUE = (
    "foxglove.CompressedImage",
    "pixeltree.Update",
    "pixeltree.Layout",
    "pixeltree.Value",
)


def _object(title: str, description: str, /, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
    }


_TIME = {
    "type": "object",
    "title": "time",
    "properties": {
        "sec": {"type": "integer", "minimum": 0},
        "nsec": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    },
}

SCHEMAS: dict[str, dict[str, Any]] = {
    IMAGE: _object(
        IMAGE,
        "A compressed image",
        timestamp=_TIME,
        frame_id={"type": "string"},
        data={"type": "string", "contentEncoding": "base64"},
        format={"type": "string"},
    ),
    UPDATE: _object(
        UPDATE,
        "Messages of the same log time belong together: values of one moment",
        number={"type": "integer", "description": "counts updates; a gap tells that some were left out"},
        device_ns={"type": ["integer", "null"], "description": "device clock, where it is known"},
        panels={"type": "array", "items": {"type": "string"}},
    ),
    LAYOUT: _object(
        LAYOUT,
        "What was shown",
        title={"type": "string"},
        panels={"type": "array", "items": {"type": "object"}},
        settings={"type": "object", "description": "values of the controls"},
    ),
    VALUE: _object(
        VALUE,
        "The value of a panel: a number, a text, or an object",
        value={"description": "as docs/how-to/view.md says of each kind of panel"},
    ),
}
"""By name, as they stand in a file."""
