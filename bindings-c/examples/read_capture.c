/* Prints who opened what: read_capture CAPTURE */
#include <peregrine.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	peregrine_inspector *inspector = NULL;
	peregrine_field *name = NULL, *file = NULL;
	peregrine_filter *opened = NULL;
	peregrine_event event;

	if (argc < 2) {
		fprintf(stderr, "usage: %s CAPTURE\n", argv[0]);
		return 2;
	}
	if (peregrine_inspector_open_file(argv[1], NULL, &inspector) != PEREGRINE_STATUS_OK ||
	    peregrine_field_new("proc.name", &name) != PEREGRINE_STATUS_OK ||
	    peregrine_field_new("fd.name", &file) != PEREGRINE_STATUS_OK ||
	    peregrine_filter_new("evt.type in (open, openat, openat2) and evt.rawres >= 0", &opened) !=
		    PEREGRINE_STATUS_OK) {
		fprintf(stderr, "%s\n", peregrine_last_error());
		return 1;
	}
	while (peregrine_inspector_next(inspector, &event) == PEREGRINE_STATUS_OK) {
		peregrine_bytes who, what;
		bool matches;

		if (peregrine_filter_matches(opened, event, &matches) != PEREGRINE_STATUS_OK || !matches)
			continue;
		if (peregrine_event_text(event, name, &who) != PEREGRINE_STATUS_OK ||
		    peregrine_event_text(event, file, &what) != PEREGRINE_STATUS_OK)
			continue;
		printf("%.*s %.*s\n", (int)who.len, (const char *)who.data, (int)what.len, (const char *)what.data);
	}
	peregrine_filter_free(opened);
	peregrine_field_free(file);
	peregrine_field_free(name);
	peregrine_inspector_free(inspector);
	return 0;
}
