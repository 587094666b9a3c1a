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

# Each command reuses what an earlier call has completed, and says so.  More than 20,000 test
# galaxies, since counting noise hides mode collapse in fewer.
QUICKSTART := --data_dir=data/quickstart --workdir=runs/quickstart

quickstart: setup
	$(RUN) -m data_tools.make_tfrecords --output=data/quickstart --num=44000 --image_size=32 \
	  --split=0.5,0.03,0.47
	$(RUN) -m train.main $(QUICKSTART)
	$(RUN) -m train.main $(QUICKSTART) --tstep=1 --multir
	$(RUN) -m train.main $(QUICKSTART) --tstep=2 --multir
	$(RUN) -m train.main $(QUICKSTART) --tstep=3 --multir
	$(RUN) -m eval.main --workdir=runs/quickstart

clean:
	rm -rf $(VENV) build *.egg-info
