# The commands of this project. Every target sets up what it needs; `make help` lists them.
#
# Variables:
#   ARGS     more arguments for demo, test and each benchmark:  make test ARGS="-k scan -x"
#                                                                make bench ARGS="--quick"
#   PYTHON   the Python that makes .venv, 3.11 or later (default python3)

ARGS ?=
PYTHON ?= python3
export PYTHON
# Tests and benchmarks start hundreds of processes, which would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
# One for each core; whoever is done takes from the other. ARGS="-n 0" for a debugger.
TEST_PROCESSES := -n auto --dist worksteal
BENCHMARKS = $(wildcard benchmarks/[!_]*.py)

.DEFAULT_GOAL := help
.PHONY: help setup setup-runtime demo test bench lint lint-style lint-types lint-imports clean

help: ## 列出命令 / list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
	@echo
	@echo '  ARGS="…"   传给 demo、test、bench 的参数 / more arguments for demo, test, bench'
	@echo '  PYTHON=…   用于创建 .venv 的 Python（3.11 及以上） / the Python that makes .venv (3.11 or later)'

setup: ## 准备开发环境 / set up what tests, lint and benchmarks need
	@scripts/setup

setup-runtime:
	@scripts/setup --runtime

demo: setup-runtime ## 演示完整流程 / run the whole story and say where the results are
	@$(BIN)/msb-wallet demo $(ARGS)

test: setup ## 运行测试 / run the tests
	@$(BIN)/python -m pytest $(TEST_PROCESSES) $(ARGS)

bench: setup ## 运行性能测试 / run every benchmark
	@for script in $(BENCHMARKS); do \
		echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; \
	done

lint: lint-style lint-types lint-imports ## 代码检查 / ruff, mypy and the direction of imports

lint-style: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types: setup
	$(BIN)/mypy --strict

lint-imports: setup
	$(BIN)/lint-imports

clean: ## 删除环境与缓存，保留数据 / remove .venv, caches and builds; keep msb-data and msb-demo
	rm -rf .venv tests/interop/node_modules build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
