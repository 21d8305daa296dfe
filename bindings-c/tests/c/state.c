#include "test.h"

static void knows_the_thread_of_an_event(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	int found = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		peregrine_thread thread = {.size = sizeof thread}, again = {.size = sizeof again};
		peregrine_event_info info = {.size = sizeof info};
		CHECK_OK(peregrine_event_get_info(event, &info));
		if (peregrine_event_thread(event, &thread) != PEREGRINE_STATUS_OK)
			continue;
		CHECK(thread.tid == info.tid);
		CHECK_OK(peregrine_inspector_thread(inspector, thread.tid, &again));
		CHECK(again.pid == thread.pid && again.comm.len == thread.comm.len);
		for (size_t i = 0; i < thread.args.len; i++)
			CHECK(thread.args.items[i].kind == PEREGRINE_VALUE_KIND_BYTES);
		found += thread.comm.len > 0 && thread.exepath.len > 0;
	}
	CHECK(found > 1000);
	peregrine_inspector_free(inspector);
}

static void lists_descriptors(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	peregrine_fd_list fds;
	size_t files = 0;

	for (int i = 0; i < 500; i++) {
		peregrine_thread thread = {.size = sizeof thread};
		CHECK_OK(peregrine_inspector_next(inspector, &event));
		if (peregrine_event_thread(event, &thread) != PEREGRINE_STATUS_OK)
			continue;
		CHECK_OK(peregrine_inspector_fds(inspector, thread.tid, &fds));
		for (size_t j = 0; j < fds.len; j++)
			files += fds.items[j]->size == sizeof(peregrine_fd) &&
				  equals(fds.items[j]->type_name, "file") && fds.items[j]->name.len > 0;
	}
	CHECK(files > 0);
	CHECK_STATUS(peregrine_inspector_fds(inspector, 999999999, &fds), PEREGRINE_STATUS_MISSING);
	peregrine_inspector_free(inspector);
}

static void counts(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	peregrine_inspector_stats stats = {.size = sizeof stats};
	uint64_t threads = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		;
	CHECK_OK(peregrine_inspector_get_stats(inspector, &stats));
	CHECK(stats.seen >= stats.delivered && stats.delivered > 1000 && stats.dropped == 0);
	peregrine_drop drop = {.size = sizeof drop};
	CHECK_STATUS(peregrine_inspector_drop(inspector, 0, &drop), PEREGRINE_STATUS_END);
	CHECK_OK(peregrine_inspector_thread_count(inspector, &threads));
	CHECK(threads > 0);
	stats.size = 1;
	CHECK_STATUS(peregrine_inspector_get_stats(inspector, &stats), PEREGRINE_STATUS_INVALID_ARGUMENT);
	peregrine_inspector_free(inspector);
}

RUN({"knows_the_thread_of_an_event", knows_the_thread_of_an_event}, {"lists_descriptors", lists_descriptors},
    {"counts", counts})
