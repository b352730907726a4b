# Everything here installs what it needs into .venv; nothing else on the machine is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

# Tests start hundreds of processes. Without compiled modules on disk each would compile all of ours anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
# 'firmware' is a folder too
.PHONY: firmware firmware-scamp5d firmware-cortex-m firmware-size firmware-counts firmware-demo \
	firmware-fuzz-targets firmware-fuzz-corpus firmware-fuzz firmware-check firmware-proof help demo check test \
	proof lint all-tests quick-tests link-proof kill-proof flood-proof fuzz soak zoo results picture docs clean

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pixeltree needs Python 3.11 or later; try: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt -e '.[test,train,viz,fonts]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed  ## classify real digits on an emulated sensor
	$(BIN)/pixeltree demo
	@echo "See it live in a browser: $(PIP) install '.[view]' && $(BIN)/pixeltree view emu: --tree digits --memory 8000 --open"

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

PYTEST := $(BIN)/python -m pytest -n 3 --dist worksteal
quick-tests: $(VENV)/.installed-test
	$(PYTEST) --quick

all-tests: $(VENV)/.installed-test
	$(PYTEST)

# Linters and types take one core and a few seconds, or about 20 where nothing is cached: the tests run meanwhile.
BESIDE := $(MAKE) --no-print-directory -j 2

check: $(VENV)/.installed-test  ## linters, type checks and the quick tests; some 75 seconds on 2 cores
	$(BESIDE) lint quick-tests

test: $(VENV)/.installed-test  ## linters, type checks and every test; what CI runs
	$(BESIDE) lint all-tests

proof: $(VENV)/.installed-test  ## every test with all its cases, and the proofs below, shortened
	PIXELTREE_PROOF=1 $(PYTEST)
	$(BIN)/python -m tests.proofs.link_proof --schedules 1000
	$(BIN)/python -m tests.proofs.kill_proof --kills 20 --frames 100
	$(BIN)/python -m tests.proofs.flood_proof --seconds 1

link-proof: $(VENV)/.installed-test  ## 5,000 schedules of faults between host and device
	$(BIN)/python -m tests.proofs.link_proof --schedules 5000

kill-proof: $(VENV)/.installed-test  ## kill -9 of the daemon, 100 times in a run of 500 frames
	$(BIN)/python -m tests.proofs.kill_proof --kills 100 --frames 500

flood-proof: $(VENV)/.installed-test  ## floods of ten kinds against a daemon that is driven; about 4 minutes
	$(BIN)/python -m tests.proofs.flood_proof --seconds 5

fuzz: $(VENV)/.installed-test  ## a million random and damaged frames against the daemon's sessions
	$(BIN)/python -m tools.fuzz_daemon --frames 1000000

soak: $(VENV)/.installed-test  ## an hour at full rate; is memory flat?
	$(BIN)/python tools/soak.py

firmware: firmware/build/pixeltree-device  ## build the controller in C for Linux
firmware-cortex-m: firmware/build/cortex_m.elf  ## build it for a Cortex-M4

firmware-scamp5d: firmware/build/scamp5d-fake  ## build the port for a SCAMP-5d, on a fake of the vendor's API

BOARD := $(BIN)/python -m firmware.ports.cortex_m.start firmware/build/cortex_m.elf
DEMO := $(BIN)/pixeltree demo --device {url}

firmware-size: firmware/build/cortex_m.elf  ## its code, memory and stack on a Cortex-M4, beside their goals
	@$(BOARD) --report firmware/build/run.json -- $(DEMO) --images 3 > /dev/null
	@$(BIN)/python -m firmware.ports.cortex_m.size $< --run firmware/build/run.json

firmware-counts: firmware/build/cortex_m.elf  ## instructions of its functions and steps on a Cortex-M4
	@$(BOARD) --count --silence-ms 60000 --report firmware/build/counts.json -- $(DEMO) --images 3 > /dev/null
	@$(BIN)/python -m firmware.ports.cortex_m.counts firmware/build/counts.json

firmware-demo: firmware/build/cortex_m.elf  ## the demo, on an emulated Cortex-M4 that drives an emulated array
	$(BOARD) -- $(DEMO) --images 20

firmware-proof: firmware-check firmware/build/cortex_m.elf  ## suite, fuzz, faults, mutants, trees; about an hour
	$(BIN)/python -m tools.fuzz_firmware --frames 200000
	$(BIN)/python -m tests.proofs.link_proof --firmware computer --schedules 300
	$(BIN)/python -m tests.proofs.link_proof --firmware microcontroller --schedules 300
	$(BIN)/python -m tests.proofs.firmware_proof --port linux --images 200
	$(BIN)/python -m tests.proofs.firmware_proof --port cortex_m --seconds 300
	$(BOARD) --listen terminal --heartbeat-ms 500 --silence-ms 4000 --resume-ms 5000 -- \
		$(BIN)/pytest --pyargs pixeltree_conformance -p no:cacheprovider -q --answer-time 120 --ppa {url}
	PIXELTREE_PROOF=1 $(PYTEST) tests/system/test_firmware.py tests/system/test_firmware_cortex_m.py \
		tests/system/test_firmware_scamp5d.py tests/system/test_firmware_mutants.py

# With clang, libFuzzer comes with it: on Debian, apt-get install clang libclang-rt-dev. With AFL++ (apt-get install afl++):
# FUZZ_WITH="afl-clang-fast -fsanitize=fuzzer,address,undefined". Without either, programs that run files.
, := ,
CLANG := $(shell for name in clang clang-19 clang-16 clang-14; do command -v $$name && break; done)
FUZZ_WITH := $(if $(CLANG),$(CLANG) -fsanitize=fuzzer$(,)address$(,)undefined,$(CC) -DDRIVER -fsanitize=address$(,)undefined)
FUZZ_TARGETS := FRAMES OBJECTS BLOCKS PROGRAMS
FUZZ_LIMITS := -DPORT_LIMITS='"../ports/cortex_m/limits.h"'
FUZZ_SECONDS := 150

firmware-fuzz-targets:  ## targets for libFuzzer and AFL++: frames, objects, blocks, programs
	@mkdir -p firmware/build
	for target in $(FUZZ_TARGETS); do \
		$(FUZZ_WITH) -std=c99 -O2 -g -fno-sanitize-recover=all -DTARGET=$$target $(FUZZ_LIMITS) \
			-o firmware/build/fuzz_$$target \
			firmware/core/*.c firmware/ports/fuzz/targets.c firmware/ports/fuzz/no_array.c || exit 1; \
	done

firmware-fuzz-corpus: $(VENV)/.installed-test
	$(BIN)/python -m tools.make_fuzz_corpus firmware/build/corpus

firmware-fuzz: firmware-fuzz-targets firmware-fuzz-corpus  ## run them under libFuzzer, FUZZ_SECONDS=150 each; needs clang
	@test -n "$(CLANG)" || { echo "clang is missing; on Debian: apt-get install clang libclang-rt-dev"; exit 1; }
	for target in $(FUZZ_TARGETS); do \
		mkdir -p firmware/build/grown/$$target; \
		firmware/build/fuzz_$$target -max_total_time=$(FUZZ_SECONDS) -max_len=32768 -timeout=20 \
			-artifact_prefix=firmware/build/found_$${target}_ -print_final_stats=1 \
			firmware/build/grown/$$target firmware/build/corpus/$$target || exit 1; \
	done

THUMB := -target thumbv7em-none-eabi -ffreestanding -I firmware/ports/cortex_m/include $(FUZZ_LIMITS)
firmware-check:  ## cppcheck and clang-tidy on the firmware; firmware/.clang-tidy says which checks
	@for name in cppcheck clang-tidy; do \
		command -v $$name > /dev/null || { echo "$$name is missing; on Debian: apt-get install $$name"; exit 1; }; \
	done
	cppcheck --std=c99 --enable=warning,portability,performance --inline-suppr --error-exitcode=1 -q -UPORT_LIMITS \
		-I firmware/core firmware/core/*.c firmware/ports/*.c firmware/ports/*/*.c
	clang-tidy --quiet firmware/core/*.c firmware/ports/*.c firmware/ports/linux/*.c firmware/ports/fuzz/*.c -- -std=c99
	clang-tidy --quiet firmware/ports/cortex_m/*.c -- -std=c99 $(THUMB)

CORE := $(wildcard firmware/core/*.[ch] firmware/ports/*.[ch])
WARN := -std=c99 -Wall -Wextra -pedantic

firmware/build/pixeltree-device: $(CORE) $(wildcard firmware/ports/linux/*.[ch])
	@mkdir -p firmware/build
	$(CC) $(WARN) -O2 -o $@ firmware/core/*.c firmware/ports/*.c firmware/ports/linux/*.c

firmware/build/scamp5d-fake: $(CORE) $(wildcard firmware/ports/scamp5d/*.* firmware/ports/scamp5d/*/*.*)
	@mkdir -p firmware/build
	$(BIN)/python -m firmware.ports.scamp5d.build $@

firmware/build/cortex_m.elf: $(CORE) $(wildcard firmware/ports/cortex_m/*) | $(VENV)/.installed-test
	@mkdir -p firmware/build
	$(BIN)/python -m firmware.ports.cortex_m.build $@

MNIST ?= recipes/mnist
zoo: $(VENV)/.installed-test  ## train the committed trees again from their data; MNIST=FOLDER has MNIST's files
	OMP_NUM_THREADS=1 $(BIN)/pixeltree train recipes/digits_tree.toml -o host/pixeltree/data/digits.ptree
	for name in glyphs localize segment; do \
		OMP_NUM_THREADS=1 $(BIN)/pixeltree train recipes/$$name.toml -o host/pixeltree/data/$$name.ptree || exit 1; \
	done
	OMP_NUM_THREADS=1 $(BIN)/pixeltree train recipes/mnist_tree.toml -o host/pixeltree/data/mnist.ptree --data-folder $(MNIST)
	OMP_NUM_THREADS=1 $(BIN)/pixeltree train recipes/mnist_published.toml -o host/pixeltree/data/mnist-node.ptree --data-folder $(MNIST)

results: $(VENV)/.installed-test  ## train every recipe with three seeds, measure, write docs/results.md
	OMP_NUM_THREADS=1 $(BIN)/python tools/make_results.py

picture: $(VENV)/.installed-test  ## draw the README's picture again
	$(BIN)/python tools/draw_tree.py docs/images/digits_tree.png

docs: $(VENV)/.installed-test  ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q
	@echo "Open site/index.html, or serve it with search: $(BIN)/mkdocs serve"

clean:  ## remove the environment, caches and the built site
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
