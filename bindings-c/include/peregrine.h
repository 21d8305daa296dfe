/*
 * Peregrine: runtime detection as a library.
 *
 * Written by `cargo test -p peregrine-capi --test header` (UPDATE_HEADER=1); do not edit.
 * SPDX-License-Identifier: Apache-2.0
 */

#ifndef PEREGRINE_H
#define PEREGRINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The contract, which holds for every call:
 *
 * * Ownership. peregrine_X_new and peregrine_X_open_* give ownership through an out-parameter,
 *   peregrine_X_free takes it back; freeing NULL is fine. Everything else is lent: each call says until when.
 * * Results. A call that can fail gives a peregrine_status; numbers are never reused. Results come through
 *   out-parameters, which are last and are written only on success. The message of the last failure of a thread is
 *   peregrine_last_error().
 * * NULL. A pointer that is NULL where it must not be gives PEREGRINE_STATUS_NULL_POINTER, never a crash.
 * * Threads. Different handles may be used by different threads at the same time; one handle by one thread at a time.
 * * Panics never cross the edge: they become PEREGRINE_STATUS_PANIC. Nor must exceptions: a callback of C++ catches
 *   its own.
 * * Growth. Structs that may grow begin with size. Callers set it to what their compiler knew before a call that
 *   fills or reads the struct; a library that is newer or older fills and reads what both know, and refuses input whose
 *   members it does not know. Functions, members and numbers are only added, members at the end.
 * * Text that goes in is UTF-8 ended by a NUL. Bytes that come out are a pointer and a length, need not be UTF-8 and
 *   are not ended by a NUL, unless the call says so.
 * * Callbacks get their userdata first. An alert's callback may call the library; the others must not.
 * * Signals and threads. The library installs no signal handlers. It starts threads for three things alone: to
 *   decompress a capture, as long as its inspector lives; to look up hosts that rules name (fd.sip.name = example.com);
 *   and, until the call returns, for conditions that are nested deeply. They have the signal mask of the thread that called.
 * * Logging. The library writes nothing to the terminal, but where a bug makes it panic; peregrine_log_set() says who hears what it has to say.
 * * Misuse. In debug builds of the library, freed and foreign handles are found and give
 *   PEREGRINE_STATUS_INVALID_HANDLE; a stale event is found in every build.
 */

/**
 * The version of this header: breaking changes.
 */
#define PEREGRINE_VERSION_MAJOR 0

/**
 * The version of this header: additions.
 */
#define PEREGRINE_VERSION_MINOR 1

/**
 * The version of this header: corrections.
 */
#define PEREGRINE_VERSION_PATCH 0

/**
 * A bit of peregrine_features(): peregrine_inspector_open_live() is built in.
 */
#define PEREGRINE_FEATURE_LIVE 1

/**
 * A bit of peregrine_features(): a debug build, which finds handles that were freed or are of another kind.
 */
#define PEREGRINE_FEATURE_CHECKED_HANDLES 2

/**
 * The result of a call. Zero and the numbers below 100 are no errors.
 */
enum peregrine_status
#ifdef __cplusplus
  : int32_t
#endif // __cplusplus
 {
    /**
     * Done.
     */
    PEREGRINE_STATUS_OK = 0,
    /**
     * There is no more: the capture is at its end, the list is exhausted.
     */
    PEREGRINE_STATUS_END = 1,
    /**
     * Nothing just now: a live source has no event yet. Call again.
     */
    PEREGRINE_STATUS_IDLE = 2,
    /**
     * The event has no such value. The out-parameter is not written.
     */
    PEREGRINE_STATUS_MISSING = 3,
    /**
     * A pointer that must not be NULL is NULL.
     */
    PEREGRINE_STATUS_NULL_POINTER = 100,
    /**
     * An argument makes no sense: a struct's size, an enumeration's value, an index out of range.
     */
    PEREGRINE_STATUS_INVALID_ARGUMENT = 101,
    /**
     * Text that must be UTF-8 is not.
     */
    PEREGRINE_STATUS_INVALID_UTF8 = 102,
    /**
     * A handle that was freed, or that is none (seen in debug builds), or an event after the next one was asked for.
     */
    PEREGRINE_STATUS_INVALID_HANDLE = 103,
    /**
     * The operating system refused: a file is missing, a permission lacks.
     */
    PEREGRINE_STATUS_IO = 104,
    /**
     * A capture is damaged or no capture.
     */
    PEREGRINE_STATUS_FORMAT = 105,
    /**
     * A condition, a field or an output format does not compile.
     */
    PEREGRINE_STATUS_COMPILE = 106,
    /**
     * Rules do not load; the report says why.
     */
    PEREGRINE_STATUS_RULES = 107,
    /**
     * This library was built without it, or this machine cannot do it.
     */
    PEREGRINE_STATUS_UNSUPPORTED = 108,
    /**
     * A bug in the library. The call had no effect that can be relied on; the handle should be freed.
     */
    PEREGRINE_STATUS_PANIC = 109,
    /**
     * An event that was given in is not what it must be (JSON that does not parse).
     */
    PEREGRINE_STATUS_INVALID_EVENT = 110,
};
#ifndef __cplusplus
typedef int32_t peregrine_status;
#endif // __cplusplus

/**
 * What a value holds. Numbers are never reused.
 */
enum peregrine_value_kind
#ifdef __cplusplus
  : uint32_t
#endif // __cplusplus
 {
    /**
     * `as.boolean`.
     */
    PEREGRINE_VALUE_KIND_BOOL = 1,
    /**
     * `as.int64`.
     */
    PEREGRINE_VALUE_KIND_INT64 = 2,
    /**
     * `as.uint64`.
     */
    PEREGRINE_VALUE_KIND_UINT64 = 3,
    /**
     * `as.float64`.
     */
    PEREGRINE_VALUE_KIND_FLOAT64 = 4,
    /**
     * `as.bytes`: text or any bytes, without a NUL at the end.
     */
    PEREGRINE_VALUE_KIND_BYTES = 5,
    /**
     * `as.address`: an IP address; `prefix_len` of it is its full length.
     */
    PEREGRINE_VALUE_KIND_ADDRESS = 6,
    /**
     * `as.address`: an IP network.
     */
    PEREGRINE_VALUE_KIND_NETWORK = 7,
    /**
     * `as.list`: values of one kind.
     */
    PEREGRINE_VALUE_KIND_LIST = 8,
};
#ifndef __cplusplus
typedef uint32_t peregrine_value_kind;
#endif // __cplusplus

/**
 * How grave a message is. Numbers are never reused.
 */
enum peregrine_log_level
#ifdef __cplusplus
  : uint32_t
#endif // __cplusplus
 {
    /**
     * Something does not work.
     */
    PEREGRINE_LOG_LEVEL_ERROR = 1,
    /**
     * Something is missing, or not as it should be.
     */
    PEREGRINE_LOG_LEVEL_WARN = 2,
    /**
     * What happens.
     */
    PEREGRINE_LOG_LEVEL_INFO = 3,
    /**
     * For those who look for a fault.
     */
    PEREGRINE_LOG_LEVEL_DEBUG = 4,
    /**
     * Everything.
     */
    PEREGRINE_LOG_LEVEL_TRACE = 5,
};
#ifndef __cplusplus
typedef uint32_t peregrine_log_level;
#endif // __cplusplus

/**
 * Rules at work. Opaque. To be used by one thread at a time; to change rules, load another engine and go on with it
 * between two events.
 */
typedef struct peregrine_engine peregrine_engine;

/**
 * A field with its argument, resolved once and asked many times. Opaque. It holds no event: any thread may use it for
 * the events of any inspector.
 */
typedef struct peregrine_field peregrine_field;

/**
 * A condition, compiled. Opaque. To be used by one thread at a time, for the events of any inspector.
 */
typedef struct peregrine_filter peregrine_filter;

/**
 * Events of a source, in time order, with what is known of the machine. Opaque. To be used by one thread at a time.
 */
typedef struct peregrine_inspector peregrine_inspector;

/**
 * Rule files and settings on their way to an engine. Opaque.
 */
typedef struct peregrine_rules peregrine_rules;

/**
 * A template, parsed. Opaque. It holds no event: any thread may use it for the events of any inspector.
 */
typedef struct peregrine_template peregrine_template;

/**
 * An event, lent until its inspector is asked for the next one. A plain value: copy it, do not free it. Using it after
 * the next event was asked for gives PEREGRINE_STATUS_INVALID_HANDLE.
 */
typedef struct peregrine_event {
    /**
     * The inspector that lends it.
     */
    const struct peregrine_inspector *inspector;
    /**
     * Which of its events this is.
     */
    uint64_t generation;
} peregrine_event;

/**
 * Bytes that are lent. They are not ended by a NUL and need not be UTF-8: names and paths are what the kernel says.
 * How long they are valid stands at the call that gives them.
 */
typedef struct peregrine_bytes {
    /**
     * The first byte; never NULL, even where `len` is 0.
     */
    const uint8_t *data;
    /**
     * How many bytes.
     */
    size_t len;
} peregrine_bytes;

/**
 * The head of an event. Set `size` to `sizeof(peregrine_event_info)` before the call; a later version may know more
 * members, and fills only those that fit.
 */
typedef struct peregrine_event_info {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Its number in the stream, from 1. There are holes: some events change the state and are not shown.
     */
    uint64_t number;
    /**
     * Nanoseconds since 1970.
     */
    uint64_t timestamp;
    /**
     * The thread, in the host's first pid namespace; -1 when there is none.
     */
    int64_t tid;
    /**
     * The name of its type, such as `openat`; a constant that is never freed.
     */
    struct peregrine_bytes name;
    /**
     * Its code in the schema.
     */
    uint16_t code;
    /**
     * The processor.
     */
    uint16_t cpu;
    /**
     * How many parameters it has.
     */
    uint32_t nparams;
} peregrine_event_info;

/**
 * An IP address, or a network.
 */
typedef struct peregrine_address {
    /**
     * The address in network byte order; an IPv4 address fills the first four bytes.
     */
    uint8_t octets[16];
    /**
     * 4 or 6.
     */
    uint8_t version;
    /**
     * The bits of the mask: 0 to 32 or 128.
     */
    uint8_t prefix_len;
} peregrine_address;

/**
 * Several values, lent as long as the value that holds them.
 */
typedef struct peregrine_list {
    /**
     * The first value; never NULL, even where `len` is 0.
     */
    const struct peregrine_value *items;
    /**
     * How many.
     */
    size_t len;
} peregrine_list;

/**
 * One of these, as the `kind` of the value says.
 */
typedef union peregrine_value_data {
    /**
     * For `PEREGRINE_VALUE_KIND_BOOL`.
     */
    bool boolean;
    /**
     * For `PEREGRINE_VALUE_KIND_INT64`.
     */
    int64_t int64;
    /**
     * For `PEREGRINE_VALUE_KIND_UINT64`.
     */
    uint64_t uint64;
    /**
     * For `PEREGRINE_VALUE_KIND_FLOAT64`.
     */
    double float64;
    /**
     * For `PEREGRINE_VALUE_KIND_BYTES`.
     */
    struct peregrine_bytes bytes;
    /**
     * For `PEREGRINE_VALUE_KIND_ADDRESS` and `_NETWORK`.
     */
    struct peregrine_address address;
    /**
     * For `PEREGRINE_VALUE_KIND_LIST`.
     */
    struct peregrine_list list;
} peregrine_value_data;

/**
 * A typed value. What it points at is lent until the inspector that gave it is asked for its next event.
 */
typedef struct peregrine_value {
    /**
     * Which member of `as` holds it.
     */
    peregrine_value_kind kind;
    /**
     * The value.
     */
    union peregrine_value_data as;
} peregrine_value;

/**
 * One parameter of an event. Set `size` to `sizeof(peregrine_param)` before the call.
 */
typedef struct peregrine_param {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Its name, such as `flags`; a constant.
     */
    struct peregrine_bytes name;
    /**
     * The name of its type, such as `FSPATH`; a constant.
     */
    struct peregrine_bytes type_name;
    /**
     * Its bytes as the driver wrote them, lent with the event.
     */
    struct peregrine_bytes raw;
    /**
     * Its value; only meaningful if `has_value` is set.
     */
    struct peregrine_value value;
    /**
     * Whether it has a value: an empty parameter has none.
     */
    bool has_value;
} peregrine_param;

/**
 * A field that exists. Set `size` to `sizeof(peregrine_field_info)` before the call. All that it points at is constant.
 */
typedef struct peregrine_field_info {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Its name, without an argument.
     */
    struct peregrine_bytes name;
    /**
     * The type of its values, such as `CHARBUF`.
     */
    struct peregrine_bytes type_name;
    /**
     * The group of fields that it belongs to, such as `process`.
     */
    struct peregrine_bytes class_name;
    /**
     * What it is, in a line.
     */
    struct peregrine_bytes description;
} peregrine_field_info;

/**
 * How an engine works. Set `size` to `sizeof(peregrine_engine_options)` and the rest to zero for Falco's defaults.
 */
typedef struct peregrine_engine_options {
    /**
     * The size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Alerts are JSON; else a line of text.
     */
    bool json_output;
    /**
     * Times are a date and a time in UTC; else the local time of the day.
     */
    bool time_format_iso_8601;
    /**
     * Every rule that matches makes an alert; else only the first.
     */
    bool match_all;
    /**
     * Outputs get the fields that the source suggests, such as the container.
     */
    bool suggested_output;
    /**
     * JSON lacks `output`.
     */
    bool without_output;
    /**
     * JSON lacks `tags`.
     */
    bool without_tags;
    /**
     * JSON lacks `output_fields`.
     */
    bool without_output_fields;
    /**
     * JSON has `message`.
     */
    bool with_message;
    /**
     * The least grave priority that is heeded, from 1 (emergency) to 8 (debug); 0 is all.
     */
    uint32_t priority;
    /**
     * The name of this host in JSON, UTF-8 and ended by a NUL; NULL is an empty name.
     */
    const char *hostname;
} peregrine_engine_options;

/**
 * One error or warning of rules. What it points at is lent until the rules are loaded again or freed. Set `size` to
 * `sizeof(peregrine_diagnostic)` before the call.
 */
typedef struct peregrine_diagnostic {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Whether it refuses the rules; else it warns.
     */
    bool is_error;
    /**
     * Its code, such as `LOAD_ERR_COMPILE_CONDITION`.
     */
    struct peregrine_bytes code;
    /**
     * What is wrong.
     */
    struct peregrine_bytes message;
    /**
     * What may help; empty where there is nothing to say.
     */
    struct peregrine_bytes hint;
    /**
     * The file or text.
     */
    struct peregrine_bytes file;
    /**
     * The line, from 1; 0 where there is no place.
     */
    uint64_t line;
    /**
     * The byte in that line, from 1.
     */
    uint64_t column;
} peregrine_diagnostic;

/**
 * An alert. It and what it points at are lent until the callback returns, or until the next alert is taken.
 */
typedef struct peregrine_alert {
    /**
     * The size of this struct as the library has it.
     */
    size_t size;
    /**
     * The rule that matched.
     */
    struct peregrine_bytes rule;
    /**
     * The source of the event, such as `syscall`.
     */
    struct peregrine_bytes source;
    /**
     * The priority's name, such as `Warning`.
     */
    struct peregrine_bytes priority;
    /**
     * The alert as it is to be written, without a line end: text or JSON, as the engine was loaded.
     */
    struct peregrine_bytes text;
    /**
     * The rule's tags, each of kind PEREGRINE_VALUE_KIND_BYTES.
     */
    struct peregrine_list tags;
    /**
     * When the event happened, in nanoseconds since 1970.
     */
    uint64_t timestamp;
    /**
     * The priority from 0 (emergency) to 7 (debug).
     */
    uint32_t severity;
} peregrine_alert;

/**
 * Takes an alert. `userdata` is what was given with the call that led here. It may call the library, also with the engine
 * and the inspector at work; it must not throw.
 */
typedef void (*peregrine_alert_callback)(void *userdata, const struct peregrine_alert *alert);

/**
 * A rule of an engine. What it points at is lent as long as the engine lives. Set `size` to
 * `sizeof(peregrine_rule_info)` before the call.
 */
typedef struct peregrine_rule_info {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Its name.
     */
    struct peregrine_bytes name;
    /**
     * The source of its events.
     */
    struct peregrine_bytes source;
    /**
     * Its tags, each of kind PEREGRINE_VALUE_KIND_BYTES.
     */
    struct peregrine_list tags;
    /**
     * How often it matched.
     */
    uint64_t matches;
    /**
     * Its priority from 0 (emergency) to 7 (debug).
     */
    uint32_t severity;
    /**
     * Whether it is switched on.
     */
    bool enabled;
} peregrine_rule_info;

/**
 * What an engine did. Set `size` to `sizeof(peregrine_alert_stats)` before the call.
 */
typedef struct peregrine_alert_stats {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Events that were evaluated.
     */
    uint64_t events;
    /**
     * Alerts that were found.
     */
    uint64_t alerts;
    /**
     * Alerts that wait to be taken with peregrine_engine_next_alert().
     */
    uint64_t waiting;
    /**
     * Alerts that were lost because 65,536 were waiting already.
     */
    uint64_t lost;
} peregrine_alert_stats;

/**
 * A thread as the inspector knows it. Numbers are -1 where they are not known. What it points at is lent until the
 * inspector is asked for its next event. Set `size` to `sizeof(peregrine_thread)` before the call.
 */
typedef struct peregrine_thread {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * The thread, its process and its parent, in the host's pid namespace.
     */
    int64_t tid;
    /**
     * The process.
     */
    int64_t pid;
    /**
     * The thread that it is a child of.
     */
    int64_t ptid;
    /**
     * The session.
     */
    int64_t sid;
    /**
     * The process group, in the host's pid namespace.
     */
    int64_t pgid;
    /**
     * The thread, in its own pid namespace.
     */
    int64_t vtid;
    /**
     * The process, in its own pid namespace.
     */
    int64_t vpid;
    /**
     * Effective user; UINT32_MAX unknown.
     */
    uint32_t uid;
    /**
     * Effective group; UINT32_MAX unknown.
     */
    uint32_t gid;
    /**
     * The user who logged in; UINT32_MAX unset.
     */
    uint32_t loginuid;
    /**
     * The terminal; 0 none.
     */
    uint32_t tty;
    /**
     * When it was cloned, in nanoseconds since 1970; 0 unknown.
     */
    uint64_t clone_ts;
    /**
     * The name that the kernel shows.
     */
    struct peregrine_bytes comm;
    /**
     * The first argument.
     */
    struct peregrine_bytes exe;
    /**
     * The path of the executable, resolved.
     */
    struct peregrine_bytes exepath;
    /**
     * The working directory, ended by a slash.
     */
    struct peregrine_bytes cwd;
    /**
     * The container; empty on the host.
     */
    struct peregrine_bytes container_id;
    /**
     * The arguments after the first, each of kind PEREGRINE_VALUE_KIND_BYTES.
     */
    struct peregrine_list args;
} peregrine_thread;

/**
 * A descriptor. It and what it points at are lent until the inspector is asked for its next event.
 */
typedef struct peregrine_fd {
    /**
     * The size of this struct as the library has it.
     */
    size_t size;
    /**
     * Its number.
     */
    int64_t num;
    /**
     * Inode; 0 unknown.
     */
    uint64_t ino;
    /**
     * A path, a pair of addresses, a label.
     */
    struct peregrine_bytes name;
    /**
     * The type as rules write it, such as `file` or `ipv4`; empty where there is none. A constant.
     */
    struct peregrine_bytes type_name;
    /**
     * Flags of `open`, as the schema numbers them.
     */
    uint32_t open_flags;
    /**
     * Device number; 0 unknown.
     */
    uint32_t dev;
} peregrine_fd;

/**
 * The descriptors of a process.
 */
typedef struct peregrine_fd_list {
    /**
     * The first of the pointers to them; never NULL, even where `len` is 0.
     */
    const struct peregrine_fd *const *items;
    /**
     * How many.
     */
    size_t len;
} peregrine_fd_list;

/**
 * What an inspector's source delivered and lost. Set `size` to `sizeof(peregrine_stats)` before the call.
 */
typedef struct peregrine_stats {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Events seen by the source, delivered or not.
     */
    uint64_t seen;
    /**
     * Events delivered.
     */
    uint64_t delivered;
    /**
     * Events lost for any cause; see peregrine_inspector_drop().
     */
    uint64_t dropped;
    /**
     * Blocks of a capture that were skipped because their type is not known.
     */
    uint64_t unknown;
} peregrine_stats;

/**
 * Events lost for one cause. Set `size` to `sizeof(peregrine_drop)` before the call.
 */
typedef struct peregrine_drop {
    /**
     * In: the size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Why, such as `buffer`; a constant.
     */
    struct peregrine_bytes cause;
    /**
     * The family of calls, such as `open`; empty where it is not known. A constant.
     */
    struct peregrine_bytes family;
    /**
     * How many.
     */
    uint64_t count;
} peregrine_drop;

/**
 * A label of a container or of a pod.
 */
typedef struct peregrine_label {
    /**
     * Its key, UTF-8 and ended by a NUL.
     */
    const char *key;
    /**
     * Its value, UTF-8 and ended by a NUL.
     */
    const char *value;
} peregrine_label;

/**
 * A mount of a container. Texts are UTF-8 and ended by a NUL; NULL is "".
 */
typedef struct peregrine_mount {
    /**
     * The path on the host.
     */
    const char *source;
    /**
     * The path in the container.
     */
    const char *dest;
    /**
     * The mode, as the engine says it.
     */
    const char *mode;
    /**
     * The propagation, as the engine says it.
     */
    const char *propagation;
    /**
     * Whether it may be written.
     */
    bool rdwr;
} peregrine_mount;

/**
 * What an engine knows of a container: the values of the fields `container.*` and `k8s.*`. Set `size` to
 * `sizeof(peregrine_container)` and what is not known to zero. Texts are UTF-8 and ended by a NUL; NULL is "".
 */
typedef struct peregrine_container {
    /**
     * The size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * The short id, as events carry it: the first 12 characters. The one text that must be there.
     */
    const char *id;
    /**
     * The whole id.
     */
    const char *full_id;
    /**
     * Its name.
     */
    const char *name;
    /**
     * The engine, such as `docker`.
     */
    const char *engine;
    /**
     * The user that the image is configured with.
     */
    const char *user;
    /**
     * The image, such as `nginx:1.27`.
     */
    const char *image;
    /**
     * The id of the image.
     */
    const char *image_id;
    /**
     * The image without tag and digest.
     */
    const char *image_repository;
    /**
     * The tag.
     */
    const char *image_tag;
    /**
     * The digest.
     */
    const char *image_digest;
    /**
     * The address.
     */
    const char *ip;
    /**
     * What the CNI plugin said, as JSON.
     */
    const char *cni_json;
    /**
     * The pod's sandbox.
     */
    const char *pod_sandbox_id;
    /**
     * The container's labels; for Kubernetes they hold pod and namespace.
     */
    const struct peregrine_label *labels;
    /**
     * How many.
     */
    size_t nlabels;
    /**
     * The labels of the pod's sandbox.
     */
    const struct peregrine_label *pod_sandbox_labels;
    /**
     * How many.
     */
    size_t npod_sandbox_labels;
    /**
     * The mounts.
     */
    const struct peregrine_mount *mounts;
    /**
     * How many.
     */
    size_t nmounts;
    /**
     * When it was created, in nanoseconds since 1970.
     */
    uint64_t created;
    /**
     * It runs privileged.
     */
    bool privileged;
    /**
     * It shares the host's pid namespace.
     */
    bool host_pid;
    /**
     * It shares the host's network namespace.
     */
    bool host_network;
    /**
     * It shares the host's IPC namespace.
     */
    bool host_ipc;
} peregrine_container;

/**
 * Says what is known of a container, or gives NULL if that is nothing (yet). `id` is the short id, lent for the call. What
 * is returned belongs to the caller and must stay as it is until the callback is called again or replaced. It is called
 * while an inspector moves to its next event and must not use that inspector; it must not throw.
 */
typedef const struct peregrine_container *(*peregrine_container_callback)(void *userdata,
                                                                          struct peregrine_bytes id);

/**
 * How a recording is made. Set `size` to `sizeof(peregrine_dump_options)` and the rest to zero for the defaults.
 */
typedef struct peregrine_dump_options {
    /**
     * The size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * The file is compressed with gzip.
     */
    bool gzip;
    /**
     * Only events that peregrine_event_dump() chooses are kept as they are; of the others, those that change the state
     * are kept too, marked so that readers apply and do not show them. Else every event is kept.
     */
    bool chosen;
} peregrine_dump_options;

/**
 * What is captured of this machine, and how. Set `size` to `sizeof(peregrine_live_options)` and the rest to zero for every
 * call and Falco's defaults.
 */
typedef struct peregrine_live_options {
    /**
     * The size of this struct, as the caller was compiled.
     */
    size_t size;
    /**
     * Names of system calls and tracepoints to capture, such as `openat`, UTF-8 and ended by NULs. NULL: those of `rules`.
     */
    const char *const *calls;
    /**
     * How many.
     */
    size_t ncalls;
    /**
     * Capture what the rules of this engine look at and what the state needs, beside `calls`. NULL: only `calls`; if there
     * are none, everything.
     */
    const struct peregrine_engine *rules;
    /**
     * Where the host's `/proc` and `/etc` lie, UTF-8 and ended by a NUL; NULL is `/`.
     */
    const char *host_root;
    /**
     * Bytes kept of what is read and written; 0 is 80, 65,000 is the most.
     */
    uint32_t snaplen;
    /**
     * The size of each ring: 1 is 1 MiB, each further number twice as much, to 10; 0 is 4, which is 8 MiB.
     */
    uint32_t ring_preset;
    /**
     * How many processors share a ring; 0 is 2.
     */
    uint32_t cpus_per_ring;
    /**
     * The longest sleep in milliseconds of peregrine_inspector_next() before it says PEREGRINE_STATUS_IDLE; 0 is 30.
     */
    uint32_t max_wait_ms;
    /**
     * Leave calls out that failed.
     */
    bool drop_failed;
    /**
     * Leave the events of this very process out.
     */
    bool skip_own;
} peregrine_live_options;

/**
 * Takes a message: UTF-8, lent for the call, without a line end. `target` is the part of the library that says it. It is
 * called by whatever thread has something to say, possibly by several at the same time; it must not call the library and
 * must not throw.
 */
typedef void (*peregrine_log_callback)(void *userdata,
                                       peregrine_log_level level,
                                       struct peregrine_bytes target,
                                       struct peregrine_bytes message);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status, such as `PEREGRINE_STATUS_OK`, as a constant string. Never NULL.
 */
const char *peregrine_status_name(int32_t status);

/**
 * The message of the last call of this thread that failed: UTF-8, ended by a NUL, "" if none did. The library owns
 * it; it is valid until the next failing call of this thread.
 */
const char *peregrine_last_error(void);

/**
 * The version of the library, such as `0.1.0`, as a constant string.
 */
const char *peregrine_version(void);

/**
 * The version of the event schema that the library knows, such as `4.5.1`, as a constant string.
 */
const char *peregrine_schema_version(void);

/**
 * What this library was built with: PEREGRINE_FEATURE_* bits.
 */
uint64_t peregrine_features(void);

/**
 * Opens a capture file, compressed or not, of any version, and reads the state that it begins with.
 *
 * @param path the file's name, UTF-8
 * @param out  receives an inspector that the caller owns and gives back with peregrine_inspector_free()
 * @return PEREGRINE_STATUS_OK, _IO if the file cannot be read, _FORMAT if it is no capture
 */
peregrine_status peregrine_inspector_open_file(const char *path, struct peregrine_inspector **out);

/**
 * Opens a capture that is in memory. The bytes are copied.
 *
 * @param data the first byte of the capture
 * @param len  how many bytes
 * @param out  receives an inspector that the caller owns and gives back with peregrine_inspector_free()
 * @return PEREGRINE_STATUS_OK, _FORMAT if it is no capture
 */
peregrine_status peregrine_inspector_open_memory(const uint8_t *data,
                                                 size_t len,
                                                 struct peregrine_inspector **out);

/**
 * Moves to the next event. The event before, and all that was lent with it, is void from here on.
 *
 * @param inspector the inspector
 * @param out       receives the event, lent until the next call
 * @return PEREGRINE_STATUS_OK; _END when there is no more; _IDLE when a live source has nothing just now; an error
 *         when the source is broken, after which every further call gives _END
 */
peregrine_status peregrine_inspector_next(struct peregrine_inspector *inspector,
                                          struct peregrine_event *out);

/**
 * How far a capture file was read.
 *
 * @param inspector the inspector
 * @param position  receives the bytes read so far
 * @param size      receives the size of the file
 * @return PEREGRINE_STATUS_OK, or _MISSING if the source is not a file
 */
peregrine_status peregrine_inspector_progress(const struct peregrine_inspector *inspector,
                                              uint64_t *position,
                                              uint64_t *size);

/**
 * Gives an inspector back. NULL is fine. Its events, and all that was lent with them, are void.
 */
void peregrine_inspector_free(struct peregrine_inspector *inspector);

/**
 * Says when, where and what an event is.
 *
 * @param event the event
 * @param out   receives the head; set its `size` first
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_event_describe(struct peregrine_event event, struct peregrine_event_info *out);

/**
 * Gives one parameter.
 *
 * @param event the event
 * @param index its index, from 0
 * @param out   receives the parameter; set its `size` first
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if the event has no such parameter or `size` is too small
 */
peregrine_status peregrine_event_param(struct peregrine_event event,
                                       uint32_t index,
                                       struct peregrine_param *out);

/**
 * One of all fields that exist.
 *
 * @param index which, from 0
 * @param out   receives it; set its `size` first
 * @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_field_at(size_t index, struct peregrine_field_info *out);

/**
 * Resolves a field, such as `proc.name`, `proc.aname[2]` or `evt.arg.flags`.
 *
 * @param name the field, UTF-8
 * @param out  receives a field that the caller owns and gives back with peregrine_field_free()
 * @return PEREGRINE_STATUS_OK, _COMPILE if there is no such field or its argument is wrong
 */
peregrine_status peregrine_field_new(const char *name, struct peregrine_field **out);

/**
 * Gives a field back. NULL is fine.
 */
void peregrine_field_free(struct peregrine_field *field);

/**
 * The name of the type of a field's values, such as `CHARBUF`: a constant.
 *
 * @param field the field
 * @param out   receives the name
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_field_type(const struct peregrine_field *field, struct peregrine_bytes *out);

/**
 * The value of a field of an event.
 *
 * @param event the event
 * @param field the field
 * @param out   receives the value; what it points at is lent until the next event is asked for, or the field is freed
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
 */
peregrine_status peregrine_event_value(struct peregrine_event event,
                                       const struct peregrine_field *field,
                                       struct peregrine_value *out);

/**
 * The text of a field of an event, as an output format prints it.
 *
 * @param event the event
 * @param field the field
 * @param out   receives the text, lent until the next event is asked for, or the field is freed
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value
 */
peregrine_status peregrine_event_text(struct peregrine_event event,
                                      const struct peregrine_field *field,
                                      struct peregrine_bytes *out);

/**
 * The value of a field by its name: for a question asked once. Resolve the field for one asked of every event.
 *
 * @param event the event
 * @param name  the field, UTF-8
 * @param out   receives the value, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
 */
peregrine_status peregrine_event_value_by_name(struct peregrine_event event,
                                               const char *name,
                                               struct peregrine_value *out);

/**
 * The text of a field by its name: for a question asked once. Resolve the field for one asked of every event.
 *
 * @param event the event
 * @param name  the field, UTF-8
 * @param out   receives the text, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if the event has no such value, _COMPILE if there is no such field
 */
peregrine_status peregrine_event_text_by_name(struct peregrine_event event,
                                              const char *name,
                                              struct peregrine_bytes *out);

/**
 * Parses a template: text in which `%FIELD` stands for the value of a field, `%20FIELD` for the same in 20 characters, and
 * `%toupper(FIELD)` for what a transformer makes of it. A `*` before all: events that lack a field are printed too.
 *
 * @param format the template, UTF-8
 * @param out    receives a template that the caller owns and gives back with peregrine_template_free()
 * @return PEREGRINE_STATUS_OK, _COMPILE if it is none
 */
peregrine_status peregrine_template_new(const char *format,
                                        struct peregrine_template **out);

/**
 * Gives a template back. NULL is fine.
 */
void peregrine_template_free(struct peregrine_template *template_);

/**
 * Prints an event by a template.
 *
 * @param event     the event
 * @param template_ the template
 * @param out       receives the line, without a line end, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if a field has no value and the template does not begin with a `*`
 */
peregrine_status peregrine_event_format(struct peregrine_event event,
                                        const struct peregrine_template *template_,
                                        struct peregrine_bytes *out);

/**
 * Prints an event as a JSON object of the fields of a template.
 *
 * @param event     the event
 * @param template_ the template
 * @param out       receives the object, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if a field has no value and the template does not begin with a `*`
 */
peregrine_status peregrine_event_format_json(struct peregrine_event event,
                                             const struct peregrine_template *template_,
                                             struct peregrine_bytes *out);

/**
 * Compiles a condition, such as `evt.type = openat and fd.name startswith /etc`.
 *
 * @param condition the condition, UTF-8
 * @param out       receives a filter that the caller owns and gives back with peregrine_filter_free()
 * @return PEREGRINE_STATUS_OK, _COMPILE if it is no condition; the message says where
 */
peregrine_status peregrine_filter_new(const char *condition, struct peregrine_filter **out);

/**
 * Gives a filter back. NULL is fine.
 */
void peregrine_filter_free(struct peregrine_filter *filter);

/**
 * Whether an event matches.
 *
 * @param filter the filter
 * @param event  the event
 * @param out    receives whether it does
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_filter_matches(struct peregrine_filter *filter,
                                          struct peregrine_event event,
                                          bool *out);

/**
 * Makes an empty set of rules.
 *
 * @param out receives rules that the caller owns and gives back with peregrine_rules_free()
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_rules_new(struct peregrine_rules **out);

/**
 * Gives rules back. NULL is fine. Engines that were loaded from them live on.
 */
void peregrine_rules_free(struct peregrine_rules *rules);

/**
 * Adds a rule file, or every `.yaml` and `.yml` file of a directory in the order of their names.
 *
 * @param rules the rules
 * @param path  the file or directory, UTF-8
 * @return PEREGRINE_STATUS_OK, _IO if it cannot be read
 */
peregrine_status peregrine_rules_add_path(struct peregrine_rules *rules, const char *path);

/**
 * Adds rules that are in memory. The bytes are copied.
 *
 * @param rules the rules
 * @param name  what messages call it, UTF-8
 * @param data  the first byte of the YAML text
 * @param len   how many bytes
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_rules_add_text(struct peregrine_rules *rules,
                                          const char *name,
                                          const uint8_t *data,
                                          size_t len);

/**
 * Adds a source of JSON events, whose rules may use `json.*` and `jevt.*`. The sources `syscall` and `k8s_audit` are always
 * there.
 *
 * @param rules the rules
 * @param name  the source, UTF-8
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if there is one of that name
 */
peregrine_status peregrine_rules_add_json_source(struct peregrine_rules *rules,
                                                 const char *name);

/**
 * Switches rules on or off by their names. Switches act when rules are loaded, one after the other.
 *
 * @param rules   the rules
 * @param pattern the names, UTF-8, where `*` is any run of characters
 * @param enable  on or off
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_rules_switch(struct peregrine_rules *rules, const char *pattern, bool enable);

/**
 * Switches rules on or off by a tag. See peregrine_rules_switch().
 *
 * @param rules  the rules
 * @param tag    the tag, UTF-8
 * @param enable on or off
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_rules_switch_tag(struct peregrine_rules *rules, const char *tag, bool enable);

/**
 * Loads what was added. All faults of all files are found in one go: see peregrine_rules_diagnostic(). Rules can be loaded
 * again, for instance after more was added.
 *
 * @param rules   the rules
 * @param options how the engine works; NULL is Falco's defaults
 * @param out     receives an engine that the caller owns and gives back with peregrine_engine_free()
 * @return PEREGRINE_STATUS_OK, also with warnings; _RULES if there are errors
 */
peregrine_status peregrine_rules_load(struct peregrine_rules *rules,
                                      const struct peregrine_engine_options *options,
                                      struct peregrine_engine **out);

/**
 * One of the errors and warnings that the last load found: errors first.
 *
 * @param rules the rules
 * @param index which, from 0
 * @param out   receives it; set its `size` first
 * @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_rules_diagnostic(const struct peregrine_rules *rules,
                                            size_t index,
                                            struct peregrine_diagnostic *out);

/**
 * All errors and warnings of the last load as text for people, with excerpts of the files.
 *
 * @param rules the rules
 * @param out   receives the text, lent until the rules are loaded again or freed
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_rules_report_text(const struct peregrine_rules *rules,
                                             struct peregrine_bytes *out);

/**
 * The results of the last load as JSON: the array that Falco calls `falco_load_results`.
 *
 * @param rules the rules
 * @param out   receives the text, lent until the rules are loaded again or freed
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_rules_report_json(const struct peregrine_rules *rules,
                                             struct peregrine_bytes *out);

/**
 * Gives an engine back. NULL is fine.
 */
void peregrine_engine_free(struct peregrine_engine *engine);

/**
 * Evaluates the rules of the source `syscall` on an event and calls back for every alert, before it returns.
 *
 * @param engine   the engine
 * @param event    the event
 * @param callback what takes alerts; see peregrine_alert_callback. NULL: alerts wait for peregrine_engine_next_alert()
 * @param userdata what the callback gets
 * @return PEREGRINE_STATUS_OK, whether there were alerts or not
 */
peregrine_status peregrine_engine_process(struct peregrine_engine *engine,
                                          struct peregrine_event event,
                                          peregrine_alert_callback callback,
                                          void *userdata);

/**
 * Evaluates the rules of a source of JSON events on one record.
 *
 * @param engine    the engine
 * @param source    the source, such as `k8s_audit`
 * @param data      the first byte of a JSON object or array, UTF-8
 * @param len       how many bytes
 * @param timestamp when it happened, in nanoseconds since 1970
 * @param callback  as for peregrine_engine_process()
 * @param userdata  what the callback gets
 * @return PEREGRINE_STATUS_OK, _INVALID_EVENT if it is no JSON object or array, _INVALID_ARGUMENT if there is no such source
 */
peregrine_status peregrine_engine_process_json(struct peregrine_engine *engine,
                                               const char *source,
                                               const uint8_t *data,
                                               size_t len,
                                               uint64_t timestamp,
                                               peregrine_alert_callback callback,
                                               void *userdata);

/**
 * Takes the oldest alert that waits.
 *
 * @param engine the engine
 * @param out    receives the alert, lent until the next is taken or the engine is freed
 * @return PEREGRINE_STATUS_OK, _END if none waits
 */
peregrine_status peregrine_engine_next_alert(struct peregrine_engine *engine,
                                             const struct peregrine_alert **out);

/**
 * One of an engine's rules, in the order of evaluation, source by source.
 *
 * @param engine the engine
 * @param index  which, from 0
 * @param out    receives it; set its `size` first
 * @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_engine_rule(const struct peregrine_engine *engine,
                                       size_t index,
                                       struct peregrine_rule_info *out);

/**
 * What an engine did so far.
 *
 * @param engine the engine
 * @param out    receives the numbers; set its `size` first
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_engine_stats(const struct peregrine_engine *engine,
                                        struct peregrine_alert_stats *out);

/**
 * The thread that an event belongs to.
 *
 * @param event the event
 * @param out   receives the thread; set its `size` first
 * @return PEREGRINE_STATUS_OK, _MISSING for events of the capture itself
 */
peregrine_status peregrine_event_thread(struct peregrine_event event, struct peregrine_thread *out);

/**
 * A thread by its tid, in the host's pid namespace, as it is after the current event.
 *
 * @param inspector the inspector
 * @param tid       the thread
 * @param out       receives the thread; set its `size` first
 * @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
 */
peregrine_status peregrine_inspector_thread(const struct peregrine_inspector *inspector,
                                            int64_t tid,
                                            struct peregrine_thread *out);

/**
 * The descriptors that a thread sees, in no particular order.
 *
 * @param inspector the inspector
 * @param tid       the thread, in the host's pid namespace
 * @param out       receives the list, lent until the next event is asked for
 * @return PEREGRINE_STATUS_OK, _MISSING if there is no such thread
 */
peregrine_status peregrine_inspector_fds(const struct peregrine_inspector *inspector,
                                         int64_t tid,
                                         struct peregrine_fd_list *out);

/**
 * How many threads the inspector knows.
 *
 * @param inspector the inspector
 * @param out       receives the number
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_inspector_thread_count(const struct peregrine_inspector *inspector, uint64_t *out);

/**
 * What an inspector's source delivered and lost so far.
 *
 * @param inspector the inspector
 * @param out       receives the numbers; set its `size` first
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_inspector_stats(const struct peregrine_inspector *inspector,
                                           struct peregrine_stats *out);

/**
 * The losses of an inspector's source, cause by cause. A source that lost nothing may have causes with a count of 0.
 *
 * @param inspector the inspector
 * @param index     which, from 0
 * @param out       receives it; set its `size` first
 * @return PEREGRINE_STATUS_OK, _END if there are not so many, _INVALID_ARGUMENT if `size` is too small
 */
peregrine_status peregrine_inspector_drop(const struct peregrine_inspector *inspector,
                                          size_t index,
                                          struct peregrine_drop *out);

/**
 * Describes a container, or describes it anew: `container.*` and `k8s.*` fields of its processes have values from the next
 * event on. Everything is copied. The current event, and what was lent with it, is void.
 *
 * @param inspector the inspector
 * @param container what is known of it
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if `size` is too small, _NULL_POINTER if it has no id
 */
peregrine_status peregrine_inspector_insert_container(struct peregrine_inspector *inspector,
                                                      const struct peregrine_container *container);

/**
 * Forgets a container. The current event, and what was lent with it, is void.
 *
 * @param inspector the inspector
 * @param id        the first byte of its short id
 * @param len       how many bytes
 * @return PEREGRINE_STATUS_OK, _MISSING if none of that id was described
 */
peregrine_status peregrine_inspector_remove_container(struct peregrine_inspector *inspector,
                                                      const uint8_t *id,
                                                      size_t len);

/**
 * Says who knows containers: the callback is asked when an event comes whose thread is in a container that nobody described,
 * before the event is shown. After NULL it is asked again when events come that are a second or more later. The current
 * event, and what was lent with it, is void.
 *
 * @param inspector the inspector
 * @param callback  who is asked; NULL for nobody
 * @param userdata  what the callback gets
 * @return PEREGRINE_STATUS_OK
 */
peregrine_status peregrine_inspector_set_container_callback(struct peregrine_inspector *inspector,
                                                            peregrine_container_callback callback,
                                                            void *userdata);

/**
 * Begins to record what an inspector reads: the state of the machine as it is now, then every event from the next one on,
 * shown or not. If writing fails later, the recording is over and the events go on; peregrine_inspector_dump_end() says why.
 *
 * @param inspector the inspector
 * @param path      the file to create, UTF-8
 * @param options   how; NULL is all events, not compressed
 * @return PEREGRINE_STATUS_OK, _IO if the file cannot be written, _INVALID_ARGUMENT if there is a recording already
 */
peregrine_status peregrine_inspector_dump_begin(struct peregrine_inspector *inspector,
                                                const char *path,
                                                const struct peregrine_dump_options *options);

/**
 * Chooses an event for the recording that was begun with `chosen`.
 *
 * @param event the event
 * @return PEREGRINE_STATUS_OK, _INVALID_ARGUMENT if no recording saw this event; what made it end, if it ended
 */
peregrine_status peregrine_event_dump(struct peregrine_event event);

/**
 * Ends a recording and completes its file. An inspector that is freed ends its recording too, but cannot say how that went.
 *
 * @param inspector the inspector
 * @param events    receives how many events were written; may be NULL
 * @return PEREGRINE_STATUS_OK; _IO if something could not be written; _INVALID_ARGUMENT if there was no recording
 */
peregrine_status peregrine_inspector_dump_end(struct peregrine_inspector *inspector,
                                              uint64_t *events);

/**
 * Opens this machine: loads the probe into the kernel and reads what runs already. It takes the rights of root, or
 * CAP_BPF, CAP_PERFMON and CAP_SYS_PTRACE, and a kernel of 5.8 or later with BTF.
 *
 * @param options what and how; NULL is everything by the defaults
 * @param out     receives an inspector that the caller owns and gives back with peregrine_inspector_free()
 * @return PEREGRINE_STATUS_OK; _UNSUPPORTED if this library was built without the feature `live` (see peregrine_features());
 *         _INVALID_ARGUMENT if there is no such call or preset; _IO if the kernel refuses, the message says what
 */
peregrine_status peregrine_inspector_open_live(const struct peregrine_live_options *options,
                                               struct peregrine_inspector **out);

/**
 * Says who hears what the library has to say, for the whole process. When the call returns, the callback before is not
 * running and will not be called any more.
 *
 * @param callback who hears it; NULL for nobody
 * @param userdata what the callback gets
 * @param level    the least grave level that is said: PEREGRINE_LOG_LEVEL_ERROR to _TRACE
 * @return PEREGRINE_STATUS_OK; _INVALID_ARGUMENT if there is no such level, or in the callback itself; _UNSUPPORTED in a
 *         program of Rust that hears messages by a `tracing` subscriber of its own
 */
peregrine_status peregrine_log_set(peregrine_log_callback callback,
                                   void *userdata,
                                   uint32_t level);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PEREGRINE_H */
