#include "test.h"

static const char RULES[] = "- rule: shadow\n"
			    "  desc: somebody runs a shell\n"
			    "  condition: evt.type in (execve, execveat) and proc.name in (sh, bash, dash)\n"
			    "  output: shell (name=%proc.name pid=%proc.pid)\n"
			    "  priority: notice\n"
			    "  tags: [shell, mitre_execution]\n"
			    "- rule: root login\n"
			    "  desc: d\n"
			    "  condition: json.value[/user] = root\n"
			    "  output: login of %json.value[/user] from %json.value[/from]\n"
			    "  priority: critical\n"
			    "  source: login\n";

static peregrine_ruleset *build(void)
{
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;

	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_OK(peregrine_ruleset_builder_add_json_source(builder, "login"));
	CHECK_OK(peregrine_ruleset_builder_add_text(builder, "rules.yaml", (const uint8_t *)RULES, sizeof RULES - 1));
	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	peregrine_ruleset_builder_free(builder);
	return ruleset;
}

static peregrine_engine *load(void)
{
	peregrine_ruleset *ruleset = build();
	peregrine_engine *engine = NULL;

	CHECK_OK(peregrine_engine_new(ruleset, &engine));
	/* The engine keeps the ruleset alive. */
	peregrine_ruleset_free(ruleset);
	return engine;
}

static void count(void *userdata, const peregrine_alert *alert)
{
	CHECK(equals(alert->rule, "shadow") && equals(alert->source, "syscall"));
	CHECK(alert->priority == PEREGRINE_PRIORITY_NOTICE);
	CHECK(strcmp(peregrine_priority_name(alert->priority), "Notice") == 0);
	CHECK(alert->size == sizeof *alert && alert->timestamp > 1600000000000000000u && alert->event_number > 0);
	CHECK(alert->kind == PEREGRINE_ALERT_KIND_RULE);
	/* Tags are a set, in alphabetical order. */
	CHECK(alert->tags.len == 2 && equals(alert->tags.items[0].as.bytes, "mitre_execution"));
	++*(uint64_t *)userdata;
}

static void calls_back(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load();
	peregrine_event event;
	uint64_t alerts = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, event, count, &alerts));
	CHECK(alerts > 0);
	peregrine_engine_stats stats = {.size = sizeof stats};
	uint64_t matches = 0;
	CHECK_OK(peregrine_engine_get_stats(engine, &stats));
	CHECK(stats.alerts == alerts && stats.events > 1000 && stats.queued == 0 && stats.dropped == 0);
	CHECK_OK(peregrine_engine_rule_matches(engine, 0, &matches));
	CHECK(matches == alerts);
	CHECK_OK(peregrine_engine_rule_matches(engine, 1, &matches));
	CHECK(matches == 0);
	CHECK_STATUS(peregrine_engine_rule_matches(engine, 2, &matches), PEREGRINE_STATUS_END);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

static void queues_alerts(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load();
	peregrine_event event;
	const peregrine_alert *alert = NULL;
	uint64_t called = 0, taken = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		CHECK_OK(peregrine_engine_process(engine, event, count, &called));
		CHECK_OK(peregrine_engine_process(engine, event, NULL, NULL));
	}
	while (peregrine_engine_next_alert(engine, &alert) == PEREGRINE_STATUS_OK) {
		peregrine_bytes text;
		CHECK_OK(peregrine_alert_text(alert, NULL, &text));
		CHECK(equals(alert->rule, "shadow") && contains(text, ": Notice shell (name="));
		taken++;
	}
	CHECK(taken == called && taken > 0);
	CHECK_STATUS(peregrine_engine_next_alert(engine, &alert), PEREGRINE_STATUS_END);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

struct swap {
	peregrine_engine *engine, *next;
	uint64_t alerts;
};

/* The callback of an alert may use the library: here it frees its own engine and goes on with another. */
static void swap(void *userdata, const peregrine_alert *alert)
{
	struct swap *swap = userdata;
	CHECK(equals(alert->rule, "shadow"));
	if (swap->next != NULL) {
		peregrine_engine_free(swap->engine);
		swap->engine = swap->next;
		swap->next = NULL;
	}
	/* The alert stays valid until the callback returns. */
	peregrine_bytes text;
	CHECK_OK(peregrine_alert_text(alert, NULL, &text));
	CHECK(equals(alert->rule, "shadow") && text.len > 20);
	swap->alerts++;
}

static void lets_a_callback_swap_engines(void)
{
	peregrine_inspector *inspector = open_capture();
	struct swap active = {.engine = load(), .next = load()};
	peregrine_event event;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(active.engine, event, swap, &active));
	CHECK(active.alerts > 1 && active.next == NULL);
	peregrine_engine_free(active.engine);
	peregrine_inspector_free(inspector);
}

struct hot_swap {
	peregrine_engine *engine;
	peregrine_ruleset *next;
	uint64_t before, after;
};

static void replace(void *userdata, const peregrine_alert *alert)
{
	struct hot_swap *swap = userdata;

	CHECK(equals(alert->rule, "shadow"));
	if (swap->next != NULL)
		swap->before++;
	else
		swap->after++;
	if (swap->next != NULL) {
		CHECK_OK(peregrine_engine_set_ruleset(swap->engine, swap->next));
		peregrine_ruleset_free(swap->next);
		swap->next = NULL;
	}
	peregrine_bytes text;
	CHECK_OK(peregrine_alert_text(alert, NULL, &text));
	CHECK(equals(alert->rule, "shadow") && text.len > 20);
}

/* Statistics and queued alerts survive new rules; the alert of the old ones stays valid in its callback. */
static void replaces_rules_between_events(void)
{
	peregrine_inspector *inspector = open_capture();
	struct hot_swap swap = {.engine = load(), .next = build()};
	peregrine_engine_stats stats = {.size = sizeof stats};
	const peregrine_alert *alert = NULL;
	peregrine_event event;
	uint64_t matches = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		if (swap.next != NULL)
			CHECK_OK(peregrine_engine_process(swap.engine, event, NULL, NULL));
		CHECK_OK(peregrine_engine_process(swap.engine, event, replace, &swap));
	}
	CHECK(swap.before == 1 && swap.after > 1);
	CHECK_OK(peregrine_engine_get_stats(swap.engine, &stats));
	CHECK(stats.alerts == swap.before + swap.after + 1 && stats.queued == 1);
	CHECK_OK(peregrine_engine_rule_matches(swap.engine, 0, &matches));
	CHECK(matches == swap.after);
	CHECK_OK(peregrine_engine_next_alert(swap.engine, &alert));
	CHECK(equals(alert->rule, "shadow"));
	peregrine_engine_free(swap.engine);
	peregrine_inspector_free(inspector);
}

static void counts_dropped_alerts(void)
{
	static const char root[] = "{\"user\": \"root\"}";
	peregrine_engine *engine = load();
	peregrine_engine_stats stats = {.size = sizeof stats};

	for (int i = 0; i < 65536 + 3; i++)
		CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)root, sizeof root - 1, 1, NULL, NULL));
	CHECK_OK(peregrine_engine_get_stats(engine, &stats));
	CHECK(stats.alerts == 65536 + 3 && stats.queued == 65536 && stats.dropped == 3);
	peregrine_engine_free(engine);
}

static void takes_json_events(void)
{
	static const char root[] = "{\"user\": \"root\", \"from\": \"192.0.2.1\"}", other[] = "{\"user\": \"ann\"}";
	peregrine_engine *engine = load();
	const peregrine_alert *alert = NULL;

	CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)other, sizeof other - 1, 1, NULL, NULL));
	CHECK_STATUS(peregrine_engine_next_alert(engine, &alert), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)root, sizeof root - 1, 2, NULL, NULL));
	CHECK_OK(peregrine_engine_next_alert(engine, &alert));
	CHECK(equals(alert->rule, "root login") && alert->priority == PEREGRINE_PRIORITY_CRITICAL && alert->timestamp == 2);
	peregrine_format format = {.size = sizeof format, .hostname = "here", .without_tags = true};
	peregrine_bytes json;
	CHECK_OK(peregrine_alert_json(alert, &format, &json));
	CHECK(equals(json, "{\"hostname\":\"here\",\"output\":\"00:00:00.000000002: Critical login of root from 192.0.2.1\","
			   "\"output_fields\":{\"evt.time\":2,\"json.value[/from]\":\"192.0.2.1\",\"json.value[/user]\":"
			   "\"root\"},\"priority\":\"Critical\",\"rule\":\"root login\",\"source\":\"login\",\"time\":"
			   "\"1970-01-01T00:00:00.000000002Z\"}"));
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
	peregrine_engine *engine = load();
	peregrine_event stale, event;

	CHECK_OK(peregrine_inspector_next(inspector, &stale));
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_engine_process(engine, stale, NULL, NULL), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK_STATUS(peregrine_engine_process(NULL, event, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_engine_next_alert(engine, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_engine_new(NULL, &engine), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_engine_set_ruleset(engine, NULL), PEREGRINE_STATUS_NULL_POINTER);
	if (peregrine_features() & PEREGRINE_FEATURE_CHECKED_HANDLES) {
		peregrine_engine *gone = load();
		peregrine_engine_free(gone);
		CHECK_STATUS(peregrine_engine_process(gone, event, NULL, NULL), PEREGRINE_STATUS_INVALID_HANDLE);
		CHECK_STATUS(peregrine_engine_process((peregrine_engine *)inspector, event, NULL, NULL),
			     PEREGRINE_STATUS_INVALID_HANDLE);
		peregrine_engine_free(gone);
		CHECK(strstr(peregrine_last_error(), "freed twice") != NULL);
	}
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

RUN({"calls_back", calls_back}, {"queues_alerts", queues_alerts},
    {"takes_json_events", takes_json_events},
    {"lets_a_callback_swap_engines", lets_a_callback_swap_engines},
    {"replaces_rules_between_events", replaces_rules_between_events}, {"counts_dropped_alerts", counts_dropped_alerts},
    {"finds_misuse", finds_misuse})
