"""Loggers of learners."""

from pathlib import Path
from types import SimpleNamespace

from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat


def make_logger(folder: Path | None) -> Logger:
    """A logger for TensorBoard; without a folder one that writes nothing."""
    # Made by hand: Stable-Baselines3's own way creates a temporary folder even when nothing is logged.
    if folder is None:
        return Logger(None, [])
    from tensorboard.summary.writer import event_file_writer

    # TensorBoard writes the machine's name into the names of its files, which are passed on with the run.
    event_file_writer.socket = SimpleNamespace(gethostname=lambda: "machine")
    return Logger(None, [TensorBoardOutputFormat(str(folder))])
