"""The files of ``bench/peers`` with ``{{NAME}}`` filled in. A name that nobody gave is an error."""

import re
from collections.abc import Mapping
from pathlib import Path

PEERS = Path(__file__).parent.parent / "peers"


def filled(text: str, values: Mapping[str, object]) -> str:
    """KeyError for a name without a value."""
    return re.sub(r"\{\{([A-Z]+)\}\}", lambda found: str(values[found[1]]), text)


def write(source: str, to: Path, values: Mapping[str, object]) -> Path:
    """``bench/peers/source`` as the file ``to``."""
    to.write_text(filled((PEERS / source).read_text(), values))
    return to
