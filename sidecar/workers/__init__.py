"""Several processes on one port. The parent decides and serves no caller; each worker is a data plane of its own.

``parent``     starts workers, replaces those that die, passes the end on, answers /ready and /metrics for all
``worker``     one data plane, at the other end of a channel instead of behind an admin port
``channel``    lines of JSON between the two, over a socket pair
``together``   the reports and the metrics of several as one
``lines``      access log lines of several processes on one standard output, each whole
"""
