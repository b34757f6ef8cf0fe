# chainkit. `make demo` needs Python 3.11 or newer, and make; everything else it installs into .venv.
# Each word is also `python -m chainkit <word>` in an environment of your own: what it does is written in chainkit/cli.py.
#
#   PYTHON=python3.12        which Python makes the environment
#   VENV=.venv               where the environment is
#   WHEELHOUSE=wheelhouse    install from this folder, without a network (`make wheelhouse` fills it)
#   ARGS="-k bill"           handed on to pytest, JupyterLab and the benchmark

WHEELHOUSE ?=
ARGS ?=
VENV ?= .venv
ifeq ($(OS),Windows_NT)
PYTHON ?= python
INSIDE := $(VENV)/Scripts/python.exe
else
PYTHON ?= python3
INSIDE := $(VENV)/bin/python
endif

CHAINKIT := "$(INSIDE)" -m chainkit
# Settings of the user's own pip (index, proxy, certificates) stay in force; only WHEELHOUSE replaces the index.
INSTALL := "$(INSIDE)" -m pip install --quiet --constraint constraints.txt \
	$(if $(WHEELHOUSE),--no-index --find-links "$(WHEELHOUSE)")
STAMP = "$(INSIDE)" -c "import pathlib, sys; [pathlib.Path(stamp).touch() for stamp in sys.argv[1:]]"

# Without its .pyc files, numba takes several seconds more at every start.
unexport PYTHONDONTWRITEBYTECODE
# A PYTHONPATH or an active environment must not leak into ours.
unexport PYTHONPATH PYTHONHOME

.PHONY: help demo lab app doctor validate prices probe local plan deploy destroy dead-letters reap scan package test check bench fuzz wheelhouse notebooks shots clean
.DEFAULT_GOAL := help

help:
	@echo "make demo        run the first notebook and write its report (start here)"
	@echo "make lab         open the start page in JupyterLab: notebooks, and the designer"
	@echo "make app         open the designer as a page without code"
	@echo "make doctor      say what is missing on this machine, and what to do"
	@echo "make validate    compare predictions with published and measured figures"
	@echo "make probe       ask a local endpoint whether its routes work as AWS's do; ARGS=http://127.0.0.1:4566"
	@echo "make prices      print the price book; ARGS=refresh reads it anew from AWS's public list"
	@echo "make local       start, show and end AWS stand-ins on this machine: ARGS=\"up workshop\""
	@echo "make plan        show what deploying a design would change: ARGS=\"FILE --target local\""
	@echo "make deploy      deploy a design: ARGS=\"FILE --target local\""
	@echo "make dead-letters  show what was given up, and send it back: ARGS=\"FILE --target local:NAME\""
	@echo "make destroy     take away what was deployed: ARGS=\"NAME --target local\""
	@echo "make reap        take away the chains whose time is over: ARGS=\"--target local\""
	@echo "make scan        look for keys and secrets in files: ARGS=\"FILE or FOLDER\""
	@echo "make package     gather the libraries that a design's code needs: ARGS=FILE"
	@echo "make test        run the tests and the notebooks"
	@echo "make check       lint, formatting, types, import contracts"
	@echo "make bench       measure the simulator and the local target beside their peers"
	@echo "make fuzz        hold ten thousand random chains to the laws of conservation"
	@echo "make notebooks   run the notebooks again and store their outputs"
	@echo "make shots       take the pictures of docs/ again, in Chromium"
	@echo "make wheelhouse  gather every wheel in wheelhouse/, to install without a network"
	@echo "make clean       remove the environment and everything built"

demo lab doctor validate prices probe local plan deploy destroy dead-letters reap scan package: $(VENV)/installed
	$(CHAINKIT) $@ $(ARGS)

app: $(VENV)/installed-app
	$(CHAINKIT) $@ $(ARGS)

test check bench fuzz notebooks shots wheelhouse: $(VENV)/installed-dev
	$(CHAINKIT) $@ $(ARGS)

$(INSIDE):
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'chainkit needs Python 3.11 or newer, this is ' + sys.version.split()[0] + '. Name another: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv "$(VENV)"

$(VENV)/installed: $(INSIDE) pyproject.toml constraints.txt
	$(INSTALL) --editable .
	@$(STAMP) $@

$(VENV)/installed-app: $(INSIDE) pyproject.toml constraints.txt
	$(INSTALL) --editable ".[app]"
	@$(STAMP) $@

# It installs what the plain ones do too, so it stands for all.
$(VENV)/installed-dev: $(INSIDE) pyproject.toml constraints.txt
	$(INSTALL) --editable ".[dev]"
	@$(STAMP) "$(VENV)/installed" "$(VENV)/installed-app" $@

clean:
	$(PYTHON) -c "import shutil; [shutil.rmtree(f, ignore_errors=True) for f in '$(VENV) wheelhouse build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis'.split()]"
	$(PYTHON) -c "import pathlib, shutil; [shutil.rmtree(f) for top in ('chainkit', 'tests', 'bench') for f in pathlib.Path(top).rglob('__pycache__')]"
