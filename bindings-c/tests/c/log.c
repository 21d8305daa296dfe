#include "test.h"

struct heard {
	int messages;
	peregrine_log_level level;
	char text[512];
};

static void hear(void *userdata, peregrine_log_level level, peregrine_bytes target, peregrine_bytes message)
{
	struct heard *heard = userdata;
	CHECK(target.len > 0);
	heard->messages++;
	heard->level = level;
	snprintf(heard->text, sizeof heard->text, "%.*s", (int)message.len, (const char *)message.data);
	/* Nobody may replace the callback from within. */
	CHECK_STATUS(peregrine_log_set(NULL, NULL, PEREGRINE_LOG_LEVEL_ERROR), PEREGRINE_STATUS_INVALID_ARGUMENT);
}

/* A recording onto a full disk ends, and that is said at once. */
static void record(void)
{
	char path[4096];
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;

	CHECK(snprintf(path, sizeof path, "%s/cut.scap", scratch()) < (int)sizeof path);
	CHECK_OK(peregrine_inspector_dump_begin(inspector, path, NULL));
	fill_the_disk(300000);
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		;
	CHECK_STATUS(peregrine_inspector_dump_end(inspector, NULL), PEREGRINE_STATUS_IO);
	peregrine_inspector_free(inspector);
}

static void hears_what_goes_wrong(void)
{
	struct heard heard = {0};

	CHECK_OK(peregrine_log_set(hear, &heard, PEREGRINE_LOG_LEVEL_WARN));
	record();
	CHECK(heard.messages == 1 && heard.level == PEREGRINE_LOG_LEVEL_ERROR);
	CHECK(strstr(heard.text, "the recording ends here") != NULL);
	CHECK_OK(peregrine_log_set(NULL, NULL, PEREGRINE_LOG_LEVEL_WARN));
	record();
	CHECK(heard.messages == 1);
}

static void refuses_nonsense(void)
{
	struct heard heard = {0};
	CHECK_STATUS(peregrine_log_set(hear, &heard, 0), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_log_set(hear, &heard, 6), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK(heard.messages == 0);
}

RUN({"hears_what_goes_wrong", hears_what_goes_wrong}, {"refuses_nonsense", refuses_nonsense})
