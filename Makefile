# `make` alone lists what can be made, in the groups that the lines with ##@ begin. Options go through
# ARGS:
#   make train-vae-mnist ARGS="--epochs 3 --seed 1 --model.latent-dim 2 --out runs/mine"

PYTHON ?= python3
ARGS ?=
READY := .venv/.ready
RUN := .venv/bin/python
# How messages of genjax name the command that was called.
GENJAX = GENJAX_CALLED_AS='make $@' $(RUN) -m genjax
STUDY = GENJAX_CALLED_AS='make $@' $(RUN) -m experiments

help:
	@echo 'First step:  make train-vae-mnist      makes .venv, trains a VAE on digits, draws and measures it'
	@echo 'Then:        make explore-vae-mnist    a page on what it has learned'
	@echo '             make app-vae-mnist        the same live, in the browser'
	@echo 'Options go through ARGS:  make train-vae-mnist ARGS="--epochs 3"'
	@echo 'All options of a target:  make train-vae-mnist ARGS=--help'
	@sed -n -e 's/^##@ \(.*\)/@\1/p' -e 's/^\([a-z0-9%-]*\):.*## \(.*\)/\1|\2/p' Makefile \
	    | sed 's/%/NAME/' | awk -F'|' '/^@/ {print "\n" substr($$0, 2); next} {printf "  %-22s %s\n", $$1, $$2}'
	@echo
	@$(PYTHON) -m genjax.cli.listing

# The environment: made again only when what it is made from changes.
$(READY): pyproject.toml .constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "genjax needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint .constraints.txt --editable '.[dev]'
	@touch $@

.venv/.docs: $(READY)
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint .constraints.txt --editable '.[dev,docs]'
	@touch $@

##@ Train, and look at what was learned

train-classifier-%: $(READY) ## train a classifier for the metrics; genjax ships those of mnist, stacked, fashion, cifar10
	$(GENJAX) train-classifier $* $(ARGS)

train-%: $(READY) ## train a recipe of those below, draw its samples and measure it
	$(GENJAX) train $* $(ARGS)

explore-%: $(READY) ## write a page on the latent space of a trained model
	$(GENJAX) explore $* $(ARGS)

app-%: $(READY) ## play with a trained model in the browser
	$(GENJAX) app $* $(ARGS)

compare-%: $(READY) ## train nine models and compare them in a report: mnist (2 hours), fashion, cifar10
	$(GENJAX) compare $* $(ARGS)

compare: $(READY) ## compare runs that exist in a report: ARGS="runs/a runs/b"
	$(GENJAX) compare $(ARGS)

fid: $(READY) ## the FID of papers, of a run's samples: ARGS="runs/dcgan-cifar10" (needs the extra fid)
	$(GENJAX) fid $(ARGS)

##@ Repeat the study of the documentation

disentangle: $(READY) ## three VAEs of sprites: does each latent learn one factor? (20 minutes)
	$(STUDY).disentangle $(ARGS)

debias: $(READY) ## a VAE that resamples rare images, on data with a known bias (25 minutes)
	$(STUDY).debias $(ARGS)

conflicting: $(READY) ## coloured digits beside published figures of debiasing (30 minutes)
	$(STUDY).conflicting $(ARGS)

variants: $(READY) ## every variant of the VAE on MNIST under one budget (30 minutes)
	$(STUDY).variants $(ARGS)

bench: $(READY) ## measure the speed of training beside Flax and PyTorch (10 minutes)
	$(STUDY).bench $(ARGS)

##@ Work on genjax

setup: $(READY) ## make .venv and install genjax into it

test: $(READY) ## run the tests
	$(RUN) -m pytest -n auto --dist loadfile $(ARGS)

test-quick: $(READY) ## run the fast tests
	$(RUN) -m pytest -n auto --dist loadfile -m "not slow" $(ARGS)

lint: $(READY) ## check format, style and types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: $(READY) ## put the code into shape
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

docs: .venv/.docs ## build the site of the documentation: build/site/index.html
	$(RUN) -m sphinx -q -W --keep-going -b html -c docs . build/site $(ARGS)

docs-serve: docs ## show the site on http://localhost:8000
	$(RUN) -m http.server 8000 --directory build/site

check-tpu: $(READY) ## compile every model for TPUs without one; needs pip install libtpu (hours; see docs/tpu.md)
	JAX_PLATFORMS=cpu TPU_SKIP_MDS_QUERY=1 $(STUDY).tpu $(ARGS)

torture: $(READY) ## kill runs, damage their files, fill their disks: is anything lost? (10 minutes)
	$(STUDY).torture $(ARGS)

check-install: $(READY) ## build the package, and install it into empty environments (10 minutes)
	$(STUDY).check_install $(ARGS)

clean: ## remove .venv and caches; runs/ stays
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup test test-quick lint format docs docs-serve bench compare debias disentangle conflicting variants fid torture check-tpu check-install clean
