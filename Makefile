# make setup       a virtual environment in .venv with everything pinned
# make test        the test suite
# make quickstart  simulated galaxies, all stages, metrics: about ten minutes on a laptop

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := $(BIN)/python

.PHONY: setup test quickstart clean

setup: $(READY)

$(READY): pyproject.toml constraints/python3.11.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v != (3, 11) and \
	  "pzbias_tf needs Python 3.11 (TensorFlow 2.15), this is %d.%d: make setup PYTHON=/path/to/python3.11" % v)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints/python3.11.txt --editable '.[test]'
	@touch $@

test: setup
	$(BIN)/python -m pytest

# Each command reuses what an earlier call has completed.
quickstart: setup
	$(RUN) -m data_tools.make_tfrecords
	$(RUN) -m train.main
	$(RUN) -m train.main --tstep=1 --multir
	$(RUN) -m train.main --tstep=2 --multir
	$(RUN) -m train.main --tstep=3 --multir
	$(RUN) -m eval.main

clean:
	rm -rf $(VENV) build *.egg-info
