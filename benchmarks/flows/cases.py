"""Scenarios with finite flows: fabric, workload and loads, drawn by seeds."""

from dataclasses import dataclass, replace

from iroko.agents._flow_tasks import network, poisson
from iroko.envs.flow_trials import Trial
from iroko.metrics import MTU_FRAME_BYTES
from iroko.seeds import scored_episode_seed, traffic_generator, training_section_seed, transport_seed

SEED = 2026
"""The seeds of all episodes follow from it, those of tuning and those that are scored."""
LOADS = (0.3, 0.5, 0.7, 0.8)
AIMED_LOADS = LOADS[:3]
"""Over which the means are taken that the aims are about."""
TUNING_LOADS, TUNING_EPISODES = (0.3, 0.7), 2
THRESHOLDS = {1e9: (5, 10, 20), 1e10: (10, 20, 65), 1e11: (20, 65, 130)}
"""ECN thresholds in frames, by rate, from which DCTCP's is tuned: the published one among them for 1 and 10 Gbit/s, 20 and 65."""


@dataclass(frozen=True)
class Case:
    """A fat-tree and a workload.

    Attributes:
        workload: `websearch`, `hadoop` or `datamining`.
        k: of the fat-tree.
        rate_bps: of every link.
        delay_s: of every link.
        arrival_s: for how long flows arrive.
        drain_s: for how long those left may finish after that.
        host_queue: how hosts queue, `fq` or `fifo`.
    """

    workload: str
    k: int
    rate_bps: float
    delay_s: float
    arrival_s: float
    drain_s: float
    host_queue: str = "fq"

    @property
    def name(self) -> str:
        queue = "" if self.host_queue == "fq" else f" {self.host_queue} hosts"
        return f"{self.workload} k={self.k} {self.rate_bps / 1e9:g}G {self.delay_s * 1e6:g}us{queue}"

    @property
    def thresholds(self) -> tuple[int, ...]:
        return THRESHOLDS[self.rate_bps]

    def trial(self, load_share: float, threshold: int, episode_seed: int) -> Trial:
        """An episode; equal seeds give equal flows at every threshold."""
        topology = network("fattree", self.rate_bps, self.delay_s, threshold, self.host_queue, k=self.k)
        rng = traffic_generator(episode_seed)
        return poisson(rng, topology, self.workload, load_share, self.arrival_s, self.drain_s, transport_seed(episode_seed))


CASES = (
    Case("websearch", 4, 1e9, 3e-6, 0.4, 0.4),
    Case("hadoop", 4, 1e9, 3e-6, 0.08, 0.1),
    Case("datamining", 4, 1e9, 3e-6, 0.6, 0.6),
    Case("websearch", 4, 1e9, 50e-6, 0.4, 0.4),
    Case("websearch", 4, 1e10, 3e-6, 0.04, 0.04),
    Case("websearch", 4, 1e11, 3e-6, 0.004, 0.004),
    Case("websearch", 8, 1e10, 3e-6, 0.01, 0.02),
    Case("hadoop", 8, 1e10, 3e-6, 0.002, 0.005),
)


def tuning_seed(episode: int) -> int:
    """Of an episode on which a rival is tuned: of those of trainings, none of which is scored."""
    return training_section_seed(SEED, episode)


def held_out_seed(episode: int) -> int:
    """Of an episode that is scored."""
    return scored_episode_seed(SEED, episode)


def with_threshold(trial: Trial, threshold: int) -> Trial:
    """The same flows on switches that mark from another length of queue on."""
    ports = tuple(replace(port, ecn_bytes=None if port.ecn_bytes is None else threshold * MTU_FRAME_BYTES) for port in trial.topology.ports)
    return replace(trial, topology=replace(trial.topology, ports=ports))
