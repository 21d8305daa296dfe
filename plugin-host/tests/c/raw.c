// A plugin for tests: provides events of the schema, system calls of one thread. The parameters of its
// source say which.
#include "abi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef THREAD
#define THREAD 7
#endif

#pragma pack(push, 1)
struct call {
    struct event head;
    uint16_t lengths[2];
    int64_t result;
    char path[5];
};
#pragma pack(pop)

static struct {
    const char *plan;
    struct call event;
    struct event *batch[1];
    char error[64];
} state;

const char *plugin_get_required_api_version(void) { return "3.0.0"; }
const char *plugin_get_name(void) { return "raw"; }
const char *plugin_get_description(void) { return "Other system calls."; }
const char *plugin_get_contact(void) { return "nobody@example.com"; }
const char *plugin_get_version(void) { return "0.1.0"; }
const char *plugin_get_required_event_schema_version(void *s) {
    (void)s;
    return "4.0.0";
}
const char *plugin_get_last_error(void *s) {
    (void)s;
    return state.error;
}

void *plugin_init(const void *input, rc *result) {
    (void)input;
    *result = SUCCESS;
    return &state;
}

void plugin_destroy(void *s) { (void)s; }

void *plugin_open(void *s, const char *params, rc *result) {
    (void)s;
    *result = SUCCESS;
    if (strcmp(params, "refuse") == 0) {
        snprintf(state.error, sizeof state.error, "no such host");
        *result = FAILURE;
        return NULL;
    }
    state.plan = strdup(params);
    return &state;
}

void plugin_close(void *s, void *instance) { (void)s, (void)instance; }

// Each letter is an event: c changes the directory; the others are invalid, or no event.
rc plugin_next_batch(void *s, void *instance, uint32_t *count, struct event ***events) {
    (void)s, (void)instance;
    static uint64_t second = 1700000000;
    *count = 1;
    *events = state.batch;
    struct event *head = state.batch[0] = &state.event.head;
    state.event = (struct call){.lengths = {8, 5}, .path = "/tmp"};
    *head = (struct event){
        .time = second++ * 1000000000, .thread = THREAD, .length = sizeof state.event, .type = 95, .parameters = 2};
    switch (*state.plan++) {
    case 'c': break;
    case 'n': head->time = UINT64_MAX; break;
    case 'l': head->length = 25; break;
    case 'L': head->length = 0x7fffffff; break;
    case 'p': state.event.lengths[1] = 6000; break;
    case 't': head->type = 9999; break;
    case '0': state.batch[0] = NULL; break;
    case 'i': *count = 0; return TIMEOUT;
    case 'f': snprintf(state.error, sizeof state.error, "the cable is out"); return FAILURE;
    case 'z': *events = NULL; break;
    default: state.plan--; *count = 0; return END;
    }
    return SUCCESS;
}
