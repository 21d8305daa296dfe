#include "test.h"

#include <fcntl.h>
#include <unistd.h>

static const bool *built(void)
{
	static bool live;
	live = (peregrine_features() & PEREGRINE_FEATURE_LIVE) != 0;
	return &live;
}

static void rejects_invalid_arguments(void)
{
	peregrine_status refused = *built() ? PEREGRINE_STATUS_INVALID_ARGUMENT : PEREGRINE_STATUS_UNSUPPORTED;
	peregrine_live_options options = {0};
	const char *calls[] = {"openat", "no_such_call"};
	peregrine_inspector *inspector = NULL;

	CHECK_STATUS(peregrine_inspector_open_live(NULL, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_open_live(&options, NULL, &inspector), PEREGRINE_STATUS_INVALID_ARGUMENT);
	options.size = sizeof options;
	options.calls = calls;
	options.ncalls = 2;
	CHECK_STATUS(peregrine_inspector_open_live(&options, NULL, &inspector), refused);
	CHECK(strstr(peregrine_last_error(), *built() ? "no_such_call" : "built without live capture") != NULL);
	options.ncalls = 1;
	options.ring_preset = 11;
	CHECK_STATUS(peregrine_inspector_open_live(&options, NULL, &inspector), refused);
	CHECK(inspector == NULL);
}

static const char RULES[] = "- rule: opened\n"
			    "  desc: this test opens a file\n"
			    "  condition: evt.type = openat and fd.name endswith /live.c.marker\n"
			    "  output: opened (file=%fd.name name=%proc.name)\n"
			    "  priority: notice\n";

static void count(void *userdata, const peregrine_alert *alert)
{
	(void)alert;
	++*(int *)userdata;
}

/* Exits with 77, as skipped, where live capture is not possible. */
static void sees_what_this_program_does(void)
{
	char path[4096];
	int alerts = 0, idle = 0;
	peregrine_ruleset_builder *builder = NULL;
	peregrine_ruleset *ruleset = NULL;
	peregrine_engine *engine = NULL;
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	peregrine_inspector_stats stats = {.size = sizeof stats};
	peregrine_drop drop = {.size = sizeof drop};
	peregrine_live_options options = {.size = sizeof options, .max_wait_ms = 10, .ring_preset = 1};

	CHECK_OK(peregrine_ruleset_builder_new(&builder));
	CHECK_OK(peregrine_ruleset_builder_add_text(builder, "rules", (const uint8_t *)RULES, sizeof RULES - 1));
	CHECK_OK(peregrine_ruleset_builder_build(builder, NULL, &ruleset));
	CHECK_OK(peregrine_engine_new(ruleset, &engine));
	options.ruleset = ruleset;
	if (peregrine_inspector_open_live(&options, NULL, &inspector) != PEREGRINE_STATUS_OK) {
		fprintf(stderr, "%s\n", peregrine_last_error());
		exit(77);
	}
	CHECK(snprintf(path, sizeof path, "%s/live.c.marker", scratch()) < (int)sizeof path);
	int file = open(path, O_CREAT | O_WRONLY, 0600);
	CHECK(file >= 0 && close(file) == 0);
	/* The thread of an event is known, and so is this very process. */
	peregrine_thread thread = {.size = sizeof thread};
	CHECK_OK(peregrine_inspector_thread(inspector, getpid(), &thread));
	CHECK(thread.pid == getpid() && thread.exepath.len > 0);
	while (alerts == 0 && idle < 500) {
		peregrine_status status = peregrine_inspector_next(inspector, &event);
		if (status == PEREGRINE_STATUS_IDLE) {
			idle++;
			continue;
		}
		CHECK_STATUS(status, PEREGRINE_STATUS_OK);
		CHECK_OK(peregrine_engine_process(engine, event, count, &alerts));
	}
	CHECK(alerts == 1);
	CHECK_OK(peregrine_inspector_get_stats(inspector, &stats));
	CHECK(stats.delivered > 0 && stats.seen >= stats.delivered);
	for (size_t i = 0; peregrine_inspector_drop(inspector, i, &drop) == PEREGRINE_STATUS_OK; i++)
		CHECK(drop.cause.len > 0);
	peregrine_inspector_free(inspector);
	peregrine_engine_free(engine);
	peregrine_ruleset_free(ruleset);
	peregrine_ruleset_builder_free(builder);
}

int main(int argc, char **argv)
{
	/* Only tests/live.rs runs the one that requires a kernel. */
	if (argc > 1 && strcmp(argv[1], "sees_what_this_program_does") == 0)
		sees_what_this_program_does();
	else
		rejects_invalid_arguments();
	return 0;
}
