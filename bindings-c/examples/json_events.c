/* Evaluates rules about JSON records, one a line of standard input: json_events SOURCE RULES... */
#include <peregrine.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static void print(void *userdata, const peregrine_alert *alert)
{
	(void)userdata;
	printf("%.*s\n", (int)alert->text.len, (const char *)alert->text.data);
}

int main(int argc, char **argv)
{
	static char line[1 << 20];
	peregrine_rules *rules = NULL;
	peregrine_engine *engine = NULL;

	if (argc < 3) {
		fprintf(stderr, "usage: %s SOURCE RULES...\n", argv[0]);
		return 2;
	}
	if (peregrine_rules_new(&rules) != PEREGRINE_STATUS_OK)
		return 1;
	/* k8s_audit is there already; any other source has to be named. */
	if (strcmp(argv[1], "k8s_audit") != 0 && peregrine_rules_add_json_source(rules, argv[1]) != PEREGRINE_STATUS_OK)
		goto fail;
	for (int i = 2; i < argc; i++)
		if (peregrine_rules_add_path(rules, argv[i]) != PEREGRINE_STATUS_OK)
			goto fail;
	if (peregrine_rules_load(rules, NULL, &engine) != PEREGRINE_STATUS_OK)
		goto fail;
	while (fgets(line, sizeof line, stdin) != NULL) {
		uint64_t now = (uint64_t)time(NULL) * 1000000000u;
		if (peregrine_engine_process_json(engine, argv[1], (const uint8_t *)line, strlen(line), now, print, NULL) !=
		    PEREGRINE_STATUS_OK)
			fprintf(stderr, "skipped: %s\n", peregrine_last_error());
	}
	peregrine_engine_free(engine);
	peregrine_rules_free(rules);
	return 0;
fail:
	fprintf(stderr, "%s\n", peregrine_last_error());
	peregrine_rules_free(rules);
	return 1;
}
