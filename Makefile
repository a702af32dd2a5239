# Everything that is done with this repository. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# RACE=1 runs the tests under the race detector, which needs a C compiler.
RACE ?=
# PKG narrows test, and FUZZTIME is how long each fuzz target runs.
PKG ?= ./...
FUZZTIME ?= 10s

SANDBOX := bin/sandbox
LINKS := $(addprefix $(SANDBOX)/,etcd kube-apiserver kube-controller-manager kubectl)

# step runs $(2) and says what runs, and for how long.
define step
@start=$$SECONDS; echo "==> $(1)"; $(2); echo "==> $(1): done after $$((SECONDS - start)) s"
endef

.PHONY: build
build: ## Build bin/tacit
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/tacit ./cmd/tacit

.PHONY: sandbox
sandbox: $(SANDBOX)/controlplane $(LINKS) $(SANDBOX)/vault $(SANDBOX)/clouds $(SANDBOX)/kubeseal ## Build what tests run against: control plane, Vault, clouds, kubeseal

# The flags matter: with others nothing of the build cache fits.
$(SANDBOX)/controlplane: $(wildcard sandbox/controlplane/*.go) sandbox/controlplane/go.mod sandbox/controlplane/go.sum
	@mkdir -p $(SANDBOX)
	$(call step,building the Kubernetes control plane (about 9 minutes the first time),cd sandbox/controlplane && CGO_ENABLED=0 go build -ldflags "-s -w" -o ../../$@ .)

$(LINKS): $(SANDBOX)/controlplane
	@ln -sf controlplane $@

$(SANDBOX)/vault: $(wildcard sandbox/vault/*.go) sandbox/vault/go.mod sandbox/vault/go.sum
	@mkdir -p $(SANDBOX)
	$(call step,building Vault (about 3 minutes the first time),cd sandbox/vault && CGO_ENABLED=0 go build -ldflags "-s -w" -o ../../$@ .)

$(SANDBOX)/clouds: $(wildcard sandbox/clouds/*.go sandbox/clouds/*/*.go) sandbox/clouds/go.mod
	@mkdir -p $(SANDBOX)
	$(call step,building the clouds,cd sandbox/clouds && CGO_ENABLED=0 go build -ldflags "-s -w" -o ../../$@ .)

$(SANDBOX)/kubeseal: sandbox/kubeseal/go.mod sandbox/kubeseal/go.sum
	@mkdir -p $(SANDBOX)
	$(call step,building kubeseal,cd sandbox/kubeseal && CGO_ENABLED=0 go build -ldflags "-s -w" -o ../../$@ github.com/bitnami-labs/sealed-secrets/cmd/kubeseal)

.PHONY: test
test: sandbox build ## Run every test (PKG=./internal/... narrows, RACE=1 adds the race detector)
	go test -timeout 30m $(if $(RACE),-race) $(PKG)
	$(if $(filter ./...,$(PKG)),cd sandbox/clouds && go test $(if $(RACE),-race) ./...)

.PHONY: lint
lint: ## Run the linters
	go tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners

.PHONY: generate
generate: ## Generate the CRDs and the deepcopy functions
	go generate ./...

.PHONY: demo
demo: sandbox build ## Show the roads from Vault and Doppler, live; Ctrl-C ends it
	@go build -o $(SANDBOX)/demo ./sandbox/demo
	@exec $(SANDBOX)/demo

.PHONY: bench
bench: sandbox ## Measure against the API server's own ceiling; writes bench/RESULTS.md
	go run ./bench

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME
	@{ git grep --untracked -El '^func Fuzz[A-Z]' -- '*_test.go' || true; } | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "==> $$target in $$(dirname "$$file")"; \
			go test -run='^$$' -fuzz="^$$target\$$" -fuzztime=$(FUZZTIME) "./$$(dirname "$$file")" </dev/null; \
		done; \
	done

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf bin

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
