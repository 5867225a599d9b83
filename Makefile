# The commands of the course; `make help` lists them. Each begins by making .venv where it is missing or out of date.
# Works with GNU make 3.81 (macOS) and newer; on Windows use Git Bash with make, or WSL.

.DEFAULT_GOAL := help
.PHONY: help install book pdf colab colab-test oldest exercises exercise-tests grade lab tensorboard test lint lint-js unit chapters rehearsal mnist pages serve bench clean

PYTHON ?= python3
PORT ?= 8000
JOBS ?= 0
LOGDIR ?= runs
TORCH_INDEX ?= auto

BIN := .venv/bin
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
endif
RUN := $(BIN)/python
INSTALLED := .venv/installed
REPORTS := _build/reports
ONE_EACH := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1
STEPS := lint unit chapters rehearsal mnist pages exercise-tests

# Variables of the shell that change what Python, pip, pytest or a chapter does. course.book.execute and
# scripts/install.py clear their own, for whoever runs them without make.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONOPTIMIZE PYTHONWARNINGS PYTHONINSPECT PYTHONPLATLIBDIR
unexport MPLBACKEND MATPLOTLIBRC PYTEST_ADDOPTS PYTEST_PLUGINS
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_USER PIP_REQUIRE_VIRTUALENV PIP_PYTHON PIP_DRY_RUN

# Nothing outside the clone is written: what programs would keep in the home folder goes into .cache.
GANLIB_CACHE ?= $(CURDIR)/.cache/ganlib
export GANLIB_CACHE
export XDG_CACHE_HOME := $(CURDIR)/.cache/xdg
export XDG_CONFIG_HOME := $(CURDIR)/.cache/config
export XDG_DATA_HOME := $(CURDIR)/.cache/data
export MPLCONFIGDIR := $(CURDIR)/.cache/matplotlib
export IPYTHONDIR := $(CURDIR)/.cache/ipython
export JUPYTER_CONFIG_DIR := $(CURDIR)/.cache/jupyter/config
export JUPYTER_DATA_DIR := $(CURDIR)/.cache/jupyter/data
export JUPYTER_RUNTIME_DIR := $(CURDIR)/.cache/jupyter/runtime
export TORCH_HOME := $(CURDIR)/.cache/torch
export PRE_COMMIT_HOME := $(CURDIR)/.cache/pre-commit
export npm_config_cache := $(CURDIR)/.cache/npm
export npm_config_update_notifier := false

# The real MNIST, where a folder holds it: GANLIB_DATA, or ../shared/data beside the clone.
ifneq ($(wildcard ../shared/data/MNIST/raw/*),)
GANLIB_DATA ?= $(CURDIR)/../shared/data
export GANLIB_DATA
endif

help: ## list the commands and their variables (the default)
	@echo 'Usage: make COMMAND [VARIABLE=value]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'Variables:'
	@echo '  PYTHON=python3.12   the Python, 3.11 or newer, that .venv is made with (default: python3)'
	@echo '  TORCH_INDEX=default PyTorch as the package index has it, for Linux with CUDA (about 6 GB); an address: from there'
	@echo '                      (default: auto, its CPU builds, about 1 GB, on Linux without an NVIDIA device)'
	@echo '  COLAB_PYTHON=python3.13'
	@echo '                      the Python of make colab-test, of the version that Colab has'
	@echo '  PORT=8000           the port of make serve'
	@echo '  JOBS=2              chapters executed at a time (default: one a core)'
	@echo '  GITHUB_REPOSITORY=owner/name'
	@echo '                      where the course is published, if not where the git remote origin says'
	@echo '  BOOK_URL=address    the address of the published book, if it is not on GitHub Pages'
	@echo '  GANLIB_DATA=folder  a folder that holds MNIST/raw, to run the digit chapters on the real MNIST too'
	@echo
	@echo 'On Windows, run these in Git Bash with make, or in WSL.'

$(INSTALLED): requirements.lock pyproject.toml scripts/install.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo 'Python 3.11 or newer is needed, and $(PYTHON) is not that: name one, as in make PYTHON=python3.12'; exit 1; }
	@$(RUN) -c '' 2>/dev/null || { rm -rf .venv; $(PYTHON) -m venv .venv; } || { \
	    rm -rf .venv; echo 'Python cannot make .venv: on Debian or Ubuntu install the package python3-venv.'; exit 1; }
	@echo 'Installing the locked packages into .venv; the first time takes some minutes.'
	@$(RUN) scripts/install.py --torch-index '$(TORCH_INDEX)'
	@touch $@

install: $(INSTALLED) ## make .venv and install the locked packages and ganlib

book: $(INSTALLED) ## execute the chapters that changed and build the book: _build/html/index.html
	@$(RUN) -m course.book.execute --jobs $(JOBS)
	@$(RUN) -m course.book.build

pdf: book ## print the book with Chromium: one PDF of the whole, one of each chapter: _build/pdf
	@$(RUN) -m course.book.paper

colab: book ## write the notebooks that Colab opens, to publish on the branch colab: _build/colab
	@$(RUN) -m course.colab.edition

colab-test: book exercises ## run those notebooks beside Colab's own packages and its Python (CHAPTERS=06 or ex04 runs one; COLAB_PYTHON=)
	@GITHUB_REPOSITORY=$${GITHUB_REPOSITORY:-owner/name} $(RUN) -m course.colab.edition --output _build/colab-test
	@$(RUN) -m course.colab.run --edition _build/colab-test $(if $(COLAB_PYTHON),--python '$(COLAB_PYTHON)') $(CHAPTERS)

oldest: $(INSTALLED) ## run ganlib's tests with the oldest packages that pyproject.toml promises
	@$(RUN) -m course.oldest

exercises: $(INSTALLED) ## make the students' notebooks, solutions, tests and autograders (OVERLAY=dir: with private tests and numbers)
	@$(RUN) -m course.exercises.assign $(if $(OVERLAY),--overlay '$(OVERLAY)')

grade: $(INSTALLED) ## grade a folder: SUBMISSIONS=dir [ROSTER=roster.csv] [EXERCISE=ex04] [SHARD=3/8] [OUTPUT=dir] [NO_SANDBOX=1]
	@[ -n '$(SUBMISSIONS)' ] || { echo 'Name the folder of notebooks: make grade SUBMISSIONS=dir'; exit 1; }
	@$(RUN) -m course.grading.grade '$(SUBMISSIONS)' $(if $(ROSTER),--roster '$(ROSTER)') $(if $(OUTPUT),--output '$(OUTPUT)') \
	    $(if $(EXERCISE),--exercise '$(EXERCISE)') $(if $(SHARD),--shard '$(SHARD)') $(if $(NO_SANDBOX),--no-sandbox)

lab: $(INSTALLED) ## open the chapters in JupyterLab
	@$(RUN) -m jupyterlab chapters

tensorboard: $(INSTALLED) ## show what runs wrote for TensorBoard, on 127.0.0.1 (LOGDIR=runs)
	@[ -d '$(LOGDIR)' ] || { echo 'There is no folder $(LOGDIR): name one that a run wrote, as in make tensorboard LOGDIR=runs'; exit 1; }
	@$(RUN) -m tensorboard.main --logdir '$(LOGDIR)' --host 127.0.0.1

test: $(INSTALLED) ## run all that CI checks: lint, unit tests, chapters in both profiles, the book, its pages in a browser
	@MAKE='$(MAKE)' $(RUN) scripts/summary.py $(REPORTS) $(STEPS)

lint: $(INSTALLED) ## check style, spelling and types, and JavaScript's types where npm is found
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell
	@$(BIN)/mypy
	@if command -v node > /dev/null && command -v npm > /dev/null; then $(MAKE) --no-print-directory lint-js; \
	else echo 'Skipped: the lint and the types of JavaScript; node and npm are not found.'; fi

lint-js: node_modules/installed ## check the explorers' JavaScript: style and types
	@npm run --silent lint

node_modules/installed: package.json package-lock.json
	@npm ci --silent --no-audit --no-fund
	@touch $@

unit: $(INSTALLED) ## run the unit tests
	@$(ONE_EACH) $(RUN) -m pytest -q tests -n 2 --dist loadfile --ignore-glob="tests/book/test_book*.py" \
	    --ignore=tests/course/test_exercises.py --junitxml=$(REPORTS)/unit.xml

exercise-tests: $(INSTALLED) ## grade every exercise's solution and its untouched notebook
	@$(ONE_EACH) $(RUN) -m pytest -q tests/course/test_exercises.py -n 2 --dist loadgroup --junitxml=$(REPORTS)/exercise-tests.xml

chapters: $(INSTALLED) ## execute the chapters that changed
	@$(RUN) -m course.book.execute --jobs $(JOBS) --report $(REPORTS)/chapters.xml

rehearsal: $(INSTALLED) ## run the full profile, made for a GPU, for two steps each without the verdict of checks
	@$(RUN) -m course.book.execute --rehearse --jobs $(JOBS) --report $(REPORTS)/rehearsal.xml

mnist: $(INSTALLED) ## execute the digit chapters on the real MNIST, where it is found
	@if [ -d "$(GANLIB_DATA)/MNIST/raw" ]; then \
	    $(RUN) -m course.book.execute --jobs $(JOBS) --digits mnist --report $(REPORTS)/mnist.xml; \
	else mkdir -p $(REPORTS); echo '<testcase name="the digit chapters on the real MNIST"><skipped message="GANLIB_DATA names' \
	    'no folder that holds MNIST/raw"/></testcase>' > $(REPORTS)/mnist.xml; fi

pages: $(INSTALLED) ## build the book from the executed chapters and test its pages in a browser
	@$(RUN) -m course.book.build
	@$(ONE_EACH) $(RUN) -m pytest -q tests/book/test_book.py tests/book/test_book_use.py -n 2 --junitxml=$(REPORTS)/pages.xml

serve: $(INSTALLED) ## serve the built book on 127.0.0.1
	@[ -f _build/html/index.html ] || { echo 'There is no built book yet: run make book first.'; exit 1; }
	@echo 'The book is at http://127.0.0.1:$(PORT)/ until you press Ctrl-C.'
	@$(RUN) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

bench: $(INSTALLED) ## measure, store and print the benchmarks: speed beside plain baselines, modes covered, waits (about three quarters of an hour)
	@$(RUN) -m experiments bench
	@$(RUN) -m experiments modes
	@$(RUN) -m experiments.waits

clean: ## remove what was built and cached; .venv stays
	@rm -rf _build .cache .pytest_cache .ruff_cache node_modules
