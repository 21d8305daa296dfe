#include "test.h"

#include <errno.h>

/* A source that forwards the events of a capture. */
struct relay {
	peregrine_inspector *from;
	/* The number of events before `then`; 0 for all. */
	int limit;
	/* The result of the callback after them. */
	int32_t then;
	int events, released;
	uint8_t copy[1 << 20];
};

static int32_t forward(void *userdata, peregrine_raw_event *out)
{
	struct relay *relay = userdata;
	peregrine_event event;
	peregrine_raw_event raw = {.size = sizeof raw};

	CHECK(out->size == sizeof *out && out->len == 0);
	if (relay->limit > 0 && relay->events == relay->limit)
		return relay->then;
	peregrine_status status = peregrine_inspector_next(relay->from, &event);
	if (status != PEREGRINE_STATUS_OK)
		return status;
	CHECK_OK(peregrine_event_raw(event, &raw));
	CHECK(raw.len >= 26 && raw.len <= sizeof relay->copy);
	memcpy(relay->copy, raw.data, raw.len);
	*out = (peregrine_raw_event){
		.size = out->size, .data = relay->copy, .len = raw.len, .flags = raw.flags, .cpu = raw.cpu};
	relay->events++;
	return PEREGRINE_STATUS_OK;
}

static uint64_t dropped(void *userdata)
{
	(void)userdata;
	return 7;
}

static void release(void *userdata)
{
	((struct relay *)userdata)->released++;
}

static struct relay *new_relay(int limit, int32_t then)
{
	struct relay *relay = calloc(1, sizeof *relay);
	CHECK(relay != NULL);
	relay->from = open_capture();
	relay->limit = limit;
	relay->then = then;
	return relay;
}

static void free_relay(struct relay *relay)
{
	CHECK(relay->released == 1);
	peregrine_inspector_free(relay->from);
	free(relay);
}

static peregrine_inspector *open_relay(struct relay *relay)
{
	peregrine_callback_source source = {.size = sizeof source,
					    .next = forward,
					    .dropped = dropped,
					    .release = release,
					    .userdata = relay,
					    .initial_state = relay->from};
	peregrine_inspector *inspector = NULL;
	CHECK_OK(peregrine_inspector_open_callback(&source, NULL, &inspector));
	return inspector;
}

/* With the initial state the fields are those of the capture. */
static void forwards_a_capture(void)
{
	struct relay *relay = new_relay(0, 0);
	peregrine_inspector *expected = open_capture(), *inspector = open_relay(relay);
	peregrine_event event, same;
	peregrine_bytes left, right;
	uint64_t events = 0, named = 0;

	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		const char *fields[] = {"evt.type", "evt.time", "proc.name", "proc.exepath", "fd.name"};
		CHECK_OK(peregrine_inspector_next(expected, &same));
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
			peregrine_status status = peregrine_event_text_by_name(same, fields[i], &left);
			CHECK_STATUS(peregrine_event_text_by_name(event, fields[i], &right), status);
			if (status != PEREGRINE_STATUS_OK)
				continue;
			CHECK(left.len == right.len && memcmp(left.data, right.data, left.len) == 0);
			named += left.len > 0;
		}
		events++;
	}
	CHECK(events > 1000 && named > 3 * events);
	CHECK_STATUS(peregrine_inspector_next(expected, &same), PEREGRINE_STATUS_END);

	peregrine_inspector_stats stats = {.size = sizeof stats};
	peregrine_drop drop = {.size = sizeof drop};
	CHECK_OK(peregrine_inspector_get_stats(inspector, &stats));
	CHECK(stats.delivered == events && stats.dropped == 7 && stats.seen == events + 7);
	CHECK_OK(peregrine_inspector_drop(inspector, 0, &drop));
	CHECK(equals(drop.cause, "source") && drop.count == 7);
	CHECK(relay->released == 0);
	peregrine_inspector_free(inspector);
	peregrine_inspector_free(expected);
	free_relay(relay);
}

static void reports_idle_and_errors(void)
{
	peregrine_event event;
	const struct {
		int32_t returned;
		peregrine_status seen;
	} cases[] = {{PEREGRINE_STATUS_IDLE, PEREGRINE_STATUS_IDLE},
		     {PEREGRINE_STATUS_END, PEREGRINE_STATUS_END},
		     {PEREGRINE_STATUS_IO, PEREGRINE_STATUS_IO},
		     {PEREGRINE_STATUS_MISSING, PEREGRINE_STATUS_INVALID_ARGUMENT},
		     {-12345, PEREGRINE_STATUS_INVALID_ARGUMENT}};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct relay *relay = new_relay(5, cases[i].returned);
		peregrine_inspector *inspector = open_relay(relay);
		for (int j = 0; j < 5; j++)
			CHECK_OK(peregrine_inspector_next(inspector, &event));
		CHECK_STATUS(peregrine_inspector_next(inspector, &event), cases[i].seen);
		if (cases[i].seen >= 100)
			CHECK(strstr(peregrine_last_error(), "callback of the source") != NULL);
		/* An idle source goes on; an error ends it. */
		relay->limit = 0;
		CHECK_STATUS(peregrine_inspector_next(inspector, &event),
			     cases[i].returned == PEREGRINE_STATUS_IDLE ? PEREGRINE_STATUS_OK : PEREGRINE_STATUS_END);
		peregrine_inspector_free(inspector);
		free_relay(relay);
	}
}

static int32_t garbage(void *userdata, peregrine_raw_event *out)
{
	static const uint8_t bytes[40] = {1, 2, 3};
	int call = (*(int *)userdata)++;

	out->data = call == 0 ? NULL : bytes;
	out->len = sizeof bytes;
	return PEREGRINE_STATUS_OK;
}

static void rejects_malformed_events(void)
{
	int calls = 0;
	peregrine_callback_source source = {.size = sizeof source, .next = garbage, .userdata = &calls};
	peregrine_inspector *inspector = NULL;
	peregrine_event event;

	for (int i = 0; i < 2; i++) {
		CHECK_OK(peregrine_inspector_open_callback(&source, NULL, &inspector));
		peregrine_status status = peregrine_inspector_next(inspector, &event);
		CHECK(status == PEREGRINE_STATUS_FORMAT || status == PEREGRINE_STATUS_UNSUPPORTED);
		CHECK_STATUS(peregrine_inspector_next(inspector, &event), PEREGRINE_STATUS_END);
		peregrine_inspector_free(inspector);
	}
	CHECK(calls == 2);
	/* The state of this host: at least this process. */
	peregrine_thread thread = {.size = sizeof thread};
	source.scan_proc = true;
	CHECK_OK(peregrine_inspector_open_callback(&source, NULL, &inspector));
	uint64_t threads = 0;
	CHECK_OK(peregrine_inspector_thread_count(inspector, &threads));
	CHECK(threads > 0);
	CHECK_STATUS(peregrine_inspector_thread(inspector, 999999999, &thread), PEREGRINE_STATUS_MISSING);
	peregrine_inspector_free(inspector);

	peregrine_inspector_options options = {.size = sizeof options, .host_root = "/no/such/root"};
	CHECK_STATUS(peregrine_inspector_open_callback(&source, &options, &inspector), PEREGRINE_STATUS_IO);
	CHECK(peregrine_last_errno() == ENOENT);
	source.next = NULL;
	CHECK_STATUS(peregrine_inspector_open_callback(&source, NULL, &inspector), PEREGRINE_STATUS_NULL_POINTER);
	CHECK_STATUS(peregrine_inspector_open_callback(NULL, NULL, &inspector), PEREGRINE_STATUS_NULL_POINTER);
	source.size = 3;
	CHECK_STATUS(peregrine_inspector_open_callback(&source, NULL, &inspector), PEREGRINE_STATUS_INVALID_ARGUMENT);
}

RUN({"forwards_a_capture", forwards_a_capture}, {"reports_idle_and_errors", reports_idle_and_errors},
    {"rejects_malformed_events", rejects_malformed_events})
