# Trustbridge. `make help` describes the targets.
# Head as in https://tech.davis-hansson.com/p/make/.
SHELL := bash
.DELETE_ON_ERROR:
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --warn-undefined-variables --no-builtin-rules --no-print-directory

export CGO_ENABLED := 0
# The toolchain with the latest security fixes (docs/adr/0010): any Go from 1.26 on takes it from the module proxy.
export GOTOOLCHAIN := go1.27.3
export GOFLAGS := -buildvcs=false -trimpath

ONCE ?=
BENCH ?=
FUNCTIONS := publish-sns store-dynamodb invoke-lambda
# Modules of their own, for what they need is too much for ours. test/knative is linted by check-knative, which compiles what it needs.
MODULES := test/deploy test/openfaas tools/ko
TOOL := go tool -modfile=tools/go.mod
CACHE := .cache
# Waiting for a lock, a download or a cold build says so within seconds: a silent terminal looks broken.
ALIVE = tools/alive

.PHONY: help
help: ## Describe the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | awk 'BEGIN {FS = ":.*?## "}; {printf "  %-14s %s\n", $$1, $$2}'

.PHONY: demo
demo: build ## Run the whole path on this machine, without any account (ONCE=1: exit after the proof)
	@bin/demo $(if $(ONCE),-once)

.PHONY: build
build: ## Build the functions, trustbridge, the local stand-in and the demo into bin/
	@$(ALIVE) "build" go build -o bin/ $(addprefix ./functions/,$(FUNCTIONS)) ./cmd/trustbridge ./test/local/cmd/local ./test/demo
	@$(ALIVE) "build" go build -tags lambda.norpc -o bin/ ./test/local/cmd/lambda-echo

.PHONY: check
check: ## Formatting, vet, unit and end-to-end tests: the test command
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	  if [ -n "$$unformatted" ]; then printf 'not gofmt-ed:\n%s\n' "$$unformatted"; exit 1; fi
	@$(ALIVE) "vet" go vet ./...
	@cd tools && ../$(ALIVE) "vet tools" go vet ./vulndb
	@$(ALIVE) "test" go test -timeout 5m $$(go list ./... | grep -v '/test/e2e$$')
	@cd tools && go test ./vulndb
	@$(ALIVE) "end-to-end test" go test -v -parallel 32 -timeout 5m ./test/e2e | sed -u '/^ *=== /d'

.PHONY: lint
lint: ## Run the linters of .golangci.yml
	@$(ALIVE) "lint" $(TOOL) golangci-lint run ./...
	@for module in $(MODULES); do (cd $$module && $(CURDIR)/$(ALIVE) "lint $$module" go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint run -c $(CURDIR)/.golangci.yml ./...); done

.PHONY: race
race: ## Run the unit tests under the race detector (needs a C compiler)
	@command -v "$$(go env CC)" >/dev/null || { echo "make race: the race detector needs a C compiler; '$$(go env CC)' is not there (Debian: apt-get install gcc)"; exit 1; }
	@CGO_ENABLED=1 $(ALIVE) "race" go test -race -timeout 10m ./...

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what is linked
	@cd tools && ../$(ALIVE) "vulnerability database" go run ./vulndb ../$(CACHE)/vulndb
	@$(ALIVE) "vuln" $(TOOL) govulncheck -db "file://$(CURDIR)/$(CACHE)/vulndb" ./...

.PHONY: fuzz
fuzz: ## Fuzz every parser of foreign bytes for 30 s each (FUZZTIME=10m for longer)
	@for p in $$(git grep -lE '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' $$p/*_test.go | cut -c6-); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime "$${FUZZTIME:-30s}" -fuzzminimizetime 10x "./$$p"; done; done

.PHONY: bench
bench: ## Measure the functions beside plain SDK handlers (Linux, 2 CPUs; BENCH="-only sns -seconds 1" for less)
	@$(ALIVE) "build" go build -ldflags='-s -w' -o bin/bench/ $(addprefix ./functions/,$(FUNCTIONS)) ./test/bench \
	  $(addprefix ./test/bench/internal/plain-,sns dynamodb lambda nothing)
	@bin/bench/bench $(BENCH)

.PHONY: images
images: ## Build the images for amd64 and arm64 with ko, and push them if KO_DOCKER_REPO says where to
	@cd tools/ko && ../../$(ALIVE) "images" go run . $(addprefix -folder ../../,$(CACHE)/images)

.PHONY: check-openfaas
check-openfaas: ## Build and deploy stack.yml with OpenFaaS's own code, send events to the far ends (Linux)
	@cd test/openfaas && go vet ./... && ../../$(ALIVE) "OpenFaaS" go test -v -timeout 5m ./... | sed -u '/^ *=== /d; /^ *--- PASS/d'
	@cd tools/ko && go vet . && ../../$(ALIVE) "images" go test -v -timeout 9m . | sed -u '/^ *=== /d; /^ *--- PASS/d'

.PHONY: check-deploy
check-deploy: ## Hold deploy/kyma and deploy/cloudfoundry against what the functions do (Linux)
	@cd test/deploy && go vet ./... && ../../$(ALIVE) "Kyma and Cloud Foundry" go test -v -timeout 5m ./... | sed -u '/^ *=== /d; /^ *--- PASS/d'

.PHONY: check-awscli
check-awscli: ## Run deploy/aws/create.sh with the real AWS CLI against the stand-in (AWSCLI=/usr/bin/aws for a certain one)
	@go vet -tags awscli ./test/local/aws
	@$(ALIVE) "AWS CLI" go test -tags awscli -count 1 -timeout 9m -run '^TestCreateScript$$' -v ./test/local/aws | sed -u '/^ *=== /d'

.PHONY: check-knative
check-knative: ## deploy/knative through Knative's own code, and events through real Eventing and Serving (Linux; 1 min, 10 when cold)
	@linter=$$($(TOOL) -n golangci-lint); \
	  export GOFLAGS="$$GOFLAGS '-gcflags=all=-l -dwarf=false'"; cd test/knative; \
	  version=$$(go list -m -f '{{.Version}}' k8s.io/kubernetes); \
	  ../../$(ALIVE) "build Kubernetes and Knative" go build -o ../../$(CACHE)/knative/bin/ \
	    -ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$$version" tool ./controllers ./e2e; \
	  ../../$(ALIVE) "test" go test -vet=off -timeout 5m ./...; \
	  ../../$(ALIVE) "lint" "$$linter" run -c ../../.golangci.yml ./...; \
	  ../../$(CACHE)/knative/bin/e2e

.PHONY: docs
docs: ## Make docs/configuration.md from the configuration structs
	@go test ./shared/bridge ./functions/... -run TestConfigurationDocument -update

.PHONY: clean
clean: ## Remove what the targets made here
	@rm -rf bin $(CACHE)
