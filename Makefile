# `make` alone lists what can be made. Options go through ARGS:
#   make train-vae-mnist ARGS="--epochs 3 --seed 1 --model.latent-dim 2 --out runs/mine"

PYTHON ?= python3
ARGS ?=
READY := .venv/.ready
RUN := .venv/bin/python
# How messages of genjax name the command that was called.
GENJAX = GENJAX_CALLED_AS='make $@' $(RUN) -m genjax
STUDY = GENJAX_CALLED_AS='make $@' $(RUN) -m experiments

help: ## list what can be made
	@echo 'make WHAT [ARGS="options"]   (ARGS="--help" explains the options)'
	@echo 'start with: make train-vae-mnist'
	@echo
	@sed -n 's/^\([a-z0-9%-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-22s %s\n", $$1, $$2}'
	@echo
	@$(PYTHON) -m genjax.cli.listing

# The environment: made again only when what it is made from changes.
$(READY): pyproject.toml .constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "genjax needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint .constraints.txt --editable '.[dev]'
	@touch $@

setup: $(READY) ## make .venv and install genjax into it

test: $(READY) ## run the tests
	$(RUN) -m pytest -n auto --dist loadfile $(ARGS)

test-quick: $(READY) ## run the tests that take little time
	$(RUN) -m pytest -n auto --dist loadfile -m "not slow" $(ARGS)

lint: $(READY) ## check format, style and types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: $(READY) ## put the code into shape
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

train-classifier-%: $(READY) ## train anew a classifier that genjax ships: mnist, stacked, fashion, cifar10
	$(GENJAX) train-classifier $* $(ARGS)

train-%: $(READY) ## train a recipe, draw its samples and measure it: make train-vae-mnist
	$(GENJAX) train $* $(ARGS)

app-%: $(READY) ## open the trained model in the browser: make app-vae-mnist
	$(GENJAX) app $* $(ARGS)

explore-%: $(READY) ## write a page on its latent space: make explore-vae-mnist
	$(GENJAX) explore $* $(ARGS)

compare-%: $(READY) ## train six models and write a report: mnist (1 hour), fashion, cifar10
	$(GENJAX) compare $* $(ARGS)

compare: $(READY) ## write a report on runs that exist: ARGS="runs/a runs/b"
	$(GENJAX) compare $(ARGS)

fid: $(READY) ## the published FID of a run's samples: ARGS="runs/dcgan-cifar10" (needs the extra fid)
	$(GENJAX) fid $(ARGS)

disentangle: $(READY) ## three VAEs of sprites: do their latents separate the factors? (20 minutes)
	$(STUDY).disentangle $(ARGS)

debias: $(READY) ## planted bias against resampling by latent density (25 minutes)
	$(STUDY).debias $(ARGS)

variants: $(READY) ## every variant of the VAE on MNIST, shown as many images (30 minutes)
	$(STUDY).variants $(ARGS)

bench: $(READY) ## measure the speed of training on this machine
	$(STUDY).bench $(ARGS)

clean: ## remove .venv and caches; runs/ stays
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache

.PHONY: help setup test test-quick lint format bench compare debias disentangle variants fid clean
