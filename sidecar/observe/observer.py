"""The one door through which the proxy tells what happened: to the access log, to metrics, to the tally that
control is told of, and bugs to the log."""

import logging

from .accesslog import AccessLog
from .metrics import Metrics
from .record import Record
from .tally import Tally

_log = logging.getLogger("sidecar.proxy")


class Observer:
    """Give it no log, no metrics or no tally to do without them."""

    def __init__(
        self, log: AccessLog | None = None, metrics: Metrics | None = None, tally: Tally | None = None
    ) -> None:
        self._log, self._metrics, self._tally = log, metrics, tally
        if log and metrics:
            metrics.gauge("sidegate_log_lines_dropped", "Access log lines lost", lambda: log.dropped)

    def finished(self, record: Record) -> None:
        """An exchange is over."""
        if self._log:
            self._log.add(record)
        if self._metrics:
            self._metrics.finished(record)
        if self._tally:
            self._tally.finished(record)

    def bug(self, error: BaseException) -> None:
        """A handler failed as none should; its connection is gone, the others go on."""
        _log.error("a connection ended by a bug in sidegate", exc_info=error)
