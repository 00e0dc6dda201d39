"""Tests of the learned control as BPF."""
