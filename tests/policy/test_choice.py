"""A policy named in a scenario or by an option: from the name to the flows, and what is wrong with it in one line."""

from pathlib import Path

import numpy as np
import pytest

from iroko.engines.open import missing_transports, open_engine
from iroko.engines.remote.messages import pack_episode, unpack_episode
from iroko.envs.environment import IrokoEnv
from iroko.errors import InputError, UnsupportedError
from iroko.flows import Flow, expect_udp_alone
from iroko.policy.builtin import SHIPPED, dctcp_like
from iroko.policy.choice import check_policy, load_policy, with_policies
from iroko.policy.format import write_policy
from iroko.rundir.config import make_config, make_table
from iroko.scenario import Scenario
from iroko.topologies.dumbbell import dumbbell
from tests.policy.states import random_policy


def make_file(folder: Path, seed: int = 1) -> Path:
    path = folder / "policy.json"
    write_policy(random_policy(np.random.default_rng(seed), "small"), path)
    return path


def test_a_name_is_a_built_in_policy_or_a_file(tmp_path: Path) -> None:
    assert load_policy("dctcp_like") == dctcp_like() and check_policy("dctcp_like", "") == ""
    path = make_file(tmp_path)
    digest = check_policy(str(path), "")
    assert len(digest) == 64
    assert load_policy(str(path), digest) == random_policy(np.random.default_rng(1), "small")


@pytest.mark.parametrize(("name", "sha256", "said"), [
    ("dctcp_lik", "", "or a built-in policy: dctcp_like"),
    ("", "", "expected the path"),
    (7, "", "policy=7"),
    ("dctcp_like", "ab", "is built in"),
    ("dctcp_like", 1, "policy_sha256=1"),
    ("~nobody/policy.json", "", "cannot be read"),
    ("a\0b", "", "cannot be read"),
])  # fmt: skip
def test_what_names_no_policy(name: object, sha256: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_policy(name, sha256)


def test_a_file_that_has_changed_is_refused(tmp_path: Path) -> None:
    """A run that goes on, or is repeated, has the policy that it began with."""
    path = make_file(tmp_path)
    config = make_config(make_table({"run": {"engine": "sim", "agents": "none", "baselines": ["iroko"]},
                                     "environment": {"policy": str(path)}}))  # fmt: skip
    assert len(config.scenario.policy_sha256) == 64
    assert make_config(config.to_table()).scenario == config.scenario
    make_file(tmp_path, seed=2)
    with pytest.raises(InputError, match="the file has changed"):
        make_config(config.to_table())
    other = make_config(make_table({"environment": {"policy": "dctcp_like"}}, lowest=config.to_table()))
    assert other.scenario.policy_sha256 == ""


def test_flows_over_iroko_get_the_scenarios_policy(tmp_path: Path) -> None:
    policy, own = random_policy(np.random.default_rng(1), "small"), dctcp_like(1024)
    scenario = Scenario(transport="iroko", policy=str(make_file(tmp_path)), episode_s=1.0)
    flows = [Flow("h0", "h2"), Flow("h0", "h2", policy=own), Flow("h0", "h2", transport="cubic")]
    assert [flow.policy for flow in with_policies(scenario, flows)] == [policy, own, None]
    tcp = Scenario(transport="cubic", episode_s=1.0)
    assert with_policies(tcp, flows) is flows


@pytest.mark.parametrize("transport", ["iroko", "udp"])
def test_an_environment_runs_it(transport: str, tmp_path: Path) -> None:
    env = IrokoEnv(Scenario(transport=transport, policy=str(make_file(tmp_path)), episode_s=0.5), engine="sim")
    try:
        env.reset(seed=1)
        assert all((flow.policy is not None) == (transport == "iroko") for flow in env.flows)
        _, _, _, _, info = env.step(env.action_space.high)  # type: ignore[attr-defined]
        assert info["goodput_bps"] > 0
    finally:
        env.close()


def test_which_engines_have_the_learned_control() -> None:
    assert missing_transports("guest", iter(["iroko"])) == {}
    assert missing_transports("sim", ["iroko"]) == {}


def test_udp_beside_tcp_is_for_the_simulator() -> None:
    flows = [Flow("h0", "h1"), Flow("h0", "h1", transport="udp")]
    with pytest.raises(UnsupportedError, match=r"flows over udp and over cubic in one episode: use engine sim"):
        expect_udp_alone(flows, "cubic")
    expect_udp_alone(flows, "udp")
    expect_udp_alone([*flows[:1], Flow("h0", "h1", transport="dctcp")], "cubic")


def test_what_is_sent_to_a_guest_arrives() -> None:
    policy, other = random_policy(np.random.default_rng(1)), dctcp_like(1024)
    flows = [Flow("h0", "h1", 0.5, 7, "iroko", policy), Flow("h1", "h0"), Flow("h0", "h1", policy=other), Flow("h0", "h1", policy=policy)]
    assert unpack_episode(pack_episode(flows, "iroko", 3)) == (flows, "iroko", 3)


def test_a_transport_that_no_engine_has() -> None:
    with pytest.raises(InputError, match="transport='a b' of flow h0->h1"):
        Flow("h0", "h1", transport="a b")
    with pytest.raises(InputError, match="expected a Policy"):
        Flow("h0", "h1", policy="file.json")  # type: ignore[arg-type]
    engine = open_engine("sim", dumbbell())
    with pytest.raises(UnsupportedError, match="bbr"):
        engine.reset([Flow("h0", "h2", transport="bbr")], "udp", 1)
    engine.close()


def test_the_package_has_a_trained_policy_with_its_card_and_scenarios_use_it() -> None:
    assert Scenario().policy == SHIPPED
    card = load_policy(SHIPPED).card
    assert card.name == SHIPPED and card.training.startswith("CMA-ES") and len(card.commit) >= 7 and card.scores
