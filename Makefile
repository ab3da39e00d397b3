# `make` lists the targets. Every target sets up what it needs first.
SHELL := /bin/bash
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
# A test that hangs fails. (No --test-force-exit: it drops results that are still on their way.)
TESTS = node --test --test-reporter=spec --test-timeout=900000
# Namespaces, veth and loop devices want root.
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),sudo -E env PATH="$(PATH)")

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 18

setup: ## packages, Node.js, addons (cached)
	@bash scripts/setup.sh

sensor: setup ## dist/cepa-sensor
	@node scripts/build.ts sensor

cepa: setup ## dist/cepa
	@node scripts/build.ts cepa

image: sensor cepa ## dist/cepa-PROFILE.raw (PROFILE=qemu, KEYS=a folder of keys)
	@[ -n "$(KEYS)" ] || [ -e .cache/secure-boot/pcr.pub ] || dist/cepa image keys .cache/secure-boot --owner "Cepa development"
	@[ -n "$(KEYS)" ] || [ -e .cache/secure-boot/db-next.crt ] || dist/cepa image keys .cache/secure-boot --owner "Cepa development" --next-db
	@dist/cepa image build --profile $(or $(PROFILE),qemu) --keys $(or $(KEYS),.cache/secure-boot)

demo: image ## everything from nothing to a live sensor
	@bash scripts/private-network.sh node scripts/demo.ts $(DEMO_ARGS)

test: check unit integration asan e2e ## everything

check: setup ## types and style
	@tsc -p . && biome check --error-on-warnings .

unit: setup ## pure code
	@$(TESTS) 'test/unit/**/*.test.ts'

integration: sensor ## real tools, pseudo-terminals, namespaces
	@$(AS_ROOT) $(TESTS) --test-concurrency=1 'test/integration/**/*.test.ts'

asan: setup ## the ring addon under AddressSanitizer
	@$(AS_ROOT) bash scripts/asan.sh

e2e: image ## the booted image
	@bash scripts/e2e.sh $(TESTS)

score: sensor ## measured against ../shared
	@node scripts/score.ts

beyond: sensor ## what we report and the answers in ../shared lack, with its octets, into docs
	@node scripts/beyond.ts

bench: sensor ## us and our peers in turn on one capture, into docs (BENCH_ARGS, --help)
	@$(AS_ROOT) node scripts/bench.ts --scaling --docs docs $(BENCH_ARGS)

bench-live: sensor ## loss beside tcpdump -w at rising rates, into docs (LIVE_ARGS, --help)
	@$(AS_ROOT) node scripts/bench-live.ts --docs docs $(LIVE_ARGS)

long-flood: sensor ## floods of millions of packets, what they take, into docs (FLOOD_ARGS, --help)
	@node scripts/flood.ts --docs docs $(FLOOD_ARGS)

long-power-cuts: image ## an update with the power cut at 20 moments, into docs
	@CEPA_POWER_CUTS=20 CEPA_POWER_CUTS_LANES=2 CEPA_POWER_CUTS_PAGE=$(CURDIR)/docs/POWER-CUTS.md bash scripts/private-network.sh node --test --test-reporter=spec test/e2e/update.test.ts

long-hardware: ## the hardware profile from every kind of disk, into docs (HARDWARE_ARGS, --help)
	@$(MAKE) image PROFILE=hardware
	@bash scripts/private-network.sh node scripts/hardware.ts --docs docs $(HARDWARE_ARGS)

fuzz: setup ## hostile octets, ten minutes for each decoder (FUZZ_ARGS, --help)
	@node test/fuzz/fuzz.ts $(FUZZ_ARGS)

classifier: setup ## trains what tells encrypted from compressed, into appliance/entropy
	@node scripts/train-classifier.ts && biome format --write appliance/entropy/encryption-model.json

long-randomness: setup ## a million random samples of each size, into docs
	@node scripts/randomness-share.ts

bench-image: sensor cepa ## seconds of a cold build of the image, and of one after a line of the sensor has changed
	@$(AS_ROOT) node scripts/bench-image.ts

bench-boot: image ## seconds of a start, beside a plain Debian in the same emulator, into docs (BOOT_ARGS, --help)
	@$(AS_ROOT) node scripts/bench/debian-disk.ts
	@bash scripts/private-network.sh node scripts/bench-boot.ts --docs docs $(BOOT_ARGS)

reproduce: sensor cepa ## two builds of the image in different surroundings, compared octet by octet (PROFILE=qemu)
	@$(AS_ROOT) node scripts/reproduce.ts --profile $(or $(PROFILE),qemu)

clean: ## delete what was built, keep what is cached
	rm -rf dist build

.PHONY: help setup sensor cepa image demo test check unit integration asan e2e score beyond bench bench-live long-flood long-power-cuts long-hardware fuzz classifier long-randomness bench-image bench-boot reproduce clean
