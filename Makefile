# make setup       a virtual environment in .venv with everything pinned
# make test        the test suite, in two processes
# make test-all    the same under every Python from 3.11 to 3.13 that is found
# make test-other  the same under the newest of those that is not PYTHON
# make lint        ruff and mypy
# make docs        the documentation as a site, in build/site
# make test-slow   the tests that take an hour: the quickstart for three seeds, kills at random moments
# make quickstart  simulated galaxies, all stages, metrics: within ten minutes on a laptop
# make study       every experiment of the paper at small scale, and RESULTS.md: some hours
#
# PYTHON=python3.13 chooses another interpreter; its environment is .venv-3.13.

SUPPORTED := 3.11 3.12 3.13
, := ,
# A working interpreter of a version: on the path, or pyenv's.
find = $(shell for python in python$(1) $${PYENV_ROOT:-$$HOME/.pyenv}/versions/$(1).*/bin/python; do \
  "$$python" -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(1)")' 2>/dev/null \
  && { echo "$$python"; break; }; done)
ifndef PYTHON
# 3.11 brings tensorflow-addons; without it, the newest that is there.
PYTHON := $(firstword $(foreach version,3.11 3.13 3.12,$(call find,$(version))) python3)
endif
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
VENV := .venv$(if $(filter-out 3.11,$(VERSION)),-$(VERSION))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.docs_ready
RUN := $(BIN)/python

.PHONY: setup lint docs test test-all test-other test-slow quickstart study clean

setup: $(READY)

ifeq ($(filter $(VERSION),$(SUPPORTED)),)
$(READY):
	@echo "pzbias_tf needs Python 3.11, 3.12 or 3.13, this is $(VERSION): make setup PYTHON=/path/to/python3.11"
	@exit 1
else
$(READY): pyproject.toml constraints/python$(VERSION).txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints/python$(VERSION).txt --editable '.[test]'
	@touch $@
endif

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy

# What builds the site is installed here alone.  The variable silences an advertisement of
# mkdocs-material.
docs: $(DOCS_READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	@echo "The site is build/site/index.html"

$(DOCS_READY): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints/python$(VERSION).txt --editable '.[docs]'
	@touch $@

# Two processes, each takes whole files, in which tests share what they train; tests/conftest.py
# puts the longest files first.
test: setup
	$(BIN)/python -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

test-all:
	@for python in $(foreach version,$(SUPPORTED),$(call find,$(version))); do \
	  "$$python" --version; $(MAKE) test PYTHON="$$python" || exit 1; done

# The newest one that is not $(PYTHON).
test-other:
	@python="$(lastword $(foreach version,$(filter-out $(VERSION),$(SUPPORTED)),$(call find,$(version))))"; \
	  if [ -n "$$python" ]; then "$$python" --version; $(MAKE) test PYTHON="$$python"; \
	  else echo "No other Python of $(SUPPORTED) is installed"; fi

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

# Disk space, in MB, of what does not exist yet: the environment here, data and runs beside DATA.
ENVIRONMENT_MB := $(if $(wildcard $(READY)),0,2500)
DATA_MB := $(if $(wildcard $(DATA)/manifest.json),0,1700)
# Stops where the disk of folder $(1) has less than $(2) MB; $(3): what needs them; $(4): a remedy.
room = @mkdir -p $(1) && df -Pk $(1) | awk 'NR == 2 && $$4 < 1024 * ($(2)) { printf \
  "Error: $(3) needs %.1f GB of disk space, and %s has %.1f GB left; make room$(4)\n", \
  ($(2)) / 1000, "$(1)", $$4 / 1048576; exit 1 }' >&2

.PHONY: room
room:
	$(call room,.,$(ENVIRONMENT_MB),the environment $(VENV))
	$(call room,$(dir $(DATA)),$(ENVIRONMENT_MB) + $(DATA_MB),the quickstart,$(,) or name other folders with DATA= and RUNS=)

quickstart: room setup
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

# Goes on where it stopped.  With SPECPHOTO=TABLE (docs/real_galaxies.md) and ZCOSMOS=TABLE the
# sections on real galaxies, with PHOTOMETRY=TABLE (z and ugriz) one more sample of simulated images.
STUDY_DATA := data/study
STUDY_RUNS := runs/study
JOBS := 2
STUDY_SDSS := --num=100000 --image_size=32 --split=0.5,0.02,0.48
LABELS := hard_labels$(,)unshifted_labels$(,)global_widths
at_scale = $(RUN) -m train.experiments --scale=$(1) --jobs=$(JOBS) --data_dir=$(STUDY_DATA)/$(2) \
  --workdir=$(STUDY_RUNS)/$(2) --run=$(3) && $(RUN) -m eval.results --workdir=$(STUDY_RUNS)/$(2)
study = $(call at_scale,small,$(1),$(2))
real = $(call at_scale,photometry,$(1),$(2))
ugriz = $(1)_u$(,)$(1)_g$(,)$(1)_r$(,)$(1)_i$(,)$(1)_z
SPECPHOTO_COLUMNS = --magnitude_columns=$(call ugriz,dered) --error_columns=$(call ugriz,err) \
  --ebv=0 --split=0.5,0.1,0.4

study: setup
	$(RUN) -m data_tools.make_tfrecords --output=$(STUDY_DATA)/sdss $(STUDY_SDSS)
	$(RUN) -m data_tools.make_tfrecords --survey=cfhtls --output=$(STUDY_DATA)/cfhtls --num=80000 \
	  --image_size=32 --split=0.55,0.02,0.43
	$(call study,sdss,sdss_main$(,)$(LABELS)$(,)without_step2$(,)balancing_threshold)
	$(call study,cfhtls,cfhtls_wide$(,)cfhtls_deep)
	$(call study,cfhtls,$(LABELS)$(,)balancing_threshold --survey=cfhtls_wide)
	$(call study,sdss,label_width --values=1$(,)auto)
	$(call study,cfhtls,label_width --values=1$(,)auto --survey=cfhtls_wide)
	$(call study,cfhtls,label_width --values=1$(,)auto --survey=cfhtls_deep)
ifdef PHOTOMETRY
	$(RUN) -m data_tools.make_tfrecords --output=$(STUDY_DATA)/sdss_photometry $(STUDY_SDSS) \
	  --photometry=$(PHOTOMETRY)
	$(call study,sdss_photometry,sdss_main)
endif
ifdef SPECPHOTO
	for split in 0 1 2; do \
	  $(RUN) -m data_tools.make_tfrecords --input=$(SPECPHOTO) --seed=$$split $(SPECPHOTO_COLUMNS) \
	    --output=$(STUDY_DATA)/real_sdss$$([ $$split = 0 ] || echo _split$$split) || exit 1; done
	$(RUN) -m data_tools.make_tfrecords --input=$(SPECPHOTO) $(SPECPHOTO_COLUMNS) --max_r_mag=18 \
	  --output=$(STUDY_DATA)/real_sdss_r18
	$(call real,real_sdss,sdss_main$(,)folds$(,)label_width$(,)hard_labels$(,)unshifted_labels)
	$(call real,real_sdss,without_step2)
	$(call real,real_sdss,balancing_threshold --values=5$(,)15$(,)60$(,)200$(,)28)
	$(call real,real_sdss,step3_iterations --values=650$(,)1300$(,)5200$(,)2600)
	$(call real,real_sdss,step3_learning_rate --values=1e-4$(,)3e-4$(,)3e-3$(,)1e-3)
	$(call real,real_sdss,bin_size --values=45$(,)90$(,)180)
	$(call real,real_sdss,sample_size --values=4000$(,)8000$(,)0)
	$(call real,real_sdss_split1,folds)
	$(call real,real_sdss_split2,folds)
	$(call real,real_sdss_r18,folds)
endif
ifdef ZCOSMOS
	$(RUN) -m data_tools.make_tfrecords --input=$(ZCOSMOS) --survey=docs/zcosmos.toml \
	  --output=$(STUDY_DATA)/real_zcosmos --ebv=0 --split=0.5,0.1,0.4 \
	  --magnitude_columns=$(call ugriz,mag) --error_columns=$(call ugriz,err)
	$(call real,real_zcosmos,label_width --values=1$(,)auto --survey=docs/zcosmos.toml)
	$(call real,real_zcosmos,folds --survey=docs/zcosmos.toml)
endif
	$(call study,sdss,folds$(,)label_errors$(,)modified_sample$(,)sample_size$(,)iterations$(,)bin_size$(,)network)

clean:
	rm -rf .venv .venv-3.* build *.egg-info
