# Each target installs what it needs with .ci/install, which prints what it installs and uses sudo
# unless it runs as root.
export TACET_TOOLS := $(CURDIR)/bin/tools

# From systemd/changelog; with the commit's time and hash unless this is a release.
VERSION ?= $(shell systemd/version.sh)
LDFLAGS := -s -w -X tacet/cmd/internal/cli.Version=$(VERSION)

.PHONY: help build programs desk release deb apt package-test bundle run fleet test tests lint vuln bench fuzz rig-test fresh-test soak clean

# Each target's line says what it is for, after "##".
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

ifndef V
.SILENT: programs
endif
build: ## tacetd, tacet and tacet-demo, into bin; V=1 shows the commands
	@.ci/install build
	@$(MAKE) --no-print-directory programs

# What "make build" and the packages share; OUT and UNIT say what goes where. libopus is linked
# statically, so the unit needs one package less. The sound library reads a whole period at a time
# only if its buffer holds one; the default of 4 KiB costs two wake-ups for each.
OUT ?= bin
UNIT ?= ./cmd/tacetd ./cmd/tacet-demo
programs: ## what make build and the packages share; OUT, UNIT
	@echo 'building $(notdir $(UNIT)) and tacet into $(OUT), version $(VERSION)'
	CGO_ENABLED=1 \
	CGO_CFLAGS='-g -O2 -ffunction-sections -fdata-sections -DMA_DATA_CONVERTER_STACK_BUFFER_SIZE=16384' \
	CGO_LDFLAGS='-Wl,--as-needed -Wl,--gc-sections -Wl,-z,relro -Wl,-z,now -l:libopus.a -lm' \
	go build -buildmode=pie -trimpath -ldflags '$(LDFLAGS)' -o $(OUT)/ $(UNIT)
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(OUT)/ ./cmd/tacet

# tacet alone, for any system that Go knows: GOOS, GOARCH.
desk: ## tacet alone, for any system that Go knows; GOOS, GOARCH, OUT
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(OUT)/ ./cmd/tacet

# All are built in a Debian 12, so that they install on 12 and 13; an amd64 machine makes all three.
release: ## packages for arm64, armhf and amd64, tacet for each system, checksums, SBOMs: into dist; needs root or sudo
	@systemd/package/release

deb: ## the package for this machine's architecture, by the same recipe, into dist; needs root or sudo
	@systemd/package/release deb

apt: ## a signed APT folder of the packages in dist, dist/apt, for any web server or share; KEY=… signs
	@systemd/package/apt

package-test: ## the packages in bare Debian 12 and 13 of each architecture; needs root or sudo
	@systemd/package/try

# What "tacet provision -card" puts on a card beside the room's files: the released packages, and
# those of Debian's that they need.
bundle: ## the packages for units' cards, from those in dist
	systemd/bundle.sh dist/bundle dist/tacet_*.deb

run: build ## the real daemon on a virtual wall unit, and the practice's dashboard; prints their addresses
	bin/tacet-demo -dashboard 127.0.0.1:8081

ROOMS ?= 30
SPEED ?= 60
fleet: build ## simulated rooms at a broker; ROOMS, BROKER=mqtt://host:1883, SPEED, FLEET="other flags"
	bin/tacet-demo fleet -rooms $(ROOMS) -broker '$(BROKER)' -speed $(SPEED) $(FLEET)

lint: ## gofmt, go mod tidy, go vet, staticcheck, golangci-lint
	@.ci/install build test
	@out=$$(gofmt -l .ci audio cmd config daemon hw systemd); test -z "$$out" || { echo "not gofmt'ed:"; echo "$$out"; exit 1; }
	go mod tidy -diff
	go vet ./... ./.ci/tests ./.ci/vuln
	bin/tools/staticcheck ./... ./.ci/tests ./.ci/vuln
	bin/tools/golangci-lint run ./... ./.ci/tests ./.ci/vuln

test: ## everything that must pass before a commit: lint, build, tests
	@.ci/parts lint build tests

# TACET_STRICT: a test that lacks a tool from .ci/install fails instead of being skipped.
tests: ## all tests, with the race detector
	@.ci/install build test
	TACET_STRICT=1 go run ./.ci/tests -race -timeout 20m ./... ./.ci/tests ./.ci/vuln

vuln: ## known vulnerabilities of the modules and of Go's library
	@.ci/install build vuln
	go run ./.ci/vuln bin/tools/govulncheck bin/tools/indexdb

bench: build ## speed and size, as ratios to stock tools measured in the same run
	@.ci/install bench
	TACET_BIN=$(CURDIR)/bin go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./cmd/tacet-demo/bench/...

fuzz: ## a minute of fuzzing for each fuzz target
	@.ci/install build
	@.ci/fuzz 1m

rig-test: ## the package under systemd, in virtual wall units; needs root or sudo; RIG_ARCH=arm64: on an ARM processor
	@.ci/install build rig $(if $(filter arm64,$(RIG_ARCH)),rig-arm64)
	systemd/rig/test.sh

# Most of an hour on two cores. Uses this machine's settings for Debian's mirror, Go's proxy and npm.
fresh-test: ## make run and make test on a bare Debian 12 and a bare Debian 13; needs root or sudo
	@.ci/fresh

soak: build vuln ## the long fault runs, fuzzing, power cuts in the rig, bare Debians; takes hours
	@.ci/install test
	TACET_SOAK=1 go test -timeout 8h ./...
	@.ci/fuzz 1m
	@.ci/install rig
	RIG_SOAK=50 systemd/rig/test.sh
	RIG_PART=shares RIG_HANG=1h systemd/rig/test.sh
	RIG_PART=update systemd/rig/test.sh
	RIG_PART=card systemd/rig/test.sh
	.ci/fresh
	systemd/package/release
	rm -rf bin/package/gocache # the same bytes, compiled anew
	DIST=bin/package/again systemd/package/release
	cmp dist/SHA256SUMS bin/package/again/SHA256SUMS
	systemd/package/try

clean: ## remove bin, with the tools and images in it, and dist
	rm -rf bin dist
