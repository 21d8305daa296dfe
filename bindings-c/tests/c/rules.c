#include "test.h"

static peregrine_rules *rules_of(const char *yaml)
{
	peregrine_rules *rules = NULL;
	CHECK_OK(peregrine_rules_new(&rules));
	CHECK_OK(peregrine_rules_add_text(rules, "rules.yaml", (const uint8_t *)yaml, strlen(yaml)));
	return rules;
}

static void reports_every_fault(void)
{
	const char *yaml = "- rule: first\n"
			   "  desc: d\n"
			   "  condition: proc.nose = a\n"
			   "  output: o\n"
			   "  priority: warning\n"
			   "- rule: second\n"
			   "  desc: d\n"
			   "  condition: proc.name = \n"
			   "  output: o\n"
			   "  priority: warning\n";
	peregrine_rules *rules = rules_of(yaml);
	peregrine_engine *engine = NULL;
	peregrine_diagnostic found = {.size = sizeof found};
	peregrine_bytes text;
	size_t errors = 0;

	CHECK_STATUS(peregrine_rules_load(rules, NULL, &engine), PEREGRINE_STATUS_RULES);
	CHECK(engine == NULL);
	CHECK(strstr(peregrine_last_error(), "rules.yaml:3:") != NULL);
	for (size_t i = 0; peregrine_rules_diagnostic(rules, i, &found) == PEREGRINE_STATUS_OK; i++)
		errors += found.is_error && equals(found.file, "rules.yaml") && found.line > 0;
	CHECK(errors == 2);
	CHECK_OK(peregrine_rules_diagnostic(rules, 0, &found));
	CHECK(equals(found.code, "LOAD_ERR_COMPILE_CONDITION") && found.line == 3);
	CHECK_OK(peregrine_rules_report_text(rules, &text));
	CHECK(text.len > 100);
	CHECK_OK(peregrine_rules_report_json(rules, &text));
	CHECK(text.len > 100 && text.data[0] == '[');
	peregrine_rules_free(rules);
}

static void lists_and_switches(void)
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
	peregrine_rules *rules = rules_of(yaml);
	peregrine_engine *engine = NULL;
	peregrine_rule_info info = {.size = sizeof info};

	CHECK_OK(peregrine_rules_switch(rules, "*", false));
	CHECK_OK(peregrine_rules_switch_tag(rules, "t", true));
	CHECK_OK(peregrine_rules_load(rules, NULL, &engine));
	/* What is switched on again is evaluated last. */
	CHECK_OK(peregrine_engine_rule(engine, 0, &info));
	CHECK(equals(info.name, "loud") && !info.enabled && info.severity == 3);
	CHECK_OK(peregrine_engine_rule(engine, 1, &info));
	CHECK(equals(info.name, "quiet") && info.enabled && info.severity == 4);
	CHECK(info.tags.len == 1 && equals(info.tags.items[0].as.bytes, "t") && info.matches == 0);
	info.size = 8;
	CHECK_STATUS(peregrine_engine_rule(engine, 1, &info), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_engine_rule(engine, 2, &info), PEREGRINE_STATUS_END);
	peregrine_engine_free(engine);
	peregrine_rules_free(rules);
}

static void refuses_nonsense(void)
{
	peregrine_rules *rules = NULL;
	peregrine_engine *engine = NULL;
	peregrine_engine_options options = {0};
	peregrine_diagnostic found = {.size = sizeof found};

	CHECK_OK(peregrine_rules_new(&rules));
	CHECK_STATUS(peregrine_rules_add_path(rules, "/no/such/rules.yaml"), PEREGRINE_STATUS_IO);
	CHECK_STATUS(peregrine_rules_add_json_source(rules, "syscall"), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_rules_load(rules, &options, &engine), PEREGRINE_STATUS_INVALID_ARGUMENT);
	options.size = sizeof options;
	options.priority = 9;
	CHECK_STATUS(peregrine_rules_load(rules, &options, &engine), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_rules_load(NULL, NULL, &engine), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_rules_new(NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_rules_diagnostic(rules, 0, &found), PEREGRINE_STATUS_END);
	/* A caller with a newer header may not set what this library does not know. */
	struct {
		peregrine_engine_options now;
		uint64_t later;
	} newer = {.now = {.size = sizeof newer}, .later = 1};
	CHECK_STATUS(peregrine_rules_load(rules, &newer.now, &engine), PEREGRINE_STATUS_UNSUPPORTED);
	CHECK(engine == NULL);
	newer.later = 0;
	CHECK_OK(peregrine_rules_load(rules, &newer.now, &engine));
	peregrine_engine_free(engine);
	peregrine_rules_free(rules);
	peregrine_rules_free(NULL);
	peregrine_engine_free(NULL);
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
	peregrine_rules *rules = NULL;
	peregrine_engine *engine = NULL;
	peregrine_rule_info info = {.size = sizeof info};

	write_file(folder, "2.yml", "- macro: who\n  condition: proc.name = b\n");
	write_file(folder, "1.yaml",
		   "- macro: who\n  condition: proc.name = a\n"
		   "- rule: one\n  desc: d\n  condition: evt.type = open and who\n  output: o\n  priority: debug\n");
	write_file(folder, "3.txt", "this is not YAML: [\n");
	CHECK_OK(peregrine_rules_new(&rules));
	CHECK_OK(peregrine_rules_add_path(rules, folder));
	CHECK_OK(peregrine_rules_load(rules, NULL, &engine));
	CHECK_OK(peregrine_engine_rule(engine, 0, &info));
	CHECK(equals(info.name, "one"));
	CHECK_STATUS(peregrine_engine_rule(engine, 1, &info), PEREGRINE_STATUS_END);
	peregrine_engine_free(engine);
	peregrine_rules_free(rules);
}

RUN({"reports_every_fault", reports_every_fault}, {"lists_and_switches", lists_and_switches},
    {"refuses_nonsense", refuses_nonsense}, {"loads_a_directory_in_order", loads_a_directory_in_order})
