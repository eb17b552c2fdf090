"""``python -m control.policy.schema``: the JSON Schema of a policy, as published in ``docs/policy.schema.json``."""

import json
import sys

from .shape import json_schema


def main() -> None:
    """Print it."""
    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")


if __name__ == "__main__":
    main()
