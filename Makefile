# Iroko: `make run` sets up and runs the main job, `make test` sets up and runs the tests, `make help` lists the rest.
#
# Set on the command line:
#   ARGS=...         further options of `make run`, `make paper`, `make bench`, `make parity`, `make flows` or `make test`, such as
#                    ARGS="--steps 2000 --seed 3"
#   PYTHON=...       the Python 3.11 to 3.13 that makes .venv (python3)
#   TORCH_INDEX=...  address of a further package index, for torch alone. Where pip's configured indexes have no CPU build of torch,
#                    pip takes the build with CUDA on Linux (several GB, and works too): name PyTorch's index of CPU builds here.
#   PACKAGES=no      install no Debian packages and look for none
#   WORKERS=...      processes that `make test` runs tests in (one per processor); 0 runs them in one process, as a debugger needs

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# The lines of a recipe are one script.
.ONESHELL:

PYTHON ?= python3
VENV ?= .venv
TORCH_INDEX ?=
ARGS ?=
PACKAGES ?= yes
WORKERS ?= $(shell nproc)

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TORCH := torch==2.13.0
# mnexec and the tools of Mininet's command line; then what builds the guest kernel; then what makes .venv.
DEBIAN_PACKAGES := mininet iproute2 iputils-ping iperf ethtool \
                   linux-source-6.12 make gcc libc6-dev flex bison bc patch xz-utils \
                   python3-venv

QUICK_TESTS := tests --ignore tests/engines --ignore tests/faults --ignore tests/parity --ignore tests/experiment \
               --ignore tests/test_dependencies.py --ignore tests/analysis/test_plots.py --ignore tests/envs/test_third_party.py

.PHONY: help setup packages guest run paper test quick check soak bench parity flows bpf lint style type format dist clean

help:  ## this list
	@grep -E '^[a-z]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z]+):[^#]*## /make \1\t/' | expand -t 14

setup: packages $(INSTALLED)  ## install the Debian packages that are missing and the Python packages into .venv, once

packages:
	@[ "$(PACKAGES)" != no ] || exit 0
	if ! command -v dpkg-query >/dev/null; then
	  echo "setup: no Debian here; these must be installed by hand (or say PACKAGES=no): $(DEBIAN_PACKAGES)"
	  exit 0
	fi
	missing=()
	for package in $(DEBIAN_PACKAGES); do
	  [ "$$(dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null)" = installed ] || missing+=($$package)
	done
	[ $${#missing[@]} -gt 0 ] || exit 0
	install="apt-get install -y --no-install-recommends $${missing[*]}"
	if [ "$$(id -u)" != 0 ]; then
	  echo "setup: Debian packages are missing; install them with: sudo apt-get update && sudo $$install" >&2
	  echo "setup: or go on without them: make PACKAGES=no ..." >&2
	  exit 2
	fi
	echo "setup: installing the Debian packages $${missing[*]}"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	$$install

# New versions in one of the files bring .venv up to date.
$(INSTALLED): requirements.txt constraints.txt pyproject.toml | packages
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || {
	  echo "setup: $(PYTHON) is $$($(PYTHON) --version 2>&1): expected Python 3.11 to 3.13; name one with PYTHON=..." >&2
	  exit 2
	}
	echo "setup: installing the Python packages of constraints.txt into $(VENV) (torch is the largest, about 200 MB as a CPU build)"
	# Also anew where an earlier attempt was broken off.
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	# Only files whose hashes are known, whatever index or mirror they come from.
	$(BIN)/python -m pip install -q --require-hashes --no-deps -r requirements.txt
	# Torch by itself, so that the further index serves nothing else: of what it needs, all but the packages of CUDA is there already. No
	# hash can be asked of it, since a CPU and a CUDA build, and the builds of two indexes, bear one version.
	$(BIN)/python -m pip install -q -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) "$(TORCH)"
	# What .venv may hold of the time when the distribution was called so.
	$(BIN)/python -m pip uninstall -q -y iroko 2>/dev/null
	# Iroko itself, built by the setuptools just installed: nothing is fetched any more.
	$(BIN)/python -m pip install -q --no-index --no-deps --no-build-isolation -e .
	$(BIN)/python -m pip check
	touch $@

guest: setup  ## build the guest kernel into the user's cache folder, once (about 3 minutes)
	@$(BIN)/python -m iroko.guest build

run: setup guest  ## train PPO on the fat-tree in the simulator, compare it on the kernel with TCP New Vegas and DCTCP
	@$(BIN)/python -m iroko.run --topo fattree --agent ppo $(ARGS)

paper: setup guest  ## reproduce the paper of 2018: train, score and compare all schemes; tables and figures in results/iroko2018
	@for experiment in dumbbell fattree generalisation; do
	  $(BIN)/python -m iroko.experiment results/iroko2018/$$experiment.toml --publish results/iroko2018 $(ARGS)
	done

# A worker that has run out of tests takes over some of another's.
test: setup guest  ## run all tests that this machine can run
	@$(BIN)/python -m pytest -ra -n $(WORKERS) --dist worksteal $(ARGS)

# What needs neither the guest kernel nor root, and no test of more than a few seconds.
quick: setup  ## run the quick tests: under a minute, no guest, no root
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal -m "not guest and not root and not slow" $(QUICK_TESTS) $(ARGS)

check: style type quick  ## check format, style, types and the quick tests: before every commit

soak: setup guest  ## run the tests that take long, some hours
	@$(BIN)/python -m pytest -ra -m soak $(ARGS)

bench: setup guest  ## measure boot time, speed and memory
	@$(BIN)/python -m benchmarks.run $(ARGS)

parity: setup guest  ## compare the simulator with the kernel on every case: table and figures in results/parity
	@$(BIN)/python -m benchmarks.parity $(ARGS)

flows: setup  ## compare per-flow policies with tuned rivals in the simulator: tables in results/flows
	@$(BIN)/python -m benchmarks.flows $(ARGS)

bpf: setup  ## compile the BPF program of `iroko deploy` anew, with clang, after a change of its sources
	@$(BIN)/python -m iroko.policy.bpf.build

style: setup  ## check the style and the form of the sources
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint: style  ## check the style, look for unsafe code and for packages with known vulnerabilities
	@# Its warnings are about the comments that justify a finding, once for each part of a line that has none.
	$(BIN)/bandit -q -r iroko topologies traffic agents -c pyproject.toml 2> >(grep -v "WARNING" >&2)
	$(BIN)/python -m tests.audit

type: setup  ## check the types
	@$(BIN)/mypy

format: setup  ## put the sources into their form
	@$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .

dist: setup  ## build the source archive and the wheel into dist/, and check what an index would show of them
	@rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(BIN)/python -m twine check --strict dist/*

clean:  ## remove .venv, caches and built files; runs and the guest kernel in the cache folder stay
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
