# Two commands do everything: `make run` and `make test`.
export GOTOOLCHAIN := auto
export CGO_ENABLED ?= 1

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
TOOLS   := $(CURDIR)/.tools
VENV    := $(TOOLS)/venv
WEB     := services/console/web
PLUGIN  := dashboards/plugin
PLUGIN_FOR = amd64 arm64
LOCAL   := deploy/local
LINT    := v2.15.0

.DEFAULT_GOAL := help

##@ Use

.PHONY: run
run: build setup-run ## Build, install the local Kafka and ClickHouse, start everything with a demo fleet
	@bin/vigie up --demo $(ARGS)

.PHONY: build
build: web bin/vigie bin/vigie-load ## Build bin/vigie and bin/vigie-load

.PHONY: bin/vigie bin/vigie-load
bin/vigie bin/vigie-load: need-go
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o $@ ./$(if $(findstring load,$@),loadtest,services)/$(@F)

##@ Test

.PHONY: test
test: build setup-run setup-test lint-fast check-generated test-web ## Run every hermetic test, race detector on
	$(GO) test -tags simulation,synctests -run Simulation ./services/processor # a short set of seeds
	$(GO) test -race -timeout 18m $(addprefix ./services/,vigie archiver processor warehouse/queries) ./... # longest first
.PHONY: test-web
test-web: PLUGIN_FOR = $(shell $(GO) env GOARCH)
test-web: web plugin
	@cd $(WEB) && npm test --silent
	@cd $(PLUGIN) && npm test --silent

.PHONY: test-long
test-long: build setup-run setup-test ## The kill tests with many more rounds
	KILLS=200 PROCESSOR_KILLS=200 $(GO) test -tags long -race -count=1 -timeout 4h -run 'Kill|Die|LeadersMove|HostileLoad' ./services/vigie ./services/receiver/siege

.PHONY: siege soak
siege: setup-run ## Six attacks beside PANELS good panels (default 10,000) on one receiver, with a table
	$(GO) test -v -count=1 -timeout 1h -tags long -run TestHostileLoad ./services/receiver/siege -args -panels $${PANELS:-10000} -phase 20s
soak: setup-run ## Panels, attacks and a failing Kafka on one receiver, for SOAK (default 1h)
	@mkdir -p bin
	$(GO) test -v -count=1 -timeout 24h -tags long -run 'TestSoak$$' ./services/receiver/siege -args -soak $${SOAK:-1h} -soak-report $(CURDIR)/bin/soak.json

.PHONY: simulate
simulate: need-go ## The engine against a failing cluster in virtual time, SEEDS histories (default 200)
	SIM_SEEDS=$${SEEDS:-200} $(GO) test -tags simulation,synctests -count=1 -timeout 12h -run Simulation ./services/processor

.PHONY: fuzz
fuzz: need-go ## Fuzz each parser for FUZZTIME (default 1m)
	@for f in $$(grep -rlE '^func Fuzz' --include='*_test.go' services schemas); do \
		for t in $$(grep -ohE '^func Fuzz[A-Za-z0-9]*' $$f | cut -c6-); do \
			$(GO) test -run '^$$' -fuzz "^$$t$$" -fuzztime $${FUZZTIME:-1m} ./$$(dirname $$f) || exit 1; done; done

.PHONY: loadtest
loadtest: build setup-run ## Ten minutes of lockdown on an installation of its own, with a report
	bin/vigie-load run lockdown --start bin/vigie --sites 2000 --rate 250 --duration 10m $(ARGS)

PEER := loadtest/peers/kafka-streams
.PHONY: peer test-peer bench-peer
peer: setup-run ## Build the peer on Kafka Streams and run its tests
	@mvn -q -B package -f $(PEER)/pom.xml
test-peer: peer need-go ## The engine and its peer give the same bytes, over kills
	$(GO) test -tags peer -count=1 -timeout 1h ./loadtest/peers/compare
bench-peer: peer need-go ## What the engine and its peer take for one job (ARGS="--sites 100000 …")
	$(GO) run ./loadtest/peers/compare $(ARGS)

.PHONY: bench
bench: need-go ## Run the benchmarks, each beside its baseline
	$(GO) test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-warehouse
bench-warehouse: setup-run ## Every named query at 1, 10 and 100 million events (10 GB in WAREHOUSE)
	$(GO) run ./loadtest/warehouse-rows -rows 1000000,10000000,100000000 -data $${WAREHOUSE:-bin/warehouse} $(ARGS)

##@ Develop

.PHONY: web
web: $(WEB)/dist/index.html ## Build the page
$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(shell find $(WEB)/src $(WEB)/index.html $(WEB)/*.ts $(WEB)/*.js -type f 2>/dev/null)
	@cd $(WEB) && npm run --silent build
$(WEB)/node_modules/.package-lock.json $(PLUGIN)/node_modules/.package-lock.json: %/node_modules/.package-lock.json: %/package-lock.json | need-node
	@cd $* && npm ci --silent --ignore-scripts --no-audit --no-fund

.PHONY: plugin
plugin: $(PLUGIN)/node_modules/.package-lock.json need-go ## Build Grafana's data source into dashboards/plugin/dist
	@cd $(PLUGIN) && npm run --silent build
	@for arch in $(PLUGIN_FOR); do CGO_ENABLED=0 GOOS=linux GOARCH=$$arch $(GO) build -trimpath -ldflags "-s -w" -o $(PLUGIN)/dist/gpx_vigie_linux_$$arch ./$(PLUGIN)/pkg || exit 1; done

.PHONY: generate
generate: need-go ## Generate Go from the schemas
	cd schemas && $(GO) tool buf lint && $(GO) tool buf generate

.PHONY: check-generated
check-generated: generate ## Fail when generated code is not what the schemas give
	@git diff --exit-code -- schemas/vigiev1 || { echo "generated code is out of date: commit what make generate wrote"; exit 1; }

.PHONY: lint-fast
lint-fast: need-go ## gofmt and go vet
	@test -z "$$(gofmt -l dashboards deploy docs loadtest schemas services)" || { gofmt -l dashboards deploy docs loadtest schemas services; echo "gofmt the files above"; exit 1; }
	@$(GO) vet ./...

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## All linters (installs golangci-lint into .tools)
	$(TOOLS)/golangci-lint run
$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT)

##@ Install

.PHONY: setup
setup: setup-run setup-test ## Install all that the machine lacks, by package name

.PHONY: setup-run
setup-run: $(LOCAL)/libs/.done $(LOCAL)/node_modules/.package-lock.json ## The local Kafka and the ClickHouse engine
$(LOCAL)/libs/.done: $(LOCAL)/pom.xml | need-java
	@echo "installing the local Kafka …" && mvn -q -B -f $(LOCAL)/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/$(LOCAL)/libs && touch $@
$(LOCAL)/node_modules/.package-lock.json: $(LOCAL)/package-lock.json | need-node
	@echo "installing the ClickHouse engine …" && cd $(LOCAL) && npm ci --silent --ignore-scripts --no-audit --no-fund

.PHONY: setup-test
setup-test: $(VENV)/.done ## Test clients: Python diallers, clickhouse-connect, kcat, HAProxy, Chromium
	@sh deploy/local/test-packages.sh
$(VENV)/.done: deploy/local/requirements.txt
	@command -v python3 >/dev/null || { echo "python3 with venv is needed for the test clients: install python3 and python3-venv"; exit 3; }
	@python3 -m venv $(VENV) && $(VENV)/bin/pip install --quiet --disable-pip-version-check -r $< && touch $@

.PHONY: need-go need-node need-java
need-go:
	@command -v $(GO) >/dev/null || { echo "Go 1.26 or newer is needed: install it and put it on PATH"; exit 3; }
need-node:
	@command -v npm >/dev/null || { echo "Node.js 20 or newer with npm is needed: install it and put it on PATH"; exit 3; }
need-java:
	@command -v java >/dev/null && command -v mvn >/dev/null || { echo "Java 17 or newer and Maven are needed for the local Kafka: install them, or run bin/vigie up --ephemeral"; exit 3; }

.PHONY: clean
clean: ## Remove what was built (data stays)
	rm -rf bin $(WEB)/dist/assets $(WEB)/dist/index.html $(PLUGIN)/dist

.PHONY: help
help: ## Show this help
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*##/ {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
