"""The learned control on an unmodified Linux host: BPF programs (`struct_ops`), and how they are loaded, found, changed and removed.

`iroko.bpf.c` is the program, `make bpf` compiles it; `load.py` hands it to the kernel through libbpf, `deployment.py` finds what is loaded.
"""
