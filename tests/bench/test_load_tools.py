"""What wrk and h2load print becomes figures, or an error: never a figure that nobody saw."""

import pytest

from bench.proxies import h2load, strace, wrk
from bench.proxies.load import Load, LoadError

WRK = """\
Running 2s test @ http://127.0.0.1:40123/x
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.05ms    1.12ms  31.12ms   95.11%
    Req/Sec    19.21k     1.02k   20.12k    85.00%
  38310 requests in 2.00s, 8.11MB read
{more}Requests/sec:  19144.84
Transfer/sec:      4.05MB

RESULT {{"requests": 38310, "us": 2001064, "p50_us": 2980, "p99_us": 4120, "errors": {errors}, "broken": {broken}}}
"""


def test_wrk_says_how_many_in_which_time() -> None:
    """The figures are those of our own line, not wrk's rounded ones."""
    assert wrk.read(WRK.format(more="", errors=0, broken=0)) == Load(38310, 2.001064, 2980, 4120, 0)


def test_errors_and_broken_connections_are_wrong_answers() -> None:
    """A proxy that refuses or cuts is not fast."""
    assert wrk.read(WRK.format(more="  Non-2xx or 3xx responses: 7\n", errors=7, broken=2)).wrong == 9


def test_where_refusals_are_expected_a_200_is_wrong() -> None:
    """Of 38,310 bad tokens ten went through."""
    assert wrk.read(WRK.format(more="", errors=38300, broken=0), refused=True).wrong == 10


def test_wrk_without_a_result_is_an_error() -> None:
    """A script that failed leaves no figure behind, and the error says what wrk said."""
    with pytest.raises(LoadError, match="unable to connect"):
        wrk.read("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_h2load_says_each_request() -> None:
    """Percentiles over the lines of its log; the time from the first beginning to the last end."""
    rows = "".join(f"{1_000_000 + 2_000 * number}\t200\t{100 + number}\n" for number in range(101))
    assert h2load.read(rows, 101) == Load(101, pytest.approx(0.2002), 150, 199, 0)  # type: ignore[arg-type]


def test_h2load_counts_what_failed_and_what_never_came() -> None:
    """-1 is a failed request, 503 a refusal; of five asked for one has no line."""
    assert h2load.read("1000\t200\t90\n1100\t-1\t10\n1200\t503\t80\n1300\t200\t95\n", 5).wrong == 3


@pytest.mark.parametrize("log", ["", "1000\t200\n", "began\tstatus\ttook\n", "1000\t200\t90\n"])
def test_a_log_that_cannot_be_read_is_an_error(log: str) -> None:
    """Nothing, too few columns, words, or one line, of which there is no percentile."""
    with pytest.raises(LoadError, match="h2load"):
        h2load.read(log, 1)


STRACE = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 50.12    0.021034           2      8021           sendto
 40.00    0.017034           2      8019         3 recvfrom
  9.88    0.004034           1      9000           epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.042102           1     25040         3 total
"""


def test_strace_says_which_calls_were_made() -> None:
    """With and without a count of errors; the sum is not one of them."""
    assert strace.read(STRACE) == {"epoll_wait": 9000, "sendto": 8021, "recvfrom": 8019}


def test_strace_that_saw_nothing_is_an_error() -> None:
    """As where it may not attach."""
    with pytest.raises(LoadError, match="Operation not permitted"):
        strace.read("strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n")
