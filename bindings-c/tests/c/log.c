#include "test.h"

struct heard {
	int messages;
	peregrine_log_level level;
	char text[512];
};

static void receive(void *userdata, peregrine_log_level level, peregrine_bytes target, peregrine_bytes message)
{
	struct heard *heard = userdata;
	CHECK(target.len > 0);
	heard->messages++;
	heard->level = level;
	snprintf(heard->text, sizeof heard->text, "%.*s", (int)message.len, (const char *)message.data);
	/* The callback must not replace itself. */
	CHECK_STATUS(peregrine_log_set_callback(NULL, NULL, PEREGRINE_LOG_LEVEL_ERROR), PEREGRINE_STATUS_INVALID_ARGUMENT);
}

/* A recording onto a full disk ends, which is logged at once. */
static void record(void)
{
	char path[4096];
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;

	CHECK(snprintf(path, sizeof path, "%s/cut.scap", scratch()) < (int)sizeof path);
	CHECK_OK(peregrine_inspector_start_recording(inspector, path, NULL));
	fill_the_disk(300000);
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		;
	CHECK_STATUS(peregrine_inspector_stop_recording(inspector, NULL), PEREGRINE_STATUS_IO);
	peregrine_inspector_free(inspector);
}

static void logs_errors(void)
{
	struct heard heard = {0};

	CHECK_OK(peregrine_log_set_callback(receive, &heard, PEREGRINE_LOG_LEVEL_WARN));
	record();
	CHECK(heard.messages == 1 && heard.level == PEREGRINE_LOG_LEVEL_ERROR);
	CHECK(strstr(heard.text, "recording stopped") != NULL);
	CHECK_OK(peregrine_log_set_callback(NULL, NULL, PEREGRINE_LOG_LEVEL_WARN));
	record();
	CHECK(heard.messages == 1);
}

static void rejects_invalid_arguments(void)
{
	struct heard heard = {0};
	CHECK_STATUS(peregrine_log_set_callback(receive, &heard, 0), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_log_set_callback(receive, &heard, 6), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK(heard.messages == 0);
}

RUN({"logs_errors", logs_errors}, {"rejects_invalid_arguments", rejects_invalid_arguments})
