"""What works on this machine, what does not, and the command that mends it: `python -m iroko.doctor`.

Nothing here imports a package outside Python's own library at the top of a module: a doctor has to run where those are missing.
"""
