"""Environments over engines: Gymnasium, vector, Stable-Baselines3 and PettingZoo."""
