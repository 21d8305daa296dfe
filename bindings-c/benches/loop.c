/* The loop of a program that detects: loop CAPTURE RULES... prints the alerts and how many events there were. */
#include <peregrine.h>
#include <stdio.h>

static void print(void *userdata, const peregrine_alert *alert)
{
	fwrite(alert->text.data, 1, alert->text.len, userdata);
	fputc('\n', userdata);
}

int main(int argc, char **argv)
{
	peregrine_inspector *inspector;
	peregrine_rules *rules;
	peregrine_engine *engine;
	peregrine_event event;
	unsigned long long events = 0;

	if (argc < 2 || peregrine_rules_new(&rules) || peregrine_inspector_open_file(argv[1], &inspector))
		goto fail;
	for (int i = 2; i < argc; i++)
		if (peregrine_rules_add_path(rules, argv[i]))
			goto fail;
	if (peregrine_rules_load(rules, NULL, &engine))
		goto fail;
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		if (peregrine_engine_process(engine, event, print, stdout))
			goto fail;
		events++;
	}
	printf("%llu events\n", events);
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	peregrine_rules_free(rules);
	return 0;
fail:
	fprintf(stderr, "%s\n", peregrine_last_error());
	return 1;
}
