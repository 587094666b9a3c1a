# make setup       a virtual environment in .venv with everything pinned
# make test        the test suite
# make test-slow   the tests that take an hour: the quickstart for three seeds, twenty kills
# make quickstart  simulated galaxies, all stages, metrics: within ten minutes on a laptop

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUN := $(BIN)/python

.PHONY: setup test test-slow quickstart clean

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

test-slow: setup
	$(BIN)/python -m pytest -m slow -s

# Each command reuses what an earlier call has completed, and says so.  More than 20,000 test
# galaxies, since counting noise hides mode collapse in fewer.
DATA := data/quickstart
RUNS := runs/quickstart
SEED := 0
# 39 passes over the training galaxies, as in the published schedule.
WHOLE_NETWORK := --iterations=13500
QUICKSTART = --data_dir=$(DATA) --workdir=$(RUNS) --seed=$(SEED)
# Baseline and Step 1 need nothing of each other.  Their layers are too small to share between
# cores, so the two train side by side.
ONE_CORE := TF_NUM_INTRAOP_THREADS=1

quickstart: setup
	$(RUN) -m data_tools.make_tfrecords --output=$(DATA) --num=44000 --image_size=32 \
	  --split=0.5,0.03,0.47 --seed=$(SEED)
	@mkdir -p $(RUNS)
	@echo "Baseline trains beside Step 1, its log is $(RUNS)/baseline.log"
	$(ONE_CORE) $(RUN) -m train.main $(QUICKSTART) $(WHOLE_NETWORK) > $(RUNS)/baseline.log 2>&1 & \
	  $(ONE_CORE) $(RUN) -m train.main $(QUICKSTART) $(WHOLE_NETWORK) --tstep=1 --multir; step1=$$?; \
	  wait $$!; baseline=$$?; tail -n 1 $(RUNS)/baseline.log; exit $$((step1 + baseline))
	$(RUN) -m train.main $(QUICKSTART) --tstep=2 --multir
	$(RUN) -m train.main $(QUICKSTART) --tstep=3 --multir
	$(RUN) -m eval.main --workdir=$(RUNS)

clean:
	rm -rf $(VENV) build *.egg-info
