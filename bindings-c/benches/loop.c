/* The loop of a program that detects: loop CAPTURE RULES... prints the alerts and the number of events. */
#include <peregrine.h>
#include <stdio.h>

static void print(void *userdata, const peregrine_alert *alert)
{
	peregrine_bytes text;

	if (peregrine_alert_text(alert, NULL, &text) == PEREGRINE_STATUS_OK) {
		fwrite(text.data, 1, text.len, userdata);
		fputc('\n', userdata);
	}
}

int main(int argc, char **argv)
{
	peregrine_inspector *inspector;
	peregrine_ruleset_builder *builder;
	peregrine_ruleset *ruleset;
	peregrine_engine *engine;
	peregrine_event event;
	unsigned long long events = 0;

	if (argc < 2 || peregrine_ruleset_builder_new(&builder) || peregrine_inspector_open_file(argv[1], NULL, &inspector))
		goto fail;
	for (int i = 2; i < argc; i++)
		if (peregrine_ruleset_builder_add_path(builder, argv[i]))
			goto fail;
	if (peregrine_ruleset_builder_build(builder, NULL, &ruleset) || peregrine_engine_new(ruleset, &engine))
		goto fail;
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		if (peregrine_engine_process(engine, event, print, stdout))
			goto fail;
		events++;
	}
	printf("%llu events\n", events);
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
	return 0;
fail:
	fprintf(stderr, "%s\n", peregrine_last_error());
	return 1;
}
