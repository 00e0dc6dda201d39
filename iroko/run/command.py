"""The main job: `python -m iroko.run --topo fattree --agent ppo` trains, scores beside the baselines, compares and draws.

This file reads the command line and marks the run folder however the run ends; `iroko.rundir.config` checks what is asked,
`iroko.run.job` does it. What takes long to import is imported once the options are known to be good.

Exit codes: 0 done; 1 an engine failed; 2 bad input, or this machine lacks something; 130 Ctrl-C; 141 the output's reader has gone; 143
SIGTERM.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from iroko.errors import InputError, IrokoError
from iroko.registry import check_name, list_names, show
from iroko.rundir.config import DEFAULT_BASELINES, DEFAULT_STEPS, DEFAULT_TOPOLOGY, RunConfig, first_difference, make_config, make_table
from iroko.system.command import Stopped, run_command
from iroko.system.places import expand, shorten
from iroko.system.small_files import read_json
from iroko.toml import read_toml
from iroko.user_files import add_folder, allow, is_path, name_of

if TYPE_CHECKING:
    from iroko.run.job import Prepared
    from iroko.rundir.folder import RunFolder

PLAIN_WIDTH = 100
"""Columns of the table where there is no terminal."""
PROGRAM = "python -m iroko.run"

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def run(
    topo: Annotated[str | None, typer.Option(metavar="NAME",
        help=f"Topology: a file in topologies/, or a path [{DEFAULT_TOPOLOGY}].")] = None,
    agent: Annotated[list[str] | None, typer.Option(metavar="NAME",
        help="Agent to train and score, or the path of one; again for more; 'none' for none [ppo].")] = None,
    baseline: Annotated[list[str] | None, typer.Option(metavar="NAME",
        help=f"Scheme to score beside it; again for more; 'none' for none [{' '.join(DEFAULT_BASELINES)}].")] = None,
    traffic: Annotated[str | None, typer.Option(metavar="NAME",
        help="Traffic: a file in traffic/, or a path [by topology].")] = None,
    transport: Annotated[str | None, typer.Option(metavar="NAME", help="Transport under the agents' limits: udp or a TCP [udp].")] = None,
    mix: Annotated[str | None, typer.Option(metavar="SHARES",
        help="Transports of a share of the flows under every scheme, such as dctcp=0.5 [none].")] = None,
    policy: Annotated[str | None, typer.Option(metavar="FILE",
        help="Policy that decides over transport iroko: a file, or a built-in one's name [iroko1].")] = None,
    engine: Annotated[str | None, typer.Option(metavar="NAME", help="Where schemes are scored: guest, mininet or sim [guest].")] = None,
    train_engine: Annotated[str | None, typer.Option(metavar="NAME", help="Where agents learn [sim].")] = None,
    steps: Annotated[int | None, typer.Option(metavar="N", help=f"Training steps of each agent [{DEFAULT_STEPS}].")] = None,
    envs: Annotated[int | None, typer.Option(metavar="N", help="Training environments side by side [sim 16, guest 2, mininet 1].")] = None,
    episodes: Annotated[int | None, typer.Option(metavar="N", help="Scored episodes of each scheme [2].")] = None,
    interval: Annotated[str | None, typer.Option(metavar="TIME", help="One step of control, such as 100ms.")] = None,
    episode: Annotated[str | None, typer.Option(metavar="TIME", help="Length of an episode, such as 20s.")] = None,
    rate: Annotated[str | None, typer.Option(metavar="RATE", help="Rate of every link, such as 10M or 1G.")] = None,
    deployment: Annotated[str | None, typer.Option(metavar="NAME",
        help="Who decides: central, one for all hosts; hosts, each for itself; or flows, by a policy in each transport [central].")] = None,
    reward: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the reward [iroko2018].")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="All that is random follows from it [1].")] = None,
    model: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Score the agent saved in this folder; nothing is trained.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="A TOML file of settings, such as a run's config.toml.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="One setting; again for more.")] = None,
    path: Annotated[list[Path] | None, typer.Option(metavar="FOLDER",
        help="Search this folder's topologies/, traffic/ and agents/ too; again for more [those in IROKO_PATH].")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder of the run [results/runs/NAME].")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out, or the latest unfinished one.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as one JSON object.")] = False,
) -> None:  # fmt: skip
    """Train agents, score them beside baselines on the same flows, and write, compare and draw what was measured."""
    given: dict[str, dict[str, Any]] = {
        "topology": {"name": topo, "rate_bps": rate},
        "traffic": {"name": traffic},
        "environment": {"transport": transport, "mix": mix, "interval_s": interval, "episode_s": episode, "reward": reward,
                        "deployment": deployment, "policy": policy},
        "run": {"agents": agent, "baselines": baseline, "engine": engine, "train_engine": train_engine, "steps": steps,
                "envs": envs, "episodes": episodes, "seed": seed, "model": model},
    }  # fmt: skip
    options = {section: {key: value for key, value in keys.items() if value is not None} for section, keys in given.items()}
    options = {section: keys for section, keys in options.items() if keys}
    _find_users_files(path or [], [topo, traffic, *(agent or []), *(baseline or [])])
    place: Path | None
    if resume:
        place, wanted = _find_run(options, set_ or [], config, out)
    else:
        wanted, place = _make_wanted(options, set_ or [], config, None), out
    _run(wanted, place, resume, as_json)


def _find_users_files(folders: list[Path], named: list[str | None]) -> None:
    """Search these folders, and allow the files that options name: a run to resume may use them."""
    for folder in folders:
        add_folder(folder)
    for reference in named:
        if reference is not None and is_path(reference):
            allow(Path(reference).expanduser())


def _make_wanted(options: dict[str, Any], settings: list[str], file: Path | None, lowest: dict[str, Any] | None) -> RunConfig:
    """The run that is asked for; a saved model says itself which agent it is."""
    table = make_table(options, settings, file, lowest)
    model = table.get("run", {}).get("model")
    if model not in (None, "none"):
        folder = _resolve(model)
        named = table["run"].get("agents", [])
        named = [name_of(agent) for agent in ([named] if isinstance(named, str) else named) if isinstance(agent, str)]
        name, deployment = _saved(folder, named)
        agents = table["run"].setdefault("agents", [name])
        if named != [name] and agents not in ([name], name):
            raise InputError(f"model {folder} is of agent {name!r}: expected --agent {name}, or none")
        if table.setdefault("environment", {}).setdefault("deployment", deployment) != deployment:
            raise InputError(f"model {folder} is of deployment {deployment!r}: expected --deployment {deployment}, or none")
        table["run"]["model"] = shorten(folder)
    return make_config(table)


def _resolve(model: Any) -> Path:
    if not isinstance(model, (str, Path)):
        raise InputError(f"model={show(model)}: expected the folder of a saved agent")
    try:
        folder = expand(str(model)).resolve()
        str(folder).encode()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, or what no file can be called
        raise InputError(f"model={show(str(model))}: {error}: expected the folder of a saved agent") from error
    return folder


def _saved(model: Path, named: list[str]) -> tuple[str, str]:
    """Which agent a saved model is of, and of which deployment.

    Args:
        named: the agents that the user named, which can be files of theirs.
    """
    from iroko.scenario import DEPLOYMENTS

    try:
        card = read_json(model / "agent.json")
        agent = check_name("agent", str(card["agent"]), {*list_names("agents"), *named})
        return agent, check_name("deployment", str(card["deployment"]), DEPLOYMENTS)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"model {model}: {error.strerror or error}; give a folder such as results/runs/NAME/model/ppo") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"model {model}: agent.json does not say which agent and deployment it is of; train again") from error


def _find_run(options: dict[str, Any], settings: list[str], file: Path | None, out: Path | None) -> tuple[Path, RunConfig]:
    """The run to go on with, and its config: what is asked now must not differ from it."""
    from iroko.rundir.folder import find_unfinished
    from iroko.rundir.reader import CONFIG, read_config

    def wanted(path: Path) -> RunConfig:
        return _make_wanted(options, settings, file, read_toml(path / CONFIG))

    def difference(path: Path) -> str | None:
        return first_difference(read_config(path).to_table(), wanted(path).to_table())

    if out is None:
        out = find_unfinished(lambda path: difference(path) is None)
    elif found := difference(out):
        raise InputError(f"run {out} is of another config: {found}: leave that option out, or start a new run")
    return out, read_config(out)


def _run(config: RunConfig, path: Path | None, resume: bool, as_json: bool) -> None:
    from rich.console import Console

    from iroko.rundir.folder import RunFolder, check_free, new_folder
    from iroko.rundir.reader import read_run

    if path is not None and not resume:
        check_free(path)
    console = Console(stderr=True)
    live = console.is_terminal and not as_json
    done = False
    if resume and path is not None:
        with _opened(RunFolder(path, config, resume=True)) as folder:
            done = folder.complete
    if not done:
        from iroko.run.job import prepare

        def say(text: str) -> None:
            console.print(f"iroko: {text}", markup=False, highlight=False, soft_wrap=True)

        if live:
            with console.status("preparing"):
                prepared = prepare(config, say)
        else:
            prepared = prepare(config, say)
        folder_path = path or new_folder(config)
        with _opened(RunFolder(folder_path, prepared.config, resume)) as folder:
            _work(prepared, folder, console, live)
        path = folder_path
    assert path is not None
    from iroko.analysis.score_table import print_table, to_json
    from iroko.analysis.scores import score_schemes

    data = read_run(path)
    scores = score_schemes(data)
    if as_json:
        print(to_json(data, scores))
    else:
        out = Console()
        print_table(data, scores, out if out.is_terminal else Console(width=PLAIN_WIDTH))
        console.print(f"run: {path}", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def _opened(folder: "RunFolder") -> Iterator["RunFolder"]:
    try:
        yield folder
    finally:
        folder.close()


def _work(prepared: "Prepared", folder: "RunFolder", console: Any, live: bool) -> None:
    """Do the work; however it ends, the display is closed and the folder says how far it came."""
    from iroko.run.job import phase_names, work
    from iroko.run.progress import open_display
    from iroko.rundir.manifest import INCOMPLETE

    scenario = prepared.config.scenario
    title = f"{scenario.topology_name}, {scenario.traffic_name}, engine {prepared.config.engine}, run {folder.path}"
    display = open_display(console, title, phase_names(prepared, folder), scenario.num_steps, live)
    try:
        work(prepared, folder, display)
    except BaseException as error:
        with suppress(OSError):  # the terminal is gone, which is what the error says
            display.close(done=False)
        reason = str(error) or repr(error)
        with suppress(OSError):  # such as a full disk, which is what the error says; the manifest that is there says incomplete too
            folder.mark(INCOMPLETE, reason)
        if isinstance(error, Stopped):
            error.__notes__ = []  # where it happened to be is nobody's fault
        if isinstance(error, (IrokoError, OSError, Stopped)):
            error.add_note(f"go on with: {PROGRAM} --resume --out {folder.path}")
        raise
    finally:
        display.close()


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    return run_command(app, PROGRAM, arguments)
