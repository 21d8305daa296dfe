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
	CHECK(alert->text.len > 20 && alert->size == sizeof *alert && alert->timestamp > 1600000000000000000u);
	/* Tags are a set: in the order of the alphabet. */
	CHECK(alert->tags.len == 2 && equals(alert->tags.items[0].as.bytes, "mitre_execution"));
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
	peregrine_alert_stats stats = {.size = sizeof stats};
	peregrine_rule_info rule = {.size = sizeof rule};
	CHECK_OK(peregrine_engine_stats(engine, &stats));
	CHECK(stats.alerts == alerts && stats.events > 1000 && stats.waiting == 0 && stats.lost == 0);
	CHECK_OK(peregrine_engine_rule(engine, 0, &rule));
	CHECK(rule.matches == alerts);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

static void keeps_alerts_to_be_taken(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load(false);
	peregrine_event event;
	const peregrine_alert *alert = NULL;
	uint64_t called = 0, taken = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		CHECK_OK(peregrine_engine_process(engine, event, count, &called));
		CHECK_OK(peregrine_engine_process(engine, event, NULL, NULL));
	}
	while (peregrine_engine_next_alert(engine, &alert) == PEREGRINE_STATUS_OK) {
		CHECK(equals(alert->rule, "shadow") && memchr(alert->text.data, ':', alert->text.len) != NULL);
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

/* The callback of an alert may use the library: here it takes over another engine and frees its own. */
static void swap(void *userdata, const peregrine_alert *alert)
{
	struct swap *swap = userdata;
	CHECK(equals(alert->rule, "shadow"));
	if (swap->next != NULL) {
		peregrine_engine_free(swap->engine);
		swap->engine = swap->next;
		swap->next = NULL;
	}
	CHECK(equals(alert->rule, "shadow") && alert->text.len > 20);
	swap->alerts++;
}

static void lets_a_callback_swap_engines(void)
{
	peregrine_inspector *inspector = open_capture();
	struct swap at_work = {.engine = load(false), .next = load(true)};
	peregrine_event event;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(at_work.engine, event, swap, &at_work));
	CHECK(at_work.alerts > 1 && at_work.next == NULL);
	peregrine_engine_free(at_work.engine);
	peregrine_inspector_free(inspector);
}

static void counts_what_nobody_takes(void)
{
	static const char root[] = "{\"user\": \"root\"}";
	peregrine_engine *engine = load(false);
	peregrine_alert_stats stats = {.size = sizeof stats};

	for (int i = 0; i < 65536 + 3; i++)
		CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)root, sizeof root - 1, 1, NULL, NULL));
	CHECK_OK(peregrine_engine_stats(engine, &stats));
	CHECK(stats.alerts == 65536 + 3 && stats.waiting == 65536 && stats.lost == 3);
	peregrine_engine_free(engine);
}

static void takes_json_events(void)
{
	static const char root[] = "{\"user\": \"root\", \"from\": \"192.0.2.1\"}", other[] = "{\"user\": \"ann\"}";
	peregrine_engine *engine = load(true);
	const peregrine_alert *alert = NULL;

	CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)other, sizeof other - 1, 1, NULL, NULL));
	CHECK_STATUS(peregrine_engine_next_alert(engine, &alert), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_engine_process_json(engine, "login", (const uint8_t *)root, sizeof root - 1, 2, NULL, NULL));
	CHECK_OK(peregrine_engine_next_alert(engine, &alert));
	CHECK(equals(alert->rule, "root login") && equals(alert->priority, "Critical") && alert->timestamp == 2);
	CHECK(alert->text.data[0] == '{');
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
	if (peregrine_features() & PEREGRINE_FEATURE_CHECKED_HANDLES) {
		peregrine_engine *gone = load(false);
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

RUN({"calls_back", calls_back}, {"keeps_alerts_to_be_taken", keeps_alerts_to_be_taken},
    {"takes_json_events", takes_json_events},
    {"lets_a_callback_swap_engines", lets_a_callback_swap_engines}, {"counts_what_nobody_takes", counts_what_nobody_takes},
    {"finds_misuse", finds_misuse})
