#include "test.h"

static peregrine_template *template_of(const char *format)
{
	peregrine_template *made = NULL;
	CHECK_OK(peregrine_template_new(format, &made));
	return made;
}

static void prints_lines_and_objects(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_template *line = template_of("%evt.num %toupper(proc.name) %fd.name");
	peregrine_template *lenient = template_of("*%evt.num <%fd.name>");
	peregrine_event event;
	peregrine_bytes text;
	size_t printed = 0, left_out = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		peregrine_status status = peregrine_event_format(event, line, &text);
		CHECK(status == PEREGRINE_STATUS_OK || status == PEREGRINE_STATUS_MISSING);
		if (status == PEREGRINE_STATUS_MISSING) {
			left_out++;
			CHECK_OK(peregrine_event_format(event, lenient, &text));
			CHECK(memchr(text.data, '<', text.len) != NULL);
			CHECK_OK(peregrine_event_format_json(event, lenient, &text));
			CHECK(text.data[0] == '{' && text.data[text.len - 1] == '}');
			continue;
		}
		CHECK(text.len > 3 && text.data[0] >= '1' && text.data[0] <= '9');
		CHECK_OK(peregrine_event_format_json(event, line, &text));
		CHECK(text.len > 20 && memcmp(text.data, "{\"evt.num\":", 11) == 0);
		printed++;
	}
	CHECK(printed > 1000 && left_out > 100);
	peregrine_template_free(line);
	peregrine_template_free(lenient);
	peregrine_inspector_free(inspector);
}

static void refuses_what_is_no_template(void)
{
	peregrine_template *made = NULL;

	CHECK_STATUS(peregrine_template_new("%proc.nose", &made), PEREGRINE_STATUS_COMPILE);
	CHECK_STATUS(peregrine_template_new("%evt.num %proc.nmae", &made), PEREGRINE_STATUS_COMPILE);
	CHECK(strstr(peregrine_last_error(), "did you mean `proc.name`?") != NULL);
	CHECK_STATUS(peregrine_template_new("", &made), PEREGRINE_STATUS_COMPILE);
	CHECK_STATUS(peregrine_template_new("50%", &made), PEREGRINE_STATUS_COMPILE);
	CHECK_STATUS(peregrine_template_new("\xff", &made), PEREGRINE_STATUS_INVALID_UTF8);
	CHECK_STATUS(peregrine_template_new(NULL, &made), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_template_new("x", NULL), PEREGRINE_STATUS_NULL_POINTER);
	CHECK(made == NULL);
	peregrine_template_free(NULL);
}

static void finds_misuse(void)
{
	peregrine_inspector *inspector = open_capture();
	peregrine_template *line = template_of("%evt.num");
	peregrine_event stale, event;
	peregrine_bytes text;

	CHECK_OK(peregrine_inspector_next(inspector, &stale));
	CHECK_OK(peregrine_inspector_next(inspector, &event));
	CHECK_STATUS(peregrine_event_format(stale, line, &text), PEREGRINE_STATUS_INVALID_HANDLE);
	CHECK_STATUS(peregrine_event_format(event, NULL, &text), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_event_format(event, line, NULL), PEREGRINE_STATUS_NULL_POINTER);
	peregrine_template_free(line);
	peregrine_inspector_free(inspector);
}

RUN({"prints_lines_and_objects", prints_lines_and_objects}, {"refuses_what_is_no_template", refuses_what_is_no_template},
    {"finds_misuse", finds_misuse})
