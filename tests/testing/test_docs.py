"""docs/testing.md is run, not only read."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from control.testing.mesh import Mesh

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
EXAMPLE: dict[str, Any] = {}
exec(re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[1], EXAMPLE)  # type: ignore[index]  # noqa: S102


@pytest.mark.parametrize("name", sorted(name for name in EXAMPLE if name.startswith("test_")))
async def test_the_page_s_examples(name: str, mesh: Mesh) -> None:
    """Each test of the page passes as it stands there."""
    example: Callable[[Mesh], Coroutine[Any, Any, None]] = EXAMPLE[name]
    await example(mesh)
