"""The control in this machine's kernel: it decides as Python does, changes its policy while flows run, and leaves nothing behind."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from iroko.engines.kernel.namespaces import Namespace
from iroko.errors import UnsupportedError
from iroko.policy.bpf import load
from iroko.policy.bpf.deployment import Deployment
from iroko.policy.bpf.load import Loaded
from iroko.policy.builtin import dctcp_like
from iroko.policy.format import Policy
from iroko.policy.recompute import find_differences
from tests.policy.bpf.conftest import control_of, open_flow
from tests.policy.states import random_policy

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("host")]

AVAILABLE = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
GREEDY = Policy((0,) * 10, ((0,) * 10,) * 10, (0,) * 10, (0,) * 10, 1024, replace(dctcp_like().card, name="greedy", guard=8 * 1024))


def is_available() -> bool:
    return "iroko" in AVAILABLE.read_text().split()


@pytest.mark.parametrize("kind", ["built in", "small", "any", "extreme"])
def test_every_decision_is_pythons(kind: str, namespace: Namespace) -> None:
    policy = dctcp_like() if kind == "built in" else random_policy(np.random.default_rng(1), kind)
    loaded = Loaded(policy)
    try:
        with Deployment.expect() as deployment, open_flow(namespace):
            log = deployment.log_decisions(0.7)
            assert deployment.read_policy().to_bytes() == policy.to_bytes()
    finally:
        loaded.close()
    assert len(log) > 50
    assert find_differences(log, {0: policy}) == []
    if kind == "built in":  # it doubles the window as long as nothing was congested, as a policy without weights never does
        assert find_differences(log, {0: replace(GREEDY, output_bias=0)}) != []


def test_flows_change_their_policy_while_they_run(namespace: Namespace) -> None:
    loaded = Loaded(dctcp_like())
    try:
        with Deployment.expect() as deployment, open_flow(namespace) as sender:
            deployment.log_decisions(0.2)
            deployment.set_policy(GREEDY)
            time.sleep(0.05)
            log = deployment.log_decisions(0.3)
            assert deployment.read_summary().policy == "greedy" and control_of(sender) == "iroko"
    finally:
        loaded.close()
    assert len(log) > 20 and find_differences(log, {0: GREEDY}) == []


def test_a_mark_chooses_a_policy(namespace: Namespace) -> None:
    loaded = Loaded(dctcp_like())
    try:
        with Deployment.expect() as deployment:
            deployment.add_policy(77, GREEDY)
            assert sorted(deployment.policy_numbers()) == [0, 77]
            with pytest.raises(UnsupportedError, match="element of a map"):
                deployment.add_policy(77, GREEDY)
            with open_flow(namespace, mark=77), open_flow(namespace, mark=78):
                log = deployment.log_decisions(0.4)
            deployment.remove_policy(77)
            assert deployment.policy_numbers() == [0]
    finally:
        loaded.close()
    assert set(log["policy"].tolist()) == {0, 77}
    assert find_differences(log, {0: dctcp_like(), 77: GREEDY}) == []


def test_a_flow_without_ecn_becomes_reno(namespace: Namespace) -> None:
    loaded = Loaded(dctcp_like())
    try:
        with Deployment.expect() as deployment, open_flow(namespace, receiver="cubic", ecn="0") as sender:
            assert control_of(sender) == "reno"
            assert deployment.read_summary().fallbacks == 1 and len(deployment.read_flows()) == 0
    finally:
        loaded.close()


def test_flows_are_listed_with_their_windows(namespace: Namespace) -> None:
    loaded = Loaded(dctcp_like())
    try:
        with Deployment.expect() as deployment, open_flow(namespace) as sender:
            time.sleep(0.3)
            rows = deployment.read_flows()
            summary = deployment.read_summary()
            mine = rows[rows["source_port"] == sender.getsockname()[1]]
            assert len(rows) == 2 and len(mine) == 1 and mine[0]["destination_port"] == sender.getpeername()[1]
            assert mine[0]["decisions"] > 10 and mine[0]["window"] >= 2 << 16 and 0 < mine[0]["min_rtt_us"] <= mine[0]["rtt_us"]
            assert summary.opened == 2 and summary.decisions >= mine[0]["decisions"]
        time.sleep(0.2)
    finally:
        loaded.close()


def test_nothing_is_left_and_flows_outlive_the_control(namespace: Namespace) -> None:
    loaded = Loaded(dctcp_like())
    assert is_available()
    with open_flow(namespace) as sender:
        loaded.close()
        assert not is_available() and Deployment.find() is None
        assert control_of(sender) == "iroko" and sender.send(b"x") == 1
    loaded.close()


def test_a_second_one_is_refused() -> None:
    loaded = Loaded(dctcp_like())
    try:
        with pytest.raises(UnsupportedError, match="--set POLICY"):
            Loaded(dctcp_like())
        assert is_available()
    finally:
        loaded.close()
    assert not is_available()


def test_the_verifier_s_refusal_is_one_line_and_running_flows_stay(namespace: Namespace) -> None:
    """The program for the other kernels takes a number for a pointer here."""
    other = next(name for name in ("before_6_10.bpf.o", "from_6_10.bpf.o") if name != load.choose_object())
    with open_flow(namespace, "cubic", "cubic") as sender:
        with pytest.raises(UnsupportedError, match="the kernel's verifier refuses it: ") as caught:
            Loaded(dctcp_like(), load.FOLDER / other)
        assert "\n" not in str(caught.value) and control_of(sender) == "cubic"
    assert not is_available()


def test_pinning_needs_the_file_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(load, "BPF_FILES", tmp_path)
    loaded = Loaded(dctcp_like())
    try:
        with pytest.raises(UnsupportedError, match="mount -t bpf bpf"):
            loaded.pin()
    finally:
        loaded.close()
    assert not is_available()
