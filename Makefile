# The course's two commands are `make lab` and `make test`. Both set up what is missing and redo nothing.

PYTHON ?= python3
# Passed on: make lab ARGS=--no-browser, make test ARGS="tests/course -x", make notebooks NAMES="03 lab02"
ARGS ?=
NAMES ?=

VENV_PYTHON := .venv/bin/python
STOP = stop() { echo "evlab: $$1" >&2; exit 1; }
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_USER := 0
# The tests start hundreds of Pythons; each would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help lab test bench soak notebooks labs brokers format lock FORCE

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

lab: .venv/.ready ## open the course in JupyterLab
	@$(VENV_PYTHON) -m evlab.course.cli lab $(ARGS)

test: .venv/.ready ## run every test, those in a browser too
	$(VENV_PYTHON) -m ruff check .
ifeq ($(strip $(ARGS)),)
	$(VENV_PYTHON) -m pytest -n auto --dist loadfile
else
	$(VENV_PYTHON) -m pytest $(ARGS)
endif

bench: .venv/.ready ## measure evlab beside its peers
	$(VENV_PYTHON) benchmarks/run.py $(ARGS)

soak: .venv/.ready ## run the tests with their large figures (hours)
	EVLAB_SOAK=1 $(VENV_PYTHON) -m pytest $(ARGS)

notebooks: .venv/.ready ## run the notebooks and save their outputs (NAMES="03 lab02" for some)
	@$(VENV_PYTHON) -m evlab.course.cli dev save $(NAMES)

labs: .venv/.ready ## write the learners' labs from the masters (NAMES="lab02" for some)
	@$(VENV_PYTHON) -m evlab.course.cli dev labs $(NAMES)

brokers: .venv/.ready ## start real Kafka, RabbitMQ and PostgreSQL (NAMES="rabbitmq" for one)
	@$(VENV_PYTHON) -m brokers $(NAMES)

format: .venv/.ready ## sort imports and mend what ruff can mend
	$(VENV_PYTHON) -m ruff check --fix .

lock: ## pin the newest versions in requirements.lock (needs uv)
	@$(STOP); command -v uv >/dev/null || stop "uv is not installed; next step: pip install uv"; \
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate \
		--extra lab --extra dev --extra bench --extra kafka --extra rabbitmq --extra postgres pyproject.toml -o requirements.lock

# ---------------------------------------------------------------------------------------------------- the environment

# A Python that was removed from the machine, or a folder that was moved, makes the environment anew.
ifneq ($(shell $(VENV_PYTHON) -c 'print("ok")' 2>/dev/null),ok)
.venv/.packages: FORCE
endif
ifneq ($(shell cat .venv/.ready 2>/dev/null),$(shell pwd -P))
.venv/.ready: FORCE
endif
FORCE:

.venv/.packages: requirements.lock
	@$(STOP); \
	if ! $(VENV_PYTHON) -c "" 2>/dev/null; then \
		command -v "$(PYTHON)" >/dev/null || \
			stop "$(PYTHON) is not installed; install Python 3.11 or newer, or name yours: make lab PYTHON=python3.12"; \
		"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
			stop "$(PYTHON) is older than Python 3.11; install a newer one, or name yours: make lab PYTHON=python3.12"; \
		"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || \
			stop "$(PYTHON) cannot make environments; install its venv module (Debian, Ubuntu: apt-get install python3-venv)"; \
		rm -rf .venv; \
		"$(PYTHON)" -m venv .venv || stop "the folder .venv cannot be made; free the disk or make this folder yours"; \
	fi; \
	echo "evlab: installing the packages of requirements.lock into .venv (a minute or two, once)"; \
	$(VENV_PYTHON) -m pip install --quiet --require-hashes -r requirements.lock >.venv/pip.log 2>&1 || \
		stop "the packages cannot be installed; check the network or pip's package index and try again (see .venv/pip.log)"; \
	touch $@

.venv/.ready: .venv/.packages pyproject.toml
	@$(STOP); \
	$(VENV_PYTHON) -m pip install --quiet --no-deps --no-build-isolation -e . >>.venv/pip.log 2>&1 || \
		stop "evlab cannot be installed into .venv; see .venv/pip.log, or remove .venv and try again"; \
	pwd -P > $@
