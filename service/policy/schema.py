"""The JSON Schema of a policy file, by which an editor completes and underlines.

``python -m service.policy.schema > policies/schema.json`` writes the one that ships.
"""

from __future__ import annotations

import json
import sys

from service.policy.model import Change, PolicyFile


def schema() -> str:
    """The schema as JSON text, made from the typed model."""
    made = PolicyFile.model_json_schema()
    # What an override leaves out stays as it was: the model's own defaults say nothing there.
    for name, field in made["$defs"][Change.__name__]["properties"].items():
        if name != "id":
            field.pop("default", None)
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **made,
        "title": "Glassgate policy",
        "description": "How each field is meant: docs/policies.md. ${NAME} may stand in `message` "
        "and `contact` only.",
        "anyOf": [{"required": ["rules"]}, {"required": ["extends"]}],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
