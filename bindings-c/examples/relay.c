/*
 * A source of one's own: one process reads a capture and sends its events through a pipe, another receives them and prints
 * who opened what: relay CAPTURE
 */
#define _POSIX_C_SOURCE 200809L

#include <peregrine.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Precedes each event in the pipe. */
struct head {
	uint32_t len, flags;
	uint16_t cpu;
};

static int fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, peregrine_last_error());
	return 1;
}

static int send_all(const char *capture, FILE *pipe)
{
	peregrine_inspector *inspector = NULL;
	peregrine_event event;
	peregrine_raw_event raw = {.size = sizeof raw};

	if (peregrine_inspector_open_file(capture, NULL, &inspector) != PEREGRINE_STATUS_OK)
		return fail("send");
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		if (peregrine_event_raw(event, &raw) != PEREGRINE_STATUS_OK)
			return fail("send");
		struct head head = {(uint32_t)raw.len, raw.flags, raw.cpu};
		if (fwrite(&head, sizeof head, 1, pipe) != 1 || fwrite(raw.data, 1, raw.len, pipe) != raw.len)
			return 1;
	}
	peregrine_inspector_free(inspector);
	return fclose(pipe);
}

struct receiver {
	FILE *pipe;
	uint8_t event[1 << 20];
};

/* The bytes of an event stay valid until the next call: they are in the receiver. */
static int32_t receive(void *userdata, peregrine_raw_event *out)
{
	struct receiver *receiver = userdata;
	struct head head;

	if (fread(&head, sizeof head, 1, receiver->pipe) != 1)
		return PEREGRINE_STATUS_END;
	if (head.len > sizeof receiver->event || fread(receiver->event, 1, head.len, receiver->pipe) != head.len)
		return PEREGRINE_STATUS_FORMAT;
	out->data = receiver->event;
	out->len = head.len;
	out->flags = head.flags;
	out->cpu = head.cpu;
	return PEREGRINE_STATUS_OK;
}

static int print_all(const char *capture, FILE *pipe)
{
	static struct receiver receiver;
	peregrine_inspector *initial = NULL, *inspector = NULL;
	peregrine_template *line = NULL;
	peregrine_filter *opened = NULL;
	peregrine_event event;
	peregrine_status status;
	peregrine_bytes text;
	bool matches;

	/* The processes that ran when the capture began. Without them, paths relative to a working directory are unknown. */
	receiver.pipe = pipe;
	if (peregrine_inspector_open_file(capture, NULL, &initial) != PEREGRINE_STATUS_OK)
		return fail("receive");
	peregrine_callback_source source = {
		.size = sizeof source, .next = receive, .userdata = &receiver, .initial_state = initial};
	if (peregrine_inspector_open_callback(&source, NULL, &inspector) != PEREGRINE_STATUS_OK ||
	    peregrine_template_new("%proc.name %fd.name", &line) != PEREGRINE_STATUS_OK ||
	    peregrine_filter_new("evt.type in (open, openat, openat2) and evt.rawres >= 0", &opened) != PEREGRINE_STATUS_OK)
		return fail("receive");
	peregrine_inspector_free(initial);
	while ((status = peregrine_inspector_next(inspector, &event)) == PEREGRINE_STATUS_OK)
		if (peregrine_filter_matches(opened, event, &matches) == PEREGRINE_STATUS_OK && matches &&
		    peregrine_event_format(event, line, &text) == PEREGRINE_STATUS_OK)
			printf("%.*s\n", (int)text.len, (const char *)text.data);
	peregrine_filter_free(opened);
	peregrine_template_free(line);
	peregrine_inspector_free(inspector);
	return status == PEREGRINE_STATUS_END ? 0 : fail("receive");
}

int main(int argc, char **argv)
{
	int ends[2], status;

	if (argc < 2) {
		fprintf(stderr, "usage: %s CAPTURE\n", argv[0]);
		return 2;
	}
	if (pipe(ends) != 0)
		return 1;
	pid_t child = fork();
	if (child < 0)
		return 1;
	if (child == 0) {
		close(ends[0]);
		_exit(send_all(argv[1], fdopen(ends[1], "wb")));
	}
	close(ends[1]);
	int failed = print_all(argv[1], fdopen(ends[0], "rb"));
	waitpid(child, &status, 0);
	return failed || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}
