# The only door to the project: make <target>
.DEFAULT_GOAL := help
.PHONY: help setup test reproduce lab bench zoo large assignment report site syllabus lint clean

PYTHON      ?= python3
TORCH       ?= torch==2.13.0
TORCH_INDEX ?=
PROFILE     ?= laptop
ARGS        ?=
PER_CLASS   ?= 15
SEED        ?= 1
FREQUENCIES ?= balanced
SIZE        ?= 96
VIEWS       ?= 36
HELD_OUT    ?= 6
RECIPE      ?= fine
STEPS       ?=
ZOO         ?= runs/zoo-$(PER_CLASS)-$(SEED)
NB          ?= all
RUN         := runs/$(PROFILE)
BIN         := .venv/bin
UV          ?= $(shell command -v uv)
PINNED      := $(filter torch==2.13.0,$(TORCH))
STAMP       := .venv/.ready

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  variables: PYTHON=$(PYTHON) TORCH=$(TORCH) TORCH_INDEX=$(TORCH_INDEX) PROFILE=$(PROFILE) ARGS=$(ARGS)"

setup: $(STAMP) ## make .venv with everything (torch first: one wheel for all that follows)

$(STAMP): pyproject.toml ci/constraints.txt uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) '$(TORCH)'
	$(BIN)/python -m pip uninstall --yes --quiet n2v  # this project's name before 0.3, and Noise2Void's
ifneq ($(and $(UV),$(PINNED)),)
	$(UV) sync --frozen --inexact --no-install-package torch --extra notebooks --extra dev
else
	$(BIN)/python -m pip install -e '.[notebooks,dev]' $(if $(PINNED),-c ci/constraints.txt)
endif
	touch $(STAMP)

test: $(STAMP) ## the test suite; ARGS="-k cameras"
	$(BIN)/python -m pytest $(ARGS)

reproduce: $(STAMP) ## every figure and table into runs/PROFILE; again: goes on; ARGS="--fresh", ARGS="--only 05,06"
	$(BIN)/n2v reproduce --profile $(PROFILE) --out $(RUN) $(ARGS)

lab: $(STAMP) ## JupyterLab on the first notebook; settings are in ci/lab
	JUPYTER_CONFIG_PATH='$(CURDIR)/ci/lab' $(BIN)/jupyter lab --notebook-dir=. $(ARGS)

bench: $(STAMP) ## speeds as ratios in one run; ARGS="--meshes FOLDER"
	$(BIN)/python ci/bench.py --out runs/bench $(ARGS)

zoo: $(STAMP) ## a procedural collection of 13 x PER_CLASS x 3 NeRFs in ZOO; data/mini_zoo is PER_CLASS=15 SEED=1 STEPS=1000
	test -f $(ZOO)/shapes/index.csv || $(BIN)/n2v shapes --out $(ZOO)/shapes --per-class $(PER_CLASS) --augment 2 --seed $(SEED) --frequencies $(FREQUENCIES)
	$(BIN)/n2v render $(ZOO)/shapes --out $(ZOO)/views --size $(SIZE) --views $(VIEWS) --held-out $(HELD_OUT) --seed $(SEED) --resume
	$(BIN)/n2v fit $(ZOO)/views --out $(ZOO)/zoo --recipe $(RECIPE) $(if $(STEPS),--steps $(STEPS)) --seed $(SEED) --resume
	$(BIN)/n2v zoo pack $(ZOO)/zoo --out $(ZOO)/packed

large: ## the large collection of 8,034 NeRFs (hours on two cores; goes on where it was)
	$(MAKE) zoo PER_CLASS=206 SEED=7 FREQUENCIES=half SIZE=64 VIEWS=24 HELD_OUT=2 RECIPE=short ZOO=runs/large

assignment: $(STAMP) ## student copies in release/; NB=04, NB="01 02", default all; ARGS="--text"
	$(BIN)/n2v assignment build $(NB) --out release $(ARGS)

report: $(STAMP) ## write runs/PROFILE/report.html again from what is there, and open it
	$(BIN)/n2v report $(RUN) --show

site: $(STAMP) ## executed notebooks, report and demos as static pages in runs/PROFILE/site
	$(BIN)/n2v site $(RUN)

syllabus: $(STAMP) ## write notebooks/README.md and the README's table of notebooks from their headers
	$(BIN)/python ci/syllabus.py

lint: $(STAMP) ## ruff, format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

clean: ## remove .venv, caches and build outputs; runs/ stays
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
