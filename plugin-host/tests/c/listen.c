// A plugin for tests: listens to captures, and uses routines in every wrong way. It logs what came of it.
#include "abi.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef NAME
#define NAME "listen"
#endif

typedef uint32_t (*function)(void *plugin, void *state);

struct routines {
    void *(*subscribe)(void *owner, function f, void *state);
    rc (*unsubscribe)(void *owner, void *routine);
};

struct init_input {
    const char *config;
    void *owner;
    const char *(*error)(void *owner);
    const void *tables;
    void (*log)(void *owner, const char *component, const char *message, uint32_t severity);
};

struct listen_input {
    void *owner;
    struct routines *routines;
    void *reader, *writer;
    const char *(*error)(void *owner);
};

#pragma pack(push, 1)
struct fact {
    struct event head;
    uint32_t lengths[3], id;
    char name[5], data[4];
};
#pragma pack(pop)

typedef rc (*handler)(void *owner, const struct event *event, char *error);

static struct {
    struct init_input input;
    char config[16], error[64];
    struct listen_input listen;
    volatile int calls, once;
    void *routine, *own;
} state;

static void say(const char *line) { state.input.log(state.input.owner, NULL, line, 6); }

// Logs whether something went well, and if not, why.
static void tell(const char *what, int well) {
    char line[256];
    const char *error = well ? "done" : state.input.error(state.input.owner);
    snprintf(line, sizeof line, "%s: %s", what, error ? error : "no reason");
    say(line);
}

const char *plugin_get_required_api_version(void) { return "3.10.0"; }
const char *plugin_get_name(void) { return NAME; }
const char *plugin_get_description(void) { return "Listens."; }
const char *plugin_get_contact(void) { return "nobody@example.com"; }
const char *plugin_get_version(void) { return "0.1.0"; }
const char *plugin_get_last_error(void *s) {
    (void)s;
    return state.error;
}

void *plugin_init(const struct init_input *input, rc *result) {
    memset(&state, 0, sizeof state);
    state.input = *input;
    snprintf(state.config, sizeof state.config, "%s", input->config);
    *result = 0;
    return &state;
}

void plugin_destroy(void *s) {
    (void)s;
    say("destroyed");
}

static uint32_t count(void *s, void *i) {
    (void)s;
    ++*(volatile int *)i;
    return 1;
}

static uint32_t once(void *s, void *i) {
    (void)s;
    ++*(volatile int *)i;
    return 0;
}

// Unsubscribes itself, then wants to go on.
static uint32_t itself(void *s, void *i) {
    (void)s, (void)i;
    while (!state.own) usleep(100);
    tell("unsubscribe from within", state.listen.routines->unsubscribe(state.listen.owner, state.own) == 0);
    ++state.once;
    return 1;
}

static uint32_t hang(void *s, void *i) {
    (void)s, (void)i;
    static volatile int forever = 1;
    state.once = 1;
    while (forever) pause();
    return 1;
}

rc plugin_capture_open(void *s, const struct listen_input *input) {
    (void)s;
    state.listen = *input;
    struct routines *routines = input->routines;
    if (strcmp(state.config, "refuse") == 0) {
        routines->subscribe(input->owner, count, (void *)&state.calls);
        snprintf(state.error, sizeof state.error, "not this capture");
        return 1;
    }
    if (strcmp(state.config, "hang") == 0) {
        tell("routine that hangs", routines->subscribe(input->owner, hang, NULL) != NULL);
        while (!state.once) usleep(100);
        return 0;
    }
    if (strcmp(state.config, "fail") == 0) return 0;
    tell("null as a function", routines->subscribe(input->owner, NULL, NULL) != NULL);
    tell("routine of another owner", routines->subscribe((void *)0x7fffffff, count, NULL) != NULL);
    tell("unsubscribe of nothing", routines->unsubscribe(input->owner, NULL) == 0);
    tell("unsubscribe of any number", routines->unsubscribe(input->owner, (void *)0x12345) == 0);
    state.routine = routines->subscribe(input->owner, count, (void *)&state.calls);
    tell("routine", state.routine != NULL);
    while (state.calls < 3) usleep(100);
    tell("unsubscribe", routines->unsubscribe(input->owner, state.routine) == 0);
    int calls = state.calls;
    usleep(20000);
    say(calls == state.calls ? "no call after that" : "called after that");
    tell("unsubscribe again", routines->unsubscribe(input->owner, state.routine) == 0);
    void *ended = routines->subscribe(input->owner, once, (void *)&state.once);
    while (state.once < 1) usleep(100);
    usleep(20000);
    say(state.once == 1 ? "called once" : "called again");
    tell("unsubscribe of what has ended", routines->unsubscribe(input->owner, ended) == 0);
    state.own = routines->subscribe(input->owner, itself, NULL);
    while (state.once < 2) usleep(100);
    usleep(20000);
    say(state.once == 2 ? "called once" : "called again");
    int many = 0;
    while (many < 100000 && routines->subscribe(input->owner, count, (void *)&state.calls)) many++;
    tell("routines without end", many == 100000);
    return 0;
}

rc plugin_capture_close(void *s, const struct listen_input *input) {
    (void)s, (void)input;
    say("closed");
    snprintf(state.error, sizeof state.error, "the end is lost");
    return strcmp(state.config, "fail") == 0;
}

// For the test of routines that come too late.
void listen_late(void) {
    int calls = state.calls;
    usleep(20000);
    say(calls == state.calls ? "no call at the end" : "called at the end");
    tell("late routine", state.listen.routines->subscribe(state.listen.owner, count, NULL) != NULL);
}

const char *plugin_get_async_event_sources(void) { return "[\"syscall\"]"; }
const char *plugin_get_async_events(void) { return "[\"fact\"]"; }

rc plugin_set_async_event_handler(void *s, void *owner, handler send) {
    (void)s, (void)owner, (void)send;
    return 0;
}

static struct fact fact(const char *data, uint64_t time) {
    struct event head = {
        .time = time, .thread = UINT64_MAX, .length = sizeof(struct fact), .type = 402, .parameters = 3};
    struct fact event = {
        .head = head, .lengths = {4, 5, 4}, .name = "fact"};
    memcpy(event.data, data, 4);
    return event;
}

rc plugin_dump_state(void *s, void *owner, handler send) {
    (void)s;
    char error[1024] = "";
    struct fact event = fact("once", UINT64_MAX);
    send(owner, &event.head, error);
    event = fact("more", 1700000000000000000);
    send(owner, &event.head, error);
    event.name[0] = 'p';
    if (send(owner, &event.head, error) != 0) say(error);
    if (send(owner, NULL, error) != 0) say(error);
    if (strcmp(state.config, "fail") == 0) {
        snprintf(state.error, sizeof state.error, "no more than this");
        return 1;
    }
    if (strcmp(state.config, "flood") == 0) {
        event = fact("many", 1);
        int sent = 0;
        while (sent < 1000000 && send(owner, &event.head, error) == 0) sent++;
        say(error);
    }
    return 0;
}
