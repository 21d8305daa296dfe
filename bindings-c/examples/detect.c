/* Prints the alerts of a capture: detect CAPTURE RULES... */
#include <peregrine.h>
#include <stdio.h>

static void print(void *userdata, const peregrine_alert *alert)
{
	peregrine_format format = {.size = sizeof format, .time_format_iso_8601 = true};
	peregrine_bytes json;

	(void)userdata;
	if (peregrine_alert_json(alert, &format, &json) == PEREGRINE_STATUS_OK)
		printf("%.*s\n", (int)json.len, (const char *)json.data);
}

static int fail(void)
{
	fprintf(stderr, "%s\n", peregrine_last_error());
	return 1;
}

int main(int argc, char **argv)
{
	peregrine_inspector *inspector;
	peregrine_ruleset_builder *builder;
	peregrine_ruleset *ruleset;
	peregrine_engine *engine;
	peregrine_event event;
	peregrine_status status;

	if (argc < 3) {
		fprintf(stderr, "usage: %s CAPTURE RULES...\n", argv[0]);
		return 2;
	}
	if (peregrine_ruleset_builder_new(&builder) != PEREGRINE_STATUS_OK)
		return fail();
	for (int i = 2; i < argc; i++)
		if (peregrine_ruleset_builder_add_path(builder, argv[i]) != PEREGRINE_STATUS_OK)
			return fail();
	if (peregrine_ruleset_builder_build(builder, NULL, &ruleset) != PEREGRINE_STATUS_OK) {
		peregrine_bytes report;
		if (peregrine_ruleset_builder_report_text(builder, &report) == PEREGRINE_STATUS_OK)
			fprintf(stderr, "%.*s", (int)report.len, (const char *)report.data);
		return 1;
	}
	peregrine_ruleset_builder_free(builder);
	if (peregrine_engine_new(ruleset, &engine) != PEREGRINE_STATUS_OK)
		return fail();
	if (peregrine_inspector_open_file(argv[1], NULL, &inspector) != PEREGRINE_STATUS_OK)
		return fail();
	while ((status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK)
		if (peregrine_engine_process(engine, event, print, NULL) != PEREGRINE_STATUS_OK)
			return fail();
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	peregrine_ruleset_free(ruleset);
	return status == PEREGRINE_STATUS_END ? 0 : fail();
}
