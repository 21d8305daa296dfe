#include "test.h"

static void tests_events(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_filter *filter = NULL;
	peregrine_event event;
	uint64_t matched = 0, named = 0;

	CHECK_OK(peregrine_filter_new("evt.type in (execve, execveat)", &filter));
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		peregrine_event_info info = {.size = sizeof info};
		bool matches = false;
		CHECK_OK(peregrine_event_get_info(event, &info));
		CHECK_OK(peregrine_filter_matches(filter, event, &matches));
		matched += matches;
		named += equals(info.name, "execve") || equals(info.name, "execveat");
	}
	CHECK(matched == named && matched > 0);
	peregrine_filter_free(filter);
	peregrine_inspector_free(inspector);
}

static void says_where_a_condition_is_wrong(void)
{
	peregrine_filter *filter = NULL;

	CHECK_STATUS(peregrine_filter_new("evt.type = open and", &filter), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "column 20") != NULL);
	CHECK_STATUS(peregrine_filter_new("proc.nose = a", &filter), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "proc.nose") != NULL);
	CHECK_STATUS(peregrine_filter_new("evt.type = open and proc.nmae = a", &filter), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "did you mean `proc.name`?") != NULL);
	CHECK_STATUS(peregrine_filter_new("proc.name containz a", &filter), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "did you mean `contains`?") != NULL);
	CHECK_STATUS(peregrine_filter_new(NULL, &filter), PEREGRINE_STATUS_NULL_POINTER);
	CHECK(filter == NULL);
	peregrine_filter_free(NULL);
}

RUN({"tests_events", tests_events}, {"says_where_a_condition_is_wrong", says_where_a_condition_is_wrong})
