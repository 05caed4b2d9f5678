# `make` alone lists what can be made. Options go through ARGS:
#   make train-vae-mnist ARGS="--epochs 3 --seed 1 --model.latent-dim 2 --out runs/mine"

PYTHON ?= python3
ARGS ?=
READY := .venv/.ready
RUN := .venv/bin/python

help: ## list what can be made
	@echo 'make WHAT [ARGS="options"]   (ARGS="--help" lists the options)'
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{printf "%-34s %s\n", $$1, $$2}'

# The environment: made again only when what it is made from changes.
$(READY): pyproject.toml .constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "genjax needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --constraint .constraints.txt --editable '.[dev]'
	@touch $@

setup: $(READY) ## make .venv and install genjax into it

test: $(READY) ## run the tests
	$(RUN) -m pytest -n auto --dist loadfile $(ARGS)

lint: $(READY) ## check format, style and types
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy

format: $(READY) ## put the code into shape
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

bench: $(READY) ## measure the speed of training on this machine
	$(RUN) -m experiments.bench $(ARGS)

compare-mnist: ## six models on MNIST, three seeds each: a report (1 hour)
compare-fashion: ## the same on Fashion-MNIST
compare-cifar10: ## the same on CIFAR-10
compare-%: $(READY)
	$(RUN) -m experiments.compare $* $(ARGS)

compare: $(READY) ## a report on runs that exist: ARGS="runs/a runs/b"
	$(RUN) -m experiments.compare $(ARGS)

disentangle: $(READY) ## three VAEs of sprites with three seeds each: what do latents stand for? (20 minutes)
	$(RUN) -m experiments.disentangle $(ARGS)

debias: $(READY) ## planted bias against resampling by latent density, five seeds (25 minutes)
	$(RUN) -m experiments.debias $(ARGS)

variants: $(READY) ## every variant of the VAE on MNIST, shown as many images (30 minutes)
	$(RUN) -m experiments.variants $(ARGS)

fid: $(READY) ## the published FID of a run's samples: ARGS="runs/dcgan-cifar10" (needs the extra fid)
	$(RUN) -m genjax.cli.fid $(ARGS)

clean: ## remove .venv and caches; runs/ stays
	rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache

train-vae-mnist: ## convolutional VAE on MNIST
train-vae-mnist-long: ## the same, larger and longer: the best likelihood
train-vae-mnist-2d: ## VAE with two latents: draws the latent plane
train-ae-mnist: ## plain autoencoder on MNIST, the baseline
train-vae-fashion: ## VAE on Fashion-MNIST
train-vae-cifar10: ## VAE on CIFAR-10
train-vae-sprites: ## VAE on sprites drawn from known factors
train-beta-vae-sprites: ## beta-VAE on sprites: latents that stand for factors
train-beta-tcvae-sprites: ## beta-TCVAE on sprites: the same at less cost
train-gan-mnist: ## vanilla GAN on MNIST
train-dcgan-mnist: ## DCGAN on MNIST
train-dcgan-fashion: ## DCGAN on Fashion-MNIST
train-dcgan-cifar10: ## DCGAN that knows the classes, on CIFAR-10
train-dcgan-cifar10-full: ## 200,000 steps, spectral normalisation: for an accelerator
train-dcgan-stacked: ## DCGAN on Stacked MNIST: how many of 1,000 modes?
train-r3gan-stacked: ## relativistic residual GAN on Stacked MNIST
train-debiasing-vae-mnist-rotated: ## debiasing VAE: 5% of the training digits are rotated
train-debiasing-vae-mnist-coloured: ## debiasing VAE: colour goes with the digit in 98%
train-debiasing-vae-fashion-rare: ## debiasing VAE: three groups of 2% on Fashion-MNIST
train-vae-gan-mnist: ## VAE-GAN on MNIST
train-vae-gan-fashion: ## VAE-GAN on Fashion-MNIST
train-vae-gan-cifar10: ## VAE-GAN on CIFAR-10
train-%: $(READY)
	$(RUN) -m genjax.cli.train $* $(ARGS)

train-classifier-mnist: ## a classifier that judges samples, anew; genjax ships those of these data sets
train-classifier-stacked: ## the same, for Stacked MNIST
train-classifier-fashion: ## the same, for Fashion-MNIST
train-classifier-cifar10: ## the same, for CIFAR-10
train-classifier-%: $(READY)
	$(RUN) -m genjax.cli.train_classifier $* $(ARGS)

app-vae-mnist: ## play with a trained model in the browser; so with every train-*
app-%: $(READY)
	$(RUN) -m genjax.cli.app $* $(ARGS)

explore-vae-mnist: ## a page on the latent space of that run, or of any other
explore-%: $(READY)
	$(RUN) -m experiments.explore $* $(ARGS)

.PHONY: help setup test lint format bench compare debias disentangle variants fid clean
