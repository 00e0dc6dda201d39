"""The families that decide how long cases run."""

from benchmarks.parity.cases import TRANSPORTS
from benchmarks.parity.timings import DUMBBELL, FATTREE, family_of, without_learned


def test_every_transport_has_a_family_with_timings() -> None:
    assert {family_of(transport) for transport in TRANSPORTS} == set(DUMBBELL) == set(FATTREE) == {"udp", "delay", "loss", "learned"}
    assert family_of("iroko-delay") == "learned" and family_of("dctcp") == "loss"
    assert set(without_learned(DUMBBELL)) == {"udp", "delay", "loss"}
    assert [family for family, rates in DUMBBELL.items() if "10G" in rates] == ["learned"]
