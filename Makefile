# `make demo`, `make test`, `make docs` and `make tables` set up .venv from nothing; nothing outside this folder is changed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test docs lint tables clean

demo: $(READY)
	$(BIN)/fldbench run --out runs/demo
	$(BIN)/python benchmarks/demo_photo.py runs/demo/photo.png
	$(BIN)/fldbench predict builtin runs/demo/photo.png -o runs/demo/drawn.png

test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The guide, as pages that need no network: open build/guide/index.html.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

lint: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The tables of every folder in results/ that has published records beside them.
tables: $(READY)
	for records in $$(find results -name records.zip | sort); do \
	    $(BIN)/fldbench leaderboard $$records -o $$(dirname $$records) || exit 1; \
	done

$(READY): setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip setuptools
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV) runs build dist *.egg-info
