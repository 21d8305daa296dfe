#include "test.h"

#include <pthread.h>

static const char RULES[] = "- rule: shadow\n"
			    "  desc: somebody runs a shell\n"
			    "  condition: evt.type in (execve, execveat) and proc.name in (sh, bash, dash)\n"
			    "  output: shell (name=%proc.name pid=%proc.pid failed=%evt.failed file=%fd.name)\n"
			    "  priority: notice\n"
			    "  tags: [shell, mitre_execution]\n";

static peregrine_engine *load_text(const char *rules)
{
	peregrine_ruleset_builder *builder = NULL;

	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_OK(peregrine_ruleset_builder_add_text(builder, "rules.yaml", (const uint8_t *)rules, strlen(rules)));
	return engine_of(builder);
}

static peregrine_engine *load(void)
{
	return load_text(RULES);
}

/* The event that is being processed, for the alert callback. */
struct current {
	peregrine_event event;
	uint64_t alerts;
	peregrine_alert *kept;
};

static void compare(void *userdata, const peregrine_alert *alert)
{
	struct current *current = userdata;
	peregrine_event_info info = {.size = sizeof info};
	peregrine_named_value field = {.size = sizeof field};
	peregrine_value value;
	peregrine_bytes name, message, text;

	CHECK_OK(peregrine_event_get_info(current->event, &info));
	CHECK(alert->timestamp == info.timestamp && alert->event_number == info.number);
	CHECK(alert->kind == PEREGRINE_ALERT_KIND_RULE && alert->priority == PEREGRINE_PRIORITY_NOTICE);
	CHECK(alert->tags.len == 2 && equals(alert->tags.items[0].as.bytes, "mitre_execution"));

	/* Names and typed values, in the order of the output. */
	CHECK(peregrine_alert_field_count(alert) == 4);
	CHECK_OK(peregrine_alert_field(alert, 0, &field));
	CHECK(equals(field.name, "proc.name") && field.has_value && field.value.kind == PEREGRINE_VALUE_KIND_BYTES);
	CHECK_OK(peregrine_event_text_by_name(current->event, "proc.name", &name));
	CHECK(field.value.as.bytes.len == name.len && memcmp(field.value.as.bytes.data, name.data, name.len) == 0);
	CHECK_OK(peregrine_alert_field_by_name(alert, "proc.pid", &field));
	CHECK(equals(field.name, "proc.pid") && field.value.kind == PEREGRINE_VALUE_KIND_INT64);
	CHECK_OK(peregrine_event_value_by_name(current->event, "proc.pid", &value));
	CHECK(field.value.as.int64 == value.as.int64 && value.as.int64 > 0);
	CHECK_OK(peregrine_alert_field(alert, 2, &field));
	CHECK(equals(field.name, "evt.failed") && field.value.kind == PEREGRINE_VALUE_KIND_BOOL);
	/* An execve has no file descriptor. */
	CHECK_OK(peregrine_alert_field(alert, 3, &field));
	CHECK(equals(field.name, "fd.name") && !field.has_value);
	CHECK_STATUS(peregrine_alert_field(alert, 4, &field), PEREGRINE_STATUS_END);
	CHECK_STATUS(peregrine_alert_field_by_name(alert, "fd.num", &field), PEREGRINE_STATUS_MISSING);
	CHECK_STATUS(peregrine_alert_note(alert, 0, &field), PEREGRINE_STATUS_END);

	CHECK_OK(peregrine_alert_message(alert, &message));
	CHECK(contains(message, "shell (name=") && contains(message, "file=<NA>)"));
	CHECK_OK(peregrine_alert_text(alert, NULL, &text));
	CHECK(text.len > message.len && memcmp(text.data + text.len - message.len, message.data, message.len) == 0);
	if (current->kept == NULL)
		CHECK_OK(peregrine_alert_clone(alert, &current->kept));
	current->alerts++;
}

/* Processes a capture; returns a copy of its first alert. */
static peregrine_alert *first_alert(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load();
	struct current current = {.kept = NULL};

	while (peregrine_inspector_next(inspector, &current.event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, current.event, compare, &current));
	CHECK(current.alerts > 1 && current.kept != NULL);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
	return current.kept;
}

static void has_typed_fields(void)
{
	peregrine_alert_free(first_alert());
	peregrine_alert_free(NULL);
}

static void outlives_engine_and_inspector(void)
{
	peregrine_alert *alert = first_alert(), *other = NULL;
	peregrine_named_value field = {.size = sizeof field};
	peregrine_format format = {.size = sizeof format, .time_format_iso_8601 = true, .with_message = true};
	peregrine_bytes json, again;

	CHECK(equals(alert->rule, "shadow") && equals(alert->source, "syscall") && alert->tags.len == 2);
	CHECK_OK(peregrine_alert_field(alert, 1, &field));
	CHECK(equals(field.name, "proc.pid") && field.value.as.int64 > 0);
	CHECK_OK(peregrine_alert_clone(alert, &other));
	CHECK_OK(peregrine_alert_json(alert, &format, &json));
	CHECK(contains(json, "\"message\":\"shell (name=") && contains(json, "+0000: Notice shell"));
	/* Copies share what is rendered. */
	CHECK_OK(peregrine_alert_json(other, &format, &again));
	CHECK(json.data == again.data);
	peregrine_alert_free(alert);
	CHECK_OK(peregrine_alert_json(other, &format, &again));
	CHECK(contains(again, "\"rule\":\"shadow\""));
	peregrine_alert_free(other);
}

static void takes_notes(void)
{
	peregrine_alert *alert = first_alert(), *other = NULL;
	peregrine_named_value note = {.size = sizeof note};
	peregrine_value values[] = {
		{.kind = PEREGRINE_VALUE_KIND_BYTES, .as.bytes = {(const uint8_t *)"ops", 3}},
		{.kind = PEREGRINE_VALUE_KIND_INT64, .as.int64 = -7},
		{.kind = PEREGRINE_VALUE_KIND_BOOL, .as.boolean = true},
		{.kind = PEREGRINE_VALUE_KIND_ADDRESS, .as.address = {.octets = {192, 0, 2, 1}, .version = 4}},
	};
	peregrine_bytes text;

	CHECK_OK(peregrine_alert_clone(alert, &other));
	const char *names[] = {"team", "score", "known", "peer"};
	for (int i = 0; i < 4; i++)
		CHECK_OK(peregrine_alert_add_note(alert, names[i], &values[i]));
	CHECK(equals(alert->rule, "shadow") && alert->tags.len == 2);
	CHECK_OK(peregrine_alert_note(alert, 0, &note));
	CHECK(equals(note.name, "team") && equals(note.value.as.bytes, "ops") && note.has_value);
	CHECK_OK(peregrine_alert_note(alert, 1, &note));
	CHECK(equals(note.name, "score") && note.value.kind == PEREGRINE_VALUE_KIND_INT64 && note.value.as.int64 == -7);
	CHECK_OK(peregrine_alert_note(alert, 2, &note));
	CHECK(note.value.kind == PEREGRINE_VALUE_KIND_BOOL && note.value.as.boolean);
	CHECK_OK(peregrine_alert_note(alert, 3, &note));
	CHECK(note.value.kind == PEREGRINE_VALUE_KIND_ADDRESS && note.value.as.address.octets[0] == 192);
	CHECK_STATUS(peregrine_alert_note(alert, 4, &note), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_alert_text(alert, NULL, &text));
	CHECK(contains(text, "(team=\"ops\" score=-7 known=true peer=\"192.0.2.1\")"));
	CHECK_OK(peregrine_alert_json(alert, NULL, &text));
	CHECK(contains(text, "\"output_fields\":{\"team\":\"ops\",\"score\":-7,"));
	/* The other copy has none. */
	CHECK_STATUS(peregrine_alert_note(other, 0, &note), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_alert_text(other, NULL, &text));
	CHECK(!contains(text, "team="));
	peregrine_alert_free(other);

	peregrine_value list = {.kind = PEREGRINE_VALUE_KIND_LIST, .as.list = {&values[0], 1}};
	CHECK_STATUS(peregrine_alert_add_note(alert, "list", &list), PEREGRINE_STATUS_INVALID_ARGUMENT);
	list.kind = 12345;
	CHECK_STATUS(peregrine_alert_add_note(alert, "list", &list), PEREGRINE_STATUS_INVALID_ARGUMENT);
	peregrine_alert_free(alert);
}

static void *render(void *userdata)
{
	peregrine_alert *alert = userdata;
	peregrine_bytes text;

	for (int i = 0; i < 100; i++) {
		CHECK_OK(peregrine_alert_text(alert, NULL, &text));
		CHECK(contains(text, "Notice shell"));
		CHECK_OK(peregrine_alert_json(alert, NULL, &text));
		CHECK(contains(text, "\"rule\":\"shadow\"") && peregrine_alert_field_count(alert) == 4);
	}
	peregrine_alert_free(alert);
	return NULL;
}

/* Each thread has its own copy; all share the values. */
static void goes_to_other_threads(void)
{
	peregrine_alert *alert = first_alert(), *copies[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++) {
		CHECK_OK(peregrine_alert_clone(alert, &copies[i]));
		CHECK(pthread_create(&threads[i], NULL, render, copies[i]) == 0);
	}
	peregrine_alert_free(alert);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
}

static void finds_misuse(void)
{
	peregrine_alert *alert = first_alert(), empty = {.size = sizeof empty};
	peregrine_named_value field = {.size = 3};
	peregrine_format format = {.size = 1};
	peregrine_bytes text;

	CHECK_STATUS(peregrine_alert_field(alert, 0, &field), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_alert_field(alert, 0, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_field(NULL, 0, &field), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_text(alert, &format, &text), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_alert_text(alert, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_text(&empty, NULL, &text), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_json(NULL, NULL, &text), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_message(NULL, &text), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_clone(alert, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_add_note(alert, "x", NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK(peregrine_alert_field_count(NULL) == 0);
	if (peregrine_features() & PEREGRINE_FEATURE_CHECKED_HANDLES) {
		/* An alert that the library owns is not the caller's to free. */
		peregrine_alert copy = *alert;
		peregrine_alert_free(&copy);
		CHECK(strstr(peregrine_last_error(), "peregrine_alert") != NULL);
		CHECK_OK(peregrine_alert_text(alert, NULL, &text));
	}
	peregrine_alert_free(alert);
}

/* A shell that opens a file, as one alert with its steps. */
static void count_steps(void *userdata, const peregrine_alert *alert)
{
	uint64_t *alerts = userdata;
	peregrine_bytes json, message;
	peregrine_named_value field = {.size = sizeof field};

	CHECK(alert->kind == PEREGRINE_ALERT_KIND_CORRELATION && equals(alert->rule, "shell opens"));
	CHECK(alert->priority == PEREGRINE_PRIORITY_NOTICE && equals(alert->source, "syscall"));
	CHECK_OK(peregrine_alert_message(alert, &message));
	CHECK(contains(message, "steps=2") && !contains(message, "<NA>"));
	CHECK_OK(peregrine_alert_field_by_name(alert, "correlation.count", &field));
	CHECK(field.value.kind == PEREGRINE_VALUE_KIND_UINT64 && field.value.as.uint64 == 2);
	CHECK_OK(peregrine_alert_json(alert, NULL, &json));
	CHECK(contains(json, "\"steps\":[{\"evt.num\":") && contains(json, "\"step\":\"shell\",\"time\":\""));
	CHECK(contains(json, "\"step\":\"open\"") && contains(json, "\"output_fields\":{\"proc.name\":\""));
	++*alerts;
}

static void has_the_steps_of_a_correlation(void)
{
	const char *yaml = "- correlation: shell opens\n"
			   "  desc: d\n"
			   "  type: temporal_ordered\n"
			   "  rules:\n"
			   "    - as: shell\n"
			   "      condition: evt.type in (execve, execveat) and proc.name in (sh, bash, dash)\n"
			   "    - as: open\n"
			   "      condition: evt.type in (open, openat) and fd.name exists\n"
			   "  group-by: [process]\n"
			   "  timespan: 1m\n"
			   "  output: \"%shell.proc.name opens %open.fd.name steps=%correlation.count\"\n"
			   "  priority: notice\n";
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = load_text(yaml);
	peregrine_event event;
	uint64_t alerts = 0, matches = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, event, count_steps, &alerts));
	CHECK(alerts > 1);
	CHECK_OK(peregrine_engine_rule_matches(engine, 0, &matches));
	CHECK(matches == alerts);
	CHECK_STATUS(peregrine_engine_rule_matches(engine, 1, &matches), PEREGRINE_STATUS_END);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

static void look_at_responses(void *userdata, const peregrine_alert *alert)
{
	uint64_t *alerts = userdata;
	peregrine_response response = {.size = sizeof response};
	peregrine_process process = {.size = sizeof process};
	peregrine_named_value pid = {.size = sizeof pid};
	peregrine_alert *copy = NULL;

	if (equals(alert->rule, "quiet")) {
		CHECK(peregrine_alert_response_count(alert) == 0);
		CHECK_STATUS(peregrine_alert_response(alert, 0, &response), PEREGRINE_STATUS_END);
		CHECK_STATUS(peregrine_alert_process(alert, &process), PEREGRINE_STATUS_MISSING);
		return;
	}
	CHECK(peregrine_alert_response_count(alert) == 3);
	CHECK_OK(peregrine_alert_response(alert, 0, &response));
	CHECK(equals(response.action, "kill") && equals(response.target, "tree"));
	CHECK(response.program.len == 0 && response.proposes.len == 0);
	CHECK(response.after_alerts == 2 && response.within_seconds == 5);
	CHECK_OK(peregrine_alert_clone(alert, &copy));
	CHECK_OK(peregrine_alert_response(copy, 1, &response));
	CHECK(equals(response.action, "run") && equals(response.program, "page") && response.target.len == 0);
	CHECK_OK(peregrine_alert_response(copy, 2, &response));
	CHECK(equals(response.action, "webhook") && equals(response.proposes, "freeze"));
	CHECK(equals(response.target, "container") && response.after_alerts == 1);
	CHECK_STATUS(peregrine_alert_response(copy, 3, &response), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_alert_process(copy, &process));
	CHECK_OK(peregrine_alert_field_by_name(alert, "proc.pid", &pid));
	CHECK(process.pid == pid.value.as.int64 && process.pid > 0);
	CHECK(process.exe.len > 0 && process.cgroup.len > 0);
	peregrine_alert_free(copy);
	response.size = 3;
	CHECK_STATUS(peregrine_alert_response(alert, 0, &response), PEREGRINE_STATUS_INVALID_ARGUMENT);
	process.size = 3;
	CHECK_STATUS(peregrine_alert_process(alert, &process), PEREGRINE_STATUS_INVALID_ARGUMENT);
	(*alerts)++;
}

static void proposes_what_its_rule_asks_for(void)
{
	peregrine_engine *engine =
		load_text("- rule: asks\n  desc: d\n  condition: evt.type = execve\n  output: \"%proc.pid\"\n"
			  "  priority: notice\n"
			  "  response: [{action: kill, target: tree, after_alerts: 2, within_seconds: 5},"
			  " {action: run, program: page}, {action: webhook, proposes: freeze}]\n"
			  "- rule: quiet\n  desc: d\n  condition: evt.type = clone\n  output: x\n  priority: notice\n");
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	uint64_t alerts = 0;

	CHECK(peregrine_alert_response_count(NULL) == 0);
	CHECK_STATUS(peregrine_alert_process(NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_alert_response(NULL, 0, NULL), PEREGRINE_STATUS_NULL_POINTER);
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		CHECK_OK(peregrine_engine_process(engine, event, look_at_responses, &alerts));
	CHECK(alerts > 1);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
}

RUN({"has_typed_fields", has_typed_fields}, {"outlives_engine_and_inspector", outlives_engine_and_inspector},
    {"takes_notes", takes_notes}, {"goes_to_other_threads", goes_to_other_threads}, {"finds_misuse", finds_misuse},
    {"has_the_steps_of_a_correlation", has_the_steps_of_a_correlation},
    {"proposes_what_its_rule_asks_for", proposes_what_its_rule_asks_for})
