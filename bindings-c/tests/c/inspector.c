#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static void reads_every_event(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	peregrine_status status;
	uint64_t count = 0, last = 0;

	while ((status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK) {
		peregrine_event_info info = {.size = sizeof info};
		CHECK_OK(peregrine_event_get_info(event, &info));
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

static void returns_the_progress(void)
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

	CHECK_OK(peregrine_inspector_open_memory((const uint8_t *)data, len, NULL, &inspector));
	free(data);
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_inspector_progress(inspector, &position, &size), PEREGRINE_STATUS_MISSING);
	peregrine_inspector_free(inspector);
}

static void rejects_what_is_not_a_capture(void)
{
	peregrine_inspector *inspector = NULL;

	CHECK_STATUS(peregrine_inspector_open_file("/no/such/file", NULL, &inspector), PEREGRINE_STATUS_IO);
	CHECK(strstr(peregrine_last_error(), "/no/such/file") != NULL && peregrine_last_errno() == ENOENT);
	CHECK_STATUS(peregrine_inspector_open_file(__FILE__, NULL, &inspector), PEREGRINE_STATUS_FORMAT);
	/* No system call failed. */
	CHECK(peregrine_last_errno() == 0);
	CHECK_STATUS(peregrine_inspector_open_memory(NULL, 0, NULL, &inspector), PEREGRINE_STATUS_FORMAT);
	CHECK_STATUS(peregrine_inspector_open_memory((const uint8_t *)"\x0a\x0d\x0d\x0a", 4, NULL, &inspector),
		     PEREGRINE_STATUS_FORMAT);
	CHECK_STATUS(peregrine_inspector_open_file("\xff", NULL, &inspector), PEREGRINE_STATUS_INVALID_UTF8);
	CHECK(inspector == NULL);
}

static void rejects_null(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event;
	uint64_t position;

	CHECK_STATUS(peregrine_inspector_open_file(NULL, NULL, &inspector), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), NULL, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_open_memory(NULL, 5, NULL, &inspector), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_next(NULL, &event), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_next(inspector, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_progress(inspector, &position, NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_progress(NULL, &position, &position), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_inspector_free(inspector);
	peregrine_inspector_free(NULL);
}

static uint64_t count_events(peregrine_inspector *inspector)
{
	peregrine_event event;
	uint64_t count = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		count++;
	peregrine_inspector_free(inspector);
	return count;
}

static void opens_a_file_descriptor(void)
{
	peregrine_inspector *inspector = NULL;
	uint64_t position, size;
	int file = open(capture_path(), O_RDONLY);

	CHECK(file >= 0);
	CHECK_OK(peregrine_inspector_open_fd(file, NULL, &inspector));
	/* The library has its own. */
	CHECK(close(file) == 0);
	CHECK_OK(peregrine_inspector_progress(inspector, &position, &size));
	CHECK(position > 0 && position <= size);
	CHECK(count_events(inspector) == count_events(open_capture()));

	CHECK_STATUS(peregrine_inspector_open_fd(-1, NULL, &inspector), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_inspector_open_fd(file, NULL, &inspector), PEREGRINE_STATUS_IO);
	CHECK(peregrine_last_errno() == EBADF);
}

static void opens_a_pipe(void)
{
	peregrine_inspector *inspector = NULL;
	uint64_t position, size;
	char command[4096];

	CHECK(snprintf(command, sizeof command, "cat '%s'", capture_path()) < (int)sizeof command);
	FILE *pipe = popen(command, "r");
	CHECK(pipe != NULL);
	CHECK_OK(peregrine_inspector_open_fd(fileno(pipe), NULL, &inspector));
	CHECK_STATUS(peregrine_inspector_progress(inspector, &position, &size), PEREGRINE_STATUS_MISSING);
	CHECK(count_events(inspector) == count_events(open_capture()));
	CHECK(pclose(pipe) == 0);
}

static void limits_what_it_keeps(void)
{
	peregrine_inspector_options options = {.size = sizeof options, .max_threads = 3};
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	uint64_t threads = 0;

	CHECK_OK(peregrine_inspector_open_file(capture_path(), &options, &inspector));
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK)
		;
	CHECK_OK(peregrine_inspector_thread_count(inspector, &threads));
	CHECK(threads <= 3);
	peregrine_inspector_free(inspector);

	options.max_threads = 0;
	options.max_capture_state_bytes = 16;
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &options, &inspector), PEREGRINE_STATUS_FORMAT);
	options.size = 8;
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &options, &inspector), PEREGRINE_STATUS_INVALID_ARGUMENT);
	struct {
		peregrine_inspector_options now;
		uint64_t later;
	} newer = {.now = {.size = sizeof newer}, .later = 1};
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &newer.now, &inspector), PEREGRINE_STATUS_UNSUPPORTED);
}

static void suppresses_threads(void)
{
	const char *comms[] = {"sh", "\xff"};
	peregrine_inspector_options options = {.size = sizeof options, .suppressed_comms = comms, .nsuppressed_comms = 1};
	peregrine_inspector *inspector = NULL;

	CHECK_OK(peregrine_inspector_open_file(capture_path(), &options, &inspector));
	CHECK(count_events(inspector) < count_events(open_capture()));
	options.nsuppressed_comms = 2;
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &options, &inspector), PEREGRINE_STATUS_INVALID_UTF8);
	options.suppressed_comms = NULL;
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &options, &inspector), PEREGRINE_STATUS_NULL_POINTER);
}

/* Whether the thread of a virtual machine is in a container of that ID. */
static bool vm_is_in(const peregrine_inspector_options *options, const char *expected)
{
	const char *path = getenv("PEREGRINE_TEST_CONTAINERS");
	peregrine_inspector *inspector = NULL;
	peregrine_thread thread = {.size = sizeof thread};

	CHECK(path != NULL);
	CHECK_OK(peregrine_inspector_open_file(path, options, &inspector));
	CHECK_OK(peregrine_inspector_thread(inspector, 9, &thread));
	bool is = equals(thread.container_id, expected);
	peregrine_inspector_free(inspector);
	return is;
}

static void recognizes_containers(void)
{
	peregrine_container_pattern patterns[] = {{.prefix = "/firecracker-", .suffix = ".vm"}};
	peregrine_inspector_options options = {.size = sizeof options};

	CHECK(vm_is_in(NULL, ""));
	options.container_patterns = patterns;
	options.ncontainer_patterns = 1;
	CHECK(vm_is_in(&options, "7"));
	options.without_containers = true;
	CHECK(vm_is_in(&options, ""));
	options.without_containers = false;
	patterns[0].prefix = NULL;
	peregrine_inspector *inspector = NULL;
	CHECK_STATUS(peregrine_inspector_open_file(capture_path(), &options, &inspector), PEREGRINE_STATUS_NULL_POINTER);
}

RUN({"opens_a_file_descriptor", opens_a_file_descriptor}, {"opens_a_pipe", opens_a_pipe},
    {"limits_what_it_keeps", limits_what_it_keeps}, {"suppresses_threads", suppresses_threads},
    {"recognizes_containers", recognizes_containers}, {"reads_every_event", reads_every_event}, {"returns_the_progress", returns_the_progress},
    {"opens_from_memory", opens_from_memory}, {"rejects_what_is_not_a_capture", rejects_what_is_not_a_capture},
    {"rejects_null", rejects_null})
