# Everything that one does here, at home and in CI. Needs Python 3.11 or newer, and make.
#
#   make lab      open JupyterLab on the first notebook      (ARGS="--port 9999" is handed on)
#   make test     run all tests                              (ARGS="-k mask" is handed on)

PYTHON ?= $(firstword $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p; done))
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.PHONY: lab test lint types wheel format pictures benchmark clean

lab: .venv/lab
	@$(BIN)/python scripts/lab.py $(ARGS)

test: .venv/dev
	@CHROMIUM="$$($(BIN)/python scripts/chromium.py)" $(BIN)/python -m pytest \
		--numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev
	$(BIN)/mypy

# Build the wheel, and use every public name from it where nothing else is installed.
wheel: .venv/dev
	rm -rf dist build/wheel
	$(BIN)/python -m build --wheel --outdir dist
	$(PYTHON) -m venv build/wheel
	build/wheel/bin/python -m pip install --quiet dist/*.whl
	cd build && wheel/bin/python ../scripts/check_wheel.py

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The README's pictures.
pictures: .venv/lab
	$(BIN)/python scripts/sample.py

# The README's tables; ARGS="grid store" runs these alone.
benchmark: .venv/dev
	@CHROMIUM="$$($(BIN)/python scripts/chromium.py)" $(BIN)/python scripts/benchmark.py $(ARGS)

clean:
	rm -rf .venv .cache tests/conformance/node_modules build dist out .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed, and was not found." >&2; exit 1; fi
	@echo "Creating .venv with $(PYTHON) …"
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# Each stamp says that an extra is installed as pyproject.toml asks for it.
.venv/lab .venv/dev: .venv/bin/python pyproject.toml
	@echo "Installing fluxfill_nb[$(@F)] into .venv …"
	@$(BIN)/python -m pip install --quiet --editable ".[$(@F)]"
	@touch $@
