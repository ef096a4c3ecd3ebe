// Jobs: starting them, and doing them.

#include <stdlib.h>
#include <string.h>

#include "snow_internal.h"

typedef snow_host_jobs_job_error_t raw_error;

// The most attempts of a job that says nothing about them.
static const uint32_t attempts_usual = 20;

const char *snow_job_words(void) { return snow_words; }

// ---- Starting ----------------------------------------------------------------------------------

// Returns why the host did not take a job.
static snow_status refused(raw_error *error) {
  snow_status status = SNOW_DENIED;
  switch (error->tag) {
  case SNOW_HOST_JOBS_JOB_ERROR_NO_RUNNER:
    status = SNOW_NO_RUNNER;
    break;
  case SNOW_HOST_JOBS_JOB_ERROR_LIMIT:
    snow_words = snow_text_of(error->val.limit);
    status = SNOW_LIMIT;
    break;
  case SNOW_HOST_JOBS_JOB_ERROR_UNAVAILABLE:
    snow_words = snow_text_of(error->val.unavailable);
    status = SNOW_UNAVAILABLE;
    break;
  }
  snow_host_jobs_job_error_free(error);
  return status;
}

snow_status snow_job_start(const char *name, snow_string payload, snow_pending *pending) {
  snow_words = "";
  pending->handle = SNOW_NO_PENDING;
  if (!snow_is_utf8(name))
    return SNOW_NOT_UTF8;
  raw_string text = snow_borrowed(name);
  raw_bytes bytes = {(uint8_t *)payload.ptr, payload.len};
  raw_pending raw;
  raw_error error;
  if (!snow_host_jobs_start(&text, &bytes, &raw, &error))
    return refused(&error);
  return snow_created(true, 0, raw, pending);
}

snow_status snow_job_enqueue(const char *name, snow_string payload, snow_durable how,
                             const char **id) {
  snow_words = "";
  if (id)
    *id = "";
  if (!snow_is_utf8(name))
    return SNOW_NOT_UTF8;
  raw_string text = snow_borrowed(name), raw_id;
  raw_bytes bytes = {(uint8_t *)payload.ptr, payload.len};
  snow_host_jobs_durable_t durable = {
      .delay_ms = how.delay_ms,
      .attempts_max = how.attempts_max ? how.attempts_max : attempts_usual,
  };
  raw_error error;
  if (!snow_host_jobs_enqueue(&text, &bytes, &durable, &raw_id, &error))
    return refused(&error);
  if (id)
    *id = snow_text_of(raw_id);
  resuming_guest_string_free(&raw_id);
  return SNOW_OK;
}

// ---- Doing -------------------------------------------------------------------------------------

static const snow_job_entry *entry_of(const snow_job_entry *entries, size_t count,
                                      snow_string name) {
  for (size_t i = 0; i < count; i++) {
    if (snow_is(name, entries[i].name))
      return &entries[i];
  }
  return NULL;
}

static snow_settlement settlement_of(const snow_job_entry *entry, const snow_job *job) {
  if (!entry) {
    const char *message = snow_joined("there is no job \"", job->name, "\"", NULL);
    return snow_failed("unknown-job", message);
  }
  snow_settlement ended = entry->run(job);
  if (ended.kind == SNOW_VALUE || ended.kind == SNOW_FAILED)
    return ended;
  snow_log(SNOW_ERROR, snow_joined("the job \"", job->name,
                                   "\" returned neither snow_value nor snow_failed", NULL));
  return snow_failed("failed", "the job returned no value");
}

// Frees what the host has allocated. It has not if there are no bytes.
static void free_bytes(snow_string bytes) {
  if (bytes.len)
    free((void *)bytes.ptr);
}

static snow_string copied(snow_string bytes) {
  return (snow_string){snow_copied(bytes.ptr, bytes.len), bytes.len};
}

const snow_job_end *snow_run_job(const snow_job_entry *entries, size_t count, snow_raw_job raw) {
  static snow_job_end end;
  snow_job job = {
      .id = snow_cstring(raw.id),
      .name = snow_cstring(raw.name),
      .payload = raw.payload,
      .attempt = raw.attempt,
      .attempts_max = raw.attempts_max,
      .due_ms = raw.due_ms,
  };
  snow_settlement ended = settlement_of(entry_of(entries, count, raw.name), &job);
  end = (snow_job_end){.is_failed = ended.kind == SNOW_FAILED};
  if (end.is_failed) {
    end.value = copied(snow_shown(snow_string_of(ended.code ? ended.code : "failed")));
    end.message = copied(snow_shown(ended.value));
  } else {
    end.value = copied(ended.value);
  }
  snow_end_call();
  free_bytes(raw.id);
  free_bytes(raw.name);
  free_bytes(raw.payload);
  return &end;
}

void snow_free_job_end(const snow_job_end *end) {
  free_bytes(end->value);
  free_bytes(end->message);
}
