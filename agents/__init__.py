"""One scheme a file: agents that learn, and baselines that do not."""
