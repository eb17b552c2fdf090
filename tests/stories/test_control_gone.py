"""Enforcement does not depend on control being there."""

import threading

from .conftest import Stack


class Load:
    """Requests in a loop from a thread, until told to stop; counts the statuses."""

    def __init__(self, stack: Stack, name: str, path: str, token: str) -> None:
        self.statuses: dict[int | str, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(stack, name, path, token))

    def _run(self, stack: Stack, name: str, path: str, token: str) -> None:
        while not self._stop.is_set():
            try:
                status: int | str = stack.get(name, path, token).status_code
            except OSError as error:  # whatever a caller would see
                status = type(error).__name__
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_control_killed_under_load(mesh_stack: Stack) -> None:
    """kill -9 of control fails no request; a sidecar restarted meanwhile serves; with control back, all converge."""
    stack = mesh_stack
    stack.add_sidecar("orders-2", "orders", stack.commands["orders"][5])
    token = stack.token("orders:read")
    with Load(stack, "orders", "/orders/7", token) as load:
        stack.processes.kill("control")
        stack.processes.kill("orders-2")
        stack.start_sidecar("orders-2")
        assert stack.get("orders-2", "/orders/7", token).status_code == 200
        assert stack.get("orders-2", "/orders/7").status_code == 401
        while stack.ready("orders")["control"] == "connected":
            pass  # the loss is noticed by itself
        assert stack.ready("orders-2")["ready"] is True
        stack.start_control()
        tighter = stack.policy().read_text().replace("orders:read", "orders:audit")
        stack.control("push", str(stack.policy(tighter, "tighter.yaml")))
        while stack.get("orders-2", "/orders/7", token).status_code != 403:
            pass  # reconnects and converges by itself
        while stack.get("orders", "/orders/7", token).status_code != 403:
            pass
    assert set(load.statuses) <= {200, 403}, load.statuses
    assert stack.control_json("history")["versions"][0]["version"] >= 2


def test_a_sidecar_that_never_had_a_policy_refuses(stack: Stack) -> None:
    """Fail closed on what was never known: 503 no_snapshot, and /ready says why."""
    stack.add_sidecar("orders", "orders", stack.start_echo())
    refusal = stack.get("orders", "/public/hello")
    assert refusal.status_code == 503
    assert refusal.json()["reason"] == "no_snapshot"
    assert int(refusal.headers["retry-after"]) > 0
    assert stack.http.get(stack.admins["orders"] + "/ready").status_code == 503
    stack.control("push", str(stack.policy()), "--wait")
    assert stack.get("orders", "/public/hello").status_code == 200
    assert stack.http.get(stack.admins["orders"] + "/ready").status_code == 200
