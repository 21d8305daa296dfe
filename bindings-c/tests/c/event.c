#include "test.h"

static peregrine_event next_named(peregrine_inspector *inspector, const char *name)
{
	peregrine_event event;
	peregrine_event_info info = {.size = sizeof info};
	do {
		CHECK_OK(peregrine_inspector_next(inspector, &event));
		CHECK_OK(peregrine_event_get_info(event, &info));
	} while (!equals(info.name, name));
	return event;
}

static void gives_typed_parameters(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event = next_named(inspector, "openat");
	peregrine_param param = {.size = sizeof param};

	CHECK_OK(peregrine_event_param(event, 0, &param));
	CHECK(equals(param.name, "fd") && equals(param.type_name, "FD"));
	CHECK(param.has_value && param.value.kind == PEREGRINE_VALUE_KIND_INT64);
	CHECK(param.raw.len == 8);

	CHECK_OK(peregrine_event_param(event, 2, &param));
	CHECK(equals(param.name, "name") && param.value.kind == PEREGRINE_VALUE_KIND_BYTES);
	CHECK(param.value.as.bytes.len > 0 && param.value.as.bytes.data[0] == '/');
	CHECK(param.raw.len == param.value.as.bytes.len + 1);

	CHECK_OK(peregrine_event_param(event, 3, &param));
	CHECK(equals(param.name, "flags") && param.value.kind == PEREGRINE_VALUE_KIND_UINT64);
	peregrine_inspector_free(inspector);
}

static void refuses_a_parameter_that_is_not_there(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event = next_named(inspector, "openat");
	peregrine_param param = {.size = sizeof param};

	CHECK_STATUS(peregrine_event_param(event, 99, &param), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_event_param(event, 0, NULL), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_inspector_free(inspector);
}

static void finds_a_stale_event(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event first = next_named(inspector, "openat");
	peregrine_event second;
	peregrine_event_info info = {.size = sizeof info};
	peregrine_param param = {.size = sizeof param};

	CHECK_OK(peregrine_inspector_next(inspector, &second));
	CHECK_STATUS(peregrine_event_get_info(first, &info), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK_STATUS(peregrine_event_param(first, 0, &param), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK_OK(peregrine_event_get_info(second, &info));

	while (peregrine_inspector_next(inspector, &first) == PEREGRINE_STATUS_OK)
		second = first;
	CHECK_STATUS(peregrine_event_get_info(second, &info), PEREGRINE_STATUS_INVALID_HANDLE);
	peregrine_inspector_free(inspector);
}

static void wants_the_size_of_the_struct(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_event event = next_named(inspector, "openat");
	peregrine_event_info info = {0};

	CHECK_STATUS(peregrine_event_get_info(event, &info), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_event_get_info(event, NULL), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_param param = {.size = sizeof param - sizeof(void *)};
	CHECK_STATUS(peregrine_event_param(event, 0, &param), PEREGRINE_STATUS_INVALID_ARGUMENT);
	event.inspector = NULL;
	info.size = sizeof info;
	CHECK_STATUS(peregrine_event_get_info(event, &info), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_inspector_free(inspector);
}

static void fills_what_the_caller_has(void)
{
	/* A caller that was compiled with a header of the future: what this library does not know stays as it is. */
	struct {
		peregrine_event_info now;
		uint64_t later;
	} info = {.now = {.size = sizeof info}, .later = 7};
	peregrine_inspector *inspector = open_capture();
	peregrine_event event = next_named(inspector, "openat");

	CHECK_OK(peregrine_event_get_info(event, &info.now));
	CHECK(info.now.size == sizeof info && equals(info.now.name, "openat") && info.later == 7);
	peregrine_inspector_free(inspector);
}

RUN({"gives_typed_parameters", gives_typed_parameters},
    {"refuses_a_parameter_that_is_not_there", refuses_a_parameter_that_is_not_there},
    {"finds_a_stale_event", finds_a_stale_event}, {"wants_the_size_of_the_struct", wants_the_size_of_the_struct},
    {"fills_what_the_caller_has", fills_what_the_caller_has})
