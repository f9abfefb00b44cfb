# Everything that one does here, at home and in CI. Needs Python 3.11 or newer, and make.
#
#   make lab      open JupyterLab on the first notebook      (ARGS="--port 9999" is handed on)
#   make test     run all tests                              (ARGS="-k mask" is handed on)
#   make docs pictures benchmark sheet     documentation, README's pictures and tables, the engine's contact sheet

# It stops at the first that serves: make drops what is found if the last one tried is missing.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# uv, too, trusts whom the system trusts: a proxy may stand before PyPI.
export UV_SYSTEM_CERTS := 1

.PHONY: lab test test-flux lint types wheel ranges format pictures docs benchmark sheet lock binder clean

lab: .venv/lab
	@$(BIN)/python scripts/lab.py $(ARGS)

test: .venv/dev
	@CHROMIUM="$$($(BIN)/python scripts/chromium.py)" $(BIN)/python -m pytest \
		--numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

# FLUX.1 Fill [dev], on a tiny model. Torch is large, so it has an environment of its own; a CPU build
# will do: PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
test-flux: .venv-flux/flux
	.venv-flux/bin/python -m pytest tests/test_flux_dev.py $(ARGS)

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

# The same tests with the wheel, on the lowest and the newest versions that pyproject.toml allows,
# with each Python found; ARGS="lowest -p here" is one of these runs.
ranges: .venv/dev
	$(BIN)/python scripts/check_ranges.py $(ARGS)

# The pictures of README and documentation.
pictures: .venv/dev
	CHROMIUM="$$($(BIN)/python scripts/chromium.py)" $(BIN)/python scripts/pictures.py

# The documentation: build/docs/index.html.
docs: .venv/docs
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet docs build/docs
	@echo build/docs/index.html

# The README's tables; ARGS="grid store" runs these alone.
benchmark: .venv/dev
	@CHROMIUM="$$($(BIN)/python scripts/chromium.py)" $(BIN)/python scripts/benchmark.py $(ARGS)

# What the embedded engine makes of many holes, beside others: build/sheet.
sheet: .venv/dev
	$(BIN)/python scripts/contact_sheet.py build/sheet

# Every package that Binder installs, at one version; ARGS=--upgrade takes the newest of each.
lock: .venv/dev
	$(BIN)/python scripts/lock.py $(ARGS)

# What Binder builds, without Docker, visited in a browser: five to ten minutes, with Python 3.11.
binder: .venv/dev
	CHROMIUM="$$($(BIN)/python scripts/chromium.py)" $(BIN)/python scripts/check_binder.py

clean:
	rm -rf .venv .venv-flux .cache tests/conformance/node_modules build dist out .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv-flux/flux: pyproject.toml
	$(PYTHON) -m venv .venv-flux
	.venv-flux/bin/python -m pip install --quiet --editable ".[flux]" "torch==2.13.0" torchao pytest hypothesis
	@touch $@

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed, and was not found." >&2; exit 1; fi
	@echo "Creating .venv with $(PYTHON) …"
	@$(PYTHON) -m venv .venv || { echo "On Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

# Each stamp says that an extra is installed as pyproject.toml asks for it.
.venv/lab .venv/dev .venv/docs: .venv/bin/python pyproject.toml
	@echo "Installing fluxfill_nb[$(@F)] into .venv: a minute or two …"
	@$(BIN)/python -m pip install --quiet --editable ".[$(@F)]"
	@touch $@
