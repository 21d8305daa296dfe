/* Evaluates one ruleset in several threads, each on another capture: threads RULES CAPTURE... */
#include <peregrine.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct worker {
	pthread_t thread;
	const peregrine_ruleset *ruleset;
	const char *capture;
	unsigned long long alerts;
	int failed;
};

static void count(void *userdata, const peregrine_alert *alert)
{
	(void)alert;
	++*(unsigned long long *)userdata;
}

static void *work(void *userdata)
{
	struct worker *worker = userdata;
	peregrine_inspector *inspector = NULL;
	peregrine_engine *engine = NULL;
	peregrine_event event;
	peregrine_status status = PEREGRINE_STATUS_OK;

	/* The ruleset is shared; inspector and engine belong to this thread. */
	if (peregrine_engine_new(worker->ruleset, &engine) == PEREGRINE_STATUS_OK &&
	    peregrine_inspector_open_file(worker->capture, NULL, &inspector) == PEREGRINE_STATUS_OK)
		while ((status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK &&
		       (status = peregrine_engine_process(engine, event, count, &worker->alerts)) == PEREGRINE_STATUS_OK)
			;
	worker->failed = status != PEREGRINE_STATUS_END;
	if (worker->failed)
		fprintf(stderr, "%s: %s\n", worker->capture, peregrine_last_error());
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	return NULL;
}

int main(int argc, char **argv)
{
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;
	int failed = 0, started = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: %s RULES CAPTURE...\n", argv[0]);
		return 2;
	}
	struct worker *workers = calloc((size_t)argc, sizeof *workers);
	if (workers == NULL || peregrine_ruleset_builder_new(&builder) != PEREGRINE_STATUS_OK ||
	    peregrine_ruleset_builder_add_path(builder, argv[1]) != PEREGRINE_STATUS_OK ||
	    peregrine_ruleset_builder_build(builder, NULL, &ruleset) != PEREGRINE_STATUS_OK) {
		fprintf(stderr, "%s\n", peregrine_last_error());
		failed = 1;
		goto done;
	}
	for (; started < argc - 2; started++) {
		workers[started].ruleset = ruleset;
		workers[started].capture = argv[started + 2];
		if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0) {
			failed = 1;
			break;
		}
	}
	for (int i = 0; i < started; i++) {
		pthread_join(workers[i].thread, NULL);
		printf("%s: %llu alerts\n", workers[i].capture, workers[i].alerts);
		failed |= workers[i].failed;
	}
done:
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
	free(workers);
	return failed;
}
