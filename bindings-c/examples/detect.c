/* Prints the alerts of a capture: detect CAPTURE RULES... */
#include <peregrine.h>
#include <stdio.h>

static void print(void *userdata, const peregrine_alert *alert)
{
	(void)userdata;
	printf("%.*s\n", (int)alert->text.len, (const char *)alert->text.data);
}

static int fail(void)
{
	fprintf(stderr, "%s\n", peregrine_last_error());
	return 1;
}

int main(int argc, char **argv)
{
	peregrine_inspector *inspector;
	peregrine_rules *rules;
	peregrine_engine *engine;
	peregrine_event event;
	peregrine_status status;
	peregrine_engine_options options = {.size = sizeof options, .json_output = true, .time_format_iso_8601 = true};

	if (argc < 3) {
		fprintf(stderr, "usage: %s CAPTURE RULES...\n", argv[0]);
		return 2;
	}
	if (peregrine_rules_new(&rules) != PEREGRINE_STATUS_OK)
		return fail();
	for (int i = 2; i < argc; i++)
		if (peregrine_rules_add_path(rules, argv[i]) != PEREGRINE_STATUS_OK)
			return fail();
	if (peregrine_rules_load(rules, &options, &engine) != PEREGRINE_STATUS_OK) {
		peregrine_bytes report;
		if (peregrine_rules_report_text(rules, &report) == PEREGRINE_STATUS_OK)
			fprintf(stderr, "%.*s", (int)report.len, (const char *)report.data);
		return 1;
	}
	peregrine_rules_free(rules);
	if (peregrine_inspector_open_file(argv[1], &inspector) != PEREGRINE_STATUS_OK)
		return fail();
	while ((status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK)
		if (peregrine_engine_process(engine, event, print, NULL) != PEREGRINE_STATUS_OK)
			return fail();
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	return status == PEREGRINE_STATUS_END ? 0 : fail();
}
