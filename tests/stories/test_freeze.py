"""A freeze with real processes: who is refused reads why; what makes the mesh safer goes through."""

from .conftest import POLICY, Stack

OTHER = POLICY.replace("{path: /**}", "{path: /**, access: public}")


def test_a_freeze_holds_pushes_and_lets_revocations_through(mesh_stack: Stack) -> None:
    """Over a restart of control, until it is taken back."""
    token = mesh_stack.token("orders:read")
    said = mesh_stack.control("freeze", "--reason", "sale until Monday")
    assert said.startswith("frozen by environment since ")
    mesh_stack.processes.kill("control")
    mesh_stack.start_control()
    for command in (
        ("push", str(mesh_stack.policy(OTHER, "other.yaml"))),
        ("push", str(mesh_stack.policy(OTHER, "other.yaml")), "--canary", "10%"),
        ("rollback", "1"),
    ):
        refused = mesh_stack.control(*command, expect=1)
        assert "frozen by environment since" in refused
        assert "sale until Monday" in refused
    assert "frozen by environment" in mesh_stack.control("status")
    assert mesh_stack.get("orders", "/orders", token).status_code == 200
    mesh_stack.control("revoke", "--issued-before", "2035-01-01T00:00:00Z", "--wait")
    assert mesh_stack.get("orders", "/orders", token).status_code == 401
    mesh_stack.control("unfreeze")
    mesh_stack.control("push", str(mesh_stack.policy(OTHER, "other.yaml")), "--wait")
    assert mesh_stack.get("orders", "/orders").status_code == 200
    assert "frozen" not in mesh_stack.control("status")
