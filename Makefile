# Every chore is one command, the same for people and for CI (.ci/run). All
# set-up happens by itself, in .venv/, and only where something changed.
#   make test ARGS="tests/format -k checkpoint"     hands arguments on
#   make test PYTHON=python3.12                     chooses the Python
#   make test WITHOUT="fuzz tf2/test_g*"             leaves parts of tests/ out

PYTHON ?= python3
ARGS ?=
WITHOUT ?=
SETUP := $(PYTHON) scripts/environment.py
NEWEST := .venv/newest/bin/python
OLDEST := .venv/oldest/bin/python
# Files in the order of their names: by the number of their tests, long single tests would come last.
PYTEST := -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --timeout 600
LEFT_OUT = $(foreach part,$(WITHOUT),'--ignore-glob=$(CURDIR)/tests/$(part)')

# TensorFlow announces its build and its missing GPUs at each start.
export TF_CPP_MIN_LOG_LEVEL ?= 3
export CUDA_VISIBLE_DEVICES ?= -1

.DEFAULT_GOAL := help
.PHONY: help demo serve-demo test test-oldest test-legacy test-engines test-package lint format types contracts docs site fuzz interop \
	bench protos protos-check lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## the whole story on real handwritten digits: publish, use, fine-tune, export
	@$(SETUP) newest
	$(NEWEST) -m examples.digits_demo $(ARGS)

serve-demo:  ## a repository of the demo's and the golden modules, with pages: http://127.0.0.1:8080/
	@$(SETUP) newest
	$(NEWEST) -m examples.serve_demo $(ARGS)

test:  ## the tests, on the newest supported TensorFlow and Keras 3
	@$(SETUP) newest
	$(NEWEST) $(PYTEST) $(LEFT_OUT) $(ARGS)

test-oldest:  ## the tests, on the oldest supported TensorFlow and Keras 2
	@$(SETUP) oldest
	$(OLDEST) $(PYTEST) $(LEFT_OUT) $(ARGS)

test-legacy:  ## tf.layers, old programs, columns and KerasLayer on the newest TensorFlow with tf_keras
	@$(SETUP) newest legacy
	TF_USE_LEGACY_KERAS=1 PYTHONPATH=.venv/legacy $(NEWEST) $(PYTEST) tests/legacy_keras tests/columns tests/keras tests/old_programs $(ARGS)

test-engines:  ## Apache Beam, Ray and Spark, and the examples of their pages; Spark where there is Java
	@$(SETUP) engines
	.venv/engines/bin/python -m pytest --timeout 600 --doctest-modules tests/engines docs/beam.md docs/ray.md docs/spark.md \
	  src/tf1hub/beam src/tf1hub/ray src/tf1hub/spark src/tf1hub/tables $(ARGS)

test-package:  ## the built wheel in an environment without TensorFlow
	@$(SETUP) newest plain
	rm -rf build/wheel && .venv/newest/bin/hatchling build -t wheel -d build/wheel
	.venv/uv/bin/uv pip install --quiet --python .venv/plain/bin/python --no-deps --reinstall build/wheel/*.whl
	.venv/plain/bin/python -m pytest tests/package $(ARGS)

lint:  ## style and likely mistakes (ruff)
	@$(SETUP) newest
	.venv/newest/bin/ruff check .
	.venv/newest/bin/ruff format --check .

format:  ## mends the style where that can be done safely
	@$(SETUP) newest
	.venv/newest/bin/ruff check --fix .
	.venv/newest/bin/ruff format .

types:  ## the types (mypy)
	@$(SETUP) newest
	.venv/newest/bin/mypy

contracts:  ## imports run one way, and TensorFlow stays out of the rooms that work without it
	@$(SETUP) newest
	.venv/newest/bin/lint-imports --no-logo

docs:  ## runs the examples of README.md, docs/ and the docstrings
	@$(SETUP) newest
	$(NEWEST) -m pytest --doctest-modules README.md docs src/tf1hub $(ARGS)

site:  ## docs/ and the docstrings as a site, in build/site; a link that leads nowhere is an error
	@$(SETUP) newest
	.venv/newest/bin/sphinx-build --fail-on-warning --keep-going --quiet -b html docs build/site
	@echo "build/site/index.html"

fuzz:  ## damages modules at random for a minute and more (FUZZ_EXAMPLES=2000)
	@$(SETUP) newest
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-2000} $(NEWEST) -m pytest tests/fuzz $(ARGS)

interop:  ## the original library on TensorFlow 1.7, 1.12 and 1.15 and this one read what the other writes
	@$(PYTHON) scripts/interop.py $(ARGS)

bench:  ## the figures that README.md quotes, against the original library and TensorFlow's loader
	@$(SETUP) oldest original newest engines-tensorflow
	$(OLDEST) -m benchmarks $(ARGS)

protos:  ## compiles src/tf1hub/format/messages.proto
	@$(SETUP) oldest protoc
	PYTHONPATH=.venv/protoc $(OLDEST) -m grpc_tools.protoc -Isrc --python_out=src --pyi_out=src \
	  src/tf1hub/format/messages.proto

protos-check:  ## is what `make protos` writes what is committed?
	@$(SETUP) oldest protoc
	rm -rf build/protos && mkdir -p build/protos
	PYTHONPATH=.venv/protoc $(OLDEST) -m grpc_tools.protoc -Isrc --python_out=build/protos --pyi_out=build/protos \
	  src/tf1hub/format/messages.proto
	for file in messages_pb2.py messages_pb2.pyi; do diff build/protos/tf1hub/format/$$file src/tf1hub/format/$$file || exit 1; done

lock:  ## pins anew what pyproject.toml asks for (ARGS=--upgrade: the newest versions)
	@$(SETUP) --lock $(ARGS)

clean:  ## removes all that the commands above made
	rm -rf .venv build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
