# make demo, make test: the two commands of README.md. Both install what is missing and can be run again at any time.
export PATH := $(CURDIR)/.venv/bin:$(PATH):$(CURDIR)/build/judges/usr/sbin
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: help deps venv venv-dev demo test test-all test-static test-unit test-roles test-e2e test-e2e-all test-big drills audits bench bench-release clean

VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# The newest Python that really runs: pyenv leaves shims on the PATH for versions that do not.
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

SANDBOX_PACKAGES := podman crun netavark aardvark-dns iptables nftables mmdebstrap uidmap fuse-overlayfs openssh-client
CONTROLLER_PACKAGES := git ca-certificates python3-venv sudo systemd

help: ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

deps: ## install the Debian packages that the sandbox and the tests need
	@missing=$$(for p in $(SANDBOX_PACKAGES) $(CONTROLLER_PACKAGES); do dpkg-query -Wf '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done)
	[ -z "$$missing" ] && exit 0
	$(SUDO) apt-get update -qq
	DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends $$missing >/dev/null

venv: $(VENV)/.runtime ## the virtual environment that the commands need
venv-dev: $(VENV)/.dev ## the virtual environment that the tests need

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml | deps
	@[ -n "$(PYTHON)" ] || { echo "error: no Python 3.11 or newer runs here"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -qq --require-hashes -r $< -r requirements/build.txt
	$(BIN)/pip install -qq --no-deps --no-build-isolation -e .
	touch $@

# A project is built on this machine: with its own Node and npm where they are new enough for NestJS 12, else with PyPI's.
$(VENV)/.node: requirements/node.txt $(VENV)/.runtime
	@command -v npm >/dev/null && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' || \
	  $(BIN)/pip install -qq --require-hashes -r $<
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.node
	@$(BIN)/pip install -qq --require-hashes -r $<
	touch $@

# nginx judges the rendered templates; it is unpacked, not installed: installing would start it.
build/judges/.done: | deps
	@rm -rf build/judges && mkdir -p build/judges && cd build/judges
	download="apt-get download -qq -o APT::Sandbox::User=root nginx"
	$$download 2>/dev/null || { $(SUDO) apt-get update -qq && $$download; }
	for package in *.deb; do dpkg-deb -x "$$package" .; done
	touch .done

demo: deps venv $(VENV)/.node ## bare VPS -> live NestJS app, released twice and rolled back, with the proof
	@$(BIN)/python examples/demo.py

test: deps venv-dev ## all tests, as CI runs them
	@$(MAKE) --no-print-directory test-static test-unit test-roles test-e2e

test-all: deps venv-dev ## the full matrix: every role and the whole site on Debian 12 and 13
	@$(MAKE) --no-print-directory test-static test-unit
	$(BIN)/python molecule/run.py --debian 12 --debian 13
	$(MAKE) --no-print-directory test-e2e-all

test-static: venv-dev ## formatting, lint, types, layers
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/ansible-lint --offline --strict

test-unit: venv-dev build/judges/.done ## unit, contract and template tests; no sandbox
	@$(BIN)/pytest -q -n 2 tests/unit tests/cases tests/contracts tests/templates

test-roles: venv-dev ## Molecule: every role on Debian 13, the site on Debian 12
	@$(BIN)/python molecule/run.py

test-e2e: venv-dev ## end to end on sandbox hosts
	@$(BIN)/pytest -q -n 2 --dist loadfile -m 'not drill and not full' tests/e2e tests/drills

test-big: deps venv-dev ## a bundle of 1 GiB in 100,000 files: memory of the controller and the agents (minutes, 4 GB of disk)
	@VPSDEPLOY_TEST_BIG=1 $(BIN)/pytest -q tests/e2e/test_sending.py -k large_bundle

test-e2e-all: venv-dev
	@for debian in 12 13; do VPSDEPLOY_TEST_DEBIAN=$$debian $(BIN)/pytest -q -n 2 --dist loadfile tests/e2e; done

drills: deps venv-dev ## every fault of docs/drills.md, on a fleet of two load balancers and three app hosts (an hour)
	@$(BIN)/pytest -q tests/drills

# A host with a kernel of its own is a machine under qemu.
audits: CONTROLLER_PACKAGES += qemu-system-x86
audits: deps venv-dev ## lynis, OpenSCAP, gixy, systemd, nmap on a provisioned host, lynis also with a kernel of its own; reports in build/audits (DEBIAN=12 for the other Debian)
	@VPSDEPLOY_TEST_DEBIAN=$(DEBIAN) $(BIN)/pytest -q tests/audits

bench: deps venv-dev ## the figures of docs/benchmarks.md
	@$(BIN)/python -m benchmarks

$(VENV)/.bench: requirements/bench.txt $(VENV)/.dev
	@$(BIN)/pip install -qq --require-hashes -r $<
	touch $@

DEBIAN := 13
RELEASES := 50
REQUESTS := 1000000
PEER_RELEASES := 10
CONTENDERS := vpsdeploy,capistrano,pm2,ansible

bench-release: $(VENV)/.bench ## releases under load, ours and the peers' (about an hour; RELEASES, REQUESTS, PEER_RELEASES, CONTENDERS)
	@$(BIN)/python -m benchmarks.contest --releases $(RELEASES) --requests $(REQUESTS) --peer-releases $(PEER_RELEASES) --only $(CONTENDERS)
	$(BIN)/python -m benchmarks.release --fleet 10

clean: ## remove the demo, all sandboxes and the virtual environment
	@[ ! -x $(BIN)/vpsdeploy ] || $(BIN)/vpsdeploy sandbox down --all
	rm -rf $(VENV) build dist
