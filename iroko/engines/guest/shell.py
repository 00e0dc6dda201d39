"""What runs in the guest for `python -m iroko.guest shell`: a fabric and Mininet's command line."""

import sys

from iroko.engines.kernel import open_fabric
from iroko.scenario import Scenario

if __name__ == "__main__":
    name, rate = sys.argv[1:]
    with open_fabric(Scenario(topology=name, topology_parameters={"rate_bps": rate}).fabric) as fabric:
        fabric.shell()
