"""What the engine remembers: so much and no more, and what is in use rather than what is not."""

import sys

from hypothesis import given
from hypothesis import strategies as st

from sidecar.authz.again import Keys
from sidecar.proxy.express.memo import Memo
from sidecar.proxy.express.rulings import MAX_ROUTES, Who, _bytes_of


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40), st.integers(1, 12))))
def test_it_holds_no_more_than_it_may(steps: list[tuple[bool, int, int]]) -> None:
    """Whatever is put and looked for, and in whatever order, it weighs at most twice what a generation may, and what it
    gives back is what was put last."""
    memo, put = Memo[int, str](20, len), dict[int, str]()
    for puts, key, size in steps:
        if puts:
            put[key] = "x" * size
            memo.put(key, put[key])
        else:
            assert memo.get(key) in (None, put.get(key))
        kept = [text for other in put if (text := memo.young.get(other) or memo._old.get(other))]
        assert sum(map(len, kept)) <= 2 * 20


def test_what_is_in_use_stays() -> None:
    """However many others come once."""
    memo = Memo[int, str](10, len)
    memo.put(0, "used")
    for other in range(1, 500):
        memo.put(other, "x")
        assert memo.get(0) == "used"
    assert memo.get(1) is None


def test_putting_a_thing_again_is_no_other_thing() -> None:
    """A route that each new token is seen on does not push the other routes out."""
    memo = Memo[int, str](4)
    memo.put(0, "other")
    for _ in range(100):
        memo.put(1, "same")
    assert memo.young == {0: "other", 1: "same"}


def test_a_token_of_many_routes_is_no_lighter_than_it_is() -> None:
    """What is counted of it grows with the routes that it was seen on, as its memory does."""
    few, many = dict[int, Keys]({0: ()}), dict[int, Keys](dict.fromkeys(range(MAX_ROUTES), ()))
    grows_by = _bytes_of(Who(routes=many)) - _bytes_of(Who(routes=few))
    assert grows_by >= sys.getsizeof(many) - sys.getsizeof(few)
