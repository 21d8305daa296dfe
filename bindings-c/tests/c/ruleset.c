#include "test.h"

#include <pthread.h>

static peregrine_ruleset_builder *builder_of(const char *yaml)
{
	peregrine_ruleset_builder *builder = NULL;
	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_OK(peregrine_ruleset_builder_add_text(builder, "rules.yaml", (const uint8_t *)yaml, strlen(yaml)));
	return builder;
}

static void reports_every_error(void)
{
	const char *yaml = "- rule: first\n"
			   "  desc: d\n"
			   "  condition: proc.nmae = a\n"
			   "  output: o\n"
			   "  priority: warning\n"
			   "- rule: second\n"
			   "  desc: d\n"
			   "  condition: proc.name = \n"
			   "  output: o\n"
			   "  priority: warning\n";
	peregrine_ruleset_builder *builder = builder_of(yaml);
	peregrine_ruleset *ruleset = NULL;
	peregrine_diagnostic found = {.size = sizeof found};
	peregrine_bytes text;
	size_t errors = 0;

	CHECK_STATUS(peregrine_ruleset_builder_build(builder, NULL, &ruleset), PEREGRINE_STATUS_RULES);
	CHECK(ruleset == NULL);
	CHECK(strstr(peregrine_last_error(), "rules.yaml:3:") != NULL);
	for (size_t i = 0; peregrine_ruleset_builder_diagnostic(builder, i, &found) == PEREGRINE_STATUS_OK; i++)
		errors += found.is_error && equals(found.file, "rules.yaml") && found.line > 0;
	CHECK(errors == 2);
	CHECK_OK(peregrine_ruleset_builder_diagnostic(builder, 0, &found));
	CHECK(equals(found.code, "LOAD_ERR_COMPILE_CONDITION") && found.line == 3);
	/* A field of a similar name is suggested. */
	CHECK(contains(found.hint, "proc.name") && strstr(peregrine_last_error(), "proc.name") != NULL);
	CHECK_OK(peregrine_ruleset_builder_report_text(builder, &text));
	CHECK(text.len > 100);
	CHECK_OK(peregrine_ruleset_builder_report_json(builder, &text));
	CHECK(text.len > 100 && text.data[0] == '[');
	peregrine_ruleset_builder_free(builder);
}

static void lists_and_enables(void)
{
	const char *yaml = "- rule: quiet\n"
			   "  desc: d\n"
			   "  condition: evt.type = open and proc.name = a\n"
			   "  output: o\n"
			   "  priority: warning\n"
			   "  tags: [t]\n"
			   "- rule: loud\n"
			   "  desc: d\n"
			   "  condition: evt.type = open and proc.name = b\n"
			   "  output: o\n"
			   "  priority: error\n";
	peregrine_ruleset_builder *builder = builder_of(yaml);
	peregrine_ruleset *ruleset = NULL;
	peregrine_rule_info info = {.size = sizeof info};

	CHECK_OK(peregrine_ruleset_builder_enable(builder, "*", false));
	CHECK_OK(peregrine_ruleset_builder_enable_tag(builder, "t", true));
	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	/* A rule that is enabled again is evaluated last. */
	CHECK_OK(peregrine_ruleset_rule(ruleset, 0, &info));
	CHECK(equals(info.name, "loud") && !info.enabled && info.priority == PEREGRINE_PRIORITY_ERROR);
	CHECK_OK(peregrine_ruleset_rule(ruleset, 1, &info));
	CHECK(equals(info.name, "quiet") && info.enabled && info.priority == PEREGRINE_PRIORITY_WARNING);
	CHECK(info.tags.len == 1 && equals(info.tags.items[0].as.bytes, "t"));
	info.size = 8;
	CHECK_STATUS(peregrine_ruleset_rule(ruleset, 1, &info), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_ruleset_rule(ruleset, 2, &info), PEREGRINE_STATUS_END);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
}

static void rejects_invalid_arguments(void)
{
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;
	peregrine_ruleset_options options = {0};
	peregrine_diagnostic found = {.size = sizeof found};

	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_STATUS(peregrine_ruleset_builder_add_path(builder, "/no/such/rules.yaml"), PEREGRINE_STATUS_IO);
	CHECK_STATUS(peregrine_ruleset_builder_add_json_source(builder, "syscall"), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_ruleset_builder_build(builder, &options, &ruleset), PEREGRINE_STATUS_INVALID_ARGUMENT);
	options.size = sizeof options;
	options.min_priority = 9;
	CHECK_STATUS(peregrine_ruleset_builder_build(builder, &options, &ruleset), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_ruleset_builder_build(NULL, NULL, &ruleset), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_ruleset_builder_new(NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_ruleset_builder_diagnostic(builder, 0, &found), PEREGRINE_STATUS_END);
	/* A caller with a newer header may not set what this library does not know. */
	struct {
		peregrine_ruleset_options now;
		uint64_t later;
	} newer = {.now = {.size = sizeof newer}, .later = 1};
	CHECK_STATUS(peregrine_ruleset_builder_build(builder, &newer.now, &ruleset), PEREGRINE_STATUS_UNSUPPORTED);
	CHECK(ruleset == NULL);
	newer.later = 0;
	CHECK_OK(peregrine_ruleset_builder_build(builder, &newer.now, &ruleset));
	peregrine_ruleset_free(ruleset);
	/* Less severe rules than the minimum are disabled. */
	const char *yaml = "- rule: low\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: notice\n"
			   "- rule: high\n  desc: d\n  condition: evt.type = open\n  output: o\n  priority: warning\n";
	peregrine_rule_info info = {.size = sizeof info};
	options.min_priority = PEREGRINE_PRIORITY_WARNING;
	CHECK_OK(peregrine_ruleset_builder_add_text(builder, "more", (const uint8_t *)yaml, strlen(yaml)));
	CHECK_OK(peregrine_ruleset_builder_build(builder, &options, &ruleset));
	CHECK_OK(peregrine_ruleset_rule(ruleset, 0, &info));
	CHECK(equals(info.name, "low") && !info.enabled && info.priority == PEREGRINE_PRIORITY_NOTICE);
	CHECK_OK(peregrine_ruleset_rule(ruleset, 1, &info));
	CHECK(equals(info.name, "high") && info.enabled);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
	peregrine_ruleset_builder_free(NULL);
	peregrine_ruleset_free(NULL);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[4096];
	CHECK(snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path);
	FILE *file = fopen(path, "wb");
	CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void loads_a_directory_in_order(void)
{
	const char *folder = scratch();
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;
	peregrine_rule_info info = {.size = sizeof info};

	write_file(folder, "2.yml", "- macro: who\n  condition: proc.name = b\n");
	write_file(folder, "1.yaml",
		   "- macro: who\n  condition: proc.name = a\n"
		   "- rule: one\n  desc: d\n  condition: evt.type = open and who\n  output: o\n  priority: debug\n");
	write_file(folder, "3.txt", "this is not YAML: [\n");
	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_OK(peregrine_ruleset_builder_add_path(builder, folder));
	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	CHECK_OK(peregrine_ruleset_rule(ruleset, 0, &info));
	CHECK(equals(info.name, "one"));
	CHECK_STATUS(peregrine_ruleset_rule(ruleset, 1, &info), PEREGRINE_STATUS_END);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
}

/* Uses the shared ruleset in a thread. */
struct worker {
	pthread_t thread;
	const peregrine_ruleset *ruleset;
	uint64_t alerts;
};

static void count(void *userdata, const peregrine_alert *alert)
{
	CHECK(equals(alert->rule, "opened") && alert->tags.len == 1 && equals(alert->tags.items[0].as.bytes, "t"));
	++*(uint64_t *)userdata;
}

static void *work(void *userdata)
{
	struct worker *worker = userdata;
	peregrine_inspector *inspector = open_capture();
	peregrine_engine *engine = NULL, *next = NULL;
	peregrine_ruleset *own = NULL;
	peregrine_rule_info info = {.size = sizeof info};
	peregrine_event event;

	CHECK_OK(peregrine_engine_new(worker->ruleset, &engine));
	CHECK_OK(peregrine_ruleset_clone(worker->ruleset, &own));
	for (int i = 0; peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK; i++) {
		CHECK_OK(peregrine_engine_process(engine, event, count, &worker->alerts));
		if (i % 500 == 0) {
			/* Counting up and down in all threads at once. */
			CHECK_OK(peregrine_engine_new(own, &next));
			CHECK_OK(peregrine_engine_set_ruleset(engine, own));
			CHECK_OK(peregrine_ruleset_rule(worker->ruleset, 0, &info));
			CHECK(equals(info.name, "opened"));
			peregrine_engine_free(next);
		}
	}
	peregrine_ruleset_free(own);
	peregrine_engine_free(engine);
	peregrine_inspector_free(inspector);
	return NULL;
}

static void is_shared_by_threads(void)
{
	const char *yaml = "- rule: opened\n"
			   "  desc: d\n"
			   "  condition: evt.type in (open, openat) and proc.name exists and fd.name startswith /etc\n"
			   "  output: opened (file=%fd.name)\n"
			   "  priority: notice\n"
			   "  tags: [t]\n";
	peregrine_ruleset_builder *builder = builder_of(yaml);
	peregrine_ruleset *ruleset = NULL;
	struct worker workers[4];

	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	/* A ruleset does not need its builder. */
	peregrine_ruleset_builder_free(builder);
	for (int i = 0; i < 4; i++) {
		workers[i] = (struct worker){.ruleset = ruleset};
		CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
	}
	for (int i = 0; i < 4; i++)
		CHECK(pthread_join(workers[i].thread, NULL) == 0);
	for (int i = 0; i < 4; i++)
		CHECK(workers[i].alerts == workers[0].alerts && workers[i].alerts > 0);
	peregrine_ruleset_free(ruleset);
}

/* Correlations come after the rules; steps are not rules. */
static void lists_correlations(void)
{
	const char *yaml = "- rule: opened\n"
			   "  desc: d\n"
			   "  condition: evt.type in (open, openat)\n"
			   "  output: o\n"
			   "  priority: warning\n"
			   "- correlation: run and opened\n"
			   "  desc: d\n"
			   "  type: temporal_ordered\n"
			   "  rules:\n"
			   "    - as: run\n"
			   "      condition: evt.type in (execve, execveat)\n"
			   "    - opened\n"
			   "  group-by: [process]\n"
			   "  timespan: 1m\n"
			   "  output: run %run.proc.name\n"
			   "  priority: critical\n"
			   "  tags: [t]\n";
	peregrine_ruleset_builder *builder = builder_of(yaml);
	peregrine_ruleset *ruleset = NULL;
	peregrine_rule_info info = {.size = sizeof info};

	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	CHECK_OK(peregrine_ruleset_rule(ruleset, 0, &info));
	CHECK(equals(info.name, "opened") && info.kind == PEREGRINE_ALERT_KIND_RULE);
	CHECK_OK(peregrine_ruleset_rule(ruleset, 1, &info));
	CHECK(equals(info.name, "run and opened") && info.kind == PEREGRINE_ALERT_KIND_CORRELATION);
	CHECK(equals(info.source, "syscall") && info.enabled && info.priority == PEREGRINE_PRIORITY_CRITICAL);
	CHECK(info.tags.len == 1 && equals(info.tags.items[0].as.bytes, "t"));
	CHECK_STATUS(peregrine_ruleset_rule(ruleset, 2, &info), PEREGRINE_STATUS_END);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
}

RUN({"reports_every_error", reports_every_error}, {"lists_and_enables", lists_and_enables},
    {"lists_correlations", lists_correlations},
    {"rejects_invalid_arguments", rejects_invalid_arguments}, {"loads_a_directory_in_order", loads_a_directory_in_order}, {"is_shared_by_threads", is_shared_by_threads})
