"""docs/sidecar.md is whole: every setting, verb, path, metric and log field, and nothing else."""

import dataclasses
import io
import re
from pathlib import Path

import pytest
import trio

from sidecar.app import show, show_cache
from sidecar.certificate import Certificate
from sidecar.flags import VERBS
from sidecar.observe.accesslog import AccessLog
from sidecar.observe.metrics import Metrics
from sidecar.observe.observer import Observer
from sidecar.observe.record import Record
from sidecar.observe.status import Status
from sidecar.proxy.gate import Gate
from sidecar.proxy.proxy import Proxy
from sidecar.proxy.upstream import Upstream
from sidecar.table import PREFIX, SETTINGS, Setting

from .pairs import write_pair

TEXT = (Path(__file__).parents[2] / "docs" / "sidecar.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TEXT.splitlines() if line.startswith("| `")]
SETTING_ROWS = {row[0].strip("` "): row for row in ROWS if len(row) > 2 and row[2].startswith(f"`{PREFIX}")}


def section(title: str) -> str:
    """What stands under a heading."""
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_documented(setting: Setting) -> None:
    """With its flag, its variable, its default and a meaning."""
    _, flag, variable, default, meaning = SETTING_ROWS[setting.name]
    assert flag == ("" if setting.secret else f"`{setting.flag}`")
    assert variable == f"`{setting.variable}`"
    assert default.strip("`") == setting.default
    assert meaning
    assert setting.help


def test_no_other_setting_is_documented() -> None:
    """The tables name none that is not there."""
    assert set(SETTING_ROWS) == {setting.name for setting in SETTINGS}


def test_every_verb_is_documented() -> None:
    """And no other."""
    verbs = re.findall(r"^\| `sidecar (\w+)", TEXT, re.MULTILINE)
    assert verbs == list(VERBS)


def test_every_field_of_the_access_log_is_documented() -> None:
    """And no other."""
    rows = re.findall(r"^\| (`[^|]+) \|", section("Logs"), re.MULTILINE)
    said = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert said == {"kind", *(field.name for field in dataclasses.fields(Record))}


def test_every_field_of_the_report_is_documented() -> None:
    """What /ready tells."""
    row = next(row for row in ROWS if row[0] == "`GET /ready`")
    for name in Status("orders").report(0):
        assert f"`{name}`" in row[1]


async def nowhere() -> trio.abc.Stream:
    """A service that is not there."""
    raise OSError


async def test_every_metric_is_documented(tmp_path: Path) -> None:
    """And no other."""
    metrics = Metrics(Status("orders"), lambda: 0)
    Observer(AccessLog(io.StringIO()), metrics)
    show(metrics, Proxy(Gate(), Upstream(nowhere)), Certificate(*write_pair(tmp_path)))
    show_cache(metrics, Gate())
    shown = set(re.findall(r"^# TYPE (\S+)", metrics.exposition().decode(), re.MULTILINE))
    rows = re.findall(r"^\| (`sidegate_[^|]+) \|", TEXT, re.MULTILINE)
    said = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    of_the_parent = {"sidegate_workers", "sidegate_workers_replaced_total"}
    assert said == {name for name in shown if not name.endswith("_created")} | of_the_parent
