# Every target runs in $(VENV), which is made when it is missing and brought up to date when pyproject.toml changes.
# `make demo` installs the package alone; everything else also what tests, linters and the documentation need.
#   make demo PYTHON=/path/to/python3.12
#   make test PIP_ARGS='--extra-index-url https://download.pytorch.org/whl/cpu'

SHELL := /bin/bash
VENV ?= .venv
PYTHON ?=
PIP_ARGS ?=
ARGS ?=
BIN := $(VENV)/bin
COMMA := ,
STAMP := $(VENV)/.installed
# Of the package alone. Where the tools are installed as well, that environment is kept up to date instead.
PACKAGE_STAMP := $(VENV)/.installed-package
SBOM_OF ?= $(BIN)/python
# An environment of its own: what it depends on makes every import of jsonschema, as by Ray, take 1.5 seconds longer.
SBOM_TOOL := $(VENV)/sbom-tool
TESTS := $(BIN)/python -m pytest -q -n 2 --dist loadgroup -m

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo test test-journeys test-faults test-data test-rest fuzz lint audit docs dist sbom bench gpu ui clean

help:
	@echo "make demo    a sweep over scikit-learn's digits, end to end"
	@echo "make test    the tests (ARGS='-k name' for some)"
	@echo "make test-journeys  studies from their start to their end: interrupted, moved, by way of a tutorial; minutes"
	@echo "make test-faults  the rarer faults: lost nodes and heads, cut networks, full disks; minutes"
	@echo "make test-data  the smoke profiles, whole: on real data where HMLC_DATA_DIR names them; minutes"
	@echo "make test-rest  the last three in one go, as .ci/run does; half an hour"
	@echo "make fuzz    the tests on damaged files, for minutes"
	@echo "make audit   known vulnerabilities of what is installed (asks the network)"
	@echo "make lint    ruff, strict types, import contracts"
	@echo "make docs    the documentation site, in site/"
	@echo "make dist    wheel and source distribution, in dist/"
	@echo "make sbom    what is installed, with licences, in dist/ (SBOM_OF=PYTHON for another environment)"
	@echo "make bench   the measurements of docs/benchmarks.md"
	@echo "make gpu     what only a GPU can show, within minutes (ARGS='--minutes 9 --results FILE --data CIFAR100')"
	@echo "make ui      MLflow's web interface for the embedded store"
	@echo "make clean   remove the environment, caches and build outputs; results are kept"

install: $(STAMP)

demo: $(if $(wildcard $(STAMP)),$(STAMP),$(PACKAGE_STAMP))
	@$(BIN)/hmlc sweep search_spaces/digits.yaml --report --name demo-$$(date -u +%Y%m%d-%H%M%S) $(ARGS)

test: $(STAMP)
	@$(TESTS) "not journey and not fault and not data" $(ARGS)

test-journeys: $(STAMP)
	@$(TESTS) journey $(ARGS)

test-faults: $(STAMP)
	@$(TESTS) fault $(ARGS)

test-data: $(STAMP)
	@$(TESTS) data $(ARGS)

test-rest: $(STAMP)
	@$(TESTS) "journey or fault or data" $(ARGS)

fuzz: $(STAMP)
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q --timeout=0 tests/security/test_fuzz_files.py $(ARGS)

audit: $(STAMP)
	@$(BIN)/python -m pip_audit --local --skip-editable $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)
	@set -e; for program in $$(ls benchmarks/[a-z]*.py | grep -v gpu); do echo "== $$program"; $(BIN)/python $$program $(ARGS); done

gpu: $(STAMP)
	@$(BIN)/python benchmarks/gpu.py $(ARGS)

docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet $(ARGS)
	@echo "The site is in site/; read it with: $(BIN)/python -m http.server -d site --bind 127.0.0.1"

dist: $(STAMP)
	@$(BIN)/python -m build --no-isolation $(ARGS)

sbom: $(STAMP)
	@mkdir -p dist
	@test -x $(SBOM_TOOL)/bin/cyclonedx-py || { $(BIN)/python -m venv $(SBOM_TOOL) && $(SBOM_TOOL)/bin/pip install -q $(PIP_ARGS) 'cyclonedx-bom>=5'; }
	@$(SBOM_TOOL)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o dist/sbom.cdx.json $(SBOM_OF)
	@$(SBOM_OF) docker/licences.py > dist/licences.csv
	@echo "dist/sbom.cdx.json (CycloneDX), dist/licences.csv"

ui: $(if $(wildcard $(STAMP)),$(STAMP),$(PACKAGE_STAMP))
	@$(BIN)/hmlc ui $(ARGS)

clean:
	@rm -rf $(VENV) build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +

$(STAMP) $(PACKAGE_STAMP): pyproject.toml
	@set -e; \
	if ! $(BIN)/python -c 'import pip' 2>/dev/null; then \
	  for candidate in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python); do \
	    if $$candidate -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	    then found=$$candidate; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Python 3.11, 3.12 or 3.13 with its venv module is needed, and none is on PATH; name one with PYTHON=PATH." >&2; \
	    exit 2; \
	  fi; \
	  echo "Making $(VENV) with $$($$found --version)."; \
	  $$found -m venv $(VENV); \
	fi
	@echo "Installing hmlc-ray$(if $(filter $(STAMP),$@), with the tools of its tests) into $(VENV); the first time this takes minutes."
	@# On a terminal the last of pip's own lines, since it takes minutes; nothing in a log.
	@set -o pipefail; install() { $(BIN)/python -m pip install "$$@" $(PIP_ARGS) -e '.$(if $(filter $(STAMP),$@),[dev$(COMMA)docs$(COMMA)postgres$(COMMA)s3$(COMMA)server])'; }; \
	if [ ! -t 1 ]; then install -qq; exit; fi; \
	install --progress-bar off | { while IFS= read -r line; do \
	  case "$$line" in Collecting*|*Downloading*|*Preparing*|Installing*) printf '\r\033[K%.78s' "$$line";; esac; \
	done; printf '\r\033[K'; }
	@touch $@
