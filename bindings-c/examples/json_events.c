/* Evaluates rules about JSON records, one a line of standard input: json_events SOURCE RULES... */
#include <peregrine.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void print(void *userdata, const peregrine_alert *alert)
{
	peregrine_bytes text;

	(void)userdata;
	if (peregrine_alert_text(alert, NULL, &text) == PEREGRINE_STATUS_OK)
		printf("%.*s\n", (int)text.len, (const char *)text.data);
}

int main(int argc, char **argv)
{
	static char line[1 << 20];
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;
	peregrine_engine *engine = NULL;

	if (argc < 3) {
		fprintf(stderr, "usage: %s SOURCE RULES...\n", argv[0]);
		return 2;
	}
	if (peregrine_ruleset_builder_new(&builder) != PEREGRINE_STATUS_OK)
		return 1;
	/* k8s_audit is built in; any other source must be added. */
	if (strcmp(argv[1], "k8s_audit") != 0 && peregrine_ruleset_builder_add_json_source(builder, argv[1]) != PEREGRINE_STATUS_OK)
		goto fail;
	for (int i = 2; i < argc; i++)
		if (peregrine_ruleset_builder_add_path(builder, argv[i]) != PEREGRINE_STATUS_OK)
			goto fail;
	if (peregrine_ruleset_builder_build(builder, NULL, &ruleset) != PEREGRINE_STATUS_OK ||
	    peregrine_engine_new(ruleset, &engine) != PEREGRINE_STATUS_OK)
		goto fail;
	while (fgets(line, sizeof line, stdin) != NULL) {
		uint64_t now = (uint64_t)time(NULL) * 1000000000u;
		if (peregrine_engine_process_json(engine, argv[1], (const uint8_t *)line, strlen(line), now, print, NULL) !=
		    PEREGRINE_STATUS_OK)
			fprintf(stderr, "skipped: %s\n", peregrine_last_error());
	}
	peregrine_engine_free(engine);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
	return 0;
fail:
	fprintf(stderr, "%s\n", peregrine_last_error());
	peregrine_ruleset_builder_free(builder);
	return 1;
}
