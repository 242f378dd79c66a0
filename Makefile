# Icarus: everything a person or a machine does with this tree. `make help` lists it.
#
# Only Go and make are presumed. Tools are built from the versions that
# hack/tools/go.mod pins, into a cache outside the tree; so are the servers that
# tests talk to. Cassandra comes from its Maven artifacts.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

export ICARUS_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/icarus
TOOLS := $(ICARUS_CACHE)/bin

# The version of a tool is the one of its module in hack/tools/go.mod, so that a
# change there builds it anew.
tool_version = $(shell awk '$$1 == "$(1)" { print $$2; exit }' hack/tools/go.mod)
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(call tool_version,github.com/golangci/golangci-lint/v2)
CONTROLLER_GEN := $(TOOLS)/controller-gen-$(call tool_version,sigs.k8s.io/controller-tools)
VERSITYGW := $(TOOLS)/versitygw-$(call tool_version,github.com/versity/versitygw)

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The time of the commit, not of the build: two builds give the same bytes.
BUILD_TIME ?= $(shell git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.buildTime=$(BUILD_TIME)
export TZ := UTC

# The longest tests first, so that none of them runs alone at the end.
GO_PACKAGES := ./test/e2e ./pkg/nodeops ./pkg/controller ./test/interop ./...
TEST_FLAGS ?=
TEST_TIMEOUT ?= 40m

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z][a-zA-Z0-9_-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

## --- building ---------------------------------------------------------------

.PHONY: build
build: ## Build bin/icarus and bin/icarus-controller (static, reproducible).
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/icarus ./cmd/sidecar
	if [ -d cmd/controller ]; then CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/icarus-controller ./cmd/controller; fi

.PHONY: run
run: build ## Run the sidecar against a Cassandra on 127.0.0.1:7199.
	bin/icarus server --state-dir bin/state

.PHONY: clean
clean: ## Remove what build made. The cache outside the tree stays.
	rm -rf bin dist coverage.out

## --- trying it --------------------------------------------------------------

# CASSANDRA=4.1|5.0, STORE=file|s3, KEEP=1
.PHONY: demo
demo: build ## Back up, damage and restore a real three-node ring (CASSANDRA=5.0, STORE=s3, KEEP=1).
	go run ./hack/demo up

.PHONY: demo-kubernetes
demo-kubernetes: build ## The same by kubectl apply: a real kube-apiserver, the controller, config/samples.
	go run ./hack/demo kubernetes up

.PHONY: demo-down
demo-down: ## Stop what a `make demo KEEP=1`, or demo-kubernetes, left running.
	go run ./hack/demo down

## --- testing ----------------------------------------------------------------

.PHONY: test
test: ## All tests: unit, component, and integration on real nodes (Cassandra 3.11 to 5.0), with the race detector.
	go run ./hack/deps
	CGO_ENABLED=1 go test -race -timeout $(TEST_TIMEOUT) $(TEST_FLAGS) $(GO_PACKAGES)

.PHONY: test-short
test-short: ## Unit and component tests only: no Cassandra, no servers, a minute.
	go test -short -timeout 10m $(TEST_FLAGS) $(GO_PACKAGES)

# CLOUDS="s3://bucket gs://bucket azure://container"; the credentials are those of the
# environment (docs/stores.md). The buckets must exist; what the tests write lies
# below icarus-test/ and is deleted at their end.
.PHONY: test-cloud
test-cloud: ## The promises of a store, held by real accounts: CLOUDS="s3://bucket gs://bucket azure://container".
	@[ -n "$(CLOUDS)" ] || { echo 'Name the buckets of your accounts: make test-cloud CLOUDS="s3://bucket gs://bucket azure://container"'; exit 2; }
	ICARUS_TEST_CLOUD="$(CLOUDS)" go test -count=1 -timeout 2h -run '^TestCloudsKeepThePromises$$' -v ./pkg/store

.PHONY: test-gocloud
test-gocloud: ## Which promises of a store the plain drivers of gocloud.dev break, each kept by ours: a module of its own.
	cd test/gocloud && go test -count=1 -timeout 15m ./...

# Python's own venv, in the cache: only this target needs it. The file says which
# versions, so that a change of it installs anew.
SCHEMATHESIS := $(ICARUS_CACHE)/schemathesis-$(firstword $(shell cksum test/openapi/requirements.txt 2>/dev/null))
.PHONY: test-openapi
test-openapi: $(SCHEMATHESIS)/whole ## The served OpenAPI document against the answers: schemathesis makes some thousand requests (half a minute, Python 3).
	ICARUS_SCHEMATHESIS='$(SCHEMATHESIS)/bin/schemathesis' go test -count=1 -timeout 10m $(TEST_FLAGS) ./test/openapi

# The fuzz targets are found, not listed, so that a new one is run too.
FUZZ_TIME ?= 20s
.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZ_TIME each.
	@grep -rlE '^func Fuzz' --include='*_test.go' api pkg | while read -r f; do \
	  for t in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' "$$f"); do \
	    echo "== $$t ($$(dirname "$$f"))"; \
	    go test "./$$(dirname "$$f")" -run '^$$' -fuzz "^$$t$$" -fuzztime $(FUZZ_TIME) -fuzzminimizetime 5x; \
	  done; done

.PHONY: bench
bench: ## Go benchmarks of the hot paths; those of JMX start a Cassandra 5.0.
	go test -run '^$$' -bench . -benchmem $(GO_PACKAGES) | grep -E '^(goos|cpu|pkg|Benchmark|PASS|ok.*[1-9]\.[0-9]*s$$)'

# SHAPE=a,b,c,d SCALE=1 (all of their size) STORE=file,s3,s3+latency ROUNDS=3; docs/performance.md.
# Its module has clients that Icarus itself has not.
BENCH := $(TOOLS)/bench
SHAPE ?= a,b,c,d
SCALE ?= 0.1
ROUNDS ?= 3
PARALLEL ?= 10
.PHONY: bench-compare
bench-compare: ## Us beside the least that can be done and beside other movers, on the same files (SHAPE=b,d SCALE=1 ROUNDS=3).
	mkdir -p '$(BENCH)'
	cd hack/bench && go build -o '$(BENCH)/' ./...
	'$(BENCH)/bench' -bin '$(BENCH)' -shape '$(SHAPE)' -scale '$(SCALE)' -rounds '$(ROUNDS)' -parallel '$(PARALLEL)' $(if $(STORE),-store '$(STORE)')

## --- checking ---------------------------------------------------------------

.PHONY: checks
checks: build lint vet-modules verify ## What every commit must pass before its tests run.

.PHONY: lint
lint: $(GOLANGCI_LINT) ## Run the linters of .golangci.yml.
	$(GOLANGCI_LINT) run ./...

.PHONY: fmt
fmt: $(GOLANGCI_LINT) ## Format the code as the linters want it.
	$(GOLANGCI_LINT) fmt ./...

.PHONY: vet-modules
vet-modules: ## Check that go.mod is tidy and the modules are what go.sum says.
	go mod tidy -diff
	go mod verify

## --- generating -------------------------------------------------------------

# What make generate writes, and never a person.
GENERATED := api/v1alpha1/zz_generated.deepcopy.go config/crd config/rbac docs/api

.PHONY: generate
generate: $(CONTROLLER_GEN) ## Generate deep copies, config/crd, config/rbac and docs/api.
	$(CONTROLLER_GEN) object paths=./api/v1alpha1
	mkdir -p config/crd docs/api
	rm -f config/crd/*.yaml docs/api/*.md
	$(CONTROLLER_GEN) crd paths=./api/v1alpha1 output:crd:dir=config/crd
	if [ -d pkg/controller ]; then $(CONTROLLER_GEN) rbac:roleName=icarus-controller paths=./pkg/controller/... output:rbac:dir=config/rbac; fi
	go run ./hack/apidocs config/crd docs/api

.PHONY: verify
verify: $(CONTROLLER_GEN) ## Check that what is generated is up to date: generate in a copy, and compare.
	@copy=$$(mktemp -d); trap 'rm -rf "$$copy"' EXIT; \
	cp -rp Makefile go.mod go.sum api pkg config docs hack "$$copy"; \
	$(MAKE) --no-print-directory -s -C "$$copy" generate; \
	for f in $(GENERATED); do \
	  if [ -e "$$f" ] || [ -e "$$copy/$$f" ]; then diff -ru "$$f" "$$copy/$$f" || stale=1; fi; \
	done; \
	if [ -n "$${stale:-}" ]; then echo 'Generated files are not up to date: run make generate, and commit what it writes'; exit 1; fi

## --- tools ------------------------------------------------------------------

$(GOLANGCI_LINT): hack/tools/go.mod
	@$(call build_tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
$(CONTROLLER_GEN): hack/tools/go.mod
	@$(call build_tool,sigs.k8s.io/controller-tools/cmd/controller-gen)
$(VERSITYGW): hack/tools/go.mod
	@$(call build_tool,github.com/versity/versitygw/cmd/versitygw)

$(SCHEMATHESIS)/whole: test/openapi/requirements.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || go run ./hack/deps python
	@rm -rf '$(@D)' && python3 -m venv '$(@D)'
	@'$(@D)/bin/pip' install --quiet --disable-pip-version-check --requirement $<
	@touch '$@'

# A finished tool has its version in its name; touch makes it newer than go.mod
# when only another tool's row changed.
define build_tool
mkdir -p '$(TOOLS)'; \
if [ -x '$@' ]; then touch '$@'; else echo "Building $(notdir $@) from its Go module (once)"; \
(cd hack/tools && CGO_ENABLED=0 go build -o '$@.partial' $(1)) && mv '$@.partial' '$@'; fi
endef
