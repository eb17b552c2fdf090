"""Every target's files are filled in for every setup, and what we give ourselves is a snapshot that a sidecar takes."""

import os
from pathlib import Path

import pytest

from bench.proxies.keys import Keys
from bench.proxies.ours import POLICIES, Ours
from bench.proxies.peers import PEERS, Peer
from bench.proxies.processors import busy_s, cpu_s, tree
from bench.proxies.programs import NJS_MODULE
from bench.proxies.scenarios import SCENARIOS, Setup
from bench.proxies.targets import Ground
from bench.proxies.templates import PEERS as TEMPLATES
from bench.proxies.templates import filled
from sidecar.contract.snapshot import decode

SETUPS = list(dict.fromkeys(scenario.setup for scenario in SCENARIOS))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """One issuer's."""
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_gets_files_without_holes(peer: Peer, keys: Keys, tmp_path: Path) -> None:
    """Nothing is left to fill in, and port, upstream and issuer are those of the run."""
    if peer.program == "nginx" and not NJS_MODULE.exists():
        pytest.skip("nginx with njs is not installed")
    for setup in SETUPS:
        peer.command(setup, Ground(tmp_path, keys, 4001, 4002))
        text = "".join((tmp_path / file).read_text() for file in peer.files)
        assert "{{" not in text
        assert all(word in text for word in ("4001", "4002", "issuer.example", "orders-api"))
        assert (f"{keys.folder}/tls." in text) == setup.tls


def test_a_hole_that_nobody_fills_is_an_error() -> None:
    """A mistyped name does not become a line of a configuration."""
    with pytest.raises(KeyError, match="PROT"):
        filled("listen {{PROT}}", {"PORT": 1})


def test_every_template_belongs_to_somebody() -> None:
    """No file lies about that no run uses."""
    used = {file for peer in PEERS for file in peer.files} | {"upstream.conf", "upstream.js"}
    assert {file.name for file in TEMPLATES.iterdir()} == used


@pytest.mark.parametrize("policy", POLICIES)
def test_our_own_policies_are_snapshots(policy: str, keys: Keys, tmp_path: Path) -> None:
    """The sidecar can decode each, with the issuer whose tokens are sent."""
    setup = next(setup for setup in SETUPS if setup.policy == policy)
    Ours().command(setup, Ground(tmp_path, keys, 4001, 4002))
    snapshot = decode((tmp_path / "snapshot").read_bytes())
    assert (snapshot.routes, snapshot.issuers) == (POLICIES[policy], (keys.issuer,))


def test_scenarios_of_one_setup_stand_together() -> None:
    """So that their targets are started once."""
    order = [scenario.setup for scenario in SCENARIOS if scenario.tool != "start"]
    assert len(list(dict.fromkeys(order))) == sum(
        a != b for a, b in zip(order, [Setup(workers=9), *order], strict=False)
    )


def test_processor_time_is_that_of_the_whole_tree() -> None:
    """Of this process at least something, and no more than the machine had."""
    assert os.getpid() in tree(os.getpid())
    assert 0 < cpu_s(os.getpid()) < busy_s(range(os.cpu_count() or 1)) + 1
