#include "test.h"

static void reads_every_event(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	peregrine_status status;
	uint64_t count = 0, last = 0;

	while ((status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK) {
		peregrine_event_info info = {.size = sizeof info};
		CHECK_OK(peregrine_event_describe(event, &info));
		CHECK(info.number > last);
		CHECK(info.name.len > 0);
		CHECK(info.timestamp > 1600000000000000000u);
		last = info.number;
		count++;
	}
	CHECK(status == PEREGRINE_STATUS_END);
	CHECK(count > 1000);
	CHECK_STATUS(peregrine_inspector_next(inspector, &event), PEREGRINE_STATUS_END);
	peregrine_inspector_free(inspector);
}

static void says_how_far_it_is(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	uint64_t position = 0, size = 0;

	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_OK(peregrine_inspector_progress(inspector, &position, &size));
	CHECK(position > 0 && position <= size);
	peregrine_inspector_free(inspector);
}

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	CHECK(file != NULL);
	CHECK(fseek(file, 0, SEEK_END) == 0);
	*len = (size_t)ftell(file);
	rewind(file);
	char *data = malloc(*len);
	CHECK(data != NULL && fread(data, 1, *len, file) == *len);
	fclose(file);
	return data;
}

static void opens_from_memory(void)
{
	size_t len;
	char *data = read_file(capture_path(), &len);
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	uint64_t position, size;

	CHECK_OK(peregrine_inspector_open_memory((const uint8_t *)data, len, &inspector));
	free(data);
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_inspector_progress(inspector, &position, &size), PEREGRINE_STATUS_MISSING);
	peregrine_inspector_free(inspector);
}

static void refuses_what_is_no_capture(void)
{
	peregrine_inspector *inspector = NULL;

	CHECK_STATUS(peregrine_inspector_open_file("/no/such/file", &inspector), PEREGRINE_STATUS_IO);
	CHECK(strstr(peregrine_last_error(), "/no/such/file") != NULL);
	CHECK_STATUS(peregrine_inspector_open_file(__FILE__, &inspector), PEREGRINE_STATUS_FORMAT);
	CHECK_STATUS(peregrine_inspector_open_memory(NULL, 0, &inspector), PEREGRINE_STATUS_FORMAT);
	CHECK_STATUS(peregrine_inspector_open_memory((const uint8_t *)"\x0a\x0d\x0d\x0a", 4, &inspector),
		     PEREGRINE_STATUS_FORMAT);
	CHECK_STATUS(peregrine_inspector_open_file("\xff", &inspector), PEREGRINE_STATUS_INVALID_UTF8);
	CHECK(inspector == NULL);
}

static void takes_null_for_an_error(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	uint64_t position;

	CHECK_STATUS(peregrine_inspector_open_file(NULL, &inspector), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_open_memory(NULL, 5, &inspector), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_next(NULL, &event), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_next(inspector, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_progress(inspector, &position, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_progress(NULL, &position, &position), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_inspector_free(inspector);
	peregrine_inspector_free(NULL);
}

RUN({"reads_every_event", reads_every_event}, {"says_how_far_it_is", says_how_far_it_is},
    {"opens_from_memory", opens_from_memory}, {"refuses_what_is_no_capture", refuses_what_is_no_capture},
    {"takes_null_for_an_error", takes_null_for_an_error})
