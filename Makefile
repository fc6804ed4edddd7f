# The doors of the house. Each target is one line; what it does is in scripts/.
SHELL := /bin/bash
MAKEFLAGS += --no-print-directory
FUZZ_SECONDS ?= 60
export FUZZ_SECONDS

.DEFAULT_GOAL := help
.PHONY: help run demo build image test lint format manifests bench fuzz matrix e2e e2e-shell clean

help: ## this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

run: ## install what is missing, build, and start the agent on this machine
	@scripts/run.sh agent

demo: ## a real OOM kill on this machine, attributed and shown
	@scripts/run.sh demo

build: ## build/release/oomtrail
	@scripts/install.sh build
	@scripts/build.sh release oomtrail

test: ## everything: units, sanitizers, fuzzers, scenarios here and on each supported kernel
	@scripts/test.sh

image: ## build/image/oomtrail-ARCH.oci.tar, for this machine or ARCH="amd64 arm64"
	@scripts/image.sh $(ARCH)

lint: ## format, clang-tidy, shellcheck, pyflakes, buf, and the house's own rules
	@scripts/install.sh build lint
	@scripts/lint.sh

format: ## rewrite the C++ in the house's format
	@git ls-files -z -co --exclude-standard -- '*.cc' '*.h' ':!bpf' ':!*.bpf.h' | xargs -0 clang-format -i

manifests: ## manifests/ and the chart's table of values, from charts/oomtrail
	@scripts/manifests.sh

bench: ## the benchmarks
	@scripts/bench.sh

fuzz: ## every fuzzer for FUZZ_SECONDS (60)
	@scripts/install.sh build test
	@scripts/fuzz.sh

matrix: ## the scenarios on each supported kernel, in virtual machines
	@scripts/test.sh install build matrix

e2e: ## on a real Kubernetes cluster, made here: control plane in a network namespace, two nodes in QEMU
	@scripts/test.sh install build cluster_all

e2e-shell: ## that cluster, left up for you with kubectl and helm in a shell; `exit` ends it
	@scripts/install.sh build test image
	@scripts/build.sh release oomtrail
	@python3 tests/cluster/e2e.py --shell

clean: ## forget build/ (caches outside the house stay)
	@rm -rf build
