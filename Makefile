# Every target that a person needs. `make help` lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
# Some machines forbid Python to keep what it compiled: each process would then compile some 5,000 modules anew (11 s).
unexport PYTHONDONTWRITEBYTECODE

PORT ?= 8000
HOST ?= 127.0.0.1
DATA ?=
QUEUES ?= default training
DEMO_STATE ?= $(CURDIR)/var/demo
LOOP_STATE ?= $(CURDIR)/var/loop
PY := .venv/bin/python
# Processes of tests: one a core, two to six (the limits in minutes hold for two). Of the browser tests one more: a
# person who waits for a page leaves a core idle a sixth of the time.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); [ $$n -ge 2 ] || n=2; [ $$n -le 6 ] || n=6; echo $$n)
BROWSER_JOBS ?= $(shell expr $(JOBS) + 1)
PYTEST := $(PY) -m pytest -p no:cacheprovider
DEMO_EXTRAS := train,qlora,legal,postgres
TEST_EXTRAS := $(DEMO_EXTRAS),dev
DEMO_ENV := DEBUG=True COUNTERSIGN_DEMO=True COUNTERSIGN_STATE_DIR="$(DEMO_STATE)"
TEST_ENV := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 HF_HUB_DISABLE_TELEMETRY=1 \
	DO_NOT_TRACK=1 COUNTERSIGN_STATE_DIR="$(CURDIR)/var/test"
# What runs on both databases; `make check` leaves of it what takes long (tests/long_tests.txt)
EACH := not slow and not e2e and not fault and not loop and not stack
FAST := $(EACH) and not long
LONG := (slow or fault or stack) and not loop
# Only files that name these marks are read: reading them all takes half a minute of each process.
FILES_WITH = $$(grep -rlE '$(1)' tests --include='test_*.py')

.PHONY: help demo demo-reset setup setup-test check lint types contracts quick-checks migrations-check test-fast \
	test-sqlite test-slow test-loop \
	test-long test-e2e test-postgres test long-tests pictures loop up worker bench-start bench-review bench-paint bench-search \
	bench-curation bench-duplicates bench-selection bench-redaction bench-bias bench-acceptance bench-cleaning \
	bench-augment bench-report bench-report-page bench-labelling bench-scan-memory bench-methods bench-forgetting \
	bench-training bench-plan bench-statistics

help: ## list these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z0-9-]*:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## start everything with the demo project (PORT=8000; Ctrl-C stops it)
	@$(DEMO_ENV) $(PY) manage.py up --host $(HOST) --port $(PORT)

demo-reset: setup ## remove the demo's data, so that the next `make demo` starts afresh
	@$(DEMO_ENV) $(PY) manage.py up --reset

up: setup ## start everything without the demo, for an operator (docs/operator.md)
	@$(PY) manage.py up --host $(HOST) --port $(PORT)

worker: setup ## one more worker, here or on another machine (QUEUES="default training")
	@$(PY) manage.py worker $(QUEUES)

setup: ## create .venv and install what constraints.txt pins
	@EXTRAS=$(DEMO_EXTRAS) ./setup.sh

setup-test: ## the same, with what the tests need
	@EXTRAS=$(TEST_EXTRAS) ./setup.sh

check: setup-test quick-checks ## lint, types, contracts and fast tests: at most two minutes
	@$(MAKE) --no-print-directory -j 2 types test-fast
	@echo "make check: all good"

quick-checks: lint contracts migrations-check ## lint, contracts and migrations: seconds

lint: ## ruff: rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: ## mypy --strict
	@$(PY) -m mypy

contracts: ## import contracts (pyproject.toml, tool.importlinter)
	@.venv/bin/lint-imports --cache-dir .import_linter_cache

migrations-check: ## every change of a model has its migration
	@$(TEST_ENV) $(PY) manage.py makemigrations --check --dry-run

test-fast: ## the unit, property, permission and architecture tests that take no longer than a page
	@$(TEST_ENV) $(PYTEST) -m "$(FAST)" -n $(JOBS) -q

test-sqlite: ## all unit, property, permission and architecture tests on SQLite
	@$(TEST_ENV) $(PYTEST) -m "$(EACH)" -n $(JOBS) -q

# The loop trains on one core from beginning to end, so it goes first and the rest, which often waits for clocks, shares
# what it leaves.
test-slow: ## tests that train, start servers or the demo, kill -9 what is at work, or run the loop (test-loop and test-long)
	@$(MAKE) --no-print-directory -j 2 test-loop test-long
	@$(TEST_ENV) scripts/with-postgres.sh $(PYTEST) tests/reviewapp/reviews/test_faults.py -m fault -q

test-loop: ## `make loop` on the demo and on real data
	@$(TEST_ENV) $(PYTEST) tests/ops/test_loop.py -q

test-long: ## the rest of test-slow
	@$(TEST_ENV) DJANGO_ALLOW_ASYNC_UNSAFE=1 nice -n 10 $(PYTEST) -m "$(LONG)" \
		$(call FILES_WITH,mark.(slow|fault|stack)) -n $(JOBS) --dist loadgroup --no-loadscope-reorder -q --durations 20

test-e2e: ## browser tests of single screens
	@$(TEST_ENV) DJANGO_ALLOW_ASYNC_UNSAFE=1 $(PYTEST) -m "e2e and not fault and not stack and not slow" \
		$(call FILES_WITH,mark.e2e|IN_BROWSER) -n $(BROWSER_JOBS) --dist loadfile --no-loadscope-reorder -q --durations 10

test-postgres: ## the tests that use the database again, on a private PostgreSQL
	@$(TEST_ENV) scripts/with-postgres.sh $(PYTEST) tests/reviewapp -m "database and $(EACH)" -n $(JOBS) -q

test: setup-test ## install what the tests need and run everything: at most 25 minutes on two cores
	@scripts/install-test-needs.sh
	@$(MAKE) --no-print-directory quick-checks
	@$(MAKE) --no-print-directory -j 2 types test-sqlite
	@$(MAKE) --no-print-directory test-postgres
	@$(MAKE) --no-print-directory test-slow
	@$(MAKE) --no-print-directory test-e2e
	@echo "make test: all good"

long-tests: setup-test ## measure which tests `make check` leaves to `make test` (tests/long_tests.txt)
	@$(TEST_ENV) $(PYTEST) -m "$(EACH)" -n $(JOBS) -q --junitxml var/test/long.xml -o junit_duration_report=total
	@$(PY) scripts/long_tests.py var/test/long.xml

pictures: setup-test ## the pictures of docs/, as the browser shows the screens (docs/screens)
	@PICTURES="$(CURDIR)/docs/screens" $(TEST_ENV) DJANGO_ALLOW_ASYNC_UNSAFE=1 $(PYTEST) -m e2e tests/reviewapp/test_pictures.py -q

bench-start: ## time the first and second `make demo` of a clean clone with empty caches
	@python3 scripts/bench_start.py

bench-statistics: setup-test ## coverage and false alarms by simulation; a planted world with known truth
	@$(TEST_ENV) $(PY) tests/bench/bench_statistics.py

bench-search: setup-test ## an index and a search at 10,000 and 100,000 samples; the order that learns against random
	@$(TEST_ENV) $(PY) tests/bench/bench_search.py

bench-curation: setup-test ## what each check finds of the defects planted in the demo corpus: precision and recall
	@$(TEST_ENV) $(PY) tests/bench/bench_curation.py

bench-duplicates: setup-test ## near-duplicates of 200,000 texts against datasketch, and overlap with held-out prompts
	@$(TEST_ENV) $(PY) tests/bench/bench_duplicates.py

bench-selection: setup-test ## relevance, score and choice of 5,000 from 50,000 texts
	@$(TEST_ENV) $(PY) tests/bench/bench_selection.py

bench-redaction: setup-test ## identifiers found in public and made-up texts, by type and by origin of names; speed
	@$(TEST_ENV) $(PY) tests/bench/bench_redaction.py

bench-bias: setup-test ## who texts are about: speed, memory, and a planted association before and after
	@$(TEST_ENV) $(PY) tests/bench/bench_bias.py

bench-acceptance: setup-test ## sizes of acceptance samples, drawing from a million, and how often a bad pool passes
	@$(TEST_ENV) $(PY) tests/bench/bench_acceptance.py

bench-cleaning: setup-test ## false alarms on real texts, and planted damage found and mended: layout, sheets, scans, citations
	@$(TEST_ENV) $(PY) tests/bench/bench_cleaning.py

bench-augment: setup-test ## what noise and other wordings keep of the facts; rates planted and found again
	@$(TEST_ENV) $(PY) tests/bench/bench_augment.py

bench-report: setup-test ## languages of short texts; a curation report and a replay
	@$(TEST_ENV) $(PY) tests/bench/bench_report.py

bench-report-page: setup-test ## a rubric report of 5,000 outputs by 3 graders: freezing, page, PDF, HTML, CSV
	@$(TEST_ENV) $(PY) tests/bench/bench_report_page.py

bench-labelling: setup-test ## majority and label model against experts' labels, planted and real; speed
	@$(TEST_ENV) $(PY) tests/bench/bench_labelling.py

bench-scan-memory: setup-test ## peak memory of a scan, an index, a selection and balance by number of samples
	@$(TEST_ENV) $(PY) tests/bench/bench_scan_memory.py

bench-methods: setup-test ## methods of fine-tuning side by side on the demo's world: ROUGE-L, slot accuracy, seconds
	@$(TEST_ENV) $(PY) tests/bench/bench_methods.py

bench-training: setup-test ## tokens a second and peak memory of a fine-tune beside plain TRL, on whatever device is here
	@$(TEST_ENV) $(PY) tests/bench/bench_training.py

bench-plan: setup-test ## the planner's memory against measured peaks, by shape of model and method
	@$(TEST_ENV) $(PY) tests/bench/bench_plan.py

bench-forgetting: setup-test ## what fine-tuning forgets and what holds it: general suite before and after
	@$(TEST_ENV) $(PY) tests/bench/bench_forgetting.py

bench-paint: setup-test ## from Ctrl+Enter to the next sample painted in headless chromium, with and without prefetch
	@$(PY) tests/bench/bench_paint.py

bench-review: setup-test ## server CPU of a review at 1,000 and 100,000 samples, and 32 clients, on both databases
	@$(PY) tests/bench/bench_review.py

loop: setup ## the whole loop without a browser, as JSON (DATA=mts-dialog: on real data)
	@DEBUG=True COUNTERSIGN_DEMO=True COUNTERSIGN_STATE_DIR="$(LOOP_STATE)" $(PY) manage.py loop $(if $(DATA),--data $(DATA))
