"""`iroko deploy POLICY`: a policy as a TCP congestion control of this machine, by BPF."""

import signal
import sys
from typing import Annotated

import typer

from iroko.cli.deploy_status import show_status
from iroko.errors import EngineError, InputError, UnsupportedError
from iroko.flows import LEARNED
from iroko.policy.bpf.deployment import Deployment
from iroko.policy.bpf.load import PINNED, Loaded, remove_pinned, require_bpf_files
from iroko.policy.bpf.support import choose_object, require_capabilities
from iroko.policy.choice import check_policy, load_policy
from iroko.policy.format import Policy
from iroko.policy.recompute import find_differences
from iroko.system.command import Stopped

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_MAX_CHECK_S = 3600.0


@app.command()
def deploy(
    policy: Annotated[str | None, typer.Argument(metavar="[POLICY]", help="A policy's file, or the name of a built-in policy.")] = None,
    hold: Annotated[bool, typer.Option("--hold", help="Keep it while this command runs (the default).")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Keep it until `iroko deploy --remove`, or a reboot.")] = False,
    swap: Annotated[bool, typer.Option("--set", help="Give the flows of the loaded control this policy.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the pinned control; its flows go on until they end.")] = False,
    status: Annotated[bool, typer.Option("--status", help="Show flows, decisions and fallbacks; live on a terminal.")] = False,
    check: Annotated[
        float | None, typer.Option("--check", metavar="SECONDS", help="Log the decisions of some seconds, and decide each again in Python.")
    ] = None,
) -> None:
    """Load a policy as the TCP congestion control `iroko` of this machine's kernel; needs root."""
    asked = [name for name, value in (("--hold", hold), ("--pin", pin), ("--set", swap), ("--remove", remove), ("--status", status),
                                      ("--check", check is not None)) if value]  # fmt: skip
    if len(asked) > 1:
        raise InputError(f"{' and '.join(asked)}: expected one of them")
    if (policy is None) != (remove or status or check is not None):
        raise InputError(
            "expected a POLICY, or --status, --check or --remove without one" if policy is None else f"{asked[0]} takes no POLICY"
        )
    if check is not None and not 0 < check <= _MAX_CHECK_S:
        raise InputError(f"check={check:g}: expected seconds, 0 < check <= {_MAX_CHECK_S:g}")
    # The policy is read before anything else: with a bad one nothing changes.
    chosen = None if policy is None else _read(policy)
    choose_object()
    require_capabilities()
    if chosen is None:
        _look_or_remove(remove, check)
    elif swap:
        _set(chosen)
    elif pin:
        _pin(chosen)
    else:
        _hold(chosen)


def _read(name: str) -> Policy:
    check_policy(name, "")
    return load_policy(name)


def _look_or_remove(remove: bool, check_s: float | None) -> None:
    if remove:
        _remove()
    elif check_s is not None:
        _check(check_s)
    else:
        with Deployment.expect() as deployment:
            show_status(deployment)


def _hold(policy: Policy) -> None:
    loaded = Loaded(policy)
    try:
        print(
            f"policy {policy.card.name} is the congestion control {LEARNED!r} of this machine until this command ends (Ctrl-C)", flush=True
        )
        while True:
            signal.pause()
    except Stopped:
        pass
    finally:
        loaded.close()
    print(f"{LEARNED!r} is removed; flows that run over it go on until they end")


def _pin(policy: Policy) -> None:
    require_bpf_files()
    loaded = Loaded(policy)
    try:
        loaded.pin()
    finally:
        loaded.close()
    print(f"policy {policy.card.name} is the congestion control {LEARNED!r} of this machine until `iroko deploy --remove`")


def _set(policy: Policy) -> None:
    with Deployment.expect() as deployment:
        deployment.set_policy(policy)
    print(f"flows over {LEARNED!r} decide by policy {policy.card.name} from their next round trip on")


def _remove() -> None:
    if remove_pinned():
        print(f"{LEARNED!r} is removed; flows that run over it go on until they end")
        return
    found = Deployment.find()
    if found is None:
        raise UnsupportedError("no policy is deployed on this machine: there is nothing to remove")
    with found:
        pid = found.read_summary().pid
    raise UnsupportedError(f"{PINNED} holds no control: process {pid} does, so end that one (its `iroko deploy` stops on Ctrl-C)")


def _check(seconds: float) -> None:
    with Deployment.expect() as deployment:
        policies = {number: found for number in deployment.policy_numbers() if (found := deployment.read_policy(number))}
        log = deployment.log_decisions(seconds)
        unchanged = policies == {number: found for number in policies if (found := deployment.read_policy(number))}
    log = log[[int(number) in policies for number in log["policy"]]]
    if not unchanged:
        raise InputError("the policy was changed meanwhile: check again")
    if not len(log):
        print(f"no flow over {LEARNED!r} decided anything in {seconds:g} s")
        return
    if different := find_differences(log, policies):
        raise EngineError(f"{len(different):,} of {len(log):,} decisions of the kernel are not those of Python, first {log[different[0]]}")
    print(f"{len(log):,} decisions of the kernel decided again in Python: all equal")


def main(arguments: list[str] | None = None) -> int:
    """Run with these arguments, or those of the command line; returns the exit code."""
    from iroko.system.command import run_command

    return run_command(app, "iroko deploy", arguments)


if __name__ == "__main__":
    sys.exit(main())
