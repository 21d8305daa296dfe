// A plugin for figures: yields as many events as its parameters say, as fast as it can, with two fields that cost it nothing.
#include "abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

#pragma pack(push, 1)
struct numbered {
    struct event head;
    uint32_t lengths[2];
    uint32_t id;
    uint64_t number;
};
#pragma pack(pop)

#ifndef EVENTS
#define EVENTS 10000000
#endif

static struct {
    uint64_t last, next, number;
    const char *name;
    struct numbered events[BATCH];
    struct event *pointers[BATCH];
} state;

static const char *names[] = {"ann", "bob", "cid", "dan", "eve", "fay", "gil", "hal"};

const char *plugin_get_required_api_version(void) { return "3.0.0"; }
const char *plugin_get_name(void) { return "fast"; }
const char *plugin_get_description(void) { return "Events for figures."; }
const char *plugin_get_contact(void) { return "nobody@example.com"; }
const char *plugin_get_version(void) { return "0.1.0"; }
const char *plugin_get_last_error(void *s) { return (void)s, ""; }
uint32_t plugin_get_id(void) { return 998; }
const char *plugin_get_event_source(void) { return "fast"; }

void *plugin_init(const void *input, rc *result) {
    (void)input;
    *result = SUCCESS;
    return &state;
}

void plugin_destroy(void *s) { (void)s; }

void *plugin_open(void *s, const char *params, rc *result) {
    (void)s;
    state.last = params && *params ? strtoull(params, NULL, 10) : EVENTS;
    state.next = 0;
    for (int i = 0; i < BATCH; i++) {
        struct event head = {.thread = UINT64_MAX, .length = sizeof(struct numbered), .type = 322, .parameters = 2};
        state.events[i] = (struct numbered){.head = head, .lengths = {4, 8}, .id = 998};
        state.pointers[i] = &state.events[i].head;
    }
    *result = SUCCESS;
    return &state;
}

void plugin_close(void *s, void *instance) { (void)s, (void)instance; }

rc plugin_next_batch(void *s, void *instance, uint32_t *count, struct event ***events) {
    (void)s, (void)instance;
    uint32_t n = 0;
    for (; n < BATCH && state.next < state.last; n++, state.next++) {
        state.events[n].head.time = 1700000000000000000u + state.next;
        state.events[n].number = state.next;
    }
    *count = n;
    *events = state.pointers;
    return n ? SUCCESS : END;
}

const char *plugin_get_fields(void) {
    return "[{\"name\": \"fast.number\", \"type\": \"uint64\", \"isList\": false, \"desc\": \"The number.\"},"
           " {\"name\": \"fast.name\", \"type\": \"string\", \"isList\": false, \"desc\": \"A name.\"}]";
}

rc plugin_extract_fields(void *s, const struct event_input *input, const struct extract_input *in) {
    (void)s;
    uint64_t number;
    memcpy(&number, &((const struct numbered *)input->event)->number, sizeof number);
    for (uint32_t i = 0; i < in->count; i++) {
        struct field *field = &in->fields[i];
        field->result_length = 1;
        if (field->id == 0) {
            state.number = number;
            field->result = &state.number;
        } else {
            state.name = names[number & 7];
            field->result = &state.name;
        }
    }
    return SUCCESS;
}
