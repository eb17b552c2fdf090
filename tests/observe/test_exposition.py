"""What is shown, held line by line to what Prometheus's own client library writes of the same."""

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from sidecar.observe.exposition import Family, Sample, exposition

NAMES = st.text("ab_", min_size=1, max_size=8)
TEXTS = st.text('a \\"\n\r{},=#\u00e9\u2028\U0001f600', max_size=8)
NUMBERS = st.floats() | st.integers(-(10**18), 10**18) | st.booleans()


@st.composite
def families(draw: st.DrawFn) -> Family:
    """One of each kind, with whatever may stand in it."""
    kind = draw(st.sampled_from(("counter", "gauge", "histogram")))
    suffixes = st.sampled_from(("_bucket", "_count", "_sum") if kind == "histogram" else ("",))
    samples = draw(
        st.lists(st.builds(Sample, NUMBERS, st.dictionaries(NAMES, TEXTS, max_size=3), suffixes), max_size=4)
    )
    return Family(draw(NAMES) + ("_total" if kind == "counter" else ""), kind, draw(TEXTS), samples)


class Theirs(Collector):
    """The same family as the library has it."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        name, kind, text, samples = self._family
        metric = Metric(name.removesuffix("_total"), text, kind)
        for value, labels, suffix in samples:
            metric.add_sample(name + suffix, dict(labels), value)
        yield metric


@settings(deadline=None)
@given(st.lists(families(), max_size=3, unique_by=lambda family: family.name))
def test_it_is_what_the_library_writes(shown: list[Family]) -> None:
    """Names, help, types, labels with anything in them, and numbers of every size."""
    registry = CollectorRegistry(auto_describe=False)
    for family in shown:
        registry.register(Theirs(family))
    assert exposition(shown) == generate_latest(registry)


def test_a_line_of_each() -> None:
    """As the format's description has them."""
    requests = Family("requests_total", "counter", "a\\b\nc", [Sample(3, {"route": '/"x"', "code": "2xx"})])
    seconds = Family("seconds", "histogram", "", [Sample(1_234_567, {"le": "+Inf"}, "_bucket")])
    assert exposition([requests, seconds, Family("up", "gauge", "", [])]).decode() == (
        "# HELP requests_total a\\\\b\\nc\n# TYPE requests_total counter\n"
        'requests_total{code="2xx",route="/\\"x\\""} 3.0\n'
        '# HELP seconds \n# TYPE seconds histogram\nseconds_bucket{le="+Inf"} 1.234567e+06\n'
        "# HELP up \n# TYPE up gauge\n"
    )
