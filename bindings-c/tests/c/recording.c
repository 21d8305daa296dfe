#include "test.h"

static const char *path_of(const char *name)
{
	static char path[4096];
	CHECK(snprintf(path, sizeof path, "%s/%s", scratch(), name) < (int)sizeof path);
	return path;
}

/* The content of a capture: the number of events, the time of the last, and the names of its file descriptors. */
struct seen {
	uint64_t events, last, named;
};

static void see(peregrine_event event, struct seen *seen)
{
	peregrine_event_info info = {.size = sizeof info};
	peregrine_bytes name;

	CHECK_OK(peregrine_event_get_info(event, &info));
	seen->events++;
	seen->last = info.timestamp;
	if (peregrine_event_text_by_name(event, "fd.name", &name) == PEREGRINE_STATUS_OK)
		seen->named += name.len;
}

static struct seen see_all(const char *path)
{
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	struct seen seen = {0};

	CHECK_OK(peregrine_inspector_open_file(path, NULL, &inspector));
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		see(event, &seen);
	peregrine_inspector_free(inspector);
	return seen;
}

static void records_everything(void)
{
	peregrine_recording_options options = {.size = sizeof options, .gzip = true};
	struct seen expected = see_all(capture_path());
	struct seen found = {0};

	for (int compressed = 0; compressed < 2; compressed++) {
		peregrine_inspector *inspector = open_capture();
		const char *path = path_of("all.scap");
		peregrine_event event;
		uint64_t written = 0;

		CHECK_OK(peregrine_inspector_start_recording(inspector, path, compressed ? &options : NULL));
		while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
			;
		CHECK_OK(peregrine_inspector_stop_recording(inspector, &written));
		CHECK(written >= expected.events);
		peregrine_inspector_free(inspector);
		found = see_all(path);
		CHECK(found.events == expected.events && found.last == expected.last && found.named == expected.named);
	}
}

/* The head of a capture has no place for the users of containers. */
static void records_users_of_containers(void)
{
	const char *from = getenv("PEREGRINE_TEST_CONTAINERS"), *path = path_of("users.scap");
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	peregrine_bytes name;
	unsigned found = 0;

	CHECK(from);
	CHECK_OK(peregrine_inspector_open_file(from, NULL, &inspector));
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_OK(peregrine_inspector_start_recording(inspector, path, NULL));
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		;
	CHECK_OK(peregrine_inspector_stop_recording(inspector, NULL));
	peregrine_inspector_free(inspector);
	CHECK_OK(peregrine_inspector_open_file(path, NULL, &inspector));
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		CHECK_OK(peregrine_event_text_by_name(event, "user.name", &name));
		CHECK(name.len == 3 && memcmp(name.data, "ann", 3) == 0);
		found++;
	}
	CHECK(found == 4);
	peregrine_inspector_free(inspector);
}

static void records_selected_events(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_recording_options options = {.size = sizeof options, .selected_only = true};
	const char *path = path_of("selected.scap");
	peregrine_filter *filter = NULL;
	peregrine_event event;
	struct seen selected = {0}, found;

	/* The names of these events' files depend on events that are not selected. */
	CHECK_OK(peregrine_filter_new("evt.type = read and fd.name exists", &filter));
	CHECK_OK(peregrine_inspector_start_recording(inspector, path, &options));
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		bool matches = false;
		CHECK_OK(peregrine_filter_matches(filter, event, &matches));
		if (matches) {
			see(event, &selected);
			CHECK_OK(peregrine_event_record(event));
		}
	}
	CHECK_OK(peregrine_inspector_stop_recording(inspector, NULL));
	peregrine_filter_free(filter);
	peregrine_inspector_free(inspector);
	found = see_all(path);
	CHECK(selected.events > 10);
	CHECK(found.events == selected.events && found.last == selected.last && found.named == selected.named);
}

static void starts_in_the_middle(void)
{
	peregrine_inspector *inspector = open_capture();
	const char *path = path_of("middle.scap");
	peregrine_event event;
	struct seen rest = {0}, found;

	for (int i = 0; i < 3000; i++)
		CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_OK(peregrine_inspector_start_recording(inspector, path, NULL));
	/* The event before is not part of the recording, but still there. */
	see(event, &found);
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		see(event, &rest);
	/* Freeing ends the recording too. */
	peregrine_inspector_free(inspector);
	found = see_all(path);
	CHECK(rest.events > 1000 && found.events == rest.events && found.last == rest.last && found.named == rest.named);
}

static void rejects_invalid_arguments(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_recording_options options = {0};
	const char *path = path_of("nonsense.scap");
	peregrine_event event;

	CHECK_STATUS(peregrine_inspector_stop_recording(inspector, NULL), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_inspector_start_recording(inspector, "/no/such/folder/x.scap", NULL), PEREGRINE_STATUS_IO);
	CHECK_STATUS(peregrine_inspector_start_recording(inspector, NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_start_recording(NULL, path, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_start_recording(inspector, path, &options), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_event_record(event), PEREGRINE_STATUS_INVALID_ARGUMENT);
	options.size = sizeof options;
	options.selected_only = true;
	CHECK_OK(peregrine_inspector_start_recording(inspector, path, &options));
	CHECK_STATUS(peregrine_inspector_start_recording(inspector, path, &options), PEREGRINE_STATUS_INVALID_ARGUMENT);
	/* It was read before the recording began. */
	CHECK_STATUS(peregrine_event_record(event), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_OK(peregrine_inspector_stop_recording(inspector, NULL));
	CHECK_STATUS(peregrine_inspector_stop_recording(inspector, NULL), PEREGRINE_STATUS_INVALID_ARGUMENT);
	peregrine_inspector_free(inspector);
}

static void reports_a_full_disk(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	uint64_t events = 0, written = 7;

	CHECK_STATUS(peregrine_inspector_start_recording(inspector, "/dev/full", NULL), PEREGRINE_STATUS_IO);
	CHECK_OK(peregrine_inspector_start_recording(inspector, path_of("cut.scap"), NULL));
	fill_the_disk(300000);
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		peregrine_status status = peregrine_event_record(event);
		CHECK(status == PEREGRINE_STATUS_OK || status == PEREGRINE_STATUS_IO);
		events++;
	}
	/* Events continue to be read; the end of the recording is reported when it is stopped. */
	CHECK(events == see_all(capture_path()).events);
	CHECK_STATUS(peregrine_inspector_stop_recording(inspector, &written), PEREGRINE_STATUS_IO);
	CHECK(written == 7);
	CHECK_STATUS(peregrine_inspector_stop_recording(inspector, NULL), PEREGRINE_STATUS_INVALID_ARGUMENT);
	peregrine_inspector_free(inspector);
}

RUN({"records_everything", records_everything}, {"records_selected_events", records_selected_events},
    {"records_users_of_containers", records_users_of_containers},
    {"starts_in_the_middle", starts_in_the_middle}, {"rejects_invalid_arguments", rejects_invalid_arguments},
    {"reports_a_full_disk", reports_a_full_disk})
