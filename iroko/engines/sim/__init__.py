"""The engine `sim`: a packet-level simulator of the kernel engine's network, compiled by numba. `README.md` says how it works."""
