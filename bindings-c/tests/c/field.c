#include "test.h"

static peregrine_field *field(const char *name)
{
	peregrine_field *field = NULL;
	CHECK_OK(peregrine_field_new(name, &field));
	return field;
}

static void gives_values_and_text(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_field *number = field("evt.num"), *name = field("proc.name"), *fds = field("fd.types");
	peregrine_event event;
	uint64_t named = 0, lists = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		peregrine_event_info info = {.size = sizeof info};
		peregrine_value value, again;
		peregrine_bytes text;

		CHECK_OK(peregrine_event_get_info(event, &info));
		CHECK_OK(peregrine_event_value(event, number, &value));
		CHECK(value.kind == PEREGRINE_VALUE_KIND_UINT64 && value.as.uint64 == info.number);
		if (peregrine_event_value(event, name, &value) == PEREGRINE_STATUS_OK) {
			CHECK(value.kind == PEREGRINE_VALUE_KIND_BYTES);
			CHECK_OK(peregrine_event_text(event, name, &text));
			CHECK(text.len == value.as.bytes.len && memcmp(text.data, value.as.bytes.data, text.len) == 0);
			CHECK_OK(peregrine_event_value_by_name(event, "proc.name", &again));
			CHECK_OK(peregrine_event_text_by_name(event, "proc.name", &text));
			CHECK(again.as.bytes.len == text.len && memcmp(again.as.bytes.data, text.data, text.len) == 0);
			named += text.len > 0;
		}
		if (peregrine_event_value(event, fds, &value) == PEREGRINE_STATUS_OK) {
			CHECK(value.kind == PEREGRINE_VALUE_KIND_LIST);
			for (size_t i = 0; i < value.as.list.len; i++)
				CHECK(value.as.list.items[i].kind == PEREGRINE_VALUE_KIND_BYTES);
			lists++;
		}
	}
	CHECK(named > 1000);
	peregrine_field_free(number);
	peregrine_field_free(name);
	peregrine_field_free(fds);
	peregrine_inspector_free(inspector);
	(void)lists;
}

static void lists_all(void)
{
	peregrine_field_info info = {.size = sizeof info};
	size_t count = 0, known = 0;

	for (; peregrine_field_at(count, &info) == PEREGRINE_STATUS_OK; count++) {
		CHECK(info.name.len > 0 && info.type_name.len > 0 && info.class_name.len > 0);
		known += equals(info.name, "proc.name") && equals(info.type_name, "CHARBUF") && info.description.len > 10;
	}
	CHECK(count > 200 && known == 1);
	info.size = 0;
	CHECK_STATUS(peregrine_field_at(0, &info), PEREGRINE_STATUS_INVALID_ARGUMENT);
	CHECK_STATUS(peregrine_field_at(0, NULL), PEREGRINE_STATUS_NULL_POINTER);
}

static void refuses_what_is_no_field(void)
{
	peregrine_field *field = NULL;

	CHECK_STATUS(peregrine_field_new("proc.nose", &field), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "proc.nose") != NULL);
	CHECK_STATUS(peregrine_field_new("proc.nmae", &field), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "did you mean `proc.name`?") != NULL);
	CHECK_STATUS(peregrine_field_new("evt.arg", &field), PEREGRINE_STATUS_COMPILE);
	CHECK_STATUS(peregrine_field_new(NULL, &field), PEREGRINE_STATUS_NULL_POINTER);
	CHECK(field == NULL);
	peregrine_field_free(NULL);
}

static void knows_its_type(void)
{
	peregrine_field *name = field("proc.name"), *pid = field("proc.pid");
	peregrine_bytes type;

	CHECK_OK(peregrine_field_type(name, &type));
	CHECK(equals(type, "CHARBUF"));
	CHECK_OK(peregrine_field_type(pid, &type));
	CHECK(equals(type, "INT64"));
	peregrine_field_free(name);
	peregrine_field_free(pid);
}

static void finds_misuse(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_field *name = field("proc.name");
	peregrine_event event, stale;
	peregrine_value value;

	CHECK_OK(peregrine_inspector_next(inspector, &stale));
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_event_value(stale, name, &value), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK_STATUS(peregrine_event_value(event, NULL, &value), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_field_free(name);
	peregrine_inspector_free(inspector);
}

RUN({"gives_values_and_text", gives_values_and_text}, {"refuses_what_is_no_field", refuses_what_is_no_field},
    {"knows_its_type", knows_its_type}, {"lists_all", lists_all}, {"finds_misuse", finds_misuse})
