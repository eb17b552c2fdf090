"""Who runs where, and how much of it was used. Everything is read from /proc, to a hundredth of a second."""

import contextlib
import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICK_HZ = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Place:
    """The processors of the proxy, and those of everything else: service, load and this runner."""

    proxy: frozenset[int]
    rest: frozenset[int]


def apart() -> Place:
    """One for the proxy, all others for the rest."""
    mine = sorted(os.sched_getaffinity(os.getppid()))
    return Place(frozenset(mine[:1]), frozenset(mine[1:] or mine))


def together(count: int) -> Place:
    """The first ``count``, for everything."""
    mine = frozenset(sorted(os.sched_getaffinity(os.getppid()))[:count])
    return Place(mine, mine)


def tree(pid: int) -> list[int]:
    """A process and its living descendants."""
    found, queue = [], [pid]
    while queue:
        found.append(pid := queue.pop())
        with contextlib.suppress(OSError):  # it has ended
            for task in Path(f"/proc/{pid}/task").iterdir():
                queue += map(int, (task / "children").read_text().split())
    return found


def pin(pid: int, cpus: Iterable[int]) -> None:
    """Every thread of a process and of its descendants."""
    wanted = set(cpus)
    for one in tree(pid):
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                os.sched_setaffinity(int(task.name), wanted)


def cpu_s(pid: int) -> float:
    """Processor time of a process, its descendants, and those that they have waited for."""
    total = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            total += sum(map(int, Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return total / TICK_HZ


def rss_mib(pid: int) -> float:
    """Resident memory of a process and its descendants."""
    pages = 0
    for one in tree(pid):
        with contextlib.suppress(OSError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * PAGE / (1 << 20)


def busy_s(cpus: Iterable[int]) -> float:
    """Seconds since the start of the machine that these were not idle; time stolen by a hypervisor is busy."""
    rows = {int(m[1]): m[2].split() for m in re.finditer(r"^cpu(\d+) (.*)$", Path("/proc/stat").read_text(), re.M)}
    return sum(sum(map(int, rows[cpu][:8])) - int(rows[cpu][3]) - int(rows[cpu][4]) for cpu in cpus) / TICK_HZ


def own_s() -> float:
    """Processor time of this process and of the children that it has waited for."""
    return sum(os.times()[:4])


def machine() -> str:
    """In a few words."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.M)
    count = len(os.sched_getaffinity(os.getppid()))
    return f"{count} CPUs, {model[1] if model else platform.machine()}, Linux {platform.release().partition('-')[0]}"
