"""One run: train, score, write; `python -m iroko.run`."""
