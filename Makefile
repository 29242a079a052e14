# Each target installs what it needs (.ci/install says what, and uses sudo where you aren't root).
export TACET_TOOLS := $(CURDIR)/bin/tools

VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X tacet/cmd/internal/cli.Version=$(VERSION)

.PHONY: help build deb bundle run test tests lint vuln bench rig-test fresh-test soak clean

help:
	@echo 'make build   tacetd, tacet and tacet-demo into bin/'
	@echo 'make deb     the same as a Debian package for the unit'
	@echo 'make bundle  the packages for the cards of units, from those in dist/'
	@echo 'make run     the real daemon on a virtual wall unit; prints the address of its page'
	@echo 'make test    all checks and tests'
	@echo 'make vuln    known vulnerabilities of what the programs are made of'
	@echo 'make bench   speed and size, as ratios against stock tools measured in the same run'
	@echo 'make rig-test  the daemon as systemd runs it, in a virtual wall unit'
	@echo 'make fresh-test  make run and make test on a bare Debian 12 and a bare Debian 13'
	@echo 'make soak    the long fault runs'

# libopus goes into the binary, so that the unit needs one package less. The sound library reads a period at a time only where
# one fits its buffer; with the usual 4 KiB, it wakes us twice for each.
build:
	@.ci/install build
	CGO_CFLAGS='-g -O2 -ffunction-sections -fdata-sections -DMA_DATA_CONVERTER_STACK_BUFFER_SIZE=16384' \
	CGO_LDFLAGS='-Wl,--as-needed -Wl,--gc-sections -l:libopus.a -lm' \
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/tacetd ./cmd/tacet-demo
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/tacet

# For the machine that it is made on: a Raspberry Pi's is made on a Raspberry Pi.
deb: build
	systemd/deb.sh

# What "tacet provision -card" puts on cards beside a room's own: the released packages, and Debian's that they need.
bundle:
	systemd/bundle.sh dist/bundle dist/tacet_*.deb

run: build
	bin/tacet-demo

# What go vet and staticcheck look for, golangci-lint need not (.golangci.yml).
lint:
	@.ci/install build test
	@out=$$(gofmt -l .ci audio cmd config daemon hw systemd); test -z "$$out" || { echo "not gofmt'ed:"; echo "$$out"; exit 1; }
	go vet ./... ./.ci/tests ./.ci/vuln
	bin/tools/staticcheck ./... ./.ci/tests ./.ci/vuln
	bin/tools/golangci-lint run ./... ./.ci/tests ./.ci/vuln

# The end says how long each part took.
test:
	@.ci/parts lint build tests

# Where a tool is missing that .ci/install brings, a test fails.
tests:
	@.ci/install build test
	TACET_STRICT=1 go run ./.ci/tests -race -timeout 20m ./... ./.ci/tests ./.ci/vuln

vuln:
	@.ci/install build vuln
	go run ./.ci/vuln bin/tools/govulncheck bin/tools/indexdb

bench: build
	@.ci/install bench
	TACET_BIN=$(CURDIR)/bin go test -run '^$$' -bench . -benchtime 1x -timeout 60m ./cmd/tacet-demo/bench

# The daemon as systemd runs it, in virtual wall units; needs root, or sudo. RIG_LONG=1: ten minutes of sound.
rig-test:
	@.ci/install build rig
	systemd/rig/test.sh

# Needs root, or sudo; most of an hour on two cores. Debian, Go's proxy and npm's registry are reached as this machine reaches them.
fresh-test:
	@.ci/fresh

soak: build vuln
	@.ci/install test
	TACET_SOAK=1 go test -timeout 8h ./...
	@.ci/install rig
	RIG_SOAK=50 systemd/rig/test.sh
	RIG_PART=shares RIG_HANG=1h systemd/rig/test.sh
	.ci/fresh

clean:
	rm -rf bin
