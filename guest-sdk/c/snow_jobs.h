// A part of snow.h, which includes it: work on other threads, later, or again and again.
//
// A job is a function with a name, which runs in an instance of its own, on threads with a lower
// priority, so it may compute for long. There are three ways to have it run: snow_job_start, as
// soon as a thread is free; snow_job_enqueue, until it has succeeded once; and a schedule in
// snow.toml.
//
//   static snow_settlement fib(const snow_job *job) {
//     long n = strtol(snow_cstring(job->payload), NULL, 10);
//     return snow_value(snow_string_of(compute(n)));
//   }
//
//   SNOW_JOBS({"fib", fib})
#ifndef SNOW_JOBS_H
#define SNOW_JOBS_H

#include "snow.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- The guest's jobs --------------------------------------------------------------------------

// A job, as its function gets it.
typedef struct {
  // Tells this job from every other, and is the same in each attempt.
  const char *id;
  // The name under which it was started.
  const char *name;
  // The bytes that it was started with.
  snow_string payload;
  // The number of this attempt, from 1, and how often it is tried at most.
  uint32_t attempt, attempts_max;
  // When it was due first, in milliseconds since 1970-01-01T00:00:00Z.
  uint64_t due_ms;
} snow_job;

// The code of a failure after which a job that is kept is not tried again.
#define SNOW_GIVE_UP "give-up"

// The function that does the jobs of a name. It may do whatever a handler may but suspend: use the
// store and databases, ask other servers, wait in place, start jobs. It returns snow_value or
// snow_failed. Anything else is a failure with the code `failed`, and a line in the log.
typedef struct {
  const char *name;
  snow_settlement (*run)(const snow_job *job);
} snow_job_entry;

// Names the guest's jobs, once in a guest, at the top of a file. Thereby the guest exports `run` of
// job-runner; a guest without it has no jobs. A job of another name is a failure with the code
// `unknown-job`.
#define SNOW_JOBS(...)                                                                          \
  static const snow_job_entry snow_job_entries[] = {__VA_ARGS__};                               \
  SNOW_EXPORTED("snow:host/job-runner@0.1.0#run")                                               \
  const snow_job_end *snow_export_run(const uint8_t *id, size_t id_len, const uint8_t *name,    \
                                      size_t name_len, const uint8_t *payload,                  \
                                      size_t payload_len, uint32_t attempt,                     \
                                      uint32_t attempts_max, uint64_t due_ms) {                 \
    const snow_raw_job job = {{id, id_len}, {name, name_len}, {payload, payload_len},           \
                              attempt,      attempts_max,     due_ms};                          \
    return snow_run_job(snow_job_entries, sizeof snow_job_entries / sizeof *snow_job_entries,   \
                        job);                                                                   \
  }                                                                                             \
  SNOW_EXPORTED("cabi_post_snow:host/job-runner@0.1.0#run")                                     \
  void snow_export_run_post(const snow_job_end *end) { snow_free_job_end(end); }

// ---- Starting jobs -----------------------------------------------------------------------------
//
// Each of these says SNOW_DENIED (while the host asks for the routes), SNOW_NO_RUNNER (the guest
// has no SNOW_JOBS), SNOW_LIMIT (too many wait, or the payload is too long) or SNOW_NOT_UTF8 (the
// name).

// Runs a job as soon as a thread is free for it. Creates a pending that is settled by its end: with
// the value that it returned, or with a failure. That is its own or has one of these codes:
// `failed`, `unknown-job`, `trapped`, `timeout`, `too-large`, `stopped`, `overloaded`.
//
// The job goes on if the pending is released: work that nobody waits for, such as what follows an
// answer. It is lost if the host ends.
snow_status snow_job_start(const char *name, snow_string payload, snow_pending *pending);

// How a job is kept until it has succeeded. All zeros is one that is due at once, and tried 20
// times at most.
typedef struct {
  // When it is due first, from now.
  uint32_t delay_ms;
  // How often it is tried at most; 0 for 20. More than the host's maximum (`job_attempts_max`) is
  // cut to it.
  uint32_t attempts_max;
} snow_durable;

// Keeps a job until it has succeeded once, and writes its id, unless that is a null pointer.
//
// It is tried by whichever version of the guest serves then. If it fails, it is tried again after a
// second, then two, and so on up to an hour, until it returns a value or the failure SNOW_GIVE_UP,
// or the attempts are used up. With a data folder (`--data`) it is on the disk once this has
// returned, and survives a crash; then it may run twice, under the same id. SNOW_UNAVAILABLE: the
// disk does not take it. It may be kept all the same then.
snow_status snow_job_enqueue(const char *name, snow_string payload, snow_durable how,
                             const char **id);

// Returns what the host said to the last function here, if it was SNOW_LIMIT or SNOW_UNAVAILABLE.
const char *snow_job_words(void);

// ---- What SNOW_JOBS needs ----------------------------------------------------------------------

#ifdef __wasm__
#define SNOW_EXPORTED(name) __attribute__((__export_name__(name)))
#else
#define SNOW_EXPORTED(name)
#endif

// A job as the host hands it over.
typedef struct {
  snow_string id, name, payload;
  uint32_t attempt, attempts_max;
  uint64_t due_ms;
} snow_raw_job;

// What a job ended with, as the host reads it: a value, or a failure's code and its message.
typedef struct {
  bool is_failed;
  snow_string value, message;
} snow_job_end;

// Does a job by the function of its name, and ends the call.
const snow_job_end *snow_run_job(const snow_job_entry *entries, size_t count, snow_raw_job raw);
// Frees what a job ended with, when the host has read it.
void snow_free_job_end(const snow_job_end *end);
const snow_job_end *snow_export_run(const uint8_t *id, size_t id_len, const uint8_t *name,
                                    size_t name_len, const uint8_t *payload, size_t payload_len,
                                    uint32_t attempt, uint32_t attempts_max, uint64_t due_ms);
void snow_export_run_post(const snow_job_end *end);

#ifdef __cplusplus
}
#endif

#endif
