"""What is recorded of scored episodes, and how much memory it takes: all of one scheme's, until its last episode is over."""

from iroko.errors import InputError
from iroko.scenario import Scenario
from iroko.seeds import trial_generator
from iroko.snapshot import Axis, fields_of

HOST_COLUMNS = fields_of(Axis.HOST)
PORT_COLUMNS = fields_of(Axis.PORT)
FLOW_COLUMNS = tuple(name for name in fields_of(Axis.FLOW) if name != "flow_completion_s")  # that is in the table of flows
"""Arrays of a snapshot that the table of steps holds as lists of num_hosts, num_ports and num_flows values."""
TRANSPORT = "transport"
"""Column of the table of flows, where some run over another transport than the scheme's."""
MAX_RECORDS_BYTES = 16e9
"""Of the records of one scheme."""
VALUE_BYTES = 8
STEP_BYTES = 3_500
"""Of a step beside the values of its lists: Python's objects, as measured."""
FLOW_BYTES = 450
"""Of a row in the table of flows, as measured."""


def records_bytes(episodes: int, num_steps: int, num_hosts: int, num_ports: int, num_flows: int) -> int:
    """The memory that the records of a scheme take.

    Args:
        num_steps, num_flows: of each episode.
    """
    num_values = len(HOST_COLUMNS) * num_hosts + len(PORT_COLUMNS) * num_ports + len(FLOW_COLUMNS) * num_flows
    return episodes * (num_steps * (STEP_BYTES + VALUE_BYTES * num_values) + num_flows * FLOW_BYTES)


def check_records(scenario: Scenario, episodes: int) -> None:
    """Refuse more episodes than the memory can hold, before hours have gone by.

    A traffic that draws the number of its flows has about as many in every episode as in the one that is drawn here.

    Raises:
        InputError: the records would take more than `MAX_RECORDS_BYTES`.
    """
    topology = scenario.fabric
    num_flows = len(scenario.make_flows(topology, trial_generator()))
    needed = records_bytes(episodes, scenario.num_steps, topology.num_hosts, topology.num_ports, num_flows)
    if needed > MAX_RECORDS_BYTES:
        raise InputError(
            f"episodes={episodes} of {scenario.num_steps:,} steps on {topology.num_hosts:,} hosts and {topology.num_ports:,} ports with "
            f"{num_flows:,} flows: their records would be more than {MAX_RECORDS_BYTES / 1e9:g} GB for each scheme "
            f"({needed / 1e9:.3g} GB); ask for fewer or shorter episodes, fewer flows, or a longer interval"
        )
