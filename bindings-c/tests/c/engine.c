#include "test.h"

static const char RULES[] = "- rule: shadow\n"
			    "  desc: somebody runs a shell\n"
			    "  condition: evt.type in (execve, execveat) and proc.name in (sh, bash, dash)\n"
			    "  output: shell (name=%proc.name pid=%proc.pid)\n"
			    "  priority: notice\n"
			    "- rule: root login\n"
			    "  desc: d\n"
			    "  condition: json.value[/user] = root\n"
			    "  output: login of %json.value[/user] from %json.value[/from]\n"
			    "  priority: critical\n"
			    "  source: login\n";

static peregrine_engine *load(bool json)
{
	peregrine_rules *rules = NULL;
	peregrine_engine *engine = NULL;
	peregrine_engine_options options = {.size = sizeof options, .json_output = json, .hostname = "here"};

	CHECK_OK(peregrine_rules_new(&rules));
	CHECK_OK(peregrine_rules_add_json_source(rules, "login"));
	CHECK_OK(peregrine_rules_add_text(rules, "rules.yaml", (const uint8_t *)RULES, sizeof RULES - 1));
	CHECK_OK(peregrine_rules_load(rules, &options, &engine));
	peregrine_rules_free(rules);
	return engine;
}

static void count(void *userdata, const peregrine_alert *alert)
{
	CHECK(equals(alert->rule, "shadow") && equals(alert->source, "syscall"));
	CHECK(equals(alert->priority, "Notice") && alert->severity == 5);
	CHECK(alert->text.len > 20);
	++*(uint64_t *)userdata;
}

static void calls_back(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load(false);
	peregrine_event event;
	uint64_t alerts = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, event, count, &alerts));
	CHECK(alerts > 0);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

static void keeps_alerts_to_be_taken(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load(false);
	peregrine_event event;
	peregrine_alert alert;
	uint64_t called = 0, taken = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		CHECK_OK(peregrine_engine_process(engine, event, count, &called));
		CHECK_OK(peregrine_engine_process(engine, event, NULL, NULL));
	}
	while (peregrine_engine_next_alert(engine, &alert) == PEREGRINE_STATUS_OK) {
		CHECK(equals(alert.rule, "shadow") && memchr(alert.text.data, ':', alert.text.len) != NULL);
		taken++;
	}
	CHECK(taken == called && taken > 0);
	CHECK_STATUS(peregrine_engine_next_alert(engine, &alert), PEREGRINE_STATUS_END);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

static void takes_json_events(void)
{
	static const char root[] = "{\"user\": \"root\", \"from\": \"192.0.2.1\"}", other[] = "{\"user\": \"ann\"}";
	peregrine_engine *engine = load(true);
	peregrine_alert alert;

	CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)other, sizeof other - 1, 1, NULL, NULL));
	CHECK_STATUS(peregrine_engine_next_alert(engine, &alert), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)root, sizeof root - 1, 2, NULL, NULL));
	CHECK_OK(peregrine_engine_next_alert(engine, &alert));
	CHECK(equals(alert.rule, "root login") && equals(alert.priority, "Critical"));
	CHECK(alert.text.data[0] == '{');
	CHECK_STATUS(peregrine_engine_process_json(engine, "login", (const uint8_t *)"{", 1, 3, NULL, NULL),
		     PEREGRINE_STATUS_INVALID_EVENT);
	CHECK_STATUS(peregrine_engine_process_json(engine, "nosuch", (const uint8_t *)root, sizeof root - 1, 3, NULL, NULL),
		     PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_engine_process_json(engine, "syscall", (const uint8_t *)root, sizeof root - 1, 3, NULL, NULL),
		     PEREGRINE_STATUS_INVALID_ARGUMENT);
	peregrine_engine_free(engine);
}

static void finds_misuse(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load(false);
	peregrine_event stale, event;

	CHECK_OK(peregrine_inspector_next(inspector, &stale));
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_engine_process(engine, stale, NULL, NULL), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK_STATUS(peregrine_engine_process(NULL, event, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_engine_next_alert(engine, NULL), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

RUN({"calls_back", calls_back}, {"keeps_alerts_to_be_taken", keeps_alerts_to_be_taken},
    {"takes_json_events", takes_json_events}, {"finds_misuse", finds_misuse})
